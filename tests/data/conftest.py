"""A store on a fresh data home, and short ways to put bytes or rows into it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from autotrain.data.store import Dataset, DatasetStore
from autotrain.settings import Settings

Importer = Callable[[bytes | str], Dataset]


@pytest.fixture
def datasets(settings: Settings) -> DatasetStore:
    return DatasetStore(settings)


@pytest.fixture
def imported(datasets: DatasetStore, tmp_path: Path) -> Importer:
    """Write some content to `table.csv` and import it."""

    def write_and_import(content: bytes | str) -> Dataset:
        path = tmp_path / "table.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return datasets.add(path)

    return write_and_import


def as_csv(rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    """Rows as the standard writer writes them."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows(rows)
    return text.getvalue()


def codes(findings: Iterable[object]) -> list[str]:
    return [finding.code for finding in findings]  # type: ignore[attr-defined]
