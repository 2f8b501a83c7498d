"""A run's own copy of its rows: columns named by role, row numbers of the file, readable by the training library."""

from __future__ import annotations

import json
from pathlib import Path

import datasets as hub_datasets
import pytest

from autotrain.data.freeze import count_splits, freeze, read_split
from autotrain.data.split import SPLITS
from autotrain.errors import DataError
from autotrain.recipe import Split
from autotrain.table import ROW_COLUMN, Profile
from tests.data.conftest import Importer, as_csv

SPLIT = Split(test=0.2)
TABLE = [("id", "body", "kind"), *[(str(i), f"text number {i}", "ab"[i % 2]) for i in range(100)], ("100", "", "a")]
COLUMNS = {"text": "body", "label": "kind"}


def test_the_splits_hold_the_rows_of_the_file(imported: Importer, tmp_path: Path) -> None:
    counts = freeze(imported(as_csv(TABLE)), COLUMNS, SPLIT, tmp_path)
    assert (counts.train, counts.validation, counts.test, counts.dropped) == (70, 10, 20, 1)
    assert counts.per_class == {"a": (35, 5, 10), "b": (35, 5, 10)}
    rows = [row for name in SPLITS for row in read_split(tmp_path, name).to_pylist()]
    assert sorted(rows, key=lambda row: row[ROW_COLUMN]) == [
        {"text": body, "label": kind, ROW_COLUMN: number} for number, (_, body, kind) in enumerate(TABLE[1:-1], start=2)
    ]


def test_the_training_library_reads_them(imported: Importer, tmp_path: Path) -> None:
    freeze(imported(as_csv(TABLE)), COLUMNS, SPLIT, tmp_path)
    train = hub_datasets.Dataset.from_file(str(tmp_path / "train.arrow"))
    assert train.column_names == ["text", "label", ROW_COLUMN]
    assert len(train) == 70


def test_profile_and_mapping_lie_beside_them(imported: Importer, tmp_path: Path) -> None:
    dataset = imported(as_csv(TABLE))
    freeze(dataset, COLUMNS, SPLIT, tmp_path)
    assert Profile.model_validate_json((tmp_path / "profile.json").read_text()) == dataset.profile
    mapping = json.loads((tmp_path / "mapping.json").read_text())
    assert mapping["columns"] == COLUMNS
    assert mapping["dataset"]["id"] == dataset.id
    assert mapping["counts"]["train"] == 70


def test_the_same_input_gives_the_same_bytes(imported: Importer, tmp_path: Path) -> None:
    dataset = imported(as_csv(TABLE))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        freeze(dataset, COLUMNS, SPLIT, tmp_path / name)
    for file in ("train.arrow", "validation.arrow", "test.arrow", "mapping.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_counts_without_writing(imported: Importer, tmp_path: Path) -> None:
    dataset = imported(as_csv(TABLE))
    assert count_splits(dataset, COLUMNS, SPLIT) == freeze(dataset, COLUMNS, SPLIT, tmp_path)


def test_a_column_that_does_not_exist(imported: Importer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match='no column "words" for the role text. Its columns are "id", "body", "kind"'):
        freeze(imported(as_csv(TABLE)), {"text": "words", "label": "kind"}, SPLIT, tmp_path)


def test_a_missing_split_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Start the run again"):
        read_split(tmp_path, "train")


def test_a_full_disk_is_a_plain_sentence(imported: Importer, tmp_path: Path) -> None:
    (tmp_path / "test.arrow").symlink_to("/dev/full")
    with pytest.raises(DataError) as caught:
        freeze(imported(as_csv(TABLE)), COLUMNS, SPLIT, tmp_path)
    assert caught.value.code == "disk-full"


LONG = "the parcel with the number {} came three days late and nobody in your shop picked up the phone when I called"


def test_a_form_that_is_filled_in_does_not_stop_the_split(imported: Importer) -> None:
    dataset = imported(as_csv([("body", "kind"), *[(LONG.format(n), "ab"[n % 2]) for n in range(200)]]))
    made = count_splits(dataset, COLUMNS, SPLIT)
    assert (made.train, made.validation, made.test) == (140, 20, 40)
    assert [finding.code for finding in made.findings] == ["templates"]


def test_nearly_equal_texts_stay_on_one_side_and_are_named(imported: Importer) -> None:
    from autotrain.data.stepped import stepped
    from autotrain.data.steps import STEPS

    other = [(" ".join(f"word{n}{m}" for m in range(12)), "ab"[n % 2]) for n in range(60)]
    near = [(LONG.format(n), "a") for n in range(8)]
    dataset = imported(as_csv([("body", "kind"), *near, *other]))
    made = count_splits(dataset, COLUMNS, SPLIT)
    (said,) = [finding for finding in made.findings if finding.code == "near-duplicates"]
    assert said.count == 7 and said.rows[:2] == (3, 4)
    ignored = count_splits(dataset, COLUMNS, SPLIT.model_copy(update={"near_duplicates": "ignore"}))
    assert "near-duplicates" not in [finding.code for finding in ignored.findings]
    assert said.fix is not None
    mended = stepped(dataset, STEPS.validate_python([said.fix.step]))
    assert mended.profile.rows == 61
    assert "near-duplicates" not in [finding.code for finding in count_splits(mended, COLUMNS, SPLIT).findings]
