"""A table in, the same table with predictions out, in flat memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autotrain.answers import AnyAnswer, Scores
from autotrain.errors import DataError
from autotrain.predictor.out import CsvOut, Out, ParquetOut
from autotrain.table import ROW_COLUMN, Table
from autotrain.task import Predictor

Progress = Callable[[int, int], None]

# One question to the answering process: long enough to sort by length and fill batches, short enough to show progress.
ROWS_AT_ONCE = 64

LABELS_NAMED = 5


@dataclass(frozen=True)
class FilePrediction:
    """What came of a table. `accuracy` is over the `compared` rows whose own label the adapter knows."""

    path: Path
    rows: int
    empty: int
    compared: int
    accuracy: float | None
    unseen_labels: tuple[str, ...]

    def sentences(self) -> list[str]:
        """What a person must know about the file."""
        said = [f"{_count(self.rows - self.empty)} predicted."]
        if self.empty:
            verb = "has" if self.empty == 1 else "have"
            said.append(f"{_count(self.empty)} {verb} an empty text and got no prediction.")
        if self.accuracy is not None:
            said.append(f"{self.accuracy:.1%} of the {_count(self.compared)} with a known label agree with it.")
        if self.unseen_labels:
            shown = ", ".join(f"“{label[:60]}”" for label in self.unseen_labels[:LABELS_NAMED])
            more = len(self.unseen_labels) - LABELS_NAMED
            tail = f" and {more} more" if more > 0 else ""
            said.append(
                f"The adapter was never trained on {shown}{tail}, so it cannot predict them; "
                "these rows are left out of the agreement."
            )
        return said


@dataclass
class _Agreement:
    """Counts of rows whose own label the adapter knows, and the labels it does not know."""

    compared: int = 0
    right: int = 0
    unseen: dict[str, None] = field(default_factory=dict)

    def see(self, own: str, answer: AnyAnswer) -> None:
        agrees = answer.agrees(own) if own.strip() else None
        if agrees is not None:
            self.compared += 1
            self.right += agrees
        elif own.strip() and isinstance(answer, Scores) and answer.chosen is None:
            self.unseen[own.strip()] = None


def predict_file(
    predictor: Predictor,
    table: Table,
    columns: Mapping[str, str],
    destination: Path,
    *,
    label: str | None = None,
    progress: Progress | None = None,
) -> FilePrediction:
    """Write `destination`: every column of the table, then those of the answers, such as `predicted`, `confidence` and
    one score for each class.

    Rows with an empty text get no prediction. Cells that a spreadsheet would run as a formula get a leading
    apostrophe. The file appears whole or not at all; it is UTF-8 with a byte order mark, which Excel needs. A
    `destination` that ends in `.parquet` becomes a Parquet file, in which vectors are lists of numbers.

    Args:
        predictor: the adapter.
        table: an imported table.
        columns: which column of the table plays each role that the adapter reads, such as {"text": "review"}.
        destination: the CSV or Parquet file to write.
        label: a column with the true labels to compare with, if there is one.
        progress: called with rows done and rows in all.

    Raises:
        DataError: a column is missing, or the disk is full.
        ModelError: the adapter does not answer.
    """
    names = [name for name in table.rows.column_names if name != ROW_COLUMN]
    _require(names, [*columns.values(), *([label] if label else [])])
    aside = destination.with_name(f".{destination.name}.{os.getpid()}")
    try:
        with _opened(aside, destination.suffix.lower()) as out:
            result = _Writer(out, names, columns, label).run(predictor, table.rows, progress)
        aside.replace(destination)
    except OSError as error:
        raise DataError(
            f"{destination.name} could not be written ({error.strerror}). Free some space or choose another folder.",
            code="not-writable",
        ) from error
    finally:
        aside.unlink(missing_ok=True)
    agreement, empty = result
    return FilePrediction(
        path=destination,
        rows=table.rows.num_rows,
        empty=empty,
        compared=agreement.compared,
        accuracy=agreement.right / agreement.compared if agreement.compared else None,
        unseen_labels=tuple(agreement.unseen),
    )


def choose_columns(names: Sequence[str], trained: Mapping[str, str]) -> dict[str, str]:
    """The columns of another table that play the roles of the one trained on: of the same name, or the only one.

    Args:
        names: the table's columns.
        trained: which column of the training table played each role that the adapter reads.

    Raises:
        DataError: a role's column is not there and cannot be guessed.
    """
    if len(trained) == 1 and len(names) == 1:
        return {role: names[0] for role in trained}
    folded = {name.strip().casefold(): name for name in reversed(names)}
    found = {role: folded.get(name.strip().casefold()) for role, name in trained.items()}
    missing = [trained[role] for role, name in found.items() if name is None]
    _require(names, missing)
    return {role: name for role, name in found.items() if name is not None}


@contextmanager
def _opened(path: Path, suffix: str) -> Iterator[Out]:
    """Where rows go: a Parquet file where the name says so, else a CSV."""
    if suffix == ".parquet":
        with ParquetOut(path) as parquet:
            yield parquet
    else:
        with path.open("w", encoding="utf-8-sig", newline="") as file:
            yield CsvOut(file)


class _Writer:
    """Writes the rows of one table. The header waits for the first answer, which names its columns."""

    def __init__(self, out: Out, names: list[str], columns: Mapping[str, str], label: str | None) -> None:
        self._out, self._names, self._columns, self._label = out, names, columns, label
        self._agreement, self._empty = _Agreement(), 0

    def run(self, predictor: Predictor, rows: Any, progress: Progress | None) -> tuple[_Agreement, int]:
        classes: list[str] | None = None
        waiting: list[dict[str, str]] = []  # a table may begin with empty texts
        for done, (row, answer) in enumerate(self._answered(predictor, rows), 1):
            if classes is None and answer is None:
                waiting.append(row)
                continue
            if classes is None and answer is not None:
                classes = list(answer.cells())
                self._header(classes)
                for early in waiting:
                    self._row(early, None, classes)
            assert classes is not None
            self._row(row, answer, classes)
            if progress is not None and (done % ROWS_AT_ONCE == 0 or done == rows.num_rows):
                progress(done, rows.num_rows)
        if classes is None:
            raise DataError(
                f"Every text in the column {', '.join(map(repr, self._columns.values()))} is empty. "
                "Choose the column that holds the texts.",
                code="empty-texts",
            )
        return self._agreement, self._empty

    def _answered(self, predictor: Predictor, rows: Any) -> Iterator[tuple[dict[str, str], AnyAnswer | None]]:
        for batch in _batches(rows, self._names):
            filled = [all(row[column].strip() for column in self._columns.values()) for row in batch]
            inputs = [
                {role: row[column] for role, column in self._columns.items()}
                for row, full in zip(batch, filled, strict=True)
                if full
            ]
            answers = iter(predictor.predict(inputs) if inputs else ())
            for row, full in zip(batch, filled, strict=True):
                yield row, next(answers) if full else None

    def _header(self, classes: Sequence[str]) -> None:
        header = list(self._names)
        for name in classes:
            header.append(_free_name(name, header))
        self._out.header(header)

    def _row(self, row: dict[str, str], answer: AnyAnswer | None, classes: Sequence[str]) -> None:
        cells = [row[name] for name in self._names]
        self._out.row(cells, answer, classes)
        if answer is None:
            self._empty += 1
            return
        if self._label is not None:
            self._agreement.see(row[self._label], answer)


def _batches(rows: Any, names: list[str]) -> Iterator[list[dict[str, str]]]:
    """Rows as dictionaries; an empty cell may be null in Arrow and is an empty text here."""
    for batch in rows.select(names).to_batches(max_chunksize=ROWS_AT_ONCE):
        yield [{name: value or "" for name, value in row.items()} for row in batch.to_pylist()]


def _free_name(name: str, taken: Sequence[str]) -> str:
    number, free = 2, name
    while free in taken:
        number, free = number + 1, f"{name} {number}"
    return free


def _require(names: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(
            f"The table has no column {missing[0]!r}; it has {', '.join(map(repr, names))}. "
            "Say which column holds the texts (in a terminal with --column NAME).",
            code="no-such-column",
        )


def _count(rows: int) -> str:
    return "1 row" if rows == 1 else f"{rows:,} rows"
