"""How good a classifier is on its test split: scores, every class, confusion, calibration, and what to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import TrainingError
from autotrain.evaluation.intervals import Counts, class_f1, confusion_counts, scores_from_counts, tally
from autotrain.report import CalibrationBin, ClassScore, Confusion, Score

# Below this one row is more than a point of accuracy, and a calibration bin holds a handful of rows.
FEW_ROWS = 100

CALIBRATION_BINS = 10

# Labels named in one sentence; the per-class table has them all.
LABELS_NAMED = 5


@dataclass(frozen=True)
class ClassificationResult:
    """Everything about the test split. `predicted` and `confidence` are per row, in its order."""

    scores: tuple[Score, ...]
    per_class: tuple[ClassScore, ...]
    confusion: Confusion
    calibration: tuple[CalibrationBin, ...]
    notes: tuple[str, ...]
    predicted: NDArray[np.int64]
    confidence: NDArray[np.float64]


def evaluate_classification(
    probabilities: NDArray[Any], expected: NDArray[Any], labels: Sequence[str], seed: int
) -> ClassificationResult:
    """Evaluate predicted probabilities against the expected classes.

    Macro-F1 is the mean over the classes that have a row in the test split; the per-class table lists the others with
    support 0, and a note names them. Intervals are 95 % percentile bootstrap. Calibration, the expected calibration
    error and its bins, is given from 100 rows on.

    Args:
        probabilities: (rows, classes), each row adds up to 1.
        expected: (rows,), indices into `labels`.
        labels: the classes' names, in the order of the columns.
        seed: of the bootstrap.

    Raises:
        TrainingError: the model answered something that is not a number.
        ValueError: the shapes do not belong together.
    """
    chances, classes = np.asarray(probabilities, dtype=np.float64), np.asarray(expected, dtype=np.int64)
    _check(chances, classes, labels)
    predicted = np.asarray(chances.argmax(axis=1), dtype=np.int64)
    confidence = np.asarray(chances.max(axis=1), dtype=np.float64)
    counts = confusion_counts(classes, predicted, len(labels))
    scores: tuple[Score, ...] = scores_from_counts(counts, seed)
    bins: tuple[CalibrationBin, ...] = ()
    if len(classes) >= FEW_ROWS:
        bins = calibration_bins(confidence, predicted == classes)
        scores = (*scores, calibration_error(bins))
    return ClassificationResult(
        scores=scores,
        per_class=class_scores(counts, labels),
        confusion=Confusion(labels=tuple(labels), counts=tuple(tuple(row) for row in counts.tolist())),
        calibration=bins,
        notes=tuple(_notes(counts, labels)),
        predicted=predicted,
        confidence=confidence,
    )


def _check(probabilities: NDArray[np.float64], expected: NDArray[np.int64], labels: Sequence[str]) -> None:
    rows = len(expected)
    if probabilities.shape != (rows, len(labels)):
        raise ValueError(f"probabilities are {probabilities.shape}; expected ({rows}, {len(labels)})")
    if not rows:
        raise ValueError("the test split has no row")
    if expected.min() < 0 or expected.max() >= len(labels):
        raise ValueError(f"expected classes lie outside 0 to {len(labels) - 1}")
    broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if broken:
        raise TrainingError(
            f"The trained model's answer is not a number for {broken} of {rows} test rows. "
            "Train again with a lower learning rate.",
            code="nan",
        )


def class_scores(counts: Counts, labels: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each class; what has no row or no prediction to divide by is 0."""
    of = tally(counts)
    precision = of.right / np.maximum(of.predicted, 1)
    recall = of.right / np.maximum(of.support, 1)
    figures = zip(labels, precision, recall, class_f1(of), of.support, strict=True)
    return tuple(
        ClassScore(label=label, precision=float(p), recall=float(r), f1=float(f1), support=int(rows))
        for label, p, r, f1, rows in figures
    )


def calibration_bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    """Rows by confidence in ten bins of equal width, closed above as (0.9, 1.0]; empty bins are left out."""
    # Tiny overshoots such as 1.0000001 come from float32 softmax.
    bounded = np.clip(confidence, 0.0, 1.0)
    where = np.clip(np.ceil(bounded * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    chosen = (where == index for index in range(CALIBRATION_BINS))
    return tuple(
        CalibrationBin(
            confidence=float(bounded[rows].mean()), accuracy=float(right[rows].mean()), count=int(rows.sum())
        )
        for rows in chosen
        if rows.any()
    )


def calibration_error(bins: Sequence[CalibrationBin]) -> Score:
    """Expected calibration error (Guo et al., 2017): how far confidence and accuracy lie apart, weighted by rows."""
    rows = sum(part.count for part in bins)
    gap = sum(part.count * abs(part.accuracy - part.confidence) for part in bins) / rows
    return Score(
        name="expected_calibration_error", title="Expected calibration error", value=gap, higher_is_better=False
    )


def _notes(counts: Counts, labels: Sequence[str]) -> list[str]:
    of = tally(counts)
    rows, right = int(of.support.sum()), int(of.right.sum())
    notes = []
    if rows < FEW_ROWS:
        size = f"only {rows} rows" if rows > 1 else "only one row"
        notes.append(
            f"The test split has {size}, so a single row changes the accuracy by {100 / rows:.1f} points. "
            "More rows give firmer figures."
        )
    if right == rows:
        # All rows alike: every resample is the same, and the interval shrinks to a point that promises too much.
        # Exact one-sided bound instead (Clopper and Pearson, 1934): a model below it gets all right in 5 % of cases.
        notes.append(
            "Every test row was predicted correctly, where a bootstrap interval says nothing: "
            f"the accuracy on new rows is at least {0.05 ** (1 / rows):.1%} with 95 % confidence."
        )
    given = np.flatnonzero(of.predicted)
    if len(given) == 1 and np.count_nonzero(of.support) > 1:
        notes.append(
            f"It gives every text the same answer, “{labels[int(given[0])][:60]}”: it has not learned to tell texts "
            "apart. Train longer or with more rows."
        )
    absent = [label for label, support in zip(labels, of.support, strict=True) if not support]
    if absent:
        have, they = ("has", "it") if len(absent) == 1 else ("have", "them")
        notes.append(
            f"{len(absent)} of {len(labels)} classes {have} no row in the test split "
            f"({named(absent)}), so nothing is known about {they} and macro-F1 leaves {they} out."
        )
    return notes


def named(labels: Sequence[str]) -> str:
    """The first few labels as a list in a sentence, and how many more there are."""
    shown = ", ".join(f"“{label[:60]}”" for label in labels[:LABELS_NAMED])
    more = len(labels) - LABELS_NAMED
    return f"{shown} and {more} more" if more > 0 else shown
