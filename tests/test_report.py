"""The verdict: what is said about a result, and what is not."""

from __future__ import annotations

import pytest

from autotrain.report import Baseline, Report, Score, Split, Training

TRAINING = Training(
    steps=1, epochs=1, seconds=1, samples_per_second=1, trainable_parameters=1, total_parameters=1, device="cpu"
)


def score(name: str, value: float, low: float | None = None, high: float | None = None) -> Score:
    return Score.of(name, value, None if low is None or high is None else (low, high))


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
    assert found.endswith("-0.2 points); Macro F1 75.0%: worse than the linear probe (91.4%).")


def untouched(*scores: Score) -> Baseline:
    return Baseline(name="base-model", title="Base model", explanation="", scores=scores)


def test_of_a_number_is_said_which_way_is_better() -> None:
    found = report(score("perplexity", 20.5, 18, 24)).model_copy(
        update={"baselines": (untouched(score("perplexity", 130)),)}
    )
    assert found.verdict() == "Perplexity 20.5: better than the base model (130, lower is better)."


def test_a_better_headline_does_not_hide_that_another_score_fell() -> None:
    found = report(score("perplexity", 20.5, 18, 24), score("rouge_l", 0.12, 0.09, 0.15)).model_copy(
        update={"baselines": (untouched(score("perplexity", 130), score("rouge_l", 0.13)),)}
    )
    assert found.verdict().endswith("; ROUGE-L 12.0%: not clearly different from the base model (13.0%).")
    for before in (0.11, 0.12):
        risen = found.model_copy(update={"baselines": (untouched(score("perplexity", 130), score("rouge_l", before)),)})
        assert "ROUGE-L" not in risen.verdict()


def test_a_training_that_still_got_better_says_so_unless_it_was_ended() -> None:
    short = TRAINING.model_copy(update={"steps": 10, "planned_steps": 10, "still_falling": True})
    assert "still falling when training ended after 1 epoch." in (short.too_short() or "")
    assert short.model_copy(update={"steps": 9, "ended": "asked"}).too_short() is None
    assert TRAINING.too_short() is None


def test_without_baselines_only_the_score_is_said() -> None:
    assert report(score("accuracy", 0.95, 0.9, 0.99)).verdict() == "Accuracy is 95.0%."


def test_a_training_that_did_all_its_steps_did_not_end_early() -> None:
    done = TRAINING.model_copy(update={"steps": 10, "planned_steps": 10, "ended": "patience"})
    assert done.early_end() is None
    assert "step 9 of 10" in (done.model_copy(update={"steps": 9}).early_end() or "")
