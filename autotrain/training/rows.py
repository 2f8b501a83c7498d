"""One split of a run in memory, in the form of its shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from autotrain.data.freeze import read_split
from autotrain.data.shapes import SHAPES
from autotrain.table import Profile, Table


class SplitRows:
    """The rows of one split that have the shape. `numbers` are those of the original file; the header is row 1."""

    def __init__(self, data: Path, name: str, shape: str) -> None:
        profile = Profile.model_validate_json((data / "profile.json").read_bytes())
        table = read_split(data, name)
        roles = {role.role: role.role for role in SHAPES[shape].roles if role.role in table.column_names}
        found = list(SHAPES[shape].rows(Table(profile, table), roles))
        self.numbers: list[int] = [number for number, _ in found]
        self.rows: list[Any] = [row for _, row in found]

    def keep(self, wanted: Callable[[Any], bool]) -> list[Any]:
        """Keep the rows that are wanted; returns the others."""
        found = [(number, row, wanted(row)) for number, row in self.numbered()]
        self.numbers = [number for number, _, kept in found if kept]
        self.rows = [row for _, row, kept in found if kept]
        return [row for _, row, kept in found if not kept]

    def __len__(self) -> int:
        return len(self.rows)

    def numbered(self) -> list[tuple[int, Any]]:
        """(number, row) pairs."""
        return list(zip(self.numbers, self.rows, strict=True))
