"""Several tables of the same columns as one, with a column that says which file or part each row is from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from autotrain.data.archives import Member
from autotrain.data.header import name_columns
from autotrain.data.media import split_of
from autotrain.data.reading import Reading, Records
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.table import Profile

Part = tuple[Member, Path, Profile]
"""A table, the folder it was imported to, and what it is like."""


def read_several(parts: Sequence[Part], name: str) -> Reading:
    """The rows of all tables, numbered through.

    Raises:
        DataError: they have different columns.
    """
    names = [column.name for column in parts[0][2].columns]
    for member, _, profile in parts[1:]:
        others = [column.name for column in profile.columns]
        if set(others) != set(names):
            raise DataError(
                f"The tables in {name} have different columns: {parts[0][0].name} has {', '.join(names)}, and "
                f"{member.name} has {', '.join(others)}. Name the columns alike, or choose one of the files.",
                code="different-columns",
            )
    splits = [split_of(member) for member, _, _ in parts]
    added = "split" if all(splits) and "split" not in names else "file" if "file" not in names else None
    values = splits if added == "split" else [str(member.name) for member, _, _ in parts]
    header = name_columns(0, [*names, *([added] if added else [])])
    findings = [_numbered(parts), *_of_files(parts)]
    return Reading("several files", header, _records(parts, names, values if added else None), findings)


def _records(parts: Sequence[Part], names: Sequence[str], values: Sequence[str] | None) -> Records:
    number = 0
    for place, (_, folder, _) in enumerate(parts):
        table = pa.ipc.open_file(pa.memory_map(str(folder / TABLE_FILE))).read_all().select(list(names))
        extra = [values[place]] if values is not None else []
        for batch in table.to_batches():
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                yield number, [*cells, *extra]


def _of_files(parts: Sequence[Part]) -> Iterator[Finding]:
    """What each file's reader noticed, under the file's name: its row numbers are those of the file itself."""
    for member, _, profile in parts:
        for finding in profile.findings:
            yield finding.model_copy(update={"message": f"{member.name}: {finding.message}", "rows": (), "fix": None})


def _numbered(parts: Sequence[Part]) -> Finding:
    """Which rows are from which file, because row numbers run through."""
    told, first = [], 1
    for member, _, profile in parts:
        told.append(f"{member.name} has {first:,} to {first + profile.rows - 1:,}")
        first += profile.rows
    more = f" and {len(told) - 5} more" if len(told) > 5 else ""
    return Finding(
        severity="warning",
        code="several-files",
        message=f"{len(parts)} files are one table with rows numbered through: {', '.join(told[:5])}{more}.",
        remedy="Nothing is to be done.",
        count=len(parts),
    )
