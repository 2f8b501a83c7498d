"""Import of a CSV beside `pandas.read_csv` and `datasets.load_dataset`: seconds and peak memory, each in a process.

    python -m tests.benchmarks.data_import --megabytes 100 1000 --repeats 3
    python -m tests.benchmarks.data_import --megabytes 5000 --repeats 1 --ways datasets

The three do not do the same: ours also writes the rows to disk, counts and judges every column and finds what is wrong;
`datasets` writes them to its cache; pandas only holds them in memory. Then: the first rows, as the page shows them at
once, and its look at a row far down.
"""

from __future__ import annotations

import argparse
import csv
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from autotrain.data.glance import HEAD_BYTES, glance
from autotrain.data.store import DatasetStore
from autotrain.settings import Settings

TEXT = (
    "the a parcel came late and was damaged please send another one soon thank you for quick help invoice wrong amount "
    "customer service phone nobody answers website broken login again today tomorrow never good bad blue green order"
)
WORDS = TEXT.split()
WAYS = ("ours", "datasets", "pandas")
FAR_ROW = 4_000_000


def write_table(path: Path, megabytes: int) -> int:
    """A table of tickets of about this size; how many rows it has."""
    chance, rows = random.Random(1), 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "message", "department", "date"])
        while file.tell() < megabytes * 1_000_000:
            for _ in range(10_000):
                text = " ".join(chance.choices(WORDS, k=14)) + (', "as they say"' if rows % 50 == 0 else "")
                writer.writerow([rows, text, f"department {rows % 20}", f"2024-01-{1 + rows % 28:02d}"])
                rows += 1
    return rows


def imported(way: str, path: Path, home: Path) -> None:
    """One import, in the process that is measured; prints seconds and the peak of its resident memory in MB."""
    begun = time.perf_counter()
    if way == "ours":
        settings = Settings(home=home, max_upload_bytes=10**11)
        settings.prepare_home()
        DatasetStore(settings).add(path)
    elif way == "pandas":
        import pandas

        pandas.read_csv(path, dtype=str)
    else:
        from datasets import load_dataset

        load_dataset("csv", data_files=str(path), cache_dir=str(home), split="train")
    seconds = time.perf_counter() - begun
    status = Path("/proc/self/status").read_text("utf-8")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1000
    print(f"{seconds:.2f} {peak:.0f}")


def measured(way: str, path: Path) -> tuple[float, float]:
    """Seconds and MB of one import in a fresh process."""
    with tempfile.TemporaryDirectory(dir=path.parent) as home:
        command = [sys.executable, "-m", "tests.benchmarks.data_import", "--one", way, str(path), home]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, peak = done.stdout.split()[-2:]
    return float(seconds), float(peak)


def compare(megabytes: int, repeats: int, ways: Iterable[str]) -> None:
    """Print medians of the ways, and ratios to ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        rows = write_table(path, megabytes)
        print(f"{megabytes} MB, {rows:,} rows, medians of {repeats}")
        found = {way: [measured(way, path) for _ in range(repeats)] for way in ways}
        ours = [statistics.median(each[place] for each in found["ours"]) for place in (0, 1)]
        for way, figures in found.items():
            seconds, peak = (statistics.median(each[place] for each in figures) for place in (0, 1))
            print(
                f"  {way:<9} {seconds:8.1f} s  {peak:8.0f} MB   time / ours {seconds / ours[0]:.2f}, "
                f"memory / ours {peak / ours[1]:.2f}"
            )
        look_first(path, Path(folder) / "home", repeats)
        look_far_down(path, Path(folder) / "home", min(FAR_ROW, rows - 10), repeats)


def look_first(path: Path, home: Path, repeats: int) -> None:
    """Print how long the first rows take, which the page shows while the file is on its way."""
    settings = Settings(home=home, max_upload_bytes=10**11)
    settings.prepare_home()
    seconds = []
    for _ in range(max(3, repeats)):
        begun = time.perf_counter()
        with path.open("rb") as file:
            found = glance(file.read(HEAD_BYTES), path.name, settings)
        seconds.append(time.perf_counter() - begun)
        assert found is not None and len(found.rows) == 10
    print(f"  first rows: {1000 * statistics.median(seconds):.0f} ms")


def look_far_down(path: Path, home: Path, row: int, repeats: int) -> None:
    """Print how long the page's rows from `row` take, opening the dataset each time."""
    settings = Settings(home=home, max_upload_bytes=10**11)
    settings.prepare_home()
    made = DatasetStore(settings).add(path)
    seconds = []
    for _ in range(max(3, repeats)):
        begun = time.perf_counter()
        assert len(DatasetStore(settings).get(made.id).slice(row, 10)) == 10
        seconds.append(time.perf_counter() - begun)
    print(f"  rows from {row:,}: {1000 * statistics.median(seconds):.0f} ms")


def main() -> None:
    """Compare for each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS, help="pandas needs 4 times a file's size")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "FILE", "HOME"))
    given = parser.parse_args()
    if given.one:
        imported(given.one[0], Path(given.one[1]), Path(given.one[2]))
        return
    for megabytes in given.megabytes:
        compare(megabytes, given.repeats, dict.fromkeys(("ours", *given.ways)))


if __name__ == "__main__":
    main()
