"""Words under masks: what their frequency alone tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.language import Told, interval_of_perplexity, perplexity
from autotrain.report import Baseline, Score


def word_scores(told: Told, seed: int) -> tuple[Score, ...]:
    """Perplexity of the masked tokens with its interval over blocks, and the share that was told right."""
    return (
        Score.of("perplexity", perplexity(told), interval_of_perplexity(told, seed)),
        Score.of("token_accuracy", float(told.right.sum() / max(1, told.tokens.sum()))),
    )


def frequencies(blocks: Iterable[Sequence[int]], vocabulary: int) -> NDArray[np.float64]:
    """(vocabulary,) the probability of each token in blocks of tokens, each counted once more than it occurs (Laplace),
    so that none is impossible."""
    counts = np.ones(vocabulary)
    for block in blocks:
        np.add.at(counts, np.asarray(block, dtype=np.int64), 1)
    return np.asarray(counts / counts.sum())


def told_by_frequency(probabilities: NDArray[np.float64], hidden: Sequence[Sequence[int]]) -> Told:
    """What the frequencies make of the hidden tokens of each block; the commonest is the guess."""
    usual = int(probabilities.argmax())
    losses = [float(-np.log(probabilities[np.asarray(tokens, dtype=np.int64)]).sum()) for tokens in hidden]
    sums = [
        (loss, len(tokens), sum(token == usual for token in tokens))
        for loss, tokens in zip(losses, hidden, strict=True)
    ]
    return Told.of(np.asarray(sums, dtype=np.float64).reshape(-1, 3))


def frequency_baseline(told: Told, seed: int) -> Baseline:
    """The baseline of a word's frequency with its scores."""
    return Baseline(
        name="frequency",
        title="Word frequency",
        explanation="Takes every masked word for one of the training texts at random, whatever stands beside it.",
        scores=word_scores(told, seed),
        seconds=0.0,
    )
