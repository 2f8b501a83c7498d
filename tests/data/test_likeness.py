"""Texts that are alike: recognised without pushing other tables aside, checked, and never parted by a split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrain.data.freeze import freeze, read_split
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.recipe import Split
from autotrain.tasks import TASKS
from tests.data.conftest import Importer, as_csv

PAIRS = {"anchor": "anchor", "positive": "positive"}
SCORED = {"sentence1": "sentence1", "sentence2": "sentence2", "score": "similarity"}


def good(names: tuple[str, ...], *columns: Any, rows: int = 30) -> str:
    made = [tuple(str(column(n)) for column in columns) for n in range(rows)]
    return as_csv([names, *made])


def asked(n: int) -> str:
    return f"where on earth is the place number {n}"


def told(n: int) -> str:
    return f"it lies at the end of the road number {n}"


@pytest.mark.parametrize(
    ("names", "last", "first"),
    [
        (("anchor", "positive"), (), "pairs"),
        (("anchor", "positive", "negative"), (lambda n: f"it has a roof of colour {n}",), "triplets"),
        (("sentence1", "sentence2", "similarity"), (lambda n: n / 7,), "scored-pairs"),
        (("question", "answer"), (), "prompt-completion"),
        (("sentence1", "sentence2", "score"), (lambda n: n / 7,), "regression"),
        (("sentence1", "sentence2", "label"), (lambda n: "same" if n % 2 else "other",), "text-pair"),
        (("query", "document"), (), "pairs"),
    ],
)
def test_tables_of_alike_texts_are_recognised_and_others_are_not_pushed_aside(
    imported: Importer, names: tuple[str, ...], last: tuple[Any, ...], first: str
) -> None:
    found = suggestions(imported(good(names, asked, told, *last)).profile)
    assert found[0].shape == first and found[0].fits, [(each.shape, each.score) for each in found[:4]]
    known = {each.shape: each for each in found if each.fits}
    assert "pairs" in known or "similarity" in names or "score" in names


def test_a_category_is_no_text_that_is_near(imported: Importer) -> None:
    table = good(("question", "answer"), asked, lambda n: "yes" if n % 2 else "no")
    assert not next(each for each in suggestions(imported(table).profile) if each.shape == "pairs").fits


def codes(imported: Importer, shape: str, columns: dict[str, str], *rows: tuple[str, ...]) -> dict[str, Any]:
    dataset = imported(as_csv([tuple(columns.values()), *rows]))
    found = SHAPES[shape].check(dataset.table(), columns)
    assert all(each.message.endswith(".") and each.remedy.endswith(".") for each in found)
    return {each.code: each.rows for each in found}


def test_pairs_of_which_nothing_is_learned_are_said(imported: Importer) -> None:
    rows = [(asked(n), told(n)) for n in range(9)]
    assert codes(imported, "pairs", PAIRS, *rows) == {}
    assert codes(imported, "pairs", PAIRS, *rows, ("a text", " A  TEXT"))["same-texts"] == (11,)
    assert codes(imported, "pairs", PAIRS, *rows, ("a text", ""))["empty-pair"] == (11,)
    assert codes(imported, "pairs", PAIRS, *rows, rows[0])["repeated-pairs"] == (11,)
    assert codes(imported, "pairs", PAIRS, *rows, (asked(0), told(1))) == {}
    assert "one-positive" in codes(imported, "pairs", PAIRS, *[(asked(n), "the same") for n in range(9)])
    dataset = imported(as_csv([("anchor", "positive"), *rows]))
    (same,) = SHAPES["pairs"].check(dataset.table(), {"anchor": "anchor", "positive": "anchor"})
    assert same.code == "same-column" and same.message == '"anchor" is chosen both as anchor and as positive.'


def test_a_text_that_is_near_and_far_is_said(imported: Importer) -> None:
    columns = {**PAIRS, "negative": "negative"}
    rows = [(asked(n), told(n), told(n + 50)) for n in range(9)]
    assert codes(imported, "triplets", columns, *rows) == {}
    found = codes(imported, "triplets", columns, *rows, ("a", "b", "B "), ("a", "b", "a"), ("a", "b", ""))
    assert (found["near-and-far"], found["same-texts"], found["empty-pair"]) == ((11,), (12,), (13,))


def test_scores_that_order_nothing_are_said(imported: Importer) -> None:
    rows = [(asked(n), told(n), f"{n / 7:.3f}") for n in range(9)]
    assert codes(imported, "scored-pairs", SCORED, *rows) == {}
    assert codes(imported, "scored-pairs", SCORED, *rows, ("a", "b", "alike"))["no-score"] == (11,)
    assert codes(imported, "scored-pairs", SCORED, *rows, ("a", "a", "1"))["same-texts"] == (11,)
    assert codes(imported, "scored-pairs", SCORED, *rows, (told(0), asked(0), "5"))["contradicting-pairs"] == (11,)
    assert set(codes(imported, "scored-pairs", SCORED, *[(*row[:2], "3") for row in rows])) == {"one-score"}
    yes = imported(as_csv([tuple(SCORED.values()), ("a", "b", "yes"), ("c", "d", "no")]))
    assert [row["score"] for _, row in SHAPES["scored-pairs"].rows(yes.table(), SCORED)] == [1.0, 0.0]


def test_rows_with_a_fault_can_be_left_out(imported: Importer) -> None:
    dataset = imported(as_csv([("anchor", "positive"), *[(asked(n), told(n)) for n in range(9)], ("b", "b")]))
    (finding,) = SHAPES["pairs"].check(dataset.table(), PAIRS)
    assert finding.fix is not None
    mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
    assert SHAPES["pairs"].check(mended.table(), PAIRS) == []
    assert len(list(SHAPES["pairs"].rows(dataset.table(), PAIRS))) == 9


def test_a_loss_that_needs_far_texts_is_refused_without_them(imported: Importer) -> None:
    task, dataset = TASKS["sentence-embeddings"], imported(good(("anchor", "positive"), asked, told))
    params = task.params_class.model_validate({"loss": "margin"})
    (finding,) = task.check(dataset.table(), PAIRS, params)
    assert (finding.severity, finding.code) == ("error", "no-margin")
    assert task.check(dataset.table(), PAIRS, task.params_class()) == []


def test_roles_tell_the_shape_and_the_text_that_is_read_of_a_row() -> None:
    task = TASKS["sentence-embeddings"]
    for columns, shape, read in (
        ({"anchor": "q", "positive": "a"}, "pairs", "q"),
        ({"anchor": "q", "positive": "a", "negative": "n"}, "triplets", "q"),
        ({"sentence1": "s", "sentence2": "t", "score": "n"}, "scored-pairs", "s"),
        ({"text": "t", "label": "l"}, "classification", "t"),
    ):
        assert task.shape_for(columns) == shape and task.reads(columns) == {"text": read}


def test_a_text_stays_on_one_side_of_the_split_with_all_that_is_near_it(imported: Importer, tmp_path: Path) -> None:
    rows = [(asked(n % 20) + (" " if n % 3 else ""), told(n)) for n in range(60)]
    counts = freeze(imported(as_csv([("anchor", "positive"), *rows])), PAIRS, Split(near_duplicates="ignore"), tmp_path)
    assert (counts.train, counts.validation, counts.test) == (48, 6, 6)
    sides = [{text.strip() for text in read_split(tmp_path, name)["anchor"].to_pylist()} for name in ("train", "test")]
    assert not sides[0] & sides[1]
