"""Learning by rewards on a user's table: which columns it finds, and what is said before a second of training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.store import Dataset, DatasetStore
from autotrain.events import Finding
from autotrain.recipe import presets
from autotrain.settings import Settings
from autotrain.tasks import TASKS

TASK = TASKS["grpo"]
SUMS = [{"problem": f"What is {n} + 1?", "solution": f"{n + 1}"} for n in range(40)]


def imported(settings: Settings, tmp_path: Path, rows: list[dict[str, Any]]) -> Dataset:
    path = tmp_path / "table.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return DatasetStore(settings).add(path)


def said(dataset: Dataset, columns: dict[str, str], **params: Any) -> list[Finding]:
    found = TASK.check(dataset.table(), columns, TASK.params_class(**params))
    assert all(each.message.endswith(".") and each.remedy.endswith(".") for each in found)
    return found


def test_problems_with_short_solutions_are_what_it_learns_from(settings: Settings, tmp_path: Path) -> None:
    dataset = imported(settings, tmp_path, SUMS)
    assert suggestions(dataset.profile)[0].shape == "prompt-answer"
    assert {guess.role: guess.column for guess in TASK.suits(dataset.profile).mapping} == {
        "prompt": "problem",
        "answer": "solution",
        "system": None,
    }
    for preset in presets("grpo").values():
        assert said(dataset, {"prompt": "problem", "answer": "solution"}, **preset.params) == []


@pytest.mark.parametrize(
    "rows",
    [
        [{"question": f"Where is town {n}?", "answer": f"It is in the valley of the river {n}."} for n in range(30)],
        [{"prompt": f"Tell me of {n}", "completion": f"Of {n} much is told."} for n in range(30)],
        [
            {
                "problem": f"My screen {n} stays dark after the last update of the system",
                "solution": f"Press the button for {n} seconds, " * 5,
            }
            for n in range(30)
        ],
        [{"question": f"Is {n} even?", "label": ("yes", "no")[n % 2]} for n in range(30)],
        [{"query": f"q {n // 3}", "passage": f"some text {n}", "relevance": n % 2} for n in range(30)],
    ],
)
def test_tables_that_are_something_else_are_not_taken_for_it(
    settings: Settings, tmp_path: Path, rows: list[dict[str, Any]]
) -> None:
    assert suggestions(imported(settings, tmp_path, rows).profile)[0].shape != "prompt-answer"


def test_rows_become_what_is_asked_and_what_is_right(settings: Settings, tmp_path: Path) -> None:
    asked = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "2+2"},
    ]
    table = [
        {"prompt": asked, "expected": 4},
        {"prompt": "3+3", "expected": " 6 "},
        {"prompt": asked[:2], "expected": 1},
    ]
    dataset = imported(settings, tmp_path, [*table, {"prompt": " ", "expected": "5"}, {"prompt": "1", "expected": ""}])
    columns = {"prompt": "prompt", "answer": "expected"}
    assert [row for _, row in SHAPES["prompt-answer"].rows(dataset.table(), columns)] == [
        {"messages": asked, "answer": "4"},
        {"messages": [{"role": "user", "content": "3+3"}], "answer": "6"},
        {"messages": [{"role": "user", "content": "1"}], "answer": ""},
    ]
    found = said(dataset, columns, exact_weight=0, length_weight=1)
    assert [(each.code, each.rows) for each in found] == [("answered-prompt", (3,)), ("empty-prompt", (4,))]


def test_answers_that_a_reward_needs_are_asked_for(settings: Settings, tmp_path: Path) -> None:
    dataset = imported(settings, tmp_path, [*SUMS, {"problem": "Why?", "solution": "because"}, {"problem": "How?"}])
    columns = {"prompt": "problem", "answer": "solution"}
    found = {each.code: each for each in said(dataset, columns, number_weight=1)}
    assert found["no-number"].rows == (41,) and '"because"' in found["no-number"].message
    assert found["no-answer"].rows == (42,) and found["no-answer"].fix is not None
    assert [each.code for each in said(dataset, columns)] == ["no-answer"]
    assert said(dataset, columns, exact_weight=0, length_weight=1) == []
    (missing,) = said(dataset, {"prompt": "problem"}, number_weight=1)
    assert missing.code == "no-answer-column" and missing.message.startswith('"Exact match" and "Number" need')
    form = {"exact_weight": 0, "pattern_weight": 1}
    assert said(dataset, {"prompt": "problem"}, **form, pattern="^Yes") == []
    assert [each.code for each in said(dataset, {"prompt": "problem"}, **form, pattern="{answer}")] == [
        "no-answer-column"
    ]


def test_bad_choices_and_columns_are_named(settings: Settings, tmp_path: Path) -> None:
    dataset = imported(settings, tmp_path, SUMS)
    columns = {"prompt": "problem", "answer": "solution"}
    assert [each.code for each in said(dataset, columns, exact_weight=0)] == ["no-reward"]
    bad = said(dataset, columns, pattern_weight=1, pattern="[", json_weight=1, json_schema="{")
    assert [each.code for each in bad] == ["bad-pattern", "bad-json-schema"]
    assert [each.code for each in said(dataset, columns | {"answer": "problem"})] == ["same-column"]
    assert [each.code for each in said(dataset, columns | {"answer": "gone"})] == ["no-such-column"]
