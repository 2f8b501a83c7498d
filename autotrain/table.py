"""What is known about a table: frozen values, no I/O. Made by `autotrain.data`, read by tasks and pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from autotrain.events import Finding

if TYPE_CHECKING:
    import pyarrow

ROW_COLUMN = "__row__"
"""Hidden column of every imported table: the row's number in the original file as a spreadsheet shows it."""

ColumnKind = Literal[
    "text", "long text", "category", "number", "boolean", "date", "id", "url", "empty",
    "list", "spans", "messages", "answers", "image", "audio", "boxes",
]  # fmt: skip
"""What a column holds. `list`: tokens or tags, as JSON or parted by spaces; `spans`: marked places in a text;
`messages`: a conversation as JSON; `answers`: answers with their places in a text; `image` and `audio`: names of files;
`boxes`: places in an image.
"""
Certainty = Literal["sure", "guess", "needs you"]


class ColumnProfile(BaseModel):
    """One column, described. Lengths are in characters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: ColumnKind
    confidence: float = Field(ge=0, le=1)
    reason: str
    empty: int
    distinct: int
    examples: tuple[str, ...] = ()
    top_values: tuple[tuple[str, int], ...] = ()
    mean_length: float = 0.0
    median_length: float = 0.0
    longest: int = 0


class Profile(BaseModel):
    """A whole table, described. `rows` counts data rows, not the header."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    columns: tuple[ColumnProfile, ...]
    duplicate_rows: int = 0
    size_bytes: int
    sha256: str
    encoding: str
    delimiter: str = ""
    format: str = "delimited text"
    sheet: str = ""
    """The sheet of a workbook that was read; empty for other files."""
    sheets: tuple[str, ...] = ()
    """All sheets of a workbook, in its order."""
    findings: tuple[Finding, ...] = ()

    def column(self, name: str) -> ColumnProfile | None:
        """The column called `name`, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Table:
    """An imported table: every user column is a string column as the file has it, plus `ROW_COLUMN` (int64)."""

    profile: Profile
    rows: pyarrow.Table


@dataclass(frozen=True)
class RoleGuess:
    """Which column plays a role (`text`, `label`), how sure that is, and why."""

    role: str
    column: str | None
    certainty: Certainty
    reason: str


@dataclass(frozen=True)
class Fit:
    """How well a table suits a task: `score` from 0 (not at all) to 1, and the mapping it suggests."""

    score: float
    reason: str
    mapping: tuple[RoleGuess, ...]
