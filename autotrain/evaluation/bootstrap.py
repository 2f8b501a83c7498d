"""Scores with 95 % intervals, for any measure that can be computed from rows that count several times."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.intervals import CELLS_AT_ONCE, RESAMPLES, percentile_interval
from autotrain.report import Score

Floats = NDArray[np.float64]
Figures = Callable[[Floats], Floats]
"""(samples, rows) how often each row counts, to (samples, measures) values; NaN where a sample has no such value."""

FEWEST, WORK = 200, 1_000_000_000
"""Fewest samples, and the most rows looked at over all of them: some seconds. 200 still give a bound's first digit."""


def samples(figures: Figures, rows: int, seed: int, cost: int = 1) -> Floats:
    """(samples, measures) values on bootstrap samples of the rows.

    A sample with replacement is a multinomial draw of how often each row counts (Efron and Tibshirani, 1993).

    Args:
        figures: the measures.
        rows: how many there are, at least 1.
        seed: of the samples.
        cost: how often `figures` goes through all rows; of a costly one fewer samples are taken.
    """
    number = min(RESAMPLES, max(FEWEST, WORK // (rows * cost)))
    rng, even = np.random.default_rng(seed), np.full(rows, 1 / rows)
    chunk = max(1, CELLS_AT_ONCE // rows)
    sizes = (min(chunk, number - start) for start in range(0, number, chunk))
    return np.concatenate([figures(rng.multinomial(rows, even, size=size).astype(np.float64)) for size in sizes])


def scores_of(names: Sequence[str], figures: Figures, rows: int, seed: int, cost: int = 1) -> tuple[Score, ...]:
    """Scores of the measures `names`, in the order of the figures; one without a value on all rows is left out.

    Args:
        names: of `autotrain.measures`.
        figures, rows, seed, cost: as for `samples`.
    """
    values, drawn = figures(np.ones((1, rows)))[0], samples(figures, rows, seed, cost)
    made = []
    for place, name in enumerate(names):
        value, found = float(values[place]), drawn[:, place]
        if np.isfinite(value):
            made.append(Score.of(name, value, percentile_interval(found[np.isfinite(found)], value)))
    return tuple(made)


class Ordered:
    """Values in groups of equals, in ascending order: what ranks need under any weights."""

    def __init__(self, values: Floats) -> None:
        self.order = np.argsort(values, kind="stable")
        ascending = values[self.order]
        new = np.r_[True, ascending[1:] != ascending[:-1]]
        self.starts = np.flatnonzero(new)
        self.group = np.empty(len(values), np.int64)
        self.group[self.order] = np.cumsum(new) - 1

    def sums(self, weights: Floats) -> Floats:
        """(samples, groups) sums of (samples, rows) weights."""
        return np.asarray(np.add.reduceat(weights[:, self.order], self.starts, axis=1))

    def ranks(self, weights: Floats) -> Floats:
        """(samples, rows) ranks from 1, equal values sharing the mean of theirs, where rows count `weights` times."""
        sums = self.sums(weights)
        return np.asarray((np.cumsum(sums, axis=1) - sums + (sums + 1) / 2)[:, self.group])
