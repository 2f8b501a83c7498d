"""Parameters as a form: every field of every task becomes a widget, with the bounds it was declared with."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from autotrain.recipe import presets
from autotrain.task import Params
from autotrain.tasks import TASKS
from autotrain.ui.forms import Widget, changes, widgets


class Example(Params):
    """One field of each kind."""

    rate: float = Field(1e-3, gt=0, le=1, title="Rate", description="How fast.")
    rounds: int = Field(3, ge=1, lt=10)
    shape: Literal["round", "square"] = "round"
    loud: bool = False
    note: str = "none"
    most: int | None = Field(None, ge=1, title="At most")


def widget(name: str) -> Widget:
    return next(each for each in widgets(Example) if each.name == name)


def test_a_number_keeps_its_title_help_default_and_bounds() -> None:
    rate = widget("rate")
    assert (rate.kind, rate.title, rate.help, rate.default) == ("number", "Rate", "How fast.", 1e-3)
    assert (rate.above, rate.maximum, rate.minimum, rate.below) == (0, 1, None, None)


def test_kinds_follow_the_annotation() -> None:
    assert {each.name: each.kind for each in widgets(Example)} == {
        "rate": "number",
        "rounds": "integer",
        "shape": "choice",
        "loud": "switch",
        "note": "text",
        "most": "integer",
    }
    assert widget("shape").choices == ["round", "square"]
    assert widget("most").optional
    assert widget("rounds").title == "Rounds"


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_every_parameter_of_every_task_has_a_widget_that_explains_itself(task: Any) -> None:
    form = widgets(task.params_class)
    assert [each.name for each in form] == list(task.params_class.model_fields)
    assert all(each.help and each.title for each in form)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_what_decides_most_is_always_seen_and_the_rest_is_folded_into_few_groups(task: Any) -> None:
    form = widgets(task.params_class)
    groups = {each.group for each in form if each.group}
    assert 1 <= len(groups) <= 5
    if "lora_r" in task.params_class.model_fields:
        seen = {each.name for each in form if each.group is None}
        assert {"num_train_epochs", "learning_rate", "per_device_train_batch_size", "max_length"} <= seen
        assert len(seen) <= 12
        assert {each.group for each in form if each.name.startswith(("lora", "use_", "pissa"))} == {"What is trained"}


@pytest.mark.parametrize("task", TASKS)
def test_a_preset_differs_in_nothing_from_itself(task: str) -> None:
    for preset in presets(task).values():
        written_out = preset.typed_params().model_dump()
        assert changes(TASKS[task].params_class, preset.params, written_out) == []


def test_a_change_shows_both_values_and_text_counts_as_the_number_it_means() -> None:
    assert changes(Example, {"rate": 0.001}, {"rate": "1e-3"}) == []
    (change,) = changes(Example, {}, {"rounds": "5"})
    assert (change.title, change.preset, change.value) == ("Rounds", 3, 5)


@given(st.integers())
def test_a_value_out_of_bounds_is_refused_and_one_within_is_a_change_or_the_default(value: int) -> None:
    if not 1 <= value < 10:
        with pytest.raises(ValidationError):
            changes(Example, {}, {"rounds": value})
    else:
        assert len(changes(Example, {}, {"rounds": value})) == (value != 3)
