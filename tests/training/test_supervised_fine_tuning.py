"""Answers learned from real exchanges: better than the untouched base, they come to an end, and every row counts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrain.answers import Asking, Sampling, Written
from autotrain.errors import DataError, ModelError
from autotrain.models.loading import load_tokenizer
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.ways import Ways
from tests.training.causal import PARAMS, save_causal
from tests.training.learned import Ear, Learned, learned
from tests.training.talk import chats, exchanges, said
from tests.training.toy import save_encoder

TASK = "supervised-fine-tuning"
CHAT = {"messages": "messages"}
WANTED = {**PARAMS, "written_rows": 16, "written_tokens": 32}


@pytest.fixture(scope="module")
def model(causal: Path) -> Path:
    return causal


@pytest.fixture(scope="module")
def run(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return learned(tmp_path_factory.mktemp("run"), TASK, chats(400), CHAT, model, **WANTED)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_beats_the_untouched_base_and_its_answers_end(done: Result) -> None:
    scores = {score.name: score for score in done.report.scores}
    (untouched,) = done.report.baselines
    base = {score.name: score for score in untouched.scores}
    assert untouched.name == "untouched"
    assert scores["perplexity"].high is not None and scores["perplexity"].high < base["perplexity"].value
    assert scores["token_accuracy"].value > base["token_accuracy"].value
    assert scores["stopped"].value == 1.0 and base["stopped"].value < 0.5
    assert len(done.report.written) == 16 and all(one.untouched is not None for one in done.report.written)
    assert {one.row for one in done.report.examples} <= {one.row for one in done.report.written}


def test_the_finished_adapter_generates_until_its_stop_token_and_the_base_does_not(done: Result, model: Path) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    asked = [{"prompt": question} for question, _ in exchanges()[:8]]
    long = Sampling(max_new_tokens=60)
    answers = predictor.predict(asked, Asking(long))
    assert all(isinstance(each, Written) and each.finished and each.tokens < 60 for each in answers)
    base = predictor.predict(asked, Asking(long, untouched=True))
    assert sum(each.finished for each in base if isinstance(each, Written)) < len(base) / 2
    pieces: list[str] = []
    (streamed,) = predictor.predict(asked[:1], Asking(long, said=pieces.append))
    assert "".join(pieces).strip() == streamed.says() == answers[0].says()


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    assert run.judges_again(done).written == done.report.written


@pytest.mark.parametrize(
    "way",
    [
        {},
        {"init_lora_weights": "pissa"},
        {"init_lora_weights": "pissa", "pissa_niter": 4},
        {"use_dora": True},
        {"use_dora": True, "use_rslora": True, "loraplus_lr_ratio": 4.0},
        {"training_method": "full", "learning_rate": 1e-3, "lora_dropout": 0.0},
        {"lora_dropout": 0.0},
        {"packing": True},
    ],
    ids=lambda way: "-".join(f"{value}" for value in way.values()) or "lora",
)
def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    model: Path, tmp_path: Path, way: dict[str, Any]
) -> None:
    short = {**WANTED, "max_steps": 24, "lora_dropout": 0.1, "written_rows": 2, **way}
    run = learned(tmp_path, TASK, chats(200), CHAT, model, **short)
    whole, resumed = run.stopped_and_resumed(step=7)
    assert resumed == whole and sum("loss" in values for values in whole.values()) == 24
    name = "model.safetensors" if way.get("training_method") == "full" else "adapter_model.safetensors"
    weights = [run.folder / f"attempt-{number}" / "adapter" / name for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_four_batches_of_two_are_one_of_eight(run: Learned) -> None:
    run.accumulates(batch=2, batches=4)


def test_packed_rows_are_learned_from_as_well(run: Learned, done: Result) -> None:
    ear = Ear()
    report = run.attempt(3, ear, packing=True, written_rows=0).report
    told = [event.text for event in ear.told if event.kind == "log"]
    assert not any("not packed" in text for text in told)
    assert report.training.steps < done.report.training.steps, "rows share their places in an update"
    assert report.headline().beats(report.baselines[0].scores[0])
    assert [score.name for score in report.scores] == ["perplexity", "token_accuracy", "general_perplexity"]


def test_what_rows_begin_alike_is_computed_once_and_nothing_else_changes(
    run: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, plain = Ear(), Ear()
    short = {"max_steps": 6, "written_rows": 0}
    run.attempt(4, quick, **short)
    monkeypatch.setattr("autotrain.training.language.quickest", lambda *_: Ways())
    run.attempt(5, plain, **short)
    told = [event.text for event in quick.told if event.kind == "log"]
    assert any("what they begin alike is computed once" in text for text in told)
    curve = plain.curve()
    for step, values in quick.curve().items():
        for name in {"loss", "grad_norm", "eval_loss", "eval_token_accuracy"} & values.keys():
            assert values[name] == pytest.approx(curve[step][name], rel=1e-3), (step, name)


def test_a_model_that_cannot_keep_rows_apart_is_trained_with_padded_rows(tmp_path: Path) -> None:
    ear = Ear()
    bloom = save_causal(said(), tmp_path / "bloom", "bloom")
    short = {**WANTED, "max_steps": 2, "packing": True, "written_rows": 0}
    learned(tmp_path / "run", TASK, chats(60), CHAT, bloom, **short).attempt(1, ear)
    for said_so in ("Rows are padded", "Rows are not packed"):
        assert any(said_so in event.text for event in ear.told if event.kind == "log"), said_so


def test_prompts_with_a_completion_and_a_base_without_a_template_are_taught_too(tmp_path: Path) -> None:
    plain = save_causal(said(), tmp_path / "plain", template=None)
    rows = [{"question": asked, "answer": reply, "how": "be brief"} for asked, reply in exchanges()[:120]]
    columns = {"prompt": "question", "completion": "answer", "system": "how"}
    short = {**WANTED, "max_steps": 12, "written_rows": 4}
    done = learned(tmp_path / "run", TASK, rows, columns, plain, **short).attempt()
    assert done.report.headline().beats(done.report.baselines[0].scores[0])
    assert "<|im_start|>system\nbe brief" in done.report.written[0].inputs["prompt"]
    assert load_tokenizer(done.artifact).chat_template is None, "the default template is put in where it is used"
    (answer,) = TASKS[TASK].load(done.artifact, plain).predict([{"prompt": "Who are you?"}])
    assert answer.says() is not None


def turns(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in pairs]}


def test_chats_without_an_answer_are_left_out_and_all_of_them_refused(model: Path, tmp_path: Path) -> None:
    empty = [turns(("user", f"Question {n}?"), ("assistant", "")) for n in range(20)]
    silent = [turns(("user", f"Hello {n}?")) for n in range(20)]
    task = TASKS[TASK]
    short = {**WANTED, "max_steps": 1, "written_rows": 1}
    run = learned(tmp_path / "some", TASK, [*chats(60), *empty, *silent], CHAT, model, **short)
    report = run.attempt().report
    split = report.split
    assert split.train + split.validation + split.test == 60
    for name, rows, code in (("empty", empty, "empty-turn"), ("silent", silent, "no-last-answer")):
        with pytest.raises(DataError, match="None of the training rows teaches anything"):
            learned(tmp_path / name, TASK, rows, CHAT, model, **short).attempt()
        found = task.check(checked(tmp_path / name), CHAT, task.params_class())
        assert [(each.code, each.severity, each.count) for each in found] == [(code, "error", 20)]


def checked(folder: Path) -> Any:
    """The table of a run folder, as the data step has it."""
    from autotrain.data.store import DatasetStore
    from autotrain.settings import Settings

    settings = Settings(home=folder / "home", redis_url=None, database_url=None)
    return DatasetStore(settings).add(folder / "table.jsonl").table()


def test_an_encoder_is_refused_before_training(run: Learned, tmp_path: Path) -> None:
    encoder = save_encoder([asked for asked, _ in exchanges()], tmp_path / "encoder")
    with pytest.raises(ModelError, match="language model"):
        Learned(run.task, run.columns, run.folder, encoder, run.params).attempt(40)


def test_answers_that_begin_beyond_the_length_are_counted_and_all_of_them_refused(model: Path, tmp_path: Path) -> None:
    long = [turns(("user", f"{'word ' * 60}{n}"), ("assistant", "Yes.")) for n in range(12)]
    ear = Ear()
    run = learned(tmp_path / "some", TASK, [*chats(80), *long], CHAT, model, **{**WANTED, "max_steps": 1})
    run.attempt(1, ear, written_rows=0)
    assert any(
        "teach nothing at 64 tokens and were left out of the training" in e.text for e in ear.told if e.kind == "log"
    )
    with pytest.raises(DataError, match="None of the training rows teaches anything at 64 tokens. Allow longer texts"):
        learned(tmp_path / "all", TASK, long, CHAT, model, **WANTED).attempt()
