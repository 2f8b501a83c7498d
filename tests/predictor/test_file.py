"""A table in, the same table with predictions out: every column kept, formulas made harmless, nothing half-written."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.answers import PLAINLY, Asking, Embedded, Scores
from autotrain.errors import DataError, ModelError
from autotrain.predictor import predict_file
from autotrain.predictor.file import ROWS_AT_ONCE, choose_columns
from autotrain.predictor.out import FORMULA_STARTS, neutral
from autotrain.table import ROW_COLUMN, Profile, Table


class ByWord:
    """A predictor that knows good from bad."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Scores]:
        self.batches.append(len(inputs))
        if any("crash" in one["text"] for one in inputs):
            raise ModelError("The answering process was killed.", code="out-of-memory")
        sure, unsure = {"good": 0.75, "=bad": 0.25}, {"good": 0.1, "=bad": 0.9}
        return [Scores(scores=sure if "good" in one["text"] else unsure) for one in inputs]


def table(**columns: list[str]) -> Table:
    rows = len(next(iter(columns.values())))
    arrow = pa.table({**columns, ROW_COLUMN: list(range(2, rows + 2))})
    profile = Profile(rows=rows, columns=(), size_bytes=1, sha256="", encoding="utf-8", delimiter=",")
    return Table(profile, arrow)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_column_comes_back_with_the_prediction_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    source = table(id=["1", "2"], review=['a "good" one,\nreally', "awful"])
    found = predict_file(ByWord(), source, {"text": "review"}, out)
    assert read(out) == [
        {
            "id": "1",
            "review": 'a "good" one,\nreally',
            "predicted": "good",
            "confidence": "0.750000",
            "score good": "0.750000",
            "score =bad": "0.250000",
        },
        {
            "id": "2",
            "review": "awful",
            "predicted": "'=bad",
            "confidence": "0.900000",
            "score good": "0.100000",
            "score =bad": "0.900000",
        },
    ]
    assert found.sentences() == ["2 rows predicted."]
    assert list(tmp_path.iterdir()) == [out]


def test_empty_texts_get_no_prediction_even_when_they_come_first(tmp_path: Path) -> None:
    out, predictor = tmp_path / "out.csv", ByWord()
    texts = [""] * (ROWS_AT_ONCE + 3) + ["good", "  "]
    found = predict_file(predictor, table(text=texts), {"text": "text"}, out)
    assert [row["predicted"] for row in read(out)] == [""] * (ROWS_AT_ONCE + 3) + ["good", ""]
    assert predictor.batches == [1]
    assert found.sentences() == [
        "1 row predicted.",
        f"{ROWS_AT_ONCE + 4} rows have an empty text and got no prediction.",
    ]


def test_a_table_of_empty_texts_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Every text in the column 'text' is empty"):
        predict_file(ByWord(), table(text=["", " "]), {"text": "text"}, tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_own_labels_are_compared_and_unseen_ones_named(tmp_path: Path) -> None:
    source = table(text=["good", "good", "awful", "good"], label=["good", "=bad", " =bad ", "splendid"])
    found = predict_file(ByWord(), source, {"text": "text"}, tmp_path / "out.csv", label="label")
    assert (found.compared, found.accuracy, found.unseen_labels) == (3, pytest.approx(2 / 3), ("splendid",))
    assert found.sentences()[1:] == [
        "66.7% of the 3 rows with a known label agree with it.",
        "The adapter was never trained on “splendid”, so it cannot predict them; "
        "these rows are left out of the agreement.",
    ]


def test_long_tables_go_in_batches_with_progress(tmp_path: Path) -> None:
    predictor, seen = ByWord(), []
    predict_file(
        predictor,
        table(text=["good"] * 150),
        {"text": "text"},
        tmp_path / "out.csv",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert predictor.batches == [64, 64, 22]
    assert seen == [(64, 150), (128, 150), (150, 150)]


def test_a_table_that_has_such_columns_already_keeps_them(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    predict_file(ByWord(), table(text=["good"], predicted=["mine"]), {"text": "text"}, out)
    assert read(out)[0]["predicted"] == "mine"
    assert read(out)[0]["predicted 2"] == "good"


def test_a_failure_in_the_middle_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(ModelError):
        predict_file(ByWord(), table(text=["good"] * 100 + ["crash"]), {"text": "text"}, out)
    assert out.read_text() == "old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"out.csv could not be written \(No such file or directory\)"):
        predict_file(ByWord(), table(text=["good"]), {"text": "text"}, tmp_path / "gone" / "out.csv")


@pytest.mark.parametrize("number", ["-5", "+3.14", "-1,234.50", "-1e-5", "-.5", "+12%"])
def test_numbers_stay_numbers(number: str) -> None:
    assert neutral(number) == number


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1+cmd|' /C calc'!A0", "-", "\0=1", "＝1+1", "＠A1"],
)
def test_formulas_become_text(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"


@given(st.text())
def test_no_cell_is_run_and_none_is_lost(cell: str) -> None:
    safe = neutral(cell)
    assert safe in (cell, f"'{cell}")
    assert not safe.startswith(FORMULA_STARTS) or set(safe) <= set("+-.,%eE") | {c for c in safe if c.isdigit()}


def test_columns_are_those_of_the_training_or_the_only_one() -> None:
    assert choose_columns(["id", "Review "], {"text": "review"}) == {"text": "Review "}
    assert choose_columns(["whatever"], {"text": "review"}) == {"text": "whatever"}
    with pytest.raises(DataError, match="no column 'review'; it has 'id', 'body'. Say which column"):
        choose_columns(["id", "body"], {"text": "review"})


class ByLength:
    """A predictor whose vectors are the lengths of texts."""

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Embedded]:
        return [Embedded(vector=(len(one["text"]) / 8, 0.5)) for one in inputs]


def test_vectors_are_lists_in_parquet_and_json_in_a_csv(tmp_path: Path) -> None:
    source = table(review=["", *["four", "=six()"] * 2000])
    found = predict_file(ByLength(), source, {"text": "review"}, tmp_path / "out.parquet")
    made = pq.read_table(found.path)
    assert made.schema.field("embedding").type == pa.list_(pa.float32())
    assert made.column("embedding").to_pylist()[:3] == [None, [0.5, 0.5], [0.75, 0.5]]
    assert made.column("review").to_pylist() == source.rows.column("review").to_pylist()
    assert (found.empty, made.num_rows) == (1, 4001)
    predict_file(ByLength(), table(review=["four"]), {"text": "review"}, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [{"review": "four", "embedding": "[0.5, 0.5]"}]


def test_answers_that_are_words_are_texts_in_parquet_too(tmp_path: Path) -> None:
    predict_file(ByWord(), table(review=["good", "awful"]), {"text": "review"}, tmp_path / "out.parquet")
    assert pq.read_table(tmp_path / "out.parquet").column("predicted").to_pylist() == ["good", "=bad"]
