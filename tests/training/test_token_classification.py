"""Tags learned from words and what stands around them: better than each word's most frequent tag, resumed, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, BertModel, T5Config

from autotrain.answers import Marked
from autotrain.errors import ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, save_encoder, sentences

TASK = "token-classification"
COLUMNS = {"tokens": "words", "tags": "tags"}
WANTED = {
    **PARAMS,
    "learning_rate": 5e-3,
    "per_device_train_batch_size": 16,
    "num_train_epochs": 6,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real sentences in two languages that share many words; each word of the Italian ones is marked."""
    made = []
    for text, language in sentences(tmp_path_factory.mktemp("texts"), ("Italian", "Spanish"), rows_of_each=450):
        words = text.split()
        if 3 <= len(words) <= 14:
            made.append({"words": words, "tags": ["B-ITALIAN" if language == "Italian" else "O"] * len(words)})
    return made


@pytest.fixture(scope="module")
def model(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy's encoder, with weights that are larger at random: its tokens see more of each other."""
    folder = save_encoder([" ".join(row["words"]) for row in rows], tmp_path_factory.mktemp("encoder"))
    config = AutoConfig.from_pretrained(folder)
    config.initializer_range = 0.1
    torch.manual_seed(0)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return learned(tmp_path_factory.mktemp("run"), TASK, rows, COLUMNS, model, **WANTED)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_beats_the_most_frequent_tag_of_each_word(done: Result) -> None:
    report = done.report
    (usual,) = report.baselines
    assert report.headline().name == "f1"
    rival = next(score for score in usual.scores if score.name == "f1")
    assert report.headline().beats(rival), (report.headline(), rival)
    assert [score.label for score in report.per_class] == ["ITALIAN"]
    assert all(one.expected != one.predicted for one in report.mistakes)


def test_the_finished_adapter_marks_places_in_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    role = TASKS[TASK].asks[0].role
    asked = ["Come stai oggi amico mio", "", "word " * 2000, "\u202e\x00😀 𝔘"]
    answers = predictor.predict([{role: text} for text in asked])
    assert all(isinstance(each, Marked) for each in answers)
    for text, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Marked)
        assert all(0 <= mark.start < mark.end <= len(text) and mark.label == "ITALIAN" for mark in answer.marks)
    assert predictor.predict([]) == []


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    (usual,) = done.report.baselines
    run.judges_again(done, usual.name)


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    chancy = {"lora_dropout": 0.1, "replaced_places": 0.5}
    run = learned(tmp_path, TASK, rows, COLUMNS, model, **{**WANTED, **chancy, "max_steps": 40})
    whole, resumed = run.stopped_and_resumed(step=13)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_four_batches_of_two_are_one_of_eight(run: Learned) -> None:
    run.accumulates(batch=2, batches=4)


def test_a_language_model_s_base_without_weights_for_words_is_refused(run: Learned, tmp_path: Path) -> None:
    T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError):
        Learned(run.task, run.columns, run.folder, tmp_path / "t5", run.params).attempt(30)
