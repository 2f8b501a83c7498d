"""What the rows of a table look like, whatever is learned from them: which columns, what must hold, what a row is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from autotrain.data.findings import Rows
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Fit, Profile, Table
from autotrain.task import Column


class Shape(Protocol):
    """One kind of table. Each is one class in this folder."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    roles: ClassVar[tuple[Column, ...]]

    def suits(self, profile: Profile) -> Fit:
        """How well a table has this shape, and which column plays which role."""
        ...

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        """What is wrong or worth knowing about the rows."""
        ...

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        """Row numbers of the file with the rows in this shape's one form; rows that have it not are left out."""
        ...


def cells(table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Row numbers of the file with the cells by role."""
    names = list(columns.values())
    for batch in table.rows.select([ROW_COLUMN, *dict.fromkeys(names)]).to_batches():
        lists = {name: batch.column(name).to_pylist() for name in names}
        for place, number in enumerate(batch.column(ROW_COLUMN).to_pylist()):
            yield number, {role: lists[name][place] for role, name in columns.items()}


@dataclass
class Faults:
    """Rows by what is wrong with them, each row by its first fault."""

    said: Mapping[str, tuple[str, str]]
    """For each code what such a row has, to end a sentence, and the remedy."""
    found: dict[str, Rows] = field(default_factory=dict)
    seen: int = 0

    def note(self, number: int, code: str | None) -> None:
        """A row and its fault, if it has one."""
        self.seen += 1
        if code is not None:
            self.found.setdefault(code, Rows()).add(number)

    def findings(self, column: str) -> list[Finding]:
        """An error for each fault, with its rows and the way to leave them out; all rows cannot be left out."""
        made = []
        for code, rows in self.found.items():
            has, remedy = self.said[code]
            made.append(
                Finding(
                    severity="error",
                    code=code,
                    message=f"{rows.named()} {'has' if rows.count == 1 else 'have'} {has}",
                    remedy=remedy,
                    column=column,
                    count=rows.count,
                    rows=tuple(rows.first),
                    fix=rows.dropping() if rows.count < self.seen else None,
                )
            )
        return made
