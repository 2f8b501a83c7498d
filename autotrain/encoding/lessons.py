"""Rows as training takes them: those in which nothing would be learned are left out, counted and never silent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autotrain.data.findings import Rows
from autotrain.data.shapes.likeness import TEXTS
from autotrain.encoding.answers import Window, encode_question
from autotrain.encoding.answers import teaches as question_teaches
from autotrain.encoding.chat import (
    Encoded,
    encode_chat,
    encode_feedback,
    encode_plain,
    encode_preference,
    encode_prompt,
)
from autotrain.encoding.tags import Tagged, encode_tags
from autotrain.encoding.template import refused
from autotrain.encoding.texts import AS_IT_IS, Rewriting, encode_source, encode_target, encode_texts
from autotrain.errors import DataError

Lesson = tuple[Encoded, ...] | tuple[Tagged, ...] | tuple[Window, ...]
"""What one row becomes: one example; the better and the worse one; source and target; texts that are alike; or the
windows of a question."""
CONVERSATIONS = frozenset({"chat", "prompt-completion"})
ASKED = "prompt-answer"
"""The shape of prompts that are answered in training, and not learned from themselves."""
TAGGED = frozenset({"tagging", "spans"})


@dataclass
class Passed:
    """Rows that training passes over, by why, with how many were seen."""

    seen: int = 0
    nothing: Rows = field(default_factory=Rows)
    """Nothing of them is learned at this length."""
    refused: Rows = field(default_factory=Rows)
    """The model's chat template refuses them."""
    refusal: DataError | None = None


def lesson(
    shape: str,
    tokenizer: Any,
    row: Mapping[str, Any],
    max_length: int,
    numbers: Mapping[str, int] | None = None,
    rewriting: Rewriting = AS_IT_IS,
) -> Lesson:
    """One row of a shape as training takes it.

    Args:
        shape: a name in `autotrain.data.shapes.SHAPES` whose rows are texts.
        tokenizer: the base model's.
        row: in the shape's form.
        max_length: tokens kept.
        numbers: the number of each tag; needed for tags only.
        rewriting: what is put before a source and kept of a target; of texts to be rewritten only.

    Raises:
        DataError: the model's chat template refuses the row.
    """
    if shape in CONVERSATIONS:
        return (encode_chat(tokenizer, row["messages"], max_length, row.get("tools", ())),)
    if shape == ASKED:
        return (encode_prompt(tokenizer, row["messages"], max_length),)
    if shape == "preference":
        return encode_preference(tokenizer, **row, max_length=max_length)
    if shape == "feedback":
        return (encode_feedback(tokenizer, row["prompt"], row["completion"], max_length, row.get("tools", ())),)
    if shape in TAGGED:
        return (encode_tags(tokenizer, row["tokens"], row["tags"], numbers or {}, max_length),)
    if shape == "question-answering":
        return tuple(encode_question(tokenizer, row["question"], row["context"], row["answers"], max_length))
    if shape == "plain-text":
        return (encode_plain(tokenizer, row["text"], max_length),)
    if shape == "text-to-text":
        return _rewritten(tokenizer, row, max_length, rewriting)
    return _texts(shape, tokenizer, row, max_length)


def _rewritten(
    tokenizer: Any, row: Mapping[str, Any], max_length: int, rewriting: Rewriting
) -> tuple[Encoded, Encoded]:
    """The source that is read, and the target that is learned."""
    source, whole = encode_source(tokenizer, row["source"], max_length, rewriting.source_prefix)
    target, whole_target = encode_target(tokenizer, row["target"], rewriting.max_target_length or max_length)
    return (
        Encoded(tuple(source), (False,) * len(source), whole),
        Encoded(tuple(target), (True,) * len(target), whole_target),
    )


def _texts(shape: str, tokenizer: Any, row: Mapping[str, Any], max_length: int) -> tuple[Encoded, ...]:
    """Texts that are read."""
    if shape in TEXTS:
        texts = [row[role] for role in TEXTS[shape]]
        lengths = [len(ids) for ids in tokenizer(texts)["input_ids"]]
        made = zip(encode_texts(tokenizer, texts, max_length), lengths, strict=True)
        return tuple(Encoded(tuple(ids), (False,) * len(ids), whole) for ids, whole in made)
    if shape == "ranking":
        row = {"text": row["query"], "text_pair": row["passage"]}
    pairs = [row["text_pair"]] if "text_pair" in row else None
    (ids,) = encode_texts(tokenizer, [row["text"]], max_length, pairs)
    whole = len(tokenizer(row["text"], *(pairs or ()))["input_ids"])
    return (Encoded(tuple(ids), (False,) * len(ids), whole),)


def teaches(shape: str, row: Mapping[str, Any], made: Lesson) -> bool:
    """Whether a row is worth a place in a batch: something is learned from it. Of two answers both must be there."""
    if shape == "question-answering":
        return question_teaches([each for each in made if isinstance(each, Window)], row["answers"])
    if shape == ASKED:  # a question without its end asks something else
        return all(len(each.input_ids) == each.whole for each in made if isinstance(each, Encoded))
    if shape in CONVERSATIONS or shape in TAGGED or shape in ("preference", "feedback", "plain-text"):
        return all(each.teaches for each in made if not isinstance(each, Window))
    return True


def lessons(
    shape: str,
    tokenizer: Any,
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    max_length: int,
    numbers: Mapping[str, int] | None = None,
    passed: Passed | None = None,
    rewriting: Rewriting = AS_IT_IS,
) -> Iterator[tuple[int, Lesson]]:
    """Rows with their numbers as training takes them, without those that it passes over.

    Args:
        shape, tokenizer, max_length, numbers, rewriting: as for `lesson`.
        rows: as the shape gives them, with their numbers in the file.
        passed: filled with the rows that are passed over.

    Raises:
        DataError: the model's chat template refuses every row.
    """
    passed = passed if passed is not None else Passed()
    for number, row in rows:
        passed.seen += 1
        try:
            made = lesson(shape, tokenizer, row, max_length, numbers, rewriting)
        except DataError as error:
            if not refused(error):
                raise
            passed.refused.add(number)
            passed.refusal = error
            continue
        if teaches(shape, row, made):
            yield number, made
        else:
            passed.nothing.add(number)
    if passed.refusal is not None and passed.refused.count == passed.seen:
        raise passed.refusal


def needed(shape: str, tokenizer: Any, row: Mapping[str, Any], max_length: int) -> int | None:
    """Tokens at which a row that teaches nothing at `max_length` teaches something whole; None if it never does."""
    endless = 10**9
    if shape in CONVERSATIONS or shape in ("preference", "feedback"):
        ends = [_first_answer(each) for each in lesson(shape, tokenizer, row, endless) if isinstance(each, Encoded)]
        return None if None in ends else max(end for end in ends if end is not None)
    if shape == ASKED:
        return max(each.whole for each in lesson(shape, tokenizer, row, endless) if isinstance(each, Encoded))
    whole = _whole_question(tokenizer, row) if shape == "question-answering" else 0
    lengths = sorted({*(max_length * 2**power for power in range(1, 20) if max_length * 2**power < whole), whole})
    return next((each for each in lengths if each and teaches(shape, row, lesson(shape, tokenizer, row, each))), None)


def _first_answer(encoded: Encoded) -> int | None:
    """Where the first answer ends."""
    if not encoded.teaches:
        return None
    begin = encoded.learned.index(True)
    rest: Sequence[bool] = encoded.learned[begin:]
    return begin + (rest.index(False) if False in rest else len(rest))


def _whole_question(tokenizer: Any, row: Mapping[str, Any]) -> int:
    """A length at which question and text are one window."""
    question, both = (
        len(tokenizer(*texts)["input_ids"]) for texts in ((row["question"],), (row["question"], row["context"]))
    )
    return max(both, 2 * question)
