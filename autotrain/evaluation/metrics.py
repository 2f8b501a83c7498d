"""Metrics while a model trains: local `evaluate` modules, kept in memory, for `transformers.Trainer`."""

from __future__ import annotations

import tempfile
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.intervals import accuracy, confusion_counts, macro_f1, tally


def compute_metrics(prediction: Any) -> dict[str, float]:
    """Accuracy and macro-F1 of a `transformers.EvalPrediction`, as `Trainer(compute_metrics=...)` wants it.

    Macro-F1 is the mean over the classes that have a row in the split, as in the final evaluation.
    """
    answers = prediction.predictions
    # Some models answer (logits, hidden states, ...).
    logits = np.asarray(answers[0] if isinstance(answers, tuple) else answers)
    found = _classification_metrics().compute(
        predictions=logits.argmax(axis=-1).astype(np.int64),
        references=np.asarray(prediction.label_ids, dtype=np.int64),
    )
    return {name: float(value) for name, value in found.items()}


def classification_figures(predicted: NDArray[np.int64], expected: NDArray[np.int64]) -> dict[str, float]:
    """Accuracy and macro-F1 of predicted against expected classes; no rows give 0."""
    if not len(expected):
        return {"accuracy": 0.0, "macro_f1": 0.0}
    classes = int(max(predicted.max(), expected.max())) + 1
    of = tally(confusion_counts(expected, predicted, classes))
    return {"accuracy": float(accuracy(of)), "macro_f1": float(macro_f1(of))}


@cache
def _classification_metrics() -> Any:
    """The module, made once for each process.

    `evaluate.load` would fetch a script from the Hub; a local subclass needs no network. An `evaluate` module makes its
    cache folder even when it keeps everything in memory, by default in the home folder, which may be read-only and is
    shared by processes: hence a private folder, which lives as long as the process.
    """
    import datasets
    import evaluate

    class ClassificationMetrics(evaluate.Metric):  # type: ignore[misc]  # evaluate has no types
        folder = tempfile.TemporaryDirectory(prefix="autotrain-metrics-", ignore_cleanup_errors=True)

        def _info(self) -> evaluate.MetricInfo:
            features = {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
            return evaluate.MetricInfo(
                description="Accuracy and macro-F1", citation="", features=datasets.Features(features)
            )

        def _compute(self, predictions: list[int], references: list[int]) -> dict[str, float]:
            return classification_figures(
                np.asarray(predictions, dtype=np.int64), np.asarray(references, dtype=np.int64)
            )

    return ClassificationMetrics(keep_in_memory=True, cache_dir=ClassificationMetrics.folder.name)
