"""How good predicted numbers are: errors, explained variance, ranks, and what to compare them with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import TrainingError
from autotrain.evaluation.baselines import PROBE_TRAIN_ROWS, Encoding, encode_texts
from autotrain.evaluation.bootstrap import Figures, Ordered, samples, scores_of
from autotrain.evaluation.intervals import percentile_interval
from autotrain.report import Baseline, Score

Floats = NDArray[np.float64]
MEASURES = ("rmse", "r2", "mae", "spearman")
PROBE_STRENGTHS = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
"""Of the penalty on standardised vectors: from hardly any to one that leaves little but the mean."""


def evaluate_numbers(expected: Floats, predicted: Floats, seed: int) -> tuple[Score, ...]:
    """Root mean squared error, R², mean absolute error and Spearman's correlation, with bootstrap intervals over rows.

    R² is 1 - squared error / squared distance from the mean of these very rows (as scikit-learn's `r2_score`): 0 is as
    good as their mean, and it has no lower end. Where all expected numbers are equal it is left out, as is Spearman's
    correlation where either side never changes.

    Args:
        expected, predicted: (rows,) on the scale of the table, at least one row.
        seed: of the bootstrap.

    Raises:
        TrainingError: the model answered something that is not a number.
    """
    broken = int((~np.isfinite(predicted)).sum())
    if broken:
        raise TrainingError(
            f"The trained model's answer is not a number for {broken} of {len(predicted)} test rows. "
            "Train again with a lower learning rate.",
            code="nan",
        )
    return scores_of(MEASURES, _figures(expected, predicted), len(expected), seed, cost=8)


def _figures(expected: Floats, predicted: Floats) -> Figures:
    error, centred = predicted - expected, expected - expected.mean()
    smallest = 1e-12 * max(1.0, float(np.square(expected).max()))
    true, said = Ordered(expected), Ordered(predicted)

    def of(weights: Floats) -> Floats:
        rows = weights.sum(axis=1)
        squared = weights @ np.square(error) / rows
        variance = weights @ np.square(centred) / rows - np.square(weights @ centred / rows)
        middle = (rows[:, None] + 1) / 2
        first, second = true.ranks(weights) - middle, said.ranks(weights) - middle
        with np.errstate(divide="ignore", invalid="ignore"):
            explained = np.where(variance > smallest, 1 - squared / variance, np.nan)
            together = (weights * first * second).sum(axis=1)
            alone = (weights * np.square(first)).sum(axis=1) * (weights * np.square(second)).sum(axis=1)
            spearman = np.where(alone > 0, together / np.sqrt(alone), np.nan)
        return np.stack([np.sqrt(squared), explained, weights @ np.abs(error) / rows, spearman], axis=1)

    return of


def gain_sentence(expected: Floats, tuned: Floats, rival: Floats, name: str, seed: int) -> str:
    """What the paired difference in RMSE says about `tuned` against `rival`, named as in "the ridge probe"."""
    squares = np.stack([np.square(tuned - expected), np.square(rival - expected)], axis=1)

    def of(weights: Floats) -> Floats:
        roots = np.sqrt(weights @ squares / weights.sum(axis=1, keepdims=True))
        return np.asarray(roots[:, :1] - roots[:, 1:])

    value = float(of(np.ones((1, len(expected))))[0, 0])
    low, high = percentile_interval(samples(of, len(expected), seed)[:, 0], value)
    span = f"({low:+.3g} to {high:+.3g}, 95 % interval, paired on the same test rows)"
    if high < 0:
        return f"Fine-tuning lowered the root mean squared error of {name} by {-value:.3g} {span}."
    if low > 0:
        return f"Fine-tuning has a root mean squared error that is {value:.3g} above that of {name} {span}."
    return (
        f"The root mean squared error differs from that of {name} by {value:+.3g} {span}: "
        "this test split cannot tell the two apart."
    )


def mean_baseline(train: Floats, expected: Floats, seed: int) -> Baseline:
    """Always answers the mean of the training rows."""
    mean = float(train.mean())
    return Baseline(
        name="mean",
        title="Mean of the training rows",
        explanation=f"Answers {mean:.4g}, the mean of the training rows, whatever the text.",
        scores=evaluate_numbers(expected, np.full(len(expected), mean), seed),
        seconds=0.0,
    )


@dataclass(frozen=True)
class Numbered:
    """Texts and the number of each."""

    texts: Sequence[str]
    numbers: Floats


@dataclass(frozen=True)
class RidgeProbe:
    """The ridge probe's baseline, and its answers on the test split for a paired comparison."""

    baseline: Baseline
    predicted: Floats
    strength: float


def ridge_probe(
    model: Path, train: Numbered, validation: Numbered, test: Numbered, encoding: Encoding, seed: int
) -> RidgeProbe:
    """What the base model knows without fine-tuning: its frozen encoder and a ridge regression on top.

    Texts become the mean of the last layer's vectors over their tokens, standardised on the training rows. The strength
    of the penalty is the one with the smallest squared error on the validation split. Above 5,000 training rows a
    sample is used. The same input gives the same answer.

    Raises:
        ModelError: the folder holds no encoder that transformers can load from safetensors.
    """
    started = time.monotonic()
    if len(train.texts) > PROBE_TRAIN_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(len(train.texts))[:PROBE_TRAIN_ROWS])
        train = Numbered([train.texts[int(row)] for row in rows], train.numbers[rows])
    vectors = encode_texts(model, [*train.texts, *validation.texts, *test.texts], encoding)
    first, second = len(train.texts), len(train.texts) + len(validation.texts)
    predicted, strength = _fit_and_answer(
        (vectors[:first], train.numbers), (vectors[first:second], validation.numbers), vectors[second:]
    )
    baseline = Baseline(
        name="ridge-probe",
        title="Ridge probe",
        explanation=(
            "The base model is left as it is and only a simple regression on top of it is trained (ridge regression on "
            f"{len(train.texts):,} rows): what the model knows without fine-tuning."
        ),
        scores=evaluate_numbers(test.numbers, predicted, seed),
        seconds=time.monotonic() - started,
    )
    return RidgeProbe(baseline, predicted, strength)


def _fit_and_answer(train: tuple[Any, Floats], validation: tuple[Any, Floats], test: Any) -> tuple[Floats, float]:
    """Answers on the test rows of the regression that did best on the validation rows, and its strength."""
    from sklearn.linear_model import Ridge
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train[0])
    ready, held_out, asked = (scaler.transform(part).astype(np.float64) for part in (train[0], validation[0], test))
    fitted = [(strength, Ridge(alpha=strength).fit(ready, train[1])) for strength in PROBE_STRENGTHS]
    strength, best = min(fitted, key=lambda pair: float(np.square(pair[1].predict(held_out) - validation[1]).mean()))
    return np.asarray(best.predict(asked), dtype=np.float64), strength
