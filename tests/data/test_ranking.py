"""Queries with passages: recognised, checked, and never parted by a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrain.data.freeze import freeze, read_split
from autotrain.data.numbers import relevance_of
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.recipe import Split
from tests.data.conftest import Importer, as_csv

SHAPE = SHAPES["ranking"]
COLUMNS = {"query": "query", "passage": "passage", "relevance": "relevance"}


@pytest.mark.parametrize(
    ("cell", "relevance"),
    [
        ("1", 1),
        ("0", 0),
        ("yes", 1),
        ("No", 0),
        ("TRUE", 1),
        ("false", 0),
        ("0.5", 0.5),
        ("3", 3),
        ("?", None),
        ("", None),
    ],
)
def test_relevance_is_read_however_it_is_written(cell: str, relevance: float | None) -> None:
    assert relevance_of(cell) == relevance


def table(*rows: tuple[str, str, str]) -> str:
    return as_csv([("query", "passage", "relevance"), *rows])


def good(queries: int = 20, passages: int = 4) -> list[tuple[str, str, str]]:
    return [
        (f"where is place {q} on the map", f"It lies at number {q * passages + p} of the road", str(int(p == 0)))
        for q in range(queries)
        for p in range(passages)
    ]


def test_a_table_of_pairs_is_recognised_only_where_queries_come_again(imported: Importer) -> None:
    first = suggestions(imported(table(*good())).profile)[0]
    assert first.shape == "ranking" and first.fits
    assert {guess.role: guess.column for guess in first.mapping} == COLUMNS
    assert suggestions(imported(table(*good(40, 1)[:39], ("q", "p", "0"))).profile)[0].shape != "ranking"


def test_a_topic_is_no_relevance_but_words_of_yes_and_no_are(imported: Importer) -> None:
    for words, fits in ((("sport", "news"), False), (("relevant", "irrelevant"), True), (("2", "1"), True)):
        rows = [(query, passage, words[relevance == "0"]) for query, passage, relevance in good()]
        found = next(each for each in suggestions(imported(table(*rows)).profile) if each.shape == "ranking")
        assert found.fits is fits, words


def codes(imported: Importer, *rows: tuple[str, str, str]) -> dict[str, tuple[int, ...]]:
    return {each.code: each.rows for each in SHAPE.check(imported(table(*rows)).table(), COLUMNS)}


def test_what_cannot_be_learned_is_said(imported: Importer) -> None:
    assert codes(imported, *good()) == {}
    assert codes(imported, *good(3), ("", "a passage", "1"), ("a query", " ", "0"))["empty-pair"] == (14, 15)
    assert codes(imported, *good(3), ("where", "here", "maybe"))["no-relevance"] == (14,)
    assert codes(imported, *good(3), ("where", "here", "-1"))["negative-relevance"] == (14,)
    assert set(codes(imported, ("a", "b", "1"), ("a", "c", "1"), ("d", "e", "0"))) == {"nothing-to-order"}
    assert set(codes(imported, *good(3), ("a", "b", "1"))) == {"level-queries"}
    assert codes(imported, *good(3), good(3)[0])["repeated-pairs"] == (14,)
    assert codes(imported, *good(3), (*good(3)[0][:2], "0"))["contradicting-pairs"] == (14,)
    same = SHAPE.check(imported(table(*good(3))).table(), COLUMNS | {"passage": "query"})
    assert [each.code for each in same] == ["same-column"]


def test_rows_with_a_fault_can_be_left_out(imported: Importer) -> None:
    dataset = imported(table(*good(3), ("where is place 0 on the map", "here", "maybe")))
    (finding,) = SHAPE.check(dataset.table(), COLUMNS)
    assert finding.fix is not None
    mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
    assert SHAPE.check(mended.table(), COLUMNS) == []
    assert len(list(SHAPE.rows(dataset.table(), COLUMNS))) == 12


@pytest.mark.parametrize("long", ["", " and how do I get there from the station on foot or by bus"])
def test_a_query_stays_on_one_side_of_the_split_with_all_its_passages(
    imported: Importer, tmp_path: Path, long: str
) -> None:
    rows: list[Any] = [(query + long, passage, relevance) for query, passage, relevance in good(30)]
    rows[1] = (rows[1][0].upper() + " ", *rows[1][1:])
    counts = freeze(imported(table(*rows)), COLUMNS, Split(near_duplicates="ignore"), tmp_path)
    assert (counts.train, counts.validation, counts.test) == (96, 12, 12)
    assert counts.findings == ()
    parts = [read_split(tmp_path, name)["query"].to_pylist() for name in ("train", "validation", "test")]
    queries = [{query.strip().casefold() for query in part} for part in parts]
    assert sum(map(len, queries)) == len(set.union(*queries)) == 30


def test_a_query_that_comes_again_is_no_template(imported: Importer, tmp_path: Path) -> None:
    words = "one two three four five six seven eight nine ten eleven twelve"
    rows = [
        (f"{' '.join(f'{word}{q}' for word in words.split())}", f"passage {p} of {q}", str(int(p == 0)))
        for q in range(12)
        for p in range(15)
    ]
    counts = freeze(imported(table(*rows)), COLUMNS, Split(), tmp_path)
    assert counts.findings == ()
