"""Whole trainings as real processes: what they leave, and how they fail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrain.data.freeze import read_split
from autotrain.report import Report
from autotrain.tasks import TASKS
from autotrain.training.checkpoint import complete
from tests.training.toy import MODEL_NAME

from .conftest import EPOCHS, Trainer

Make = Callable[..., Trainer]


def test_a_run_leaves_an_adapter_a_report_and_its_story(undisturbed: Trainer) -> None:
    events, run = undisturbed.events(), undisturbed.run
    assert undisturbed.phases() == ["load", "tokenise", "train", "evaluate", "save"]
    assert events[-1]["kind"] == "outcome"
    first = next(event for event in events if event["kind"] == "metric")
    assert first["step"] == 1 and {"loss", "learning_rate", "grad_norm"} <= set(first["values"])
    evaluations = [event["values"] for event in events if event["kind"] == "metric" and "eval_loss" in event["values"]]
    assert len(evaluations) == 2 * EPOCHS
    assert all({"eval_accuracy", "eval_macro_f1"} <= set(values) for values in evaluations)
    last = [event for event in events if event["kind"] == "progress"][-1]
    assert last["step"] == last["total_steps"] and last["memory_bytes"] > 0
    names = {path.name for path in run.adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "autotrain.json"} <= names
    report = Report.model_validate_json(run.report.read_text("utf-8"))
    assert report.task == "text-classification"
    assert len(report.per_class) == 3 and report.confusion is not None


def test_the_toy_learns_more_than_the_majority(undisturbed: Trainer) -> None:
    report = Report.model_validate_json(undisturbed.run.report.read_text("utf-8"))
    majority = next(rival for rival in report.baselines if rival.name == "majority")
    assert {rival.name for rival in report.baselines} == {"majority", "linear-probe"}
    low = report.headline().low
    assert low is not None and low > majority.scores[0].value


def test_the_adapter_names_its_base_model_and_no_place_on_this_machine(undisturbed: Trainer) -> None:
    config = json.loads((undisturbed.run.adapter / "adapter_config.json").read_text("utf-8"))
    assert config["base_model_name_or_path"] == MODEL_NAME
    texts = [path.read_text("utf-8") for path in undisturbed.run.adapter.glob("*.json")]
    assert not any(str(undisturbed.model) in text or str(undisturbed.run.path) in text for text in texts)


def test_the_reloaded_adapter_answers_as_it_did_when_it_was_evaluated(undisturbed: Trainer) -> None:
    run = undisturbed.run
    report = Report.model_validate_json(run.report.read_text("utf-8"))
    test = read_split(run.data, "test").to_pylist()
    predictor = TASKS["text-classification"].load(run.adapter, undisturbed.model)
    answers = predictor.predict([{"text": row["text"]} for row in test])
    right = [answer.winner == row["label"] for answer, row in zip(answers, test, strict=True)]
    accuracy = next(score.value for score in report.scores if score.name == "accuracy")
    assert sum(right) / len(right) == pytest.approx(accuracy)
    by_row = {row["__row__"]: answer for row, answer in zip(test, answers, strict=True)}
    for example in (*report.mistakes, *report.examples):
        assert by_row[example.row].scores[example.predicted] == pytest.approx(example.confidence, abs=1e-5)


def failure(run: Trainer) -> tuple[str, str]:
    """Train what must fail: the exit status is 1 and the last event says why."""
    assert run.finish() == 1
    last = run.events()[-1]
    assert last["kind"] == "failure"
    assert not run.run.adapter.exists() and not run.run.report.exists()
    return last["code"], last["reason"]


def test_a_base_model_whose_weights_are_not_numbers_ends_the_run_with_a_remedy(
    trainer: Make, model: Path, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    broken = Path(shutil.copytree(model, tmp_path / "broken"))
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("word_embeddings.weight"))
    save_file(
        weights | {name: torch.full_like(weights[name], float("nan"))}, broken / "model.safetensors", {"format": "pt"}
    )
    run = trainer(model=broken)
    code, reason = failure(run)
    assert code == "nan"
    assert "damaged" in reason
    assert complete(run.run.attempt(1).checkpoints) == []


@pytest.mark.parametrize(
    ("flaw", "expected"),
    [("no weights", "no-weights"), ("pickle only", "pickle-weights"), ("wrong architecture", "wrong-architecture")],
)
def test_a_model_that_cannot_be_used_is_a_sentence(
    trainer: Make, model: Path, tmp_path: Path, flaw: str, expected: str
) -> None:
    import torch
    from safetensors.torch import load_file

    bad = Path(shutil.copytree(model, tmp_path / "bad-model"))
    if flaw == "wrong architecture":
        (bad / "config.json").write_text(json.dumps({"model_type": "vit"}), "utf-8")
    elif flaw == "pickle only":
        torch.save(load_file(bad / "model.safetensors"), bad / "pytorch_model.bin")
    if flaw != "wrong architecture":
        (bad / "model.safetensors").unlink()
    code, reason = failure(trainer(model=bad))
    assert code == expected
    assert MODEL_NAME in reason and "Choose" in reason or "Finish" in reason
    assert "Traceback" not in reason


def test_a_longest_text_beyond_what_the_model_can_read_is_cut_to_what_it_can(trainer: Make) -> None:
    run = trainer(max_length=8192, num_train_epochs=0.1)
    assert run.finish() == 0, run.events()[-1]
    note = json.loads((run.run.adapter / "autotrain.json").read_text("utf-8"))
    assert note["max_length"] == 64
