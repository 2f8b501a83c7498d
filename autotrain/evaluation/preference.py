"""How well better answers are told from worse ones, in pairs or by thumbs, beside what their length alone tells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.bootstrap import Ordered, samples, scores_of
from autotrain.evaluation.intervals import percentile_interval
from autotrain.report import Baseline, Score

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

FEW = 50
"""Test rows below which a report says that there are few."""


def right(better: Floats, worse: Floats) -> Floats:
    """(pairs,) 1 where the better answer has the larger value, 0 where the worse one has, half a point for equals."""
    return np.asarray((better > worse) + 0.5 * (better == worse), dtype=np.float64)


def means(names: Sequence[str], values: Floats, seed: int) -> tuple[Score, ...]:
    """Means over (rows, measures) values, with 95 % bootstrap intervals over rows."""
    if not len(values):
        return ()
    return scores_of(names, lambda weights: weights @ values / weights.sum(axis=1, keepdims=True), len(values), seed)


def per_token(sums: Floats, tokens: Floats, seed: int) -> Score:
    """KL of a mean token, as rows with (rows,) sums and tokens have it, with its bootstrap interval over rows."""
    (score,) = scores_of(
        ("kl",),
        lambda weights: ((weights @ sums) / np.maximum(weights @ tokens, 1.0))[:, None],
        len(sums),
        seed,
    )
    return score


def thumb_scores(values: Floats, liked: Truth, seed: int, *, margin: bool = False) -> tuple[Score, ...]:
    """AUROC of values against thumbs, and with `margin` the difference of their means; with 95 % intervals.

    AUROC is the share of pairs of a liked answer and another in which the liked one has the larger value (Mann and
    Whitney, 1947), so that it is to thumbs what the preference accuracy is to pairs.
    """
    order = Ordered(values)

    def figures(weights: Floats) -> Floats:
        up, down = order.sums(weights * liked), order.sums(weights * ~liked)
        ups, downs = up.sum(axis=1), down.sum(axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            area = (up * below).sum(axis=1) / (ups * downs)
            gap = (weights * liked) @ values / ups - (weights * ~liked) @ values / downs
        return np.stack([area, gap], axis=1)[:, : 2 if margin else 1]

    return scores_of(("auroc", "margin")[: 2 if margin else 1], figures, len(values), seed)


def length_direction(better: Floats, worse: Floats) -> int:
    """1 where better answers are the longer ones more often than not, else -1; by training pairs' lengths."""
    return 1 if right(better, worse).mean() >= 0.5 else -1


def length_baseline(scores: tuple[Score, ...], direction: int) -> Baseline:
    """Only counts tokens; `scores` are those of doing so on the test rows."""
    which = "longer" if direction > 0 else "shorter"
    return Baseline(
        name="length",
        title="Length alone",
        explanation=f"Takes the {which} answer for the better one, as it is in most training rows, and reads none.",
        scores=scores,
    )


def gain_sentence(tuned: Floats, rival: Floats, name: str, seed: int) -> str:
    """What the paired difference in preference accuracy says about `tuned` against `rival`, (pairs,) each."""
    gain = (tuned - rival)[:, None]
    drawn = samples(lambda weights: weights @ gain / weights.sum(axis=1, keepdims=True), len(gain), seed)[:, 0]
    value = float(gain.mean())
    low, high = percentile_interval(drawn, value)
    span = f"({low * 100:+.1f} to {high * 100:+.1f}, 95 % interval, paired on the same test pairs)"
    if low > 0:
        return f"Fine-tuning gained {value * 100:.1f} points of preference accuracy over {name} {span}."
    if high < 0:
        return f"Fine-tuning lost {-value * 100:.1f} points of preference accuracy against {name} {span}."
    return (
        f"The difference in preference accuracy from {name} is {value * 100:+.1f} points {span}: "
        "these test pairs cannot tell the two apart."
    )


def few_sentence(rows: int, of: str) -> tuple[str, ...]:
    """A note where there is little to judge by; `of` is what is counted, as in "pairs"."""
    if rows >= FEW:
        return ()
    return (f"The test split has only {rows} {of} to judge by. More of them give firmer figures.",)
