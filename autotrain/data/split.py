"""Dividing rows into train, validation and test: reproducible, equal texts never on both sides, and told as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from autotrain.data.assign import fold_of, stratify
from autotrain.data.check import listed
from autotrain.data.given import divide_as_given
from autotrain.data.times import parsed_times
from autotrain.data.units import Array, Units, units_of
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.table import Table

SPLITS = ("train", "validation", "test")


class SplitSpec(Protocol):
    """How to divide, as a recipe gives it."""

    @property
    def method(self) -> str: ...
    @property
    def column(self) -> str | None: ...
    @property
    def validation(self) -> float: ...
    @property
    def test(self) -> float: ...
    @property
    def folds(self) -> int: ...
    @property
    def fold(self) -> int: ...
    @property
    def near_duplicates(self) -> str: ...
    @property
    def seed(self) -> int: ...


@dataclass(frozen=True, eq=False)
class Splits:
    """For each row of the table its part: 0 train, 1 validation, 2 test, -1 left out. `per_class` counts them."""

    part: Array
    per_class: dict[str, tuple[int, int, int]]
    findings: tuple[Finding, ...] = ()

    def rows(self, name: str) -> tuple[int, ...]:
        """Positions in the table of the rows of `train`, `validation` or `test`, in file order."""
        return tuple(np.flatnonzero(self.part == SPLITS.index(name)).tolist())

    def count(self, name: str) -> int:
        """How many rows a part has."""
        return int(np.count_nonzero(self.part == SPLITS.index(name)))

    @property
    def dropped(self) -> int:
        """Rows in no part."""
        return int(np.count_nonzero(self.part == -1))


def split_table(
    table: Table, text_columns: Sequence[str], label_column: str | None, split: SplitSpec, near: Array | None = None
) -> Splits:
    """Divide the rows of `table`; those with the same number of 0 and more in `near` stay together.

    Rows without a text or a label are left out. Texts count as equal when they differ only in case or white space.
    Except with `time` and `given`, which rows go where depends on their content and the seed, not on their order.

    Raises:
        DataError: there are too few different texts for three parts, the column does not exist or does not say what
            the method needs.
    """
    if split.column is not None and table.profile.columns and table.profile.column(split.column) is None:
        known = listed([column.name for column in table.profile.columns], 20)
        raise DataError(
            f'There is no column "{split.column}" to split by. Choose one of {known}.', code="no-such-column"
        )
    together = [_groups(table, split.column)] if split.method == "grouped" and split.column else []
    together += [near] if near is not None else []
    units = units_of(table.rows, text_columns, label_column, split.seed, together)
    findings: list[Finding] = []
    if split.method == "time":
        part = _by_time(table, units, split, findings)
    elif split.method == "given":
        part = divide_as_given(table, units, split, text_columns, findings)
    else:
        part = _by_chance(units, split)
    part = _without_unlearned(units, part, findings)
    if not all(np.any(part == number) for number in range(3)):
        raise _too_few(units, split)
    return Splits(part, _per_class(units, part), tuple(findings))


def _by_chance(units: Units, split: SplitSpec) -> Array:
    if split.method == "k-fold":
        tested = fold_of(units, split.folds) == split.fold - 1
        parts = stratify(units, split.validation, 0.0, fixed=np.where(tested, 2, -1))
    else:
        parts = stratify(units, split.validation, split.test)
    return _of_rows(units, parts)


def _of_rows(units: Units, parts: Array) -> Array:
    return np.where(units.unit >= 0, parts[units.unit] if len(parts) else -1, -1).astype(np.int8)


def _by_time(table: Table, units: Units, split: SplitSpec, findings: list[Finding]) -> Array:
    """The newest rows for the test, those before for validation. A text that comes again later counts once."""
    assert split.column is not None
    times, said = parsed_times(table, split.column)
    findings += said
    dated = ~np.isnan(times) & (units.unit >= 0)
    ordered = np.sort(times[dated])
    if not len(ordered):
        raise _too_few(units, split)
    cuts = [
        ordered[min(len(ordered) - 1, int(len(ordered) * (1 - share)))]
        for share in (split.test + split.validation, split.test)
    ]
    part = np.where(times >= cuts[1], 2, np.where(times >= cuts[0], 1, 0))
    part = np.where(dated, part, -1)
    first = np.full(units.count, 3)
    np.minimum.at(first, units.unit[dated], part[dated])
    again = dated & (part > first[units.unit])
    if np.any(again):
        findings.append(
            Finding(
                severity="warning",
                code="repeated-later",
                message=f"{int(again.sum()):,} rows have a text that an earlier part has too; they are left out.",
                remedy="Nothing is to be done: the test then asks only what was not learned.",
                count=int(again.sum()),
                column=split.column,
            )
        )
    return np.where(again, -1, part).astype(np.int8)


def _groups(table: Table, column: str) -> Array:
    """A number for each value of the column; empty cells are groups of their own."""
    encoded = table.rows[column].combine_chunks().dictionary_encode()
    chunks = encoded.chunks if hasattr(encoded, "chunks") else [encoded]
    numbers = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in chunks]).astype(np.int64)
    empty = [place for place, name in enumerate(chunks[0].dictionary.to_pylist()) if not name.strip()]
    return np.where(np.isin(numbers, empty), -1, numbers)


def _without_unlearned(units: Units, part: Array, findings: list[Finding]) -> Array:
    """Rows of classes that training never sees are left out of the other parts, and that is said."""
    learned = np.unique(units.label[part == 0])
    unlearned = (part > 0) & ~np.isin(units.label, learned)
    if np.any(unlearned):
        names = [units.labels[code] for code in np.unique(units.label[unlearned])]
        some = "class is" if len(names) == 1 else "classes are"
        findings.append(
            Finding(
                severity="warning",
                code="class-not-trained",
                message=f"{len(names)} {some} only in validation or test rows and cannot be learned: {listed(names)}. "
                "Their rows are left out.",
                remedy="Choose another way to split, or add rows of these classes to the training rows.",
                count=int(unlearned.sum()),
            )
        )
    return np.where(unlearned, -1, part).astype(np.int8)


def _per_class(units: Units, part: Array) -> dict[str, tuple[int, int, int]]:
    used = part >= 0
    counts = np.zeros((len(units.labels), 3), np.int64)
    np.add.at(counts, (units.label[used], part[used]), 1)
    return {name: (int(a), int(b), int(c)) for name, (a, b, c) in zip(units.labels, counts, strict=True) if a + b + c}


def _too_few(units: Units, split: SplitSpec) -> DataError:
    classes = len(units.labels)
    if split.method in ("time", "given", "grouped") and units.count >= classes + 2:
        return DataError(
            f'Split by "{split.column}", training, validation or test has no rows. Choose another column or another '
            "way to split.",
            code="empty-split",
        )
    texts = "1 different text" if units.count == 1 else f"{units.count} different texts"
    if classes < 2:
        return DataError(
            f"There {'is' if units.count == 1 else 'are'} only {texts} to learn from, too few for training, validation "
            "and test. Add rows: at least 3 different ones, and some hundred are better.",
            code="too-few-rows",
        )
    has = "has" if units.count == 1 else "have"
    return DataError(
        f"Only {texts} {has} a label, too few for training, validation and test with {classes} classes. Add rows: at "
        f"least {classes + 2} different texts, so that each class has one to learn from and two are left to measure.",
        code="too-few-rows",
    )
