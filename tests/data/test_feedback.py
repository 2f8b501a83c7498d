"""Thumbs: every spelling, which tables have them, and rows that cannot be learned from."""

from __future__ import annotations

import json
from typing import Any

import pytest

from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.shapes.feedback import thumb_of
from autotrain.tasks import TASKS
from tests.data.conftest import Importer, as_csv

COLUMNS = {"prompt": "prompt", "completion": "completion", "rating": "label"}


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    "cell", ["👍", "👍🏽", "up", "Thumbs_Up", "thumbs-up", "true", "1", "1.0", "+1", "yes", "liked"]
)
def test_a_thumb_up_is_read(cell: str) -> None:
    assert thumb_of(f" {cell} ") is True


@pytest.mark.parametrize("cell", ["👎", "👎🏿", "down", "thumb-down", "FALSE", "0", "-1", "-1.0", "no", "disliked"])
def test_a_thumb_down_is_read(cell: str) -> None:
    assert thumb_of(cell) is False


@pytest.mark.parametrize("cell", ["", " ", "2", "0.5", "perhaps", "👋", "nan", "up and down"])
def test_anything_else_is_no_thumb(cell: str) -> None:
    assert thumb_of(cell) is None


@pytest.mark.parametrize(("up", "down"), [("👍", "👎"), ("up", "down"), ("true", "false"), ("1", "0")])
def test_a_table_of_thumbs_is_recognised(imported: Importer, up: str, down: str) -> None:
    rows = [(f"what is number {n}?", f"it is the number {n}", (up, down)[n % 2]) for n in range(20)]
    first = suggestions(imported(as_csv([("prompt", "response", "rating"), *rows])).profile)[0]
    assert (first.shape, first.fits) == ("feedback", True)
    assert {guess.role: guess.column for guess in first.mapping} == {
        "prompt": "prompt",
        "completion": "response",
        "rating": "rating",
        "tools": None,
    }


def test_a_table_of_grades_is_none(imported: Importer) -> None:
    rows = [(f"what is number {n}?", f"it is the number {n}", str(n % 5 + 1)) for n in range(20)]
    found = suggestions(imported(as_csv([("prompt", "response", "rating"), *rows])).profile)
    (feedback,) = [each for each in found if each.shape == "feedback"]
    assert not feedback.fits and "more than thumbs" in feedback.reason


def test_rows_that_cannot_be_learned_from_are_named(imported: Importer) -> None:
    good = {"prompt": "Where is Paris?", "completion": "In France.", "label": True}
    bad = [{"prompt": " "}, {"completion": ""}, {"label": "perhaps"}]
    spoken = {"prompt": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
    rows = [good, good | {"label": False}, *[good | each for each in bad], good | spoken]
    table = imported(lines(*[{**row, "prompt": as_text(row["prompt"])} for row in rows])).table()
    found = SHAPES["feedback"].check(table, COLUMNS)
    assert {each.code: each.rows for each in found if each.severity == "error"} == {
        "empty-prompt": (3,),
        "empty-completion": (4,),
        "no-thumb": (5,),
        "not-alternating": (6,),
    }
    made = [row for _, row in SHAPES["feedback"].rows(table, COLUMNS)]
    assert [row["liked"] for row in made] == [True, False]
    assert made[0]["prompt"] == [{"role": "user", "content": "Where is Paris?"}]


def as_text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt)


def test_thumbs_of_one_kind_teach_nothing_and_few_of_one_are_said(imported: Importer) -> None:
    rows = [{"prompt": f"what is {n}", "completion": f"it is {n}", "label": True} for n in range(60)]
    (finding,) = SHAPES["feedback"].check(imported(lines(*rows)).table(), COLUMNS)
    assert (finding.code, finding.severity) == ("one-sided-thumbs", "error") and "thumb up" in finding.message
    rows[0]["label"] = False
    (finding,) = SHAPES["feedback"].check(imported(lines(*rows)).table(), COLUMNS)
    assert (finding.code, finding.severity, finding.count) == ("few-thumbs", "warning", 1)


def test_a_loss_of_pairs_is_refused_for_thumbs_before_training(imported: Importer) -> None:
    rows = [{"prompt": f"what is {n}", "completion": f"it is {n}", "label": n % 2 == 0} for n in range(20)]
    table, task = imported(lines(*rows)).table(), TASKS["preference-tuning"]
    assert task.shape_for(COLUMNS) == "feedback"
    for loss, codes in (("auto", []), ("kto", []), ("simpo", ["loss-needs-pairs"])):
        found = task.check(table, COLUMNS, task.params_class(loss=loss))  # type: ignore[call-arg]
        assert [each.code for each in found] == codes


def test_a_preference_without_a_prompt_is_named(imported: Importer) -> None:
    good = {"prompt": "Where?", "chosen": "Here.", "rejected": "There."}
    table = imported(lines(good, good | {"prompt": ""}, good)).table()
    found = SHAPES["preference"].check(table, {role: role for role in good})
    assert [(each.code, each.rows) for each in found] == [("empty-prompt", (2,))]
    (whole,) = SHAPES["preference"].check(table, {"chosen": "chosen", "rejected": "rejected"})
    assert whole.code == "empty-prompt" and whole.count == 3
