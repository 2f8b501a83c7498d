"""Rows worth looking at: the mistakes the model was surest of, and a few to try it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.report import Example

# A report is read in one go by a page; a text of 100,000 characters is shown by its beginning.
CHARACTERS_SHOWN = 1000


@dataclass(frozen=True)
class Predictions:
    """The test split with its predictions. All are per row and in the same order.

    `rows` are row numbers in the original file, `inputs` what the model read, by role.
    """

    probabilities: NDArray[Any]
    expected: NDArray[np.int64]
    labels: Sequence[str]
    rows: Sequence[int]
    inputs: Sequence[Mapping[str, str]]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each row."""
        return np.asarray(self.probabilities.argmax(axis=1), dtype=np.int64)

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The likeliest class's probability."""
        return np.asarray(self.probabilities.max(axis=1), dtype=np.float64)

    def example(self, index: int) -> Example:
        """One row as the report shows it."""
        probabilities = self.probabilities[index]
        winner = int(probabilities.argmax())
        return Example(
            row=int(self.rows[index]),
            inputs={role: shown(text) for role, text in self.inputs[index].items()},
            expected=self.labels[int(self.expected[index])],
            predicted=self.labels[winner],
            confidence=min(float(probabilities[winner]), 1.0),
        )


def worst_mistakes(predictions: Predictions, limit: int = 20) -> tuple[Example, ...]:
    """The wrong answers the model was surest of, surest first; equally sure ones in the order of the file.

    Many of them are labelling errors: a model this sure of another label often has a reason.
    """
    wrong = np.flatnonzero(predictions.predicted != predictions.expected)
    rows = np.asarray(predictions.rows)[wrong]
    order = np.lexsort((rows, -predictions.confidence[wrong]))
    return tuple(predictions.example(int(index)) for index in wrong[order[:limit]])


def representative_examples(predictions: Predictions, limit: int = 8) -> tuple[Example, ...]:
    """A few rows to try the model with: a typical right answer of each of the largest classes, and two mistakes.

    Typical is the row whose confidence is the median of its class's right answers.
    """
    expected, confidence = predictions.expected, predictions.confidence
    right = predictions.predicted == expected
    wrong = np.flatnonzero(~right)
    mistakes = min(len(wrong), 2, limit)
    support = np.bincount(expected, minlength=len(predictions.labels))
    chosen: list[int] = []
    for label in np.argsort(-support, kind="stable"):
        candidates = np.flatnonzero(right & (expected == label))
        if len(candidates) and len(chosen) < limit - mistakes:
            order = candidates[np.argsort(confidence[candidates], kind="stable")]
            chosen.append(int(order[len(order) // 2]))
    chosen += [int(index) for index in wrong[np.argsort(confidence[wrong], kind="stable")][:mistakes]]
    return tuple(predictions.example(index) for index in chosen)


def shown(text: str) -> str:
    """A text, or its beginning if it is very long."""
    return text if len(text) <= CHARACTERS_SHOWN else f"{text[:CHARACTERS_SHOWN]}…"
