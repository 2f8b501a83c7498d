"""The built-in samples: real text, the same bytes every time, each text once."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from autotrain.data.samples import SAMPLES, Sample, write_sample
from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.predictor.out import neutral


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_each_sample_is_a_clean_table(datasets: DatasetStore, sample: Sample) -> None:
    dataset = datasets.resolve(f"sample:{sample.name}")
    assert dataset.profile.findings == ()
    assert dataset.profile.duplicate_rows == 0
    assert {column.name for column in dataset.profile.columns} >= set(sample.columns.values())
    assert dataset.profile.columns[0].distinct == dataset.profile.rows > 1000
    assert "BSD" in sample.description


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_no_sample_has_a_cell_that_a_spreadsheet_would_run(tmp_path: Path, sample: Sample) -> None:
    """They are written both for people and for training, so they are written as they are."""
    write_sample(sample.name, tmp_path / "sample.csv")
    with (tmp_path / "sample.csv").open(encoding="utf-8", newline="") as file:
        assert [cell for row in csv.reader(file) for cell in row if neutral(cell) != cell] == []


def test_languages_are_the_eight_largest(tmp_path: Path) -> None:
    write_sample("language-identification", tmp_path / "sample.csv")
    with (tmp_path / "sample.csv").open(encoding="utf-8", newline="") as file:
        counts = Counter(row["label"] for row in csv.DictReader(file))
    assert len(counts) == 8
    assert counts.most_common(1)[0][0] == "English"
    assert min(counts.values()) > 500


def test_the_bytes_do_not_depend_on_the_process(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from autotrain.data.samples import write_sample as w; "
    code += "w('english-topics', Path(sys.argv[1]))"
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / seed)], env=environment, check=True, timeout=120)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_without_the_package_the_remedy_is_named(tmp_path: Path) -> None:
    # The package is hidden by a broken one of the same name, found first; nothing of ours is replaced.
    broken = tmp_path / "first" / "chatterbot_corpus"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("")
    code = (
        "from pathlib import Path; from autotrain.data.samples import write_sample as w; w('english-topics', Path('x'))"
    )
    environment = {**os.environ, "PYTHONPATH": f"{broken.parent}{os.pathsep}{Path(__file__).parents[2]}"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )
    assert "pip install 'autotrain-studio[starter]'" in done.stderr


def test_an_unknown_sample(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='The samples are "language-identification"'):
        write_sample("nothing", tmp_path / "x.csv")
