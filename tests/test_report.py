"""The verdict: what is said about a result, and what is not."""

from __future__ import annotations

import pytest

from autotrain.report import Baseline, Report, Score, Split, Training

TRAINING = Training(
    steps=1, epochs=1, seconds=1, samples_per_second=1, trainable_parameters=1, total_parameters=1, device="cpu"
)


def score(name: str, value: float, low: float | None = None, high: float | None = None) -> Score:
    return Score(
        name=name, title={"accuracy": "Accuracy", "macro_f1": "Macro-F1"}[name], value=value, low=low, high=high
    )


def report(*scores: Score, rivals: tuple[Score, ...] = ()) -> Report:
    majority = Baseline(name="majority", title="Majority class", explanation="", scores=(score("accuracy", 0.3),))
    probe = Baseline(name="linear-probe", title="Linear probe", explanation="", scores=rivals)
    baselines = (majority, probe) if rivals else ()
    return Report(
        task="t", scores=scores, baselines=baselines, split=Split(train=1, validation=1, test=1), training=TRAINING
    )


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.91, 0.97, "Accuracy 95.0%: better than the linear probe (90.0%, +5.0 points)."),
        (0.89, 0.97, "Accuracy 95.0%: not clearly different from the linear probe (90.0%, +5.0 points)."),
        (None, None, "Accuracy 95.0%: not clearly different from the linear probe (90.0%, +5.0 points)."),
    ],
)
def test_better_is_said_only_where_the_interval_lies_above_the_strongest_baseline(
    low: float | None, high: float | None, words: str
) -> None:
    assert report(score("accuracy", 0.95, low, high), rivals=(score("accuracy", 0.9),)).verdict() == words


def test_worse_is_said_as_plainly() -> None:
    found = report(score("accuracy", 0.8, 0.75, 0.85), rivals=(score("accuracy", 0.9),)).verdict()
    assert found == "Accuracy 80.0%: worse than the linear probe (90.0%, -10.0 points)."


def test_a_high_accuracy_does_not_hide_that_rare_classes_are_missed() -> None:
    found = report(
        score("accuracy", 0.948, 0.932, 0.963),
        score("macro_f1", 0.75, 0.697, 0.794),
        rivals=(score("accuracy", 0.95), score("macro_f1", 0.914)),
    ).verdict()
    assert found.endswith("-0.2 points); Macro-F1 75.0%: worse than the linear probe (91.4%).")


def test_without_baselines_only_the_score_is_said() -> None:
    assert report(score("accuracy", 0.95, 0.9, 0.99)).verdict() == "Accuracy is 95.0%."


def test_a_training_that_did_all_its_steps_did_not_end_early() -> None:
    done = TRAINING.model_copy(update={"steps": 10, "planned_steps": 10, "ended": "patience"})
    assert done.early_end() is None
    assert "step 9 of 10" in (done.model_copy(update={"steps": 9}).early_end() or "")
