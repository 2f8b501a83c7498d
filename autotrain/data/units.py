"""Rows that belong on one side of a split: equal texts, and what a column or their likeness joins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Units:
    """The rows of a table as units that are never parted.

    `unit` and `label` have a number for each row, -1 for rows without a text or a label. Units are numbered in an
    order that depends on their texts and the seed alone, not on the file's order: by chance, and always the same.
    `pairs` are the different (unit, label) with `times`, how many rows have both.
    """

    unit: Array
    label: Array
    labels: tuple[str, ...]
    sizes: Array
    major: Array
    pairs: tuple[Array, Array]

    @property
    def count(self) -> int:
        """How many units there are."""
        return len(self.sizes)

    def without(self, rows: Array) -> Units:
        """The same without some rows (a mask); units that become empty go."""
        return _counted(np.where(rows, -1, self.unit), np.where(rows, -1, self.label), self.labels)


def units_of(
    rows: pa.Table, texts: Sequence[str], label: str | None, seed: int, together: Sequence[Array] = ()
) -> Units:
    """Units of the rows.

    Args:
        rows: the table.
        texts: the columns that are compared; equal is what differs only in case and white space.
        label: the column that is learned, or None.
        seed: decides the order.
        together: for each row a number; rows with the same number of 0 and more are joined too.
    """
    keys, usable = _keys(rows, texts, label, seed)
    codes, labels = _codes(rows, label, usable)
    unit = np.full(len(keys), -1, np.int64)
    found, inverse = np.unique(keys[usable], return_inverse=True)
    unit[usable] = inverse.reshape(-1)
    for numbers in together if len(found) else ():
        unit = _joined(unit, numbers, len(found))
    return _counted(unit, codes, labels)


def _keys(rows: pa.Table, texts: Sequence[str], label: str | None, seed: int) -> tuple[Array, Array]:
    """A hash of each row's texts, and which rows have all they need."""
    salt = seed.to_bytes(16, "little")
    keys = np.zeros(rows.num_rows, np.uint64)
    usable = np.zeros(rows.num_rows, bool)
    start = 0
    for batch in rows.select([*texts, *([label] if label else [])]).to_batches():
        filled = np.ones(len(batch), bool)
        for column in batch.columns:
            length = pc.utf8_length(pc.utf8_trim_whitespace(column))
            filled &= pc.greater(length, 0).to_numpy(zero_copy_only=False)
        cells = zip(*(column.to_pylist() for column in batch.columns[: len(texts)]), strict=True)
        hashes = b"".join(_hash(texts, salt) for texts in cells)
        usable[start : start + len(batch)] = filled
        keys[start : start + len(batch)] = np.frombuffer(hashes, ">u8")
        start += len(batch)
    return keys, usable


def _hash(texts: tuple[str, ...], salt: bytes) -> bytes:
    plain = "\x1f".join([" ".join(text.split()).casefold() for text in texts])
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=8, salt=salt).digest()


def _codes(rows: pa.Table, label: str | None, usable: Array) -> tuple[Array, tuple[str, ...]]:
    """Each row's label as a number in the order of their names."""
    if label is None:
        return np.where(usable, 0, -1), ("",)
    encoded = rows[label].combine_chunks() if rows.num_rows else pa.array([], pa.string())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = pa.concat_arrays(encoded.chunks)
    encoded = encoded.dictionary_encode()
    names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    used = sorted({names[code] for code in np.unique(codes[usable])})
    place = {name: number for number, name in enumerate(used)}
    table = np.array([place.get(name, -1) for name in names], np.int64)
    return np.where(usable, table[codes] if len(table) else codes, -1), tuple(used)


def _joined(unit: Array, numbers: Array, count: int) -> Array:
    """Units joined where their rows have the same number; the first unit's place decides the order."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    tied = (unit >= 0) & (numbers >= 0)
    _, group = np.unique(numbers[tied], return_inverse=True)
    group = group.reshape(-1)
    size = count + (int(group.max()) + 1 if len(group) else 0)
    edges = coo_array((np.ones(len(group), np.int8), (unit[tied], count + group)), shape=(size, size))
    _, component = connected_components(edges, directed=False)
    first = np.full(size, count, np.int64)
    np.minimum.at(first, component[:count], np.arange(count))
    _, renumbered = np.unique(first[component[:count]], return_inverse=True)
    return np.where(unit >= 0, renumbered.reshape(-1)[unit], -1)


def _counted(unit: Array, label: Array, labels: tuple[str, ...]) -> Units:
    """Units numbered without gaps, with their sizes and labels counted."""
    usable = unit >= 0
    _, dense = np.unique(unit[usable], return_inverse=True)
    numbered = np.full(len(unit), -1, np.int64)
    numbered[usable] = dense.reshape(-1)
    count = int(numbered.max(initial=-1)) + 1
    sizes = np.bincount(numbered[usable], minlength=count)
    pairs, times = np.unique(numbered[usable] * len(labels) + label[usable], return_counts=True)
    of, has = pairs // max(1, len(labels)), pairs % max(1, len(labels))
    best = np.lexsort((has, -times, of))
    leading = best[np.unique(of[best], return_index=True)[1]] if len(best) else best
    return Units(numbered, label, labels, sizes, has[leading], (of, has))
