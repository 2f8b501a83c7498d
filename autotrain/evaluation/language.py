"""How well a language model expects a text: perplexity with its interval, and what it still knows of other texts."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.intervals import RESAMPLES, percentile_interval

Floats = NDArray[np.float64]

LARGEST_LOSS = 50.0
"""Nats for each token beyond which a perplexity says nothing more; its exponential would be no number soon."""

GENERAL_TEXTS: tuple[str, ...] = tuple(
    text.strip()
    for text in files("autotrain.evaluation").joinpath("general.txt").read_text("utf-8").split("\n\n")
    if text.strip()
)
"""Passages of general knowledge, written for this project: a probe of what a model forgets while it learns."""


@dataclass(frozen=True)
class Told:
    """What a model made of rows, (rows,) each: summed negative log-likelihood in nats, tokens, tokens guessed right."""

    loss: Floats
    tokens: Floats
    right: Floats

    @classmethod
    def of(cls, sums: Floats) -> Told:
        """From (rows, 3) sums."""
        return cls(sums[:, 0], sums[:, 1], sums[:, 2])


def perplexity(told: Told) -> float:
    """exp of the mean negative log-likelihood of a token, over the tokens of all rows; 1 is certainty."""
    return float(np.exp(min(told.loss.sum() / max(1.0, told.tokens.sum()), LARGEST_LOSS)))


def interval_of_perplexity(told: Told, seed: int) -> tuple[float, float] | None:
    """95 % bootstrap interval over rows; None without rows."""
    if not len(told.loss):
        return None
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(told.loss), np.full(len(told.loss), 1 / len(told.loss)), size=RESAMPLES)
    means = (weights @ told.loss) / np.maximum(weights @ told.tokens, 1.0)
    return percentile_interval(np.exp(np.minimum(means, LARGEST_LOSS)), perplexity(told))
