"""Scores of tags on words: marked places found exactly (CoNLL-2003's measure), per type, with bootstrap intervals."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.intervals import RESAMPLES, percentile_interval
from autotrain.report import Baseline, ClassScore, Score

Tags = Sequence[str]
OUTSIDE = "O"


class Span(NamedTuple):
    """Words `start` to `end` (exclusive) are one thing of this type."""

    type: str
    start: int
    end: int


def is_bio(tags: Sequence[Tags]) -> bool:
    """Whether tags say where things begin (B-) and go on (I-); else each run of one tag is one thing."""
    return any(tag.startswith(("B-", "I-")) for row in tags for tag in row)


def places(tags: Tags, *, bio: bool) -> set[Span]:
    """The things that tags mark.

    Args:
        tags: one for each word.
        bio: whether a thing begins with B- and goes on with I- of the same type, strictly: an I- that follows no such
            tag marks nothing, as in seqeval's strict mode for IOB2. Otherwise every run of one tag but O is a thing.
    """
    found: set[Span] = set()
    start, kind = 0, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        goes_on = tag == f"I-{kind}" if bio else tag == kind
        if kind and not goes_on:
            found.add(Span(kind, start, place))
            kind = ""
        if not kind and (tag.startswith("B-") if bio else tag != OUTSIDE):
            start, kind = place, tag.removeprefix("B-") if bio else tag
    return found


@dataclass(frozen=True)
class Evaluated:
    """What the report shows of tags."""

    scores: tuple[Score, ...]
    per_class: tuple[ClassScore, ...]


def evaluate_tags(expected: Sequence[Tags], predicted: Sequence[Tags], seed: int) -> Evaluated:
    """Strict F1, precision and recall of things, and the share of words with the right tag.

    Rows of words are drawn again for the intervals, as words of a row depend on each other.

    Args:
        expected, predicted: a tag for each word of each row, as many of both.
        seed: of the bootstrap.
    """
    bio = is_bio(expected)
    found = [(places(row, bio=bio), places(answer, bio=bio)) for row, answer in zip(expected, predicted, strict=True)]
    rows = np.array(
        [
            (
                len(true & said),
                len(said),
                len(true),
                sum(map(str.__eq__, row, answer)),
                len(row),
            )
            for (true, said), row, answer in zip(found, expected, predicted, strict=True)
        ],
        dtype=np.int64,
    ).reshape(-1, 5)
    return Evaluated(_scores(rows, seed), _per_type(found))


def most_frequent_tag(
    tokens: Sequence[Sequence[str]], tags: Sequence[Tags], asked: Sequence[Sequence[str]]
) -> list[list[str]]:
    """What gives each word the tag it has most often in `tokens`; a word never seen gets the most frequent of all."""
    seen: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for words, row in zip(tokens, tags, strict=True):
        for word, tag in zip(words, row, strict=True):
            seen[word][tag] += 1
    overall: Counter[str] = sum(seen.values(), Counter())
    usual = overall.most_common(1)[0][0] if overall else OUTSIDE
    best = {word: counts.most_common(1)[0][0] for word, counts in seen.items()}
    return [[best.get(word, usual) for word in words] for words in asked]


def tag_baseline(expected: Sequence[Tags], answers: Sequence[Tags], seed: int) -> Baseline:
    """The most-frequent-tag baseline with its scores."""
    return Baseline(
        name="most-frequent-tag",
        title="Most frequent tag",
        explanation="Gives each word the tag it most often has in the training rows, whatever stands beside it.",
        scores=evaluate_tags(expected, answers, seed).scores,
        seconds=0.0,
    )


def _figures(sums: NDArray[np.int64]) -> NDArray[np.float64]:
    """(…, 4) F1, precision, recall, accuracy of (…, 5) sums of right, said, true, right words, words."""
    right, said, true, words_right, words = np.moveaxis(sums, -1, 0)
    return np.stack(
        [
            2 * right / np.maximum(said + true, 1),
            right / np.maximum(said, 1),
            right / np.maximum(true, 1),
            words_right / np.maximum(words, 1),
        ],
        axis=-1,
    ).astype(np.float64)


_NAMES = ("f1", "precision", "recall", "accuracy")


def _scores(rows: NDArray[np.int64], seed: int) -> tuple[Score, ...]:
    values = _figures(rows.sum(axis=0))
    drawn = np.concatenate(list(_resampled(rows, seed))) if len(rows) else None
    scores = []
    for place, name in enumerate(_NAMES):
        value = float(values[place])
        scores.append(Score.of(name, value, None if drawn is None else percentile_interval(drawn[:, place], value)))
    return tuple(scores)


def _resampled(rows: NDArray[np.int64], seed: int, chunk: int = 50) -> Iterator[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    for _ in range(0, RESAMPLES, chunk):
        weights = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), size=chunk)
        yield _figures(weights @ rows)


def _per_type(found: Sequence[tuple[set[Span], set[Span]]]) -> tuple[ClassScore, ...]:
    right, said, true = Counter[str](), Counter[str](), Counter[str]()
    for expected, predicted in found:
        right.update(span.type for span in expected & predicted)
        said.update(span.type for span in predicted)
        true.update(span.type for span in expected)
    return tuple(
        ClassScore(
            label=kind,
            precision=right[kind] / max(said[kind], 1),
            recall=right[kind] / max(true[kind], 1),
            f1=2 * right[kind] / max(said[kind] + true[kind], 1),
            support=true[kind],
        )
        for kind in sorted(true | said)
    )
