"""Several labels in a cell: every way to write them, which columns hold them, and what cannot be learned."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.data.label_lists import labels_in, separator_of
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.data.store import Dataset
from tests.data.conftest import Importer, as_csv

SHAPE = SHAPES["multi-label"]
COLUMNS = {"text": "text", "labels": "labels"}


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("news|sport", ["news", "sport"]),
        (" news | sport |", ["news", "sport"]),
        ('["news", "sport"]', ["news", "sport"]),
        ("['news', 'sport']", ["news", "sport"]),
        ("[1, 2]", ["1", "2"]),
        ("news|news", ["news"]),
        ("", []),
        (" ", []),
        ("[]", []),
        ('["news", [1]]', None),
        ('["news"', None),
        ('{"news": 1}', None),
        ("[" * 5000, None),
    ],
)
def test_labels_are_read_however_they_are_written(cell: str, labels: list[str] | None) -> None:
    assert labels_in(cell, "|") == labels


def test_the_surest_sign_of_a_whole_column_parts_its_labels() -> None:
    assert separator_of(["a, b", "a, b|c", "d"]) == "|"
    assert separator_of(["a, b", "a; b"]) == ";"
    assert separator_of(["a, b", "a"]) == separator_of(["a"]) == separator_of([]) == ","
    assert separator_of(['["a|b"]', "a, b"]) == ","


@given(st.text(max_size=30), st.sampled_from("|;,"))
def test_no_cell_breaks_the_reading(cell: str, sign: str) -> None:
    labels = labels_in(cell, sign)
    assert labels is None or (len(set(labels)) == len(labels) and all(label.strip() for label in labels))


SETS = [["news"], ["news", "sport"], ["sport", "food"], [], ["food"], ["news", "food"]]


def texts(labels: list[str]) -> str:
    return as_csv(
        [("text", "labels"), *[(f"A text with number {n} to be read", cell) for n, cell in enumerate(labels)]]
    )


def first(dataset: Dataset) -> str:
    return suggestions(dataset.profile)[0].shape


@pytest.mark.parametrize("sign", ["|", ";", ", "])
def test_parted_labels_are_recognised_before_single_ones(imported: Importer, sign: str) -> None:
    dataset = imported(texts([sign.join(labels) for labels in SETS * 5]))
    assert first(dataset) == "multi-label"
    rows = [row["labels"] for _, row in SHAPE.rows(dataset.table(), COLUMNS)]
    assert rows == SETS * 5


def test_lists_are_recognised_and_single_labels_stay_what_they_are(imported: Importer) -> None:
    listed: list[dict[str, Any]] = [{"text": f"A text {n} to read", "labels": each} for n, each in enumerate(SETS * 5)]
    dataset = imported("".join(json.dumps(row) + "\n" for row in listed))
    assert first(dataset) == "multi-label"
    assert [row["labels"] for _, row in SHAPE.rows(dataset.table(), COLUMNS)] == SETS * 5
    assert first(imported(texts(["news", "sport", "food"] * 10))) == "classification"
    assert first(imported(as_csv([("text", "label"), *[(f"One, two and {n}", "ab"[n % 2]) for n in range(30)]]))) == (
        "classification"
    )


def codes(imported: Importer, labels: list[str]) -> dict[str, str]:
    return {each.code: each.severity for each in SHAPE.check(imported(texts(labels)).table(), COLUMNS)}


def test_what_cannot_be_learned_is_said(imported: Importer) -> None:
    assert codes(imported, ["a|b", "a", "b|c", "c", "c", "a|c", "b"]) == {}
    assert codes(imported, ["", " ", "[]"]) == {"no-labels": "error"}
    assert codes(imported, ["a|b", "b|a", "a|b"]) == {"one-label": "error"}
    assert codes(imported, ["a|b", "b", "b|a", "a|b"]) == {"label-everywhere": "warning"}
    assert codes(imported, ["a", "b", "a", "b", "a", "b"]) == {"single-labels": "warning"}
    assert codes(imported, ["a|b", "a", "b", "a|b", "a|x"]) == {"rare-labels": "warning"}
    assert codes(imported, [f"label{n}|other{n}" for n in range(501)])["too-many-labels"] == "error"
    same = SHAPE.check(imported(texts(["a|b", "b"])).table(), {"text": "labels", "labels": "labels"})
    assert [each.code for each in same] == ["same-column"]


def test_labels_that_cannot_be_read_are_named_and_can_be_left_out(imported: Importer) -> None:
    dataset = imported(texts(["a|b", "a", '["a"', "b", "a|b", "b"]))
    (finding, _) = [each for each in SHAPE.check(dataset.table(), COLUMNS) if each.code != "rare-labels"]
    assert (finding.code, finding.severity, finding.rows) == ("unreadable-labels", "error", (4,))
    assert finding.fix is not None
    mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
    assert [each.code for each in SHAPE.check(mended.table(), COLUMNS)] == []
    assert len(list(SHAPE.rows(dataset.table(), COLUMNS))) == 5
