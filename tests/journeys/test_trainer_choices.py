"""What parameters do to a whole training: when it stops, which moment it keeps, and which bases it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from autotrain.report import Report
from autotrain.tasks import TASKS
from tests.training.causal import save_causal
from tests.training.toy import sentences

from .conftest import Trainer

Make = Callable[..., Trainer]


def evaluations(run: Trainer) -> dict[int, tuple[float, float]]:
    """Macro-F1 and loss of every evaluation, by step."""
    return {
        step: (values["eval_macro_f1"], values["eval_loss"])
        for step, values in run.curve(1).items()
        if "eval_loss" in values
    }


def report(run: Trainer) -> Report:
    return Report.model_validate_json(run.run.report.read_text("utf-8"))


def test_the_moment_with_the_highest_score_is_kept_and_of_equals_the_one_with_the_lowest_loss(
    undisturbed: Trainer,
) -> None:
    scores = evaluations(undisturbed)
    best = max(scores, key=lambda step: (scores[step][0], -scores[step][1]))
    training, losses = report(undisturbed).training, [scores[step][1] for step in sorted(scores)]
    assert training.best_step == best
    assert training.still_falling == (losses[-1] < 0.99 * min(losses[:-1]))
    assert (training.too_short() in report(undisturbed).notes) == training.still_falling


@pytest.mark.slow
def test_a_training_that_gets_no_better_ends_after_its_patience_and_says_so(trainer: Make) -> None:
    run = trainer(num_train_epochs=20, learning_rate=0.05, early_stopping_patience=2)
    assert run.finish() == 0
    scores, training = evaluations(run), report(run).training
    steps = sorted(scores)
    lowest = min(steps, key=lambda step: scores[step][1])
    assert training.best_step is not None
    last_gain = max(training.best_step, lowest)
    assert steps.index(last_gain) + 2 == len(steps) - 1, "two evaluations with neither a better score nor a lower loss"
    assert training.steps == steps[-1] < 20 * steps[1] == training.planned_steps
    assert training.ended == "patience"
    why = training.early_end()
    assert why in report(run).notes and why in [event.get("text") for event in run.events()]


@pytest.mark.slow
def test_half_the_batch_with_double_accumulation_is_the_same_training(trainer: Make) -> None:
    common = {"lora_dropout": 0.0, "num_train_epochs": 1}
    whole = trainer(per_device_train_batch_size=8, gradient_accumulation_steps=1, **common)
    halves = trainer(per_device_train_batch_size=4, gradient_accumulation_steps=2, **common)
    assert whole.finish() == halves.finish() == 0
    losses = [
        {step: point["loss"] for step, point in run.curve(1).items() if "loss" in point} for run in (whole, halves)
    ]
    assert losses[0].keys() == losses[1].keys()
    assert losses[1] == pytest.approx(losses[0], abs=2e-3)


@pytest.fixture(scope="module")
def language_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes, whose tokenizer has an end but no padding token."""
    folder = tmp_path_factory.mktemp("tiny-causal")
    return save_causal([text for text, _ in sentences(folder)], folder, pad="none")


@pytest.mark.slow
def test_a_language_model_can_be_taught_to_classify(trainer: Make, language_model: Path) -> None:
    run = trainer(model=language_model, num_train_epochs=6)
    assert run.finish() == 0, run.events()[-1:]
    majority = next(rival for rival in report(run).baselines if rival.name == "majority")
    low = report(run).headline().low
    assert low is not None and low > majority.scores[0].value
    predictor = TASKS["text-classification"].load(run.run.adapter, language_model)
    one, two = "a short text", "a text that is longer than the other one and fills the batch with padding"
    together, alone = predictor.predict([{"text": one}, {"text": two}]), predictor.predict([{"text": one}])
    assert together[0].scores == pytest.approx(alone[0].scores, abs=1e-4), "padding must not reach the answer"
