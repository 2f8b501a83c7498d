"""Scores of a classifier from its confusion counts, with 95 % percentile bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotrain.report import Score

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

# Enough for two steady digits of a 95 % bound; ten times as many change the bound by less than a tenth of its width.
RESAMPLES = 1000

# Drawn cells held at once: 32 MB of int64, so that 500 classes do not need a gigabyte.
CELLS_AT_ONCE = 4_000_000


class Tally(NamedTuple):
    """Per class, of one or of many samples (the last axis is the class): right answers, rows, predictions."""

    right: NDArray[np.int64]
    support: NDArray[np.int64]
    predicted: NDArray[np.int64]


def confusion_counts(expected: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Counts:
    """Counts (classes, classes): `[i, j]` rows of class `i` were predicted as `j`."""
    pairs = np.asarray(expected, dtype=np.int64) * classes + np.asarray(predicted, dtype=np.int64)
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes).astype(np.int64)


def tally(counts: Counts) -> Tally:
    """The counts, per class."""
    return Tally(np.diagonal(counts).copy(), counts.sum(axis=1), counts.sum(axis=0))


def accuracy(of: Tally) -> Floats:
    """Share of rows that were right."""
    rows = of.support.sum(axis=-1)
    return np.asarray(of.right.sum(axis=-1) / np.maximum(rows, 1), dtype=np.float64)


def class_f1(of: Tally) -> Floats:
    """F1 of each class: twice the right answers over rows plus predictions; 0 for a class with neither."""
    both = of.support + of.predicted
    return np.asarray(2 * of.right / np.maximum(both, 1), dtype=np.float64)


def macro_f1(of: Tally) -> Floats:
    """Mean F1 over the classes that have a row in the sample.

    A class without a row has no recall. scikit-learn would count it as 0 as soon as it is predicted once, so that the
    same model scores differently with the luck of the split; here a false answer lowers the F1 of its true class only.
    """
    present = of.support > 0
    total = np.where(present, class_f1(of), 0.0).sum(axis=-1)
    return np.asarray(total / np.maximum(present.sum(axis=-1), 1), dtype=np.float64)


def resamples(counts: Counts, seed: int, number: int = RESAMPLES) -> Iterator[Tally]:
    """Tallies of `number` bootstrap samples of the rows, in chunks.

    A sample of the rows with replacement is a multinomial draw of the cells they fall in, so the cost depends on the
    number of cells that are not empty and not on the number of rows.
    """
    classes = len(counts)
    row, column = np.nonzero(counts)
    if not len(row):
        return
    cells = counts[row, column]
    by_column = np.argsort(column, kind="stable")
    rng = np.random.default_rng(seed)
    chunk = max(1, CELLS_AT_ONCE // len(cells))
    for start in range(0, number, chunk):
        size = min(chunk, number - start)
        drawn = rng.multinomial(int(cells.sum()), cells / cells.sum(), size=size)
        right = np.zeros((size, classes), dtype=np.int64)
        right[:, row[row == column]] = drawn[:, row == column]
        support = _sums(drawn, row, classes)
        yield Tally(right, support, _sums(drawn[:, by_column], column[by_column], classes))


def _sums(drawn: NDArray[np.int64], groups: NDArray[np.intp], classes: int) -> NDArray[np.int64]:
    """Sums (samples, classes) of cells whose class is `groups`, which is sorted."""
    present, first = np.unique(groups, return_index=True)
    sums = np.zeros((len(drawn), classes), dtype=np.int64)
    sums[:, present] = np.add.reduceat(drawn, first, axis=1)
    return sums


def percentile_interval(values: Floats, value: float) -> tuple[float, float]:
    """The middle 95 % of bootstrap `values`, widened where needed so that it holds the `value` it is about."""
    low, high = np.percentile(values, [2.5, 97.5])
    return min(float(low), value), max(float(high), value)


def scores_from_counts(counts: Counts, seed: int) -> tuple[Score, Score]:
    """Accuracy and macro-F1 with their intervals."""
    observed = tally(counts)
    drawn = [(accuracy(sample), macro_f1(sample)) for sample in resamples(counts, seed)]
    scores = []
    for index, (name, title, value) in enumerate(
        (("accuracy", "Accuracy", accuracy(observed)), ("macro_f1", "Macro-F1", macro_f1(observed)))
    ):
        low, high = None, None
        if drawn:
            low, high = percentile_interval(np.concatenate([pair[index] for pair in drawn]), float(value))
        scores.append(Score(name=name, title=title, value=float(value), low=low, high=high))
    return scores[0], scores[1]


@dataclass(frozen=True)
class Difference:
    """Accuracy of one model minus another's on the same rows, with its paired 95 % interval."""

    value: float
    low: float
    high: float

    def sentence(self, rival: str) -> str:
        """What the difference says about this model against `rival`, named as in "the linear probe"."""
        span = f"({self.low * 100:+.1f} to {self.high * 100:+.1f}, 95 % interval, paired on the same test rows)"
        if self.low > 0:
            return f"Fine-tuning gained {self.value * 100:.1f} points of accuracy over {rival} {span}."
        if self.high < 0:
            return f"Fine-tuning lost {-self.value * 100:.1f} points of accuracy against {rival} {span}."
        return (
            f"The difference in accuracy from {rival} is {self.value * 100:+.1f} points {span}: "
            "this test split cannot tell the two apart."
        )


def paired_difference(
    expected: NDArray[np.int64], tuned: NDArray[np.int64], rival: NDArray[np.int64], seed: int
) -> Difference:
    """Accuracy of `tuned` minus that of `rival`, both predicted classes of the same rows.

    Paired intervals are narrower than two separate ones, because rows that are hard for both cancel.
    """
    gain = (tuned == expected).astype(np.int64) - (rival == expected).astype(np.int64)
    cells = np.array([(gain == step).sum() for step in (-1, 0, 1)], dtype=np.int64)
    rows = int(cells.sum())
    if not rows:
        return Difference(0.0, 0.0, 0.0)
    value = float(gain.mean())
    drawn = np.random.default_rng(seed).multinomial(rows, cells / rows, size=RESAMPLES)
    low, high = percentile_interval((drawn[:, 2] - drawn[:, 0]) / rows, value)
    return Difference(value, low, high)
