"""Numbers that are none: refused where they are typed, and ending a training at the step where they appear."""

from __future__ import annotations

import pytest

from autotrain.errors import RecipeError, TrainingError
from autotrain.recipe import parse
from autotrain.training.report import require_finite

RECIPE = {"version": 1, "task": "text-classification", "title": "x", "model": "all-minilm-l6-v2"}


@pytest.mark.parametrize("rate", [1e6, float("nan"), float("inf"), -1.0, 0.0])
def test_a_learning_rate_that_cannot_work_is_refused_before_anything_is_spent(rate: float) -> None:
    with pytest.raises(RecipeError, match="learning_rate"):
        parse(RECIPE | {"params": {"learning_rate": rate}}, "recipe")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_loss_that_is_no_number_ends_the_training_at_its_step_with_a_rate_to_try(value: float) -> None:
    with pytest.raises(TrainingError, match=r"at step 7 .*a tenth of 0\.5 is 0\.05") as ended:
        require_finite("training loss", value, 7, 0.5)
    assert ended.value.code == "nan"
