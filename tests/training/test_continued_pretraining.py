"""Texts read on: new ones are expected better than by the untouched base, whole and in blocks, and no token is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.answers import Asking, Sampling
from autotrain.errors import DataError, ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from tests.training.causal import PARAMS
from tests.training.learned import Learned, learned
from tests.training.talk import exchanges
from tests.training.toy import save_encoder

TASK = "continued-pretraining"
COLUMNS = {"text": "text"}
WANTED = {**PARAMS, "max_length": 48, "packing": False}


def documents(most: int, each: int = 1) -> list[dict[str, str]]:
    """Real sentences, so many of them a document."""
    said = [f"{asked} {answer}" for asked, answer in exchanges()]
    return [{"text": " ".join(said[n * each : (n + 1) * each])} for n in range(most)]


@pytest.fixture(scope="module")
def model(causal: Path) -> Path:
    return causal


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return learned(tmp_path_factory.mktemp("run"), TASK, documents(300), COLUMNS, model, **WANTED)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_new_texts_are_expected_better_than_by_the_untouched_base(done: Result) -> None:
    report = done.report
    (untouched,) = report.baselines
    headline = report.headline()
    assert headline.name == "perplexity" and untouched.name == "untouched"
    assert headline.high is not None and headline.high < untouched.scores[0].value
    gains = [one.score for one in report.examples]
    assert gains == sorted(gains, key=lambda gain: -(gain or 0)) and (gains[0] or 0) > 0


def test_the_finished_adapter_goes_on_with_a_text(done: Result, model: Path) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    role = TASKS[TASK].asks[0].role
    tuned = predictor.predict([{role: "What is"}], Asking(Sampling(max_new_tokens=12)))
    base = predictor.predict([{role: "What is"}], Asking(Sampling(max_new_tokens=12), untouched=True))
    assert tuned[0].says() != base[0].says()


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done)


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(model: Path, tmp_path: Path) -> None:
    short = {**WANTED, "max_steps": 20, "lora_dropout": 0.1}
    run = learned(tmp_path, TASK, documents(150), COLUMNS, model, **short)
    whole, resumed = run.stopped_and_resumed(step=7)
    assert resumed == whole and sum("loss" in values for values in whole.values()) == 20
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_four_batches_of_two_are_one_of_eight(run: Learned) -> None:
    run.accumulates(batch=2, batches=4)


def test_long_documents_become_blocks_and_packed_ones_share_them(model: Path, tmp_path: Path) -> None:
    run = learned(tmp_path, TASK, documents(40, each=6), COLUMNS, model, **{**WANTED, "max_length": 32})
    plain = run.attempt(1, num_train_epochs=1).report.training
    joined = run.attempt(2, num_train_epochs=1, packing=True).report.training
    assert plain.steps > 30 / 8, "more rows than documents"
    assert joined.steps < plain.steps


def test_an_encoder_and_texts_without_a_word_are_refused_before_training(
    run: Learned, model: Path, tmp_path: Path
) -> None:
    encoder = save_encoder([asked for asked, _ in exchanges()], tmp_path / "encoder")
    with pytest.raises(ModelError, match="language model"):
        Learned(run.task, run.columns, run.folder, encoder, run.params).attempt(40)
    with pytest.raises(DataError, match="only 0 different texts"):
        learned(tmp_path / "blank", TASK, [{"text": " "}] * 12, COLUMNS, model, **WANTED).attempt()
