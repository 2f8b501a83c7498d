"""Batches of texts of like length: less padding, and an order that depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

UPDATES_SORTED_TOGETHER = 50
"""Rows are shuffled, then sorted by length within this many updates: enough to pad little, few enough to stay mixed."""


class LengthGroupedSampler:
    """Row numbers in training order. The same seed and epoch give the same order, also after a resume.

    Args:
        lengths: of the rows, in tokens.
        batch_size: rows of one update.
        seed: of the order.
        multiple: rows that one batch of every device makes together.
        sorted_together: updates whose rows are sorted by length together; with 1 every update is drawn at random, and
            only its own batches are of like length.

    Several devices need as many rows each: every batch is filled up to a multiple of `multiple` with the number behind
    the last row's, which stands for a row that counts for nothing. Accelerate would repeat rows instead.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        batch_size: int,
        seed: int,
        multiple: int = 1,
        sorted_together: int = UPDATES_SORTED_TOGETHER,
    ) -> None:
        self._lengths = np.asarray(lengths, dtype=np.int64)
        self._batch_size = batch_size
        self._seed = seed
        self._multiple = multiple
        self._sorted_together = sorted_together
        self._epoch = 0

    @property
    def rows(self) -> int:
        """Real rows in one full batch."""
        return self._batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader at the start of each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        full, rest = divmod(len(self._lengths), self._batch_size)
        return full * self._filled(self._batch_size) + self._filled(rest)

    def __iter__(self) -> Iterator[int]:
        random = np.random.default_rng([self._seed, self._epoch])
        rows = random.permutation(len(self._lengths))
        block = self._batch_size * self._sorted_together
        batches: list[np.ndarray[tuple[int], np.dtype[np.int64]]] = []
        for start in range(0, len(rows), block):
            part = rows[start : start + block]
            part = part[np.argsort(self._lengths[part], kind="stable")]
            batches += [part[at : at + self._batch_size] for at in range(0, len(part), self._batch_size)]
        # A batch that is not full must come last, or the loader would join rows of unlike length across batches.
        short = [batch for batch in batches if len(batch) < self._batch_size]
        full = [batch for batch in batches if len(batch) == self._batch_size]
        for index in random.permutation(len(full)):
            yield from self._fill(full[index].tolist())
        for batch in short:
            yield from self._fill(batch.tolist())

    def _filled(self, rows: int) -> int:
        return -(-rows // self._multiple) * self._multiple

    def _fill(self, batch: list[int]) -> list[int]:
        return batch + [len(self._lengths)] * (self._filled(len(batch)) - len(batch))
