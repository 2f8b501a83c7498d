"""The first encoded batch as the page shows it: every token, what is learned from, and what the length cuts off."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from autotrain.encoding.answers import Window
from autotrain.encoding.chat import Encoded
from autotrain.encoding.lessons import ASKED, CONVERSATIONS, TAGGED, Lesson, Passed, lesson, lessons, needed
from autotrain.encoding.said import conversation_of, cut_target_findings, passed_findings, template_findings
from autotrain.encoding.tags import IGNORED, Tagged
from autotrain.encoding.template import render, template_of
from autotrain.encoding.texts import AS_IT_IS, Rewriting
from autotrain.errors import DataError
from autotrain.events import Finding

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
    """What the model will see. Lengths are in tokens, `truncated` is a share of the rows that were measured.

    With `windows` rows that are too long become several, and nothing is cut off.
    """

    rows: list[EncodedRow]
    max_length: int
    truncated: float
    length_for_99_percent: int
    measured: int
    padding_side: str
    explanation: str
    windows: bool = False
    longest: int | None = None
    """The most tokens the model has places for; None where it is not known."""
    template: str | None = None
    rendered: str | None = None
    findings: tuple[Finding, ...] = ()
    """Rows that teach nothing at this length, and what the model's template does with turns it does not know."""


def encoded_batch(
    shape: str,
    rows: Sequence[Any],
    tokenizer: Any,
    max_length: int,
    *,
    numbers: Sequence[int] | None = None,
    longest: int | None = None,
    rewriting: Rewriting = AS_IT_IS,
) -> EncodedBatch:
    """The first rows of a shape, encoded as training does it.

    Args:
        shape: a name in `ENCODED_SHAPES`.
        rows: rows in the shape's form, at most `SAMPLE_ROWS` are looked at.
        tokenizer: the base model's.
        max_length: what is longer is cut off.
        numbers: the rows' numbers in the file; their places where it is not given.
        longest: the most tokens the model has places for, where it is known.
        rewriting: what is put before a source and kept of a target.

    Raises:
        DataError: the model's chat template refuses every row.
    """
    sample = dict(zip(numbers or range(1, len(rows) + 1), rows[:SAMPLE_ROWS], strict=False))
    tags = _tags(shape, sample.values())
    passed = Passed()
    known = {tag: number for number, tag in enumerate(tags)}
    made = dict(lessons(shape, tokenizer, sample.items(), max_length, known, passed, rewriting))
    # Without a row that teaches, the first ones show what is missing.
    shown = list(made.items())[:SHOWN_ROWS] or [
        (number, lesson(shape, tokenizer, sample[number], max_length, known)) for number in passed.nothing.known[:1]
    ]
    pictures = [picture for number, each in shown for picture in _pictures(tokenizer, sample[number], each, tags)]
    lengths = sorted(_length(shape, tokenizer, row, made.get(number)) for number, row in sample.items())
    enough = [needed(shape, tokenizer, sample[number], max_length) for number in passed.nothing.known]
    conversation = next((sample[number] for number in made), None) if shape in _SPOKEN_SHAPES else None
    return EncodedBatch(
        rows=padded(pictures[:SHOWN_ROWS], tokenizer),
        max_length=max_length,
        truncated=sum(length > max_length for length in lengths) / max(1, len(lengths)),
        length_for_99_percent=lengths[math.ceil(0.99 * len(lengths)) - 1] if lengths else 0,
        measured=len(lengths),
        padding_side=tokenizer.padding_side,
        explanation=_EXPLAINED[shape],
        windows=shape == "question-answering",
        longest=longest,
        template=template_of(tokenizer)[1] if conversation else None,
        rendered=_rendered(shape, tokenizer, conversation) if conversation else None,
        findings=(
            *passed_findings(shape, passed, max_length, enough, longest),
            *template_findings(shape, tokenizer, list(sample.values())),
            *cut_target_findings(shape, made, rewriting.max_target_length or max_length),
        ),
    )


_SPOKEN_SHAPES = CONVERSATIONS | {"preference", "feedback", ASKED}


def _rendered(shape: str, tokenizer: Any, row: Mapping[str, Any]) -> str:
    return render(tokenizer, conversation_of(shape, row), row.get("tools", ()), asking=shape == ASKED)


def _tags(shape: str, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({tag for row in rows for tag in row["tags"]}) if shape in TAGGED else []


def _length(shape: str, tokenizer: Any, row: Mapping[str, Any], made: Lesson | None) -> int:
    """Tokens of a row before the cut; of two answers the longer one's, of a text to be rewritten the source's.

    A row that the template refuses has none.
    """
    if shape == "text-to-text" and made is not None:
        return made[0].whole if isinstance(made[0], Encoded) else 0
    if shape == "question-answering":
        return len(tokenizer(row["question"], row["context"])["input_ids"])
    try:
        made = made or lesson(shape, tokenizer, row, 10**9, dict.fromkeys(row.get("tags", ()), 0))
    except DataError:
        return 0
    return max(each.whole for each in made if not isinstance(each, Window))


def _pictures(tokenizer: Any, row: Mapping[str, Any], made: Lesson, tags: Sequence[str]) -> list[EncodedRow]:
    """The examples of one row as the page shows them."""
    targets = _targets(row)
    shown = []
    for number, each in enumerate(made):
        if isinstance(each, Window):
            shown.append(_window(tokenizer, row, each))
        elif isinstance(each, Tagged):
            labels = [None if label == IGNORED else tags[label] for label in each.labels]
            learned = [name is not None for name in labels]
            shown.append(shown_row(tokenizer, each.input_ids, each.whole, labels=labels, learned=learned))
        elif isinstance(each, Encoded):
            shown.append(_masked(tokenizer, each, targets[number] if targets else None))
    return shown


def _targets(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What stands at the end of each example of a row."""
    if "chosen" in row:
        return "better", "worse"
    if "liked" in row:
        return ("liked" if row["liked"] else "not liked",)
    if "source" in row:
        return "source", "target"
    if "positive" in row:
        return tuple(_LIKE[role] for role in row)
    if "sentence1" in row:
        return (f"score {row['score']:g}",) * 2
    if "labels" in row:
        return (" | ".join(row["labels"]) or "no label",)
    if "answer" in row:
        return (f"right answer: {row['answer']}" if row["answer"] else "no right answer",)
    if "relevance" in row:
        return (f"relevance {row['relevance']:g}",)
    return tuple(str(row[role]) for role in ("label", "target") if role in row)


def _window(tokenizer: Any, row: Mapping[str, Any], window: Window) -> EncodedRow:
    whole = len(tokenizer(row["question"], row["context"])["input_ids"])
    answer = row["answers"][0][1] if row["answers"] else "no answer"
    target = answer if window.answered or not row["answers"] else "answer in another window"
    places = range(len(window.input_ids))
    # Without an answer it is the classification token that is to be found.
    learned = [(window.answered or not row["answers"]) and window.start <= place <= window.end for place in places]
    return shown_row(tokenizer, window.input_ids, whole, learned=learned, target=target).model_copy(
        update={"cut": False}
    )


_LABELLED = "The model reads every token and learns to answer with what stands at the end of the row."
_SPOKEN = "The model reads every token and learns to write those that are marked: what the assistant says."
_NAMED = "The first token of each word is learned with the word's tag; the others are passed over."
_FOUND = (
    "The model learns where the marked answer begins and ends, and the first sign where there is none. "
    "A long text becomes several windows."
)
_LIKE = {"anchor": "text", "positive": "near", "negative": "far"}
_ALIKE = "Each text becomes a vector of its own. "
_EXPLAINED = {
    "classification": _LABELLED, "text-pair": _LABELLED, "regression": _LABELLED, "multi-label": _LABELLED,
    "ranking": "The model reads a query with one passage and learns how relevant it is.",
    "pairs": f"{_ALIKE}Those of a pair are to be near each other, and far from those of the other pairs in the batch.",
    "triplets": f"{_ALIKE}The near one is to be nearer than the far one and those of the other rows in the batch.",
    "scored-pairs": f"{_ALIKE}Pairs with a higher score are to be nearer each other than those with a lower one.",
    "text-to-text": "The model reads the source and learns to write the target.",
    "chat": _SPOKEN, "prompt-completion": _SPOKEN,
    "preference": "The model learns to prefer the marked tokens of the first row over those of the second.",
    "feedback": "The model learns to write the marked tokens more readily where they were liked, and less where not.",
    ASKED: "The model reads the prompt and writes several answers; what earns more reward becomes likelier.",
    "plain-text": "The model learns to write every token.",
    "tagging": _NAMED, "spans": _NAMED,
    "question-answering": _FOUND,
}  # fmt: skip
ENCODED_SHAPES = frozenset(_EXPLAINED)
"""Shapes whose rows are texts, so that there are tokens to show."""


def _masked(tokenizer: Any, encoded: Encoded, target: str | None = None) -> EncodedRow:
    return shown_row(tokenizer, encoded.input_ids, encoded.whole, learned=encoded.learned, target=target)


def shown_row(
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


def padded(rows: list[EncodedRow], tokenizer: Any) -> list[EncodedRow]:
    """Rows as long as the longest, as a batch is."""
    longest = max((len(row.tokens) for row in rows), default=0)
    padding = Token(id=tokenizer.pad_token_id, text=tokenizer.pad_token, special=True, padding=True)
    made = []
    for row in rows:
        filling = [padding] * (longest - len(row.tokens))
        tokens = [*filling, *row.tokens] if tokenizer.padding_side == "left" else [*row.tokens, *filling]
        made.append(row.model_copy(update={"tokens": tokens}))
    return made
