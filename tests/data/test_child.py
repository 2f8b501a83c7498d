"""The worst file kills a child: the app goes on, says so, and keeps nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings


def test_a_file_that_needs_too_much_memory_is_stopped(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    columns = {"text": [f"text {n}" for n in range(400_000)], "label": ["a"] * 400_000}
    path.write_text(json.dumps(columns), "utf-8")
    small = DatasetStore(settings.model_copy(update={"import_memory_bytes": 120_000_000}))
    with pytest.raises(DataError, match="needed more than 120 MB of memory") as caught:
        small.add(path)
    assert caught.value.code == "reader-stopped"
    assert list(settings.datasets.iterdir()) == []
    assert DatasetStore(settings).add(path).profile.rows == 400_000


def test_a_file_that_takes_too_long_is_stopped(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text('{"text": "one", "label": "a"}\n' * 2_000_000, "utf-8")
    hasty = DatasetStore(settings.model_copy(update={"import_seconds": 1}))
    with pytest.raises(DataError, match="or 1 s"):
        hasty.add(path)


@pytest.mark.parametrize("depth", [100_000, 3_000_000])
def test_json_nested_without_end_is_a_sentence(datasets: DatasetStore, tmp_path: Path, depth: int) -> None:
    path = tmp_path / "deep.json"
    path.write_text('[{"text": ' + "[" * depth + "]" * depth + ', "label": "a"}]', "utf-8")
    with pytest.raises(DataError):
        datasets.add(path)
    assert datasets.list() == []


def test_a_parquet_file_with_a_broken_inside_is_a_sentence(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"text": [f"text {n}" for n in range(1000)], "label": ["a", "b"] * 500}), path)
    content = bytearray(path.read_bytes())
    for place in range(40, len(content) - 400, 7):
        content[place] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(DataError):
        datasets.add(path)


def test_progress_comes_through(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text('{"text": "one", "label": "a"}\n' * 100_000, "utf-8")
    told: list[tuple[int, int]] = []
    datasets.add(path, progress=lambda done, total: told.append((done, total)))
    assert len(told) > 2 and told[-1][0] == told[-1][1]


def test_whoever_stops_waiting_stops_the_child(datasets: DatasetStore, tmp_path: Path) -> None:
    import psutil

    path = tmp_path / "table.jsonl"
    path.write_text('{"text": "one", "label": "a"}\n' * 500_000, "utf-8")

    class Enough(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        datasets.add(path, progress=stop)
    assert not [each for each in psutil.Process().children() if "autotrain.data.child" in " ".join(each.cmdline())]
    assert datasets.list() == []
