"""Steps change the rows in the order a recipe lists them, keep the file's row numbers, and are done once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.data.stepped import original_id, stepped
from autotrain.data.steps import STEPS, Step
from autotrain.data.store import Dataset
from autotrain.errors import DataError
from autotrain.table import ROW_COLUMN
from tests.data.conftest import Importer, as_csv

TABLE = [
    ("text", "label"),
    (" good parcel ", "Praise"),
    ("late parcel", "complaint"),
    ("Late  Parcel", "complaint"),
    ("late parcel", "praise "),
    ("", "complaint"),
    ("where is it", "question"),
    ("never again", "complaint"),
    ("thank you", "Praise"),
]


def steps(*listed: dict[str, Any]) -> tuple[Step, ...]:
    return STEPS.validate_python(listed)


def rows(dataset: Dataset) -> list[tuple[Any, ...]]:
    table = dataset.table().rows
    return list(zip(table[ROW_COLUMN].to_pylist(), table["text"].to_pylist(), table["label"].to_pylist(), strict=True))


@pytest.fixture
def dataset(imported: Importer) -> Dataset:
    return imported(as_csv(TABLE))


def test_no_steps_are_the_dataset_itself(dataset: Dataset) -> None:
    assert stepped(dataset, ()) is dataset


def test_trimming_takes_white_space_from_both_ends(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "trim", "columns": ["text", "label"]}))
    assert rows(changed)[0] == (2, "good parcel", "Praise")
    assert rows(changed)[3] == (5, "late parcel", "praise")
    assert rows(dataset)[0] == (2, " good parcel ", "Praise")


def test_single_rows_get_another_label_by_their_numbers_in_the_file(dataset: Dataset) -> None:
    step = {"step": "relabel", "column": "label", "labels": {"5": "complaint", "7": "other", "99": "nobody"}}
    changed = stepped(dataset, steps({"step": "drop_empty", "columns": ["text"]}, step))
    labels = {row: label for row, _, label in rows(changed)}
    assert labels == {
        2: "Praise",
        3: "complaint",
        4: "complaint",
        5: "complaint",
        7: "other",
        8: "complaint",
        9: "Praise",
    }
    assert steps(step)[0].sentence() == (
        'In "label" is written by hand row 5 as "complaint", row 7 as "other", row 99 as "nobody".'
    )


def test_empty_rows_go_and_the_others_keep_their_numbers(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "drop_empty", "columns": ["text"]}))
    assert [row[0] for row in rows(changed)] == [2, 3, 4, 5, 7, 8, 9]
    assert changed.profile.rows == 7
    assert original_id(changed) == dataset.id != changed.id


def test_labels_are_merged(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "merge_labels", "column": "label", "into": {"praise ": "Praise"}}))
    assert dict(changed.profile.column("label").top_values) == {"complaint": 4, "Praise": 3, "question": 1}  # type: ignore[union-attr]


def test_small_classes_are_folded_into_one(dataset: Dataset) -> None:
    folding = {"step": "fold_small_classes", "column": "label", "fewer_than": 2, "into": "other"}
    changed = stepped(dataset, steps(folding))
    assert [row[2] for row in rows(changed)].count("other") == 2


def test_of_equal_rows_the_first_is_kept(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "deduplicate", "columns": ["text"]}))
    assert [row[0] for row in rows(changed)] == [2, 3, 6, 7, 8, 9]
    both = stepped(dataset, steps({"step": "deduplicate", "columns": ["text", "label"]}))
    assert [row[0] for row in rows(both)] == [2, 3, 5, 6, 7, 8, 9]


def test_texts_with_two_labels_are_left_out_whole(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "drop_contradictions", "column": "text", "label": "label"}))
    assert [row[0] for row in rows(changed)] == [2, 6, 7, 8, 9]


def test_rows_are_left_out_by_their_number_in_the_file(dataset: Dataset) -> None:
    changed = stepped(dataset, steps({"step": "drop_rows", "rows": [2, 9, 1000]}))
    assert [row[0] for row in rows(changed)] == [3, 4, 5, 6, 7, 8]


def test_steps_are_done_in_their_order(dataset: Dataset) -> None:
    merge = {"step": "merge_labels", "column": "label", "into": {"praise": "Praise"}}
    trim = {"step": "trim", "columns": ["label"]}
    assert "praise" in {row[2] for row in rows(stepped(dataset, steps(merge, trim)))}
    assert "praise" not in {row[2] for row in rows(stepped(dataset, steps(trim, merge)))}


def test_the_same_steps_are_not_done_twice(dataset: Dataset) -> None:
    wanted = steps({"step": "trim", "columns": ["text"]})
    first = stepped(dataset, wanted)
    written = (first.folder / "table.arrow").stat().st_mtime_ns
    assert stepped(dataset, wanted).id == first.id
    assert (first.folder / "table.arrow").stat().st_mtime_ns == written


def test_steps_that_leave_nothing_are_refused_and_leave_nothing(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="No row is left after 1 step"):
        stepped(dataset, steps({"step": "drop_rows", "rows": list(range(1, 20))}))
    assert not list((dataset.folder / "steps").iterdir())


def test_a_column_that_is_not_there_is_named(dataset: Dataset) -> None:
    with pytest.raises(DataError, match='Step 1 .trim. names the column "body"'):
        stepped(dataset, steps({"step": "trim", "columns": ["body"]}))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.text("aA ", max_size=3), st.sampled_from("xyz")), min_size=1, max_size=30))
def test_deduplicating_keeps_one_row_of_each_text(cells: list[tuple[str, str]]) -> None:
    import pyarrow as pa

    from autotrain.data.steps import apply_steps

    texts, labels = zip(*cells, strict=True)
    table = pa.table({"text": list(texts), "label": list(labels), ROW_COLUMN: list(range(2, len(cells) + 2))})
    kept = pa.Table.from_batches(apply_steps(table, steps({"step": "deduplicate", "columns": ["text"]})))
    keys = [" ".join(text.split()).casefold() for text in kept["text"].to_pylist()]
    assert sorted(keys) == sorted({" ".join(text.split()).casefold() for text in texts})
    assert kept[ROW_COLUMN].to_pylist() == sorted(kept[ROW_COLUMN].to_pylist())
