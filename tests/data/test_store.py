"""The store: one dataset for one content, whole or not there at all, and found by path, id or sample name."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN

CONTENT = "text,label\nhello there,a\nhow are you,b\n"


def test_the_same_content_is_one_dataset(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_text(CONTENT)
    (tmp_path / "second.csv").write_text(CONTENT)
    first, second = datasets.add(tmp_path / "first.csv"), datasets.add(tmp_path / "second.csv")
    assert first == second
    assert first.name == "first.csv"
    assert len(first.id) == 16 and first.profile.sha256.startswith(first.id)
    assert [dataset.id for dataset in datasets.list()] == [first.id]


def test_rows_and_head(datasets: DatasetStore) -> None:
    dataset = datasets.add_text(CONTENT)
    assert dataset.head(1) == [{"text": "hello there", "label": "a"}]
    assert dataset.table().rows.column(ROW_COLUMN).to_pylist() == [2, 3]


def test_pasted_rows_from_a_spreadsheet(datasets: DatasetStore) -> None:
    dataset = datasets.add_text("text\tlabel\r\nhello, there\ta\r\n", "My rows")
    assert (dataset.name, dataset.profile.delimiter) == ("My rows", "\t")
    assert dataset.head(5) == [{"text": "hello, there", "label": "a"}]


def test_pasted_nothing(datasets: DatasetStore) -> None:
    with pytest.raises(DataError, match="is empty"):
        datasets.add_text("  \n", "Pasted rows")
    assert datasets.list() == []


def test_resolve_finds_paths_ids_and_samples(datasets: DatasetStore, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text(CONTENT)
    by_path = datasets.resolve(str(tmp_path / "mine.csv"))
    assert datasets.resolve(by_path.id) == by_path
    sample = datasets.resolve("sample:language-identification")
    assert sample.name == "language-identification"
    assert datasets.resolve("sample:language-identification") == sample


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nowhere.csv", "There is no file nowhere.csv"),
        ("0123456789abcdef", "There is no dataset 0123456789abcdef"),
        ("sample:unheard-of", 'There is no sample called "unheard-of"'),
    ],
)
def test_what_does_not_exist_is_named(datasets: DatasetStore, source: str, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        datasets.resolve(source)


@pytest.mark.parametrize("dataset_id", ["..", "../runs", "", "0123456789ABCDEF"])
def test_an_id_cannot_leave_the_store(datasets: DatasetStore, dataset_id: str) -> None:
    with pytest.raises(DataError):
        datasets.get(dataset_id)
    with pytest.raises(DataError):
        datasets.delete(dataset_id)


def test_delete(datasets: DatasetStore, settings: Settings) -> None:
    dataset = datasets.add_text(CONTENT)
    datasets.delete(dataset.id)
    assert datasets.list() == []
    assert list(settings.datasets.iterdir()) == []
    with pytest.raises(DataError, match="There is no dataset"):
        datasets.get(dataset.id)


def test_the_newest_comes_first_and_a_damaged_one_hides_none(datasets: DatasetStore) -> None:
    older = datasets.add_text(CONTENT)
    newer = datasets.add_text(CONTENT + "more,a\n")
    damaged = datasets.add_text(CONTENT + "other,a\n")
    (damaged.folder / "profile.json").write_text("{")
    assert [dataset.id for dataset in datasets.list()] == [newer.id, older.id]
    with pytest.raises(DataError, match="is damaged"):
        datasets.get(damaged.id)


@pytest.mark.parametrize("file", ["profile.json", "dataset.json", "table.arrow"])
def test_importing_again_mends_a_damaged_dataset(datasets: DatasetStore, file: str) -> None:
    whole = datasets.add_text(CONTENT)
    (whole.folder / file).write_bytes(b"half")
    with pytest.raises(DataError, match="is damaged"):
        datasets.get(whole.id).table()
    assert datasets.add_text(CONTENT).head(1) == [{"text": "hello there", "label": "a"}]


def test_a_user_who_does_not_exist(datasets: DatasetStore) -> None:
    with pytest.raises(DataError, match="There is no file"):
        datasets.resolve("~nobody-of-that-name/table.csv")


def test_a_refused_file_leaves_nothing(datasets: DatasetStore, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text('text,label\nfine,a\n"never closed, it goes on,b\n' + "x, y, z,a\n" * 100)
    with pytest.raises(DataError):
        datasets.add(tmp_path / "bad.csv")
    assert list(settings.datasets.iterdir()) == []


FULL = """
import resource, sys
from pathlib import Path
from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings

resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    DatasetStore(Settings(home=Path(sys.argv[1]))).add(Path(sys.argv[2]))
except DataError as error:
    print(error.code, error.message)
"""


def test_no_space_leaves_nothing_half_done(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("text,label\n" + "".join(f"text {i},a\n" for i in range(20_000)))
    command = [sys.executable, "-c", FULL, str(settings.home), str(tmp_path / "table.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.startswith("disk-full There is no space left on the disk for table.csv.")
    assert list(settings.datasets.iterdir()) == []


def test_abandoned_imports_are_swept_and_running_ones_are_not(datasets: DatasetStore, settings: Settings) -> None:
    old, running = settings.datasets / ".import-old", settings.datasets / ".import-running"
    old.mkdir()
    running.mkdir()
    two_days_ago = time.time() - 48 * 3600
    os.utime(old, (two_days_ago, two_days_ago))
    datasets.add_text(CONTENT)
    assert not old.exists() and running.exists()


def test_two_imports_of_one_file_at_once(datasets: DatasetStore, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("text,label\n" + "".join(f"text number {i},{i % 3}\n" for i in range(20_000)))
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(datasets.add(path).id)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1
    assert [folder.name for folder in settings.datasets.iterdir()] == [found[0]]


def test_a_file_that_may_not_be_read(datasets: DatasetStore, tmp_path: Path) -> None:
    path = tmp_path / "secret.csv"
    path.write_text(CONTENT)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(DataError, match="permissions"):
        datasets.add(path)
