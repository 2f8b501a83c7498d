"""Batches of texts of like length, in an order that the seed and the epoch decide."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autotrain.training.sampler import LengthGroupedSampler

LENGTHS = st.lists(st.integers(1, 512), max_size=400)


@given(lengths=LENGTHS, batch=st.integers(1, 40), seed=st.integers(0, 2**32 - 1), epoch=st.integers(0, 50))
def test_every_row_comes_once_and_the_same_epoch_comes_the_same(
    lengths: list[int], batch: int, seed: int, epoch: int
) -> None:
    def order() -> list[int]:
        sampler = LengthGroupedSampler(lengths, batch, seed)
        sampler.set_epoch(epoch)
        return list(sampler)

    assert sorted(order()) == list(range(len(lengths)))
    assert order() == order()


def test_epochs_and_seeds_differ() -> None:
    lengths = list(range(1, 101))
    first, other_seed = LengthGroupedSampler(lengths, 4, 1), LengthGroupedSampler(lengths, 4, 2)
    epoch_0 = list(first)
    first.set_epoch(1)
    assert epoch_0 != list(first)
    assert epoch_0 != list(other_seed)


def test_a_batch_holds_texts_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 513, 3203)
    order = np.asarray(list(LengthGroupedSampler(lengths.tolist(), 16, 0)))

    def padded(rows: np.ndarray) -> int:
        return sum(int(lengths[part].max()) * len(part) for part in np.split(rows, range(16, len(rows), 16)))

    assert padded(order) < 1.1 * lengths.sum()
    assert padded(np.arange(len(lengths))) > 1.7 * lengths.sum()
