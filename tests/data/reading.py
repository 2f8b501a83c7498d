"""Reading some bytes as the app does, short to write and short to look at."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from autotrain.data.read import import_table
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.events import Finding
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN, Profile


@dataclass(frozen=True)
class Read:
    """A table that was read."""

    profile: Profile
    names: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: list[int]

    def column(self, name: str) -> list[str]:
        """Its cells."""
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    @property
    def codes(self) -> list[str]:
        """What was noticed."""
        return [finding.code for finding in self.profile.findings]

    def finding(self, code: str) -> Finding:
        """The one finding with this code."""
        (found,) = [finding for finding in self.profile.findings if finding.code == code]
        return found


def read(content: bytes, folder: Path, settings: Settings, name: str = "table.csv") -> Read:
    """Import `content` as a file called `name`. Raises DataError."""
    source, target = folder / name, folder / "read"
    source.write_bytes(content)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    profile = import_table(source, target, settings)
    assert sorted(path.name for path in target.iterdir() if path.name != "files") == ["profile.json", TABLE_FILE]
    with pa.memory_map(str(target / TABLE_FILE)) as file:
        table = pa.ipc.open_file(file).read_all()
        numbers = table[ROW_COLUMN].to_pylist()
        rows = list(zip(*(column.to_pylist() for column in table.drop_columns([ROW_COLUMN]).columns), strict=True))
    names = tuple(column.name for column in profile.columns)
    assert profile.rows == len(rows) and table.column_names == [*names, ROW_COLUMN]
    return Read(profile, names, rows, numbers)


def sentence(error: DataError, name: str) -> None:
    """Assert that a refusal names the file, says what is wrong and what to do, and is no library's outcry."""
    assert name in error.message, error.message
    assert error.code != "data" and error.message.rstrip().endswith("."), error.message
    assert error.message.count(". ") >= 1, error.message  # what is wrong, and then a remedy
    assert "Traceback" not in error.message and len(error.message) < 600, error.message
