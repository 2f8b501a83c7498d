"""A language model that learns from what its answers earn: real questions, better than its base, resumed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import BertConfig

from autotrain.answers import Written
from autotrain.errors import DataError, ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.checkpoint import Moment, complete
from autotrain.training.rewarding import no_difference
from tests.training.causal import PLACES, save_causal
from tests.training.learned import Ear, Learned, learned
from tests.training.talk import questions

COLUMNS = {"prompt": "problem", "answer": "solution"}
WANTED: dict[str, Any] = {
    "exact_weight": 0,
    "pattern_weight": 1,
    "pattern": r"^{answer}\b",
    "max_completion_length": 4,
    "max_length": 64,
    "num_train_epochs": 10,
    "max_steps": 40,
    "learning_rate": 2e-2,
    "warmup_ratio": 0,
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "lora_r": 8,
    "lora_alpha": 16,
    "validation_rows": 8,
    "written_rows": 32,
}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """Real questions; what begins with "What" is to be answered by "what", the rest by "no"."""
    return [
        {"problem": text, "solution": "what" if text.casefold().startswith("what") else "no"} for text in questions(320)
    ]


@pytest.fixture(scope="module")
def model(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [*(row["problem"] for row in rows), *["what no"] * 99]
    return save_causal(texts, tmp_path_factory.mktemp("causal"), words=True, vocabulary=40)


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return learned(tmp_path_factory.mktemp("run"), "grpo", rows, COLUMNS, model, **WANTED)


@pytest.fixture(scope="module")
def ear() -> Ear:
    return Ear()


@pytest.fixture(scope="module")
def done(run: Learned, ear: Ear) -> Result:
    return run.attempt(ear=ear)


def test_it_earns_more_than_the_untouched_base(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores][:3] == ["pass_at_1", "reward", "stopped"]
    (base,) = report.baselines
    for place in (0, 1):
        low = report.scores[place].low
        assert low is not None and low > base.scores[place].value, (report.scores, base.scores)
    assert any("Training gained" in note for note in report.notes)
    scores = [one.score for one in report.examples]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    assert all(one.score == 0 and one.untouched is not None for one in report.mistakes)
    assert all(one.predicted.startswith(one.expected) for one in report.examples if one.score == 1)


def test_the_curves_show_what_is_earned(done: Result, ear: Ear) -> None:
    curve = ear.curve()
    assert all(
        set(point) >= {"loss", "reward", "reward_spread", "answer_tokens", "stopped", "grad_norm"}
        for step, point in curve.items()
        if step
    )
    early, late = (sum(curve[step]["reward"] for step in steps) / 5 for steps in (range(1, 6), range(36, 41)))
    assert late > early + 0.1
    judged = [point for point in curve.values() if "eval_reward" in point]
    assert len(judged) >= 2
    assert all(point["eval_loss"] == pytest.approx(1 - point["eval_reward"], abs=1e-6) for point in judged)


def test_the_finished_adapter_answers_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS["grpo"].load(done.artifact, model)
    first = done.report.examples[0]
    answers = predictor.predict([first.inputs, {"prompt": ""}, {"prompt": "word " * 5000}, {"prompt": "\u202e\x00😀"}])
    assert all(isinstance(each, Written) for each in answers)
    assert answers[0].says().startswith(first.predicted.split()[0])
    assert predictor.predict([]) == []


@pytest.mark.parametrize(
    "chosen",
    [
        {"loss_type": "dapo", "beta": 0.05, "lora_dropout": 0.1},
        {"loss_type": "grpo", "scale_rewards": "none", "length_weight": 0.5, "length_most": 3, "top_p": 0.9},
    ],
)
def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_answers(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path, chosen: dict[str, Any]
) -> None:
    short = {
        **WANTED,
        "pattern": r"\b(you|the|is|what)\b",
        "max_steps": 7,
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 2,
    }
    short |= {"evaluations_per_epoch": 10, "num_generations": 4, "written_rows": 4, "validation_rows": 4}
    run = learned(tmp_path, "grpo", rows, COLUMNS, model, **{**short, **chosen})
    whole, resumed = run.stopped_and_resumed(step=4)
    assert resumed == whole
    assert len({point["reward"] for point in whole.values() if "reward" in point}) > 3
    killed = Ear()
    run.attempt(14, killed, complete(run.folder / "attempt-11" / "checkpoints")[0])  # a process that was killed later
    again = killed.curve()
    assert 0 < len(again) < len(whole) and again == {step: whole[step] for step in again}
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13, 14)]
    assert len({path.read_bytes() for path in weights}) == 1
    moment = Moment.read(complete(run.folder / "attempt-12" / "checkpoints")[-1])
    assert set(moment.told) >= {"reward", "reward_spread"}


def test_what_cannot_be_rewarded_is_refused_before_training(run: Learned, model: Path, tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path / "bert")
    with pytest.raises(ModelError, match="cannot be used for grpo.*Choose a language model"):
        Learned(run.task, run.columns, run.folder, tmp_path / "bert", run.params).attempt(30)
    with pytest.raises(DataError, match='The pattern "\\(" is no regular expression'):
        run.attempt(31, pattern="(")
    with pytest.raises(DataError, match=f"The model reads {PLACES} tokens with the answer.*Lower"):
        run.attempt(32, max_completion_length=PLACES - 4)
    with pytest.raises(DataError, match="None of the training rows teaches anything at 8 tokens"):
        long = [{"problem": "word " * 30 + str(number), "solution": "no"} for number in range(30)]
        learned(tmp_path / "long", "grpo", long, COLUMNS, model, **{**WANTED, "max_length": 8}).attempt()
    lonely = Learned(run.task, run.columns, tmp_path / "lonely", model, run.params)
    shutil.copytree(run.folder / "data", lonely.folder / "data")
    shutil.copy(tmp_path / "long" / "data" / "test.arrow", lonely.folder / "data" / "test.arrow")
    with pytest.raises(DataError, match="None of the test rows teaches anything at 16 tokens"):
        lonely.attempt(33, max_length=16)


def test_rewards_that_nobody_earns_are_said_early(run: Learned) -> None:
    ear = Ear()
    run.attempt(40, ear, pattern="never written", max_steps=2, written_rows=2, validation_rows=2)
    (said,) = [event for event in ear.told if event.kind == "log" and event.level == "warning"]
    assert said.text == no_difference(0.0, 64) and "None of the first 64 answers earned anything" in said.text
    assert "full reward" in no_difference(1.0, 64) and "raise the temperature" in no_difference(0.5, 64)


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done)
