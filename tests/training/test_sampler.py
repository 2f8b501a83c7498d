"""Batches of texts of like length, in an order that the seed and the epoch decide."""

from __future__ import annotations

import math

import numpy as np
from accelerate.data_loader import BatchSamplerShard
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import BatchSampler

from autotrain.training.fit import Update
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


def test_mixed_updates_hold_short_and_long_texts_and_only_their_batches_are_of_like_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 513, 3200)
    sampler = Update.spread(32, devices=1, most=8).sampler(lengths.tolist(), 0, mixed=True)
    updates = lengths[np.asarray(list(sampler))].reshape(-1, 32)
    assert updates.mean(axis=1).std() < 40, "the means of updates differ as chance lets them: 148 / √32 is 26"
    assert (np.diff(updates, axis=1) >= 0).all()


@given(rows=st.integers(1, 500), devices=st.integers(1, 9), most=st.integers(1, 64))
def test_an_update_fits_its_devices_whatever_their_number(rows: int, devices: int, most: int) -> None:
    update = Update.spread(rows, devices, most)
    assert update.batch <= most
    room = update.batch * update.batches * devices
    assert rows <= room < rows + update.batches * devices


@given(most=st.integers(1, 32), accumulation=st.integers(1, 5), devices=st.integers(1, 9))
def test_on_the_devices_it_was_made_for_an_update_is_what_the_recipe_says(
    most: int, accumulation: int, devices: int
) -> None:
    update = Update.spread(most * accumulation * devices, devices, most)
    assert (update.batch, update.batches) == (most, accumulation)


@given(
    lengths=st.lists(st.integers(1, 512), min_size=1, max_size=200),
    rows=st.integers(1, 40),
    devices=st.integers(2, 5),
    most=st.integers(1, 16),
    epoch=st.integers(0, 5),
)
def test_several_devices_see_every_row_once_in_the_updates_that_one_device_would_see(
    lengths: list[int], rows: int, devices: int, most: int, epoch: int
) -> None:
    update, alone = Update.spread(rows, devices, most), LengthGroupedSampler(lengths, rows, 0)
    sampler = update.sampler(lengths, 0)
    for one in (sampler, alone):
        one.set_epoch(epoch)
    batches = BatchSampler(sampler, update.batch, drop_last=False)
    shards = [list(BatchSamplerShard(batches, devices, device)) for device in range(devices)]
    assert len({len(shard) for shard in shards}) == 1, "a device without a batch would be waited for for ever"
    assert len(list(sampler)) == len(sampler)
    updates = math.ceil(len(shards[0]) / update.batches)
    seen = [
        sorted(row for shard in shards for batch in shard[at : at + update.batches] for row in batch)
        for at in range(0, updates * update.batches, update.batches)
    ]
    real = [[row for row in part if row < len(lengths)] for part in seen]
    order = list(alone)
    assert real == [sorted(order[at : at + rows]) for at in range(0, len(order), rows)]
