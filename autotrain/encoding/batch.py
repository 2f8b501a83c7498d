"""The first encoded batch as the page shows it: every token, what is learned from, and what the length cuts off."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel

from autotrain.encoding.answers import encode_question
from autotrain.encoding.chat import Encoded, encode_chat, encode_plain, encode_preference, render, template_of
from autotrain.encoding.tags import IGNORED, encode_tags, encode_words
from autotrain.encoding.texts import encode_texts

SAMPLE_ROWS = 2_000
"""Rows whose lengths are measured."""
SHOWN_ROWS = 4
SHOWN_TOKENS = 400
"""Tokens of a row that are sent to the page; training uses all of them."""


class Token(BaseModel):
    """One token. `learned` is whether the loss counts it; `label` is what it should be answered with."""

    id: int
    text: str
    special: bool = False
    padding: bool = False
    learned: bool = False
    label: str | None = None


class EncodedRow(BaseModel):
    """One row of the batch. `tokens_in_all` counts those beyond the shown ones and before the cut."""

    tokens: list[Token]
    tokens_in_all: int
    cut: bool
    target: str | None = None


class EncodedBatch(BaseModel):
    """What the model will see. Lengths are in tokens, `truncated` is a share of the rows that were measured."""

    rows: list[EncodedRow]
    max_length: int
    truncated: float
    length_for_99_percent: int
    measured: int
    padding_side: str
    explanation: str
    longest: int | None = None
    """The most tokens the model has places for; None where it is not known."""
    template: str | None = None
    rendered: str | None = None


def encoded_batch(shape: str, rows: Sequence[Any], tokenizer: Any, max_length: int) -> EncodedBatch:
    """The first rows of a shape, encoded as training does it.

    Args:
        shape: a name in `autotrain.data.shapes.SHAPES` whose rows are texts.
        rows: rows in the shape's form, at most `SAMPLE_ROWS` are looked at.
        tokenizer: the base model's.
        max_length: what is longer is cut off.

    Raises:
        DataError: a chat template refuses a row.
        KeyError: the shape holds no texts.
    """
    sample = list(rows[:SAMPLE_ROWS])
    encode = _ENCODERS[shape]
    made = [encode(tokenizer, row, max_length, sample) for row in sample[:SHOWN_ROWS]]
    shown = [row for rows_of_one in made for row in rows_of_one][:SHOWN_ROWS]
    lengths = sorted(_length(shape, tokenizer, row) for row in sample)
    conversation = _conversation(shape, sample)
    return EncodedBatch(
        rows=_padded(shown, tokenizer),
        max_length=max_length,
        truncated=sum(length > max_length for length in lengths) / max(1, len(lengths)),
        length_for_99_percent=lengths[math.ceil(0.99 * len(lengths)) - 1] if lengths else 0,
        measured=len(lengths),
        padding_side=tokenizer.padding_side,
        explanation=_EXPLAINED[shape],
        template=template_of(tokenizer)[1] if conversation else None,
        rendered=render(tokenizer, conversation) if conversation else None,
    )


def _length(shape: str, tokenizer: Any, row: Any) -> int:
    endless = 10**9
    if shape in ("chat", "prompt-completion"):
        return encode_chat(tokenizer, row, endless).whole
    if shape == "preference":
        return max(each.whole for each in encode_preference(tokenizer, **row, max_length=endless))
    if shape in ("tagging", "spans"):
        return len(encode_words(tokenizer, row["tokens"])["input_ids"])
    if shape == "question-answering":
        return len(tokenizer(row["question"], row["context"])["input_ids"])
    if shape == "text-to-text":
        return max(len(tokenizer(row[role])["input_ids"]) for role in ("source", "target"))
    if shape == "plain-text":
        return encode_plain(tokenizer, row["text"], endless).whole
    second = (row["text_pair"],) if shape == "text-pair" else ()
    return len(tokenizer(row["text"], *second)["input_ids"])


def _conversation(shape: str, sample: Sequence[Any]) -> list[Any]:
    if not sample or shape not in ("chat", "prompt-completion", "preference"):
        return []
    return [*sample[0]["prompt"], *sample[0]["chosen"]] if shape == "preference" else list(sample[0])


def _texts(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    pairs = [row["text_pair"]] if "text_pair" in row else None
    (ids,) = encode_texts(tokenizer, [row["text"]], max_length, pairs)
    whole = len(tokenizer(row["text"], *(pairs or ()))["input_ids"])
    return [_row(tokenizer, ids, whole, target=row.get("label", row.get("target")))]


def _chat(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    return [_masked(tokenizer, encode_chat(tokenizer, row, max_length))]


def _plain(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    return [_masked(tokenizer, encode_plain(tokenizer, row["text"], max_length))]


def _preference(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    both = encode_preference(tokenizer, **row, max_length=max_length)
    return [_masked(tokenizer, each, name) for each, name in zip(both, ("better", "worse"), strict=True)]


def _translation(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    source, target = encode_texts(tokenizer, [row["source"], row["target"]], max_length)
    lengths = [len(tokenizer(row[role])["input_ids"]) for role in ("source", "target")]
    learned = Encoded(tuple(target), (True,) * len(target), lengths[1])
    return [_row(tokenizer, source, lengths[0], target="source"), _masked(tokenizer, learned, "target")]


def _tags(tokenizer: Any, row: Any, max_length: int, sample: Sequence[Any]) -> list[EncodedRow]:
    names = sorted({tag for each in sample for tag in each["tags"]})
    tagged = encode_tags(tokenizer, row["tokens"], row["tags"], {n: i for i, n in enumerate(names)}, max_length)
    labels = [None if label == IGNORED else names[label] for label in tagged.labels]
    return [
        _row(tokenizer, tagged.input_ids, tagged.whole, labels=labels, learned=[name is not None for name in labels])
    ]


def _answers(tokenizer: Any, row: Any, max_length: int, _: Sequence[Any]) -> list[EncodedRow]:
    windows = encode_question(tokenizer, row["question"], row["context"], row["answers"], max_length)
    whole = len(tokenizer(row["question"], row["context"])["input_ids"])
    answer = row["answers"][0][1] if row["answers"] else "no answer"
    return [
        _row(
            tokenizer,
            window.input_ids,
            whole,
            learned=[
                bool(window.end) and window.start <= place <= window.end for place in range(len(window.input_ids))
            ],
            target=answer if window.end or not row["answers"] else "answer in another window",
        )
        for window in windows
    ]


Encoder = Callable[[Any, Any, int, Sequence[Any]], list[EncodedRow]]
_ENCODERS: dict[str, Encoder] = {
    "classification": _texts, "text-pair": _texts, "regression": _texts, "text-to-text": _translation,
    "chat": _chat, "prompt-completion": _chat, "preference": _preference, "plain-text": _plain,
    "tagging": _tags, "spans": _tags, "question-answering": _answers,
}  # fmt: skip
ENCODED_SHAPES = frozenset(_ENCODERS)
"""Shapes whose rows are texts, so that there are tokens to show."""

_LABELLED = "The model reads every token and learns to answer with what stands at the end of the row."
_SPOKEN = "The model reads every token and learns to write those that are marked: what the assistant says."
_NAMED = "The first token of each word is learned with the word's tag; the others are passed over."
_FOUND = "The model learns where the marked answer begins and ends. A long text becomes several windows."
_EXPLAINED = {
    "classification": _LABELLED, "text-pair": _LABELLED, "regression": _LABELLED,
    "text-to-text": "The model reads the source and learns to write the target.",
    "chat": _SPOKEN, "prompt-completion": _SPOKEN,
    "preference": "The model learns to prefer the marked tokens of the first row over those of the second.",
    "plain-text": "The model learns to write every token.",
    "tagging": _NAMED, "spans": _NAMED,
    "question-answering": _FOUND,
}  # fmt: skip


def _masked(tokenizer: Any, encoded: Encoded, target: str | None = None) -> EncodedRow:
    return _row(tokenizer, encoded.input_ids, encoded.whole, learned=encoded.learned, target=target)


def _row(
    tokenizer: Any,
    ids: Sequence[int],
    whole: int,
    *,
    learned: Sequence[bool] = (),
    labels: Sequence[str | None] = (),
    target: str | None = None,
) -> EncodedRow:
    special = set(tokenizer.all_special_ids)
    tokens = [
        Token(
            id=number,
            text=tokenizer.decode([number]),
            special=number in special,
            learned=place < len(learned) and learned[place],
            label=labels[place] if place < len(labels) else None,
        )
        for place, number in enumerate(ids[:SHOWN_TOKENS])
    ]
    return EncodedRow(tokens=tokens, tokens_in_all=whole, cut=whole > len(ids), target=target)


def _padded(rows: list[EncodedRow], tokenizer: Any) -> list[EncodedRow]:
    """Rows as long as the longest, as a batch is."""
    longest = max((len(row.tokens) for row in rows), default=0)
    padding = Token(id=tokenizer.pad_token_id, text=tokenizer.pad_token, special=True, padding=True)
    made = []
    for row in rows:
        filling = [padding] * (longest - len(row.tokens))
        tokens = [*filling, *row.tokens] if tokenizer.padding_side == "left" else [*row.tokens, *filling]
        made.append(row.model_copy(update={"tokens": tokens}))
    return made
