"""Describing columns while they stream past, in memory that does not grow with the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from autotrain.data.kinds import Counts, Tally, judge
from autotrain.table import ColumnProfile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOP_CAPACITY = 20_000
"""Different values of one column that are counted; with fewer the top values are exact."""
_TOP_CHARACTERS = 200
_TOP_VALUES = 50
_EXAMPLES = 5
_DISTINCT_BUDGET = 1_000_000
"""Hashes kept over all columns, 8 bytes each. Three columns are exact up to 250,000 rows."""
_WAITING = 65_536
"""Hashes that are seen before they are sorted among the kept ones: sorting costs per call, not per hash."""
_ESTIMATE_ERROR = 0.01
"""An estimate is off by less than this: four standard errors for the 125,000 hashes kept at least with few columns."""


class DistinctCount:
    """Counts different values: exactly up to `capacity`, then by keeping ever fewer hashes (adaptive sampling)."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._level = capacity, 0
        self._kept: NDArray[np.uint64] | None = None
        self._new: list[NDArray[np.uint64]] = []
        self._waiting = 0

    def see(self, values: pa.Array) -> None:
        """Count every value of a batch once, however often it is seen."""
        from pandas.util import hash_array

        # SipHash in C with a fixed key: the same file gives the same estimate in every process.
        hashes = self._at_level(hash_array(values.to_numpy(zero_copy_only=False), categorize=False))
        self._new.append(hashes)
        self._waiting += len(hashes)
        if self._waiting > max(_WAITING, self._capacity):
            self._settle()

    def _settle(self) -> NDArray[np.uint64]:
        """Every different hash, as few as fit the capacity."""
        import numpy as np

        known = [] if self._kept is None else [self._kept]
        kept = np.sort(np.concatenate([*known, *self._new, np.array([], np.uint64)]))
        kept = kept[np.diff(kept, prepend=~kept[:1]) != 0]  # by sorting: twice as fast as unique, which hashes again
        while len(kept) > self._capacity:
            self._level += 1
            kept = self._at_level(kept)
        self._kept, self._new, self._waiting = kept, [], 0
        return kept

    def _at_level(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
        import numpy as np

        kept: NDArray[np.uint64] = hashes[hashes & np.uint64((1 << self._level) - 1) == 0]
        return kept

    @property
    def exact(self) -> bool:
        """Whether `count` is exact."""
        self._settle()
        return self._level == 0

    @property
    def count(self) -> int:
        """How many different values were seen."""
        return len(self._settle()) << self._level


class ColumnWatch:
    """Describes one column, batch by batch."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self._distinct = DistinctCount(capacity)
        self._top: Counter[str] = Counter()
        self._tally = Tally()
        self._lengths: Counter[int] = Counter()
        self._examples: list[str] = []
        self._known: pa.Array | None = None
        self.rows = self.empty = self._characters = self._longest = 0

    def see(self, values: pa.Array) -> None:
        """Take in one batch of cells."""
        self.rows += len(values)
        filled = values.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(values)), 0))
        self.empty += len(values) - len(filled)
        if not len(filled):
            return
        lengths = pc.utf8_length(filled)
        self._characters += pc.sum(lengths).as_py()
        self._longest = max(self._longest, pc.max(lengths).as_py())
        for pair in pc.value_counts(lengths):
            length = pair["values"].as_py()
            # Beyond 4,096 characters a median to the nearest hundred is enough, and keeps the table small.
            self._lengths[length if length < 4096 else round(length, -2)] += pair["counts"].as_py()
        counted = pc.value_counts(filled)
        self._distinct.see(counted.field(0))
        if self._tally.full and len(self._top) >= _TOP_CAPACITY:
            # Nothing new is counted any more: only what is counted already is worth a look in Python.
            self._known = pa.array(list(self._top), pa.string()) if self._known is None else self._known
            counted = counted.filter(pc.is_in(counted.field(0), value_set=self._known))
        for value, times in zip(counted.field(0).to_pylist(), counted.field(1).to_pylist(), strict=True):
            self._count(value, times)

    def _count(self, value: str, times: int) -> None:
        self._tally.see(value, times)
        if len(self._examples) < _EXAMPLES:
            shown = value if len(value) <= _TOP_CHARACTERS else value[: _TOP_CHARACTERS - 1] + "…"
            if shown not in self._examples:
                self._examples.append(shown)
        if len(value) <= _TOP_CHARACTERS and (value in self._top or len(self._top) < _TOP_CAPACITY):
            self._top[value] += times

    def profile(self) -> ColumnProfile:
        """The column as seen so far."""
        filled = self.rows - self.empty
        mean = self._characters / filled if filled else 0.0
        distinct = min(self._distinct.count, filled)
        if not self._distinct.exact and distinct > (1 - _ESTIMATE_ERROR) * filled:
            distinct = filled
        verdict = judge(Counts(self.name, filled, distinct, mean, self._longest), self._tally)
        return ColumnProfile(
            name=self.name,
            kind=verdict.kind,
            confidence=round(verdict.confidence, 2),
            reason=verdict.reason if self._distinct.exact else f"{verdict.reason} (counts are estimates)",
            empty=self.empty,
            distinct=distinct,
            examples=tuple(self._examples),
            top_values=tuple(sorted(self._top.items(), key=lambda item: (-item[1], item[0]))[:_TOP_VALUES]),
            mean_length=round(mean, 1),
            median_length=float(self._median()),
            longest=self._longest,
        )

    def _median(self) -> float:
        half, seen = sum(self._lengths.values()) / 2, 0
        for length in sorted(self._lengths):
            seen += self._lengths[length]
            if seen >= half:
                return float(length)
        return 0.0


class TableWatch:
    """Describes a whole table, batch by batch."""

    def __init__(self, names: Sequence[str]) -> None:
        capacity = max(1024, _DISTINCT_BUDGET // (len(names) + 1))
        self._columns = [ColumnWatch(name, capacity) for name in names]
        self._rows = DistinctCount(capacity)
        self.rows = 0

    def see(self, columns: Sequence[pa.Array]) -> None:
        """Take in one batch of cells, column by column."""
        self.rows += len(columns[0])
        self._rows.see(pc.binary_join_element_wise(*columns, "\x1f"))
        for watch, values in zip(self._columns, columns, strict=True):
            watch.see(values)

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Each column, described."""
        return tuple(watch.profile() for watch in self._columns)

    @property
    def duplicate_rows(self) -> int:
        """Rows that repeat an earlier row in every cell; 0 where an estimate cannot tell them from none."""
        repeated = max(0, self.rows - self._rows.count)
        return repeated if self._rows.exact or repeated > _ESTIMATE_ERROR * self.rows else 0
