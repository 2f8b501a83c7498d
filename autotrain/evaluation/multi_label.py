"""How good several labels for a text are: F1 at thresholds, and how well each label's rows are told from the others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import TrainingError
from autotrain.evaluation.baselines import PROBE_TRAIN_ROWS, Encoding, encode_texts
from autotrain.evaluation.bootstrap import Figures, Ordered, scores_of
from autotrain.report import Baseline, ClassScore, Score

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
MEASURES = ("macro_f1", "micro_f1", "average_precision", "auroc", "exact_match", "hamming_loss")
OWN_ROWS = 20
"""Validation rows with a label, and without it, from which a threshold of its own is more than luck."""
GRID = np.round(np.arange(0.02, 0.981, 0.01), 2)
"""Thresholds that are tried."""
PROBE_STRENGTHS, MANY_LABELS = (0.01, 0.1, 1.0), 50
"""Inverse strengths of the linear probe's penalty; with many labels only the middle one, as each label is a fit."""


@dataclass(frozen=True)
class Thresholds:
    """(labels,) probabilities from which on a label is given; `own` marks labels with one of their own."""

    values: Floats
    own: Truth
    shared: float

    def chosen(self, probabilities: Floats) -> Truth:
        """(rows, labels) which labels are given."""
        return np.asarray(probabilities >= self.values)

    def sentence(self) -> str:
        """How they were chosen."""
        count, own = len(self.own), int(self.own.sum())
        shared = f"a label is given from a probability of {self.shared:.2f} on"
        if not own:
            return f"One threshold for all labels was chosen on the validation rows: {shared}."
        if own == count:
            return "Each label has a threshold of its own, chosen on the validation rows."
        return (
            f"{own} of {count} labels have a threshold of their own, chosen on the validation rows; for the others, "
            f"which have too few of them, {shared}."
        )


def choose_thresholds(probabilities: Floats, truth: Truth, wished: str) -> Thresholds:
    """The thresholds with the best F1 on the validation rows; of equals the one nearest to a half.

    Args:
        probabilities, truth: (rows, labels) of the validation split.
        wished: "global" for one that is best on average over the labels, "each-label" for one for each label that any
            row has, "auto" for one for each label with `OWN_ROWS` rows with and without it, and a global one for the
            others: a threshold that is best for a handful of rows is an accident.
    """
    f1 = np.stack([_f1_of(probabilities >= threshold, truth) for threshold in GRID])  # (thresholds, labels)
    present = truth.any(axis=0)
    near = -1e-9 * np.abs(GRID - 0.5)
    shared = float(GRID[(f1[:, present].mean(axis=1) + near).argmax()]) if present.any() else 0.5
    least = {"global": len(truth) + 1, "each-label": 1, "auto": OWN_ROWS}[wished]
    without = OWN_ROWS if wished == "auto" else 0
    own = (truth.sum(axis=0) >= least) & ((~truth).sum(axis=0) >= without)
    values = np.where(own, GRID[(f1 + near[:, None]).argmax(axis=0)], shared)
    return Thresholds(values.astype(np.float64), own, shared)


def _f1_of(chosen: Truth, truth: Truth) -> Floats:
    both = chosen.sum(axis=0) + truth.sum(axis=0)
    return np.asarray(2 * (chosen & truth).sum(axis=0) / np.maximum(both, 1), dtype=np.float64)


def figures_of(probabilities: Floats, chosen: Truth, truth: Truth) -> Figures:
    """The measures in the order of `MEASURES`, under any weights of the rows.

    Macro-F1 is the mean over the labels that a row of the sample has, average precision likewise; AUROC that over
    labels which some rows have and some have not. Average precision is the step-wise sum, as scikit-learn's.
    """
    right, said, true = (part.astype(np.float64) for part in (chosen & truth, chosen, truth))
    exact, wrong = (chosen == truth).all(axis=1).astype(np.float64), (chosen != truth).mean(axis=1)
    orders = [Ordered(column) for column in probabilities.T]

    def of(weights: Floats) -> Floats:
        rows, hits, given, have = weights.sum(axis=1), weights @ right, weights @ said, weights @ true
        f1 = np.where(have > 0, 2 * hits / np.maximum(given + have, 1), np.nan)
        micro = 2 * hits.sum(axis=1) / np.maximum((given + have).sum(axis=1), 1)
        pairs = [_ranked(order, weights, truth[:, place]) for place, order in enumerate(orders)]
        precision, area = (_mean(np.stack(parts, axis=1)) for parts in zip(*pairs, strict=True))
        return np.stack([_mean(f1), micro, precision, area, weights @ exact / rows, weights @ wrong / rows], axis=1)

    return of


def _ranked(order: Ordered, weights: Floats, truth: Truth) -> tuple[Floats, Floats]:
    """(samples,) average precision and AUROC of one label; NaN where its rows are all or none."""
    with_it, without = order.sums(weights * truth), order.sums(weights * ~truth)
    positives, negatives = with_it.sum(axis=1), without.sum(axis=1)
    both = with_it + without
    above = positives[:, None] - np.cumsum(with_it, axis=1) + with_it
    all_above = both.sum(axis=1, keepdims=True) - np.cumsum(both, axis=1) + both
    below = np.cumsum(without, axis=1) - without / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = (with_it * above / np.maximum(all_above, 1e-12)).sum(axis=1) / positives
        area = (with_it * below).sum(axis=1) / (positives * negatives)
    return precision, area


def _mean(values: Floats) -> Floats:
    """(samples,) mean over the labels that have a value."""
    there = np.isfinite(values)
    total = np.where(there, values, 0.0).sum(axis=1)
    return np.where(there.any(axis=1), total / np.maximum(there.sum(axis=1), 1), np.nan)


def evaluate_labels(probabilities: Floats, chosen: Truth, truth: Truth, seed: int) -> tuple[Score, ...]:
    """The scores with bootstrap intervals over rows.

    Args:
        probabilities: (rows, labels), each from 0 to 1 by itself.
        chosen: (rows, labels) which labels are given.
        truth: (rows, labels) which ones are right.
        seed: of the bootstrap.

    Raises:
        TrainingError: the model answered something that is not a number.
    """
    broken = int((~np.isfinite(probabilities)).any(axis=1).sum())
    if broken:
        raise TrainingError(
            f"The trained model's answer is not a number for {broken} of {len(probabilities)} test rows. "
            "Train again with a lower learning rate.",
            code="nan",
        )
    rows, labels = truth.shape
    return scores_of(MEASURES, figures_of(probabilities, chosen, truth), rows, seed, cost=6 * labels + 6)


def label_scores(chosen: Truth, truth: Truth, labels: Sequence[str]) -> tuple[ClassScore, ...]:
    """Precision, recall and F1 of each label; what has nothing to divide by is 0."""
    right, said, true = (part.sum(axis=0) for part in (chosen & truth, chosen, truth))
    f1 = _f1_of(chosen, truth)
    return tuple(
        ClassScore(
            label=label,
            precision=float(right[place] / max(said[place], 1)),
            recall=float(right[place] / max(true[place], 1)),
            f1=float(f1[place]),
            support=int(true[place]),
        )
        for place, label in enumerate(labels)
    )


def frequent_set_baseline(train: Truth, truth: Truth, labels: Sequence[str], seed: int) -> Baseline:
    """Always gives the set of labels that most training rows have; among equals the first one."""
    usual = max(Counter(map(tuple, train.tolist())).items(), key=lambda item: item[1])[0]
    chosen = np.tile(np.asarray(usual, dtype=bool), (len(truth), 1))
    named = ", ".join(f"“{label[:60]}”" for label, there in zip(labels, usual, strict=True) if there)
    return Baseline(
        name="most-frequent-set",
        title="Most frequent labels",
        explanation=f"Gives every text {named or 'no label at all'}, as most training rows have it.",
        scores=evaluate_labels(chosen.astype(np.float64), chosen, truth, seed),
        seconds=0.0,
    )


@dataclass(frozen=True)
class Tagged:
    """Texts, and (rows, labels) which labels each has."""

    texts: Sequence[str]
    truth: Truth


def linear_probe(
    model: Path, train: Tagged, validation: Tagged, test: Tagged, wished: str, encoding: Encoding, seed: int
) -> Baseline:
    """What the base model knows without fine-tuning: its frozen encoder and a logistic regression for each label.

    The strength of the penalty and the thresholds are the best ones on the validation split, as for the tuned model.

    Raises:
        ModelError: the folder holds no encoder that transformers can load from safetensors.
    """
    started = time.monotonic()
    if len(train.texts) > PROBE_TRAIN_ROWS:
        rows = np.sort(np.random.default_rng(seed).permutation(len(train.texts))[:PROBE_TRAIN_ROWS])
        train = Tagged([train.texts[int(row)] for row in rows], train.truth[rows])
    vectors = encode_texts(model, [*train.texts, *validation.texts, *test.texts], encoding)
    first, second = len(train.texts), len(train.texts) + len(validation.texts)
    held_out, asked = _fit_and_answer(vectors[:first], train.truth, vectors[first:second], validation, vectors[second:])
    chosen = choose_thresholds(held_out, validation.truth, wished).chosen(asked)
    return Baseline(
        name="linear-probe",
        title="Linear probe",
        explanation=(
            "The base model is left as it is and only a simple classifier for each label on top of it is trained "
            f"(logistic regression on {len(train.texts):,} rows): what the model knows without fine-tuning."
        ),
        scores=evaluate_labels(asked, chosen, test.truth, seed),
        seconds=time.monotonic() - started,
    )


def _fit_and_answer(vectors: Any, truth: Truth, held_out: Any, validation: Tagged, asked: Any) -> tuple[Floats, Floats]:
    """Probabilities of the validation and of the test rows by the strength with the best average precision."""
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(vectors)
    ready, *parts = (scaler.transform(part) for part in (vectors, held_out, asked))
    best: tuple[float, Floats, Floats] | None = None
    for strength in PROBE_STRENGTHS if truth.shape[1] <= MANY_LABELS else PROBE_STRENGTHS[1:2]:
        seen, answers = (np.stack(made, axis=1) for made in zip(*_each(ready, truth, parts, strength), strict=True))
        figures = figures_of(seen, seen >= 0.5, validation.truth)(np.ones((1, len(seen))))[0]
        precision = float(np.nan_to_num(figures[MEASURES.index("average_precision")]))
        if best is None or precision > best[0]:
            best = (precision, seen, answers)
    assert best is not None
    return best[1], best[2]


def _each(ready: Any, truth: Truth, parts: Sequence[Any], strength: float) -> list[tuple[Floats, Floats]]:
    """For each label the probabilities of the rows of both parts."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    made = []
    for column in truth.T:
        if column.all() or not column.any():  # logistic regression refuses a single class
            made.append((np.full(len(parts[0]), column.mean()), np.full(len(parts[1]), column.mean())))
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # the validation split then prefers a stronger penalty
            fitted = LogisticRegression(C=strength, max_iter=200).fit(ready, column)
        made.append((fitted.predict_proba(parts[0])[:, 1], fitted.predict_proba(parts[1])[:, 1]))
    return made
