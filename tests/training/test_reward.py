"""Rewards learned from pairs: better than what the base's vectors and the length tell, the same after a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import T5Config

from autotrain.answers import Ranked
from autotrain.errors import DataError, ModelError
from autotrain.evaluation.preference import right
from autotrain.models.loading import load_tokenizer
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.head import preferring
from autotrain.training.reward import RewardModel
from tests.training.causal import PARAMS
from tests.training.learned import Learned, learned
from tests.training.talk import preferences
from tests.training.toy import save_encoder

COLUMNS = {role: role for role in ("prompt", "chosen", "rejected")}


@pytest.fixture(scope="module")
def model(causal: Path) -> Path:
    return causal


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "reward-modeling", preferences(400), COLUMNS, model, **PARAMS)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_better_answers_get_larger_rewards_more_often_than_by_probe_or_length(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores] == ["preference_accuracy", "margin"]
    assert [baseline.name for baseline in report.baselines] == ["linear-probe", "length"]
    assert report.headline().value >= 0.85
    assert all(report.headline().beats(baseline.scores[0]) for baseline in report.baselines)
    length = report.baselines[1].scores[0].value
    assert report.headline().low is not None and report.headline().low > length
    assert all(one.predicted != one.expected for one in report.mistakes)
    assert len(report.examples) == 8


@pytest.fixture(scope="module")
def judge(done: Result, model: Path) -> RewardModel:
    return TASKS["reward-modeling"].load(done.artifact, model)  # type: ignore[return-value]


def test_answers_are_ranked_whatever_is_asked(judge: RewardModel) -> None:
    english, italian = "I like to talk about music.", "Mi piace molto parlare di musica."
    both = {"prompt": "What do you like?", "answers": f"{italian}\n\n{english}\n"}
    spoken = [{"role": "user", "content": "What do you like?"}, {"role": "assistant", "content": english}]
    asked = [
        both,
        both | {"answers": json.dumps([english, f"{italian}\n{italian}"])},
        {"prompt": json.dumps(spoken)},
        {"prompt": "", "answers": ""},
        {"prompt": "word " * 5000, "answers": "one\n" + "word " * 5000},
        {"prompt": "\u202e\x00😀", "answers": "𝔘"},
    ]
    answers = judge.predict(asked)
    assert all(isinstance(each, Ranked) and list(each.scores) == sorted(each.scores)[::-1] for each in answers)
    assert [each.texts[0] for each in answers[:3]] == [english] * 3
    assert [len(each.texts) for each in answers] == [2, 2, 1, 1, 2, 1]
    assert answers[2].scores[0] == pytest.approx(answers[0].scores[0], abs=1e-5), "padding changes no reward"
    assert np.isfinite([score for each in answers for score in each.scores]).all()
    assert judge.predict([]) == []


def test_a_conversation_that_cannot_be_judged_is_refused_in_words(judge: RewardModel) -> None:
    turns = [{"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    with pytest.raises(DataError, match="cannot be judged"):
        judge.predict([{"prompt": json.dumps(turns)}])
    with pytest.raises(DataError, match="no list of turns"):
        judge.predict([{"prompt": json.dumps([{"role": 1}]), "answers": "one"}])


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(model: Path, tmp_path: Path) -> None:
    short = {**PARAMS, "max_steps": 14, "lora_dropout": 0.1}
    run = learned(tmp_path, "reward-modeling", preferences(60), COLUMNS, model, **short)
    whole, resumed = run.stopped_and_resumed(step=5)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_an_encoder_learns_rewards_too_and_gets_the_signs_it_expects(tmp_path: Path) -> None:
    rows = preferences(300)
    encoder = save_encoder([text for row in rows for text in row.values()], tmp_path / "encoder")
    wanted = {"max_length": 64, "learning_rate": 4e-3, "num_train_epochs": 6, "margin": 0.2, "centering": 0.01}
    params: dict[str, Any] = {**PARAMS, **wanted}
    run = learned(tmp_path / "run", "reward-modeling", rows, COLUMNS, encoder, **params)
    result = run.attempt()
    assert result.report.headline().value > 0.6
    judge = TASKS["reward-modeling"].load(result.artifact, encoder)
    tokenizer = load_tokenizer(encoder)
    assert isinstance(judge, RewardModel)
    ids = judge._ids([{"role": "user", "content": "hi"}], "hello")
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)


def test_a_model_of_two_halves_is_refused_before_training(run: Learned, tmp_path: Path) -> None:
    T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="encoder-decoder"):
        Learned(run.task, run.columns, run.folder, tmp_path / "t5", run.params).attempt(30)


def test_the_manual_judges_as_the_app_does(
    done: Result, model: Path, judge: RewardModel, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(TASKS["reward-modeling"].manual.python(str(done.artifact), str(model)), {})
    question, answers = "What is asked?", "One answer to it.\nAnother answer to it."
    (golden,) = judge.predict([{"prompt": question, "answers": answers}])
    assert capsys.readouterr().out.splitlines() == [
        f"{score:.3f}  {text}" for score, text in zip(golden.scores, golden.texts, strict=True)
    ]


def test_a_linear_direction_is_found_in_differences() -> None:
    chance = np.random.default_rng(0)
    prompts, wanted = chance.normal(size=(80, 6)), np.array([0.0, 1.0, 0, 0, 0, 0])
    better, worse = (prompts + chance.normal(size=(80, 6)) + sign * wanted for sign in (1, -1))
    weight, bias = preferring(np.concatenate([better, worse]).astype(np.float32))
    assert int(np.abs(weight[0]).argmax()) == 1 and not bias.any()
    assert right(better @ weight[0], worse @ weight[0]).mean() > 0.85


def test_a_row_of_the_report_can_be_asked_as_it_stands(done: Result, judge: RewardModel) -> None:
    for example, answer in zip(
        done.report.examples, judge.predict([one.inputs for one in done.report.examples]), strict=True
    ):
        assert answer.texts[0] == example.predicted and len(answer.texts) == 2


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    alone = run.judges_again(done, "linear-probe", "length")
    assert alone.baselines == () and not any("linear probe" in note for note in alone.notes)
