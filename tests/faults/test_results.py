"""The table of what the suites measured: rows in their order, figures as the documentation shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.faults import results
from tests.faults.results import BEGIN, END, HEADER, Result, keep, percentile, table, write


def test_a_kept_row_replaces_the_one_between_the_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path / "kept")
    monkeypatch.setattr(results, "LARGE", True)
    keep("queue", Result.of("many runs", "once", "all ended"))
    keep("zebra", Result.of("a suite that is not in the order", "once", "it held"))
    keep("worker", Result.of("a worker", "once", "old"))
    keep("worker", Result.of("a worker", "3 times", "it went on", [60.04, 2, 70]))
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\n| old |\n{END}\nafter\n", "utf-8")
    write(document)
    assert document.read_text("utf-8") == f"before\n{BEGIN}\n{table()}\n{END}\nafter\n"
    head, line, *rows = table().splitlines()
    assert head == f"| {' | '.join(HEADER)} |" and line.count("---") == len(HEADER)
    assert [row.split(" | ")[0] for row in rows] == ["| a worker", "| many runs", "| a suite that is not in the order"]
    assert "| 3 times | it went on | 60, 70, 70 |" in rows[0]


def test_figures_of_reduced_sizes_stay_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(results, "LARGE", False)
    keep("worker", Result.of("a worker", "twice", "it went on", [1.0]))
    assert results.rows() == []
    assert json.loads((tmp_path / "worker.reduced.json").read_text("utf-8"))["seconds"] == [1.0]


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert [percentile([4, 1, 3, 2], share) for share in (0.5, 0.75, 0.95, 1.0)] == [2, 3, 4, 4]
