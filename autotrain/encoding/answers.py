"""Questions on a text as windows of tokens with the place of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Window:
    """A question with a part of its text. `start` and `end` are the answer's first and last token.

    Without an answer both are the place of the classification token (`[CLS]`), as SQuAD 2 has it; of a tokenizer that
    has none the first place.
    """

    input_ids: tuple[int, ...]
    start: int
    end: int
    offsets: tuple[tuple[int, int] | None, ...]
    """For each token of the text its characters there; None for the question and special tokens."""
    answered: bool
    """Whether the answer lies in this window."""
    nowhere: int = 0
    """The place of the token that stands for no answer."""
    token_type_ids: tuple[int, ...] = ()
    """Which of the two texts each token is of, for models that read that; else empty."""


def teaches(windows: Sequence[Window], answers: Sequence[tuple[int, str]]) -> bool:
    """Whether a question is worth learning: it has no answer, or a window holds it.

    An answer that no window holds, because it is longer than one, would be learned as none.
    """
    return not answers or any(window.answered for window in windows)


def encode_question(
    tokenizer: Any, question: str, context: str, answers: Sequence[tuple[int, str]], max_length: int, stride: int = 64
) -> list[Window]:
    """Windows that together hold the whole text; each repeats the last `stride` tokens of the one before.

    A question of more than half a window is cut to that half, so that there is room for the text.

    Args:
        tokenizer: the base model's.
        question, context: what is asked, and the text with the answer.
        answers: (first character, text); the first one is learned. Empty where the text has no answer.
        max_length: tokens of a window, question and special ones counted.
        stride: tokens of the text that two windows share, less where the window is short.
    """
    question = _fitting(tokenizer, question, max_length // 2)
    room = max_length - len(tokenizer(question)["input_ids"]) - 2
    encoded = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=max_length,
        stride=max(0, min(stride, room // 2)),
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    windows = []
    for number, ids in enumerate(encoded["input_ids"]):
        sides = encoded.sequence_ids(number)
        offsets = [
            tuple(place) if side == 1 else None
            for place, side in zip(encoded["offset_mapping"][number], sides, strict=True)
        ]
        place, nowhere = _places(offsets, answers), _nowhere(tokenizer, ids)
        start, end = place or (nowhere, nowhere)
        types = tuple(encoded["token_type_ids"][number]) if "token_type_ids" in encoded else ()
        windows.append(Window(tuple(ids), start, end, tuple(offsets), place is not None, nowhere, types))
    return windows


def _fitting(tokenizer: Any, question: str, most: int) -> str:
    """The question, or as much of its beginning as makes `most` tokens."""
    offsets = tokenizer(question, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    return question if len(offsets) <= most else question[: offsets[most - 1][1]]


def _nowhere(tokenizer: Any, ids: Sequence[int]) -> int:
    return ids.index(tokenizer.cls_token_id) if tokenizer.cls_token_id in ids else 0


def _places(offsets: Sequence[tuple[int, ...] | None], answers: Sequence[tuple[int, str]]) -> tuple[int, int] | None:
    """The answer's first and last token; None where it is not whole in these."""
    if not answers:
        return None
    first, text = answers[0]
    first, last = first + len(text) - len(text.lstrip()), first + len(text.rstrip())
    inside = [
        place for place, offset in enumerate(offsets) if offset is not None and offset[0] < last and offset[1] > first
    ]
    covered = bool(inside) and offsets[inside[0]][0] <= first and offsets[inside[-1]][1] >= last  # type: ignore[index]
    return (inside[0], inside[-1]) if covered else None
