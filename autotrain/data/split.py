"""Dividing rows into train, validation and test: stratified, reproducible, equal texts never on both sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import pyarrow as pa

from autotrain.errors import DataError
from autotrain.table import Table

SPLITS = ("train", "validation", "test")

_GUARANTEED = 5
"""A class with this many different texts is in every split; with fewer, training needs what there is."""


@dataclass(frozen=True)
class Splits:
    """Positions in the table of each split's rows, in file order. `per_class` counts rows by label and split."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    dropped: int
    per_class: dict[str, tuple[int, int, int]]

    def rows(self, name: str) -> tuple[int, ...]:
        """The rows of `train`, `validation` or `test`."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


@dataclass(slots=True)
class _Group:
    """Rows with equal text, which stay together. `order` is a hash, so that it does not depend on the file's order."""

    order: bytes
    rows: list[int] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    split: int = 0

    @property
    def label(self) -> str:
        """The label most of its rows have."""
        if len(self.labels) == 1:
            return next(iter(self.labels))
        return min(self.labels, key=lambda label: (-self.labels[label], label))


def split_table(
    table: Table, text_columns: Sequence[str], label_column: str | None, validation: float, test: float, seed: int
) -> Splits:
    """Divide the rows of `table`.

    Rows without a text or a label are left out. Texts count as equal when they differ only in case or white space.
    Which rows go where depends on their content and the seed, not on their order.

    Raises:
        DataError: there are too few different texts for three splits with every class in training.
    """
    groups, dropped = _groups(table.rows, text_columns, label_column, seed)
    classes: defaultdict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        classes[group.label].append(group)
    for label, quota in _quotas(classes, validation, test).items():
        _assign(classes[label], *quota)
    _cover(groups)
    for split in (2, 1):
        _fill(groups, split)
    parts = [[row for group in groups if group.split == split for row in group.rows] for split in range(3)]
    if not all(parts):
        raise _too_few(len(groups), len({label for group in groups for label in group.labels}))
    train, held_out, tested = (tuple(sorted(part)) for part in parts)
    return Splits(train, held_out, tested, dropped, _count(groups))


def _groups(
    rows: pa.Table, text_columns: Sequence[str], label_column: str | None, seed: int
) -> tuple[list[_Group], int]:
    """Usable rows by equal text, in an order that only content and seed decide; and how many rows are not usable."""
    names = [*text_columns, *([label_column] if label_column else [])]
    groups: dict[bytes, _Group] = {}
    position = dropped = 0
    for batch in rows.select(names).to_batches():
        for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            texts = cells[: len(text_columns)]
            label = cells[-1] if label_column else ""
            if all(cell.strip() for cell in cells):
                key = _text_key(texts, seed)
                group = groups.get(key)
                if group is None:
                    group = groups[key] = _Group(key)
                group.rows.append(position)
                group.labels[label] = group.labels.get(label, 0) + 1
            else:
                dropped += 1
            position += 1
    return sorted(groups.values(), key=lambda group: group.order), dropped


def _text_key(texts: Sequence[str], seed: int) -> bytes:
    plain = "\x1f".join(" ".join(text.split()).casefold() for text in texts)
    return blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=16, salt=seed.to_bytes(16, "little")).digest()


def _quotas(classes: dict[str, list[_Group]], validation: float, test: float) -> dict[str, tuple[int, int]]:
    """Rows of each class for validation and test: shares rounded so that the totals are right (largest remainder)."""
    sizes = {label: sum(len(group.rows) for group in found) for label, found in sorted(classes.items())}
    quotas: list[dict[str, int]] = []
    for share in (validation, test):
        exact = {label: share * size for label, size in sizes.items()}
        quota = {label: int(value) for label, value in exact.items()}
        for label in sizes:
            if len(classes[label]) >= _GUARANTEED:
                quota[label] = max(1, quota[label])
        missing = max(1, round(share * sum(sizes.values()))) - sum(quota.values())
        # A second share must not take the remainder from the classes that gave the first one theirs.
        taken = quotas[0] if quotas else dict.fromkeys(sizes, 0)
        rest = sorted(
            sizes, key=lambda label: (taken[label] > share * sizes[label], quota[label] - exact[label], label)
        )
        for label in rest[: max(0, missing)]:
            quota[label] += 1
        quotas.append(quota)
    return {label: (quotas[0][label], quotas[1][label]) for label in sizes}


def _assign(groups: list[_Group], validation: int, test: int) -> None:
    """Give whole groups to test and validation until their quotas are met; the first group always trains."""
    left = [0, validation, test]
    for group in groups[1:]:
        size = len(group.rows)
        for split in (2, 1):
            if size <= left[split]:
                group.split = split
                left[split] -= size
                break


def _cover(groups: list[_Group]) -> None:
    """Bring every label into training, also one that only occurs beside a more frequent label of the same text."""
    trained = {label for group in groups if group.split == 0 for label in group.labels}
    for group in groups:
        if group.split and not trained.issuperset(group.labels):
            group.split = 0
            trained.update(group.labels)


def _fill(groups: list[_Group], split: int) -> None:
    """Give an empty split the smallest group that training, or else the other of the two, can spare."""
    if any(group.split == split for group in groups):
        return
    carriers = Counter(label for group in groups if group.split == 0 for label in group.labels)
    spare = [group for group in groups if group.split == 0 and all(carriers[label] > 1 for label in group.labels)]
    other = [group for group in groups if group.split == 3 - split]
    if not spare and len(other) > 1:
        spare = other
    if spare:
        min(spare, key=lambda group: (len(group.rows), group.order)).split = split


def _count(groups: list[_Group]) -> dict[str, tuple[int, int, int]]:
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for group in groups:
        for label, times in group.labels.items():
            counts[label][group.split] += times
    return {label: (train, validation, test) for label, (train, validation, test) in sorted(counts.items())}


def _too_few(texts: int, classes: int) -> DataError:
    have = "1 different text has" if texts == 1 else f"{texts} different texts have"
    what = "1 class" if classes == 1 else f"{classes} classes"
    return DataError(
        f"Only {have} a label, too few for training, validation and test with {what}. Add rows: at least {classes + 2} "
        "different texts, so that each class has one to learn from and two are left to measure.",
        code="too-few-rows",
    )
