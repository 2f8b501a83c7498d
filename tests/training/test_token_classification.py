"""Tags learned from words and what stands before them: better than each word's most frequent tag, resumed, refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrain.answers import Marked
from autotrain.errors import ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, save_encoder, sentences

TASK = "token-classification"
COLUMNS = {"tokens": "words", "tags": "tags"}
WANTED = {**PARAMS, "learning_rate": 5e-3, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "num_train_epochs": 8}
ARTICLES = frozenset({"a", "an", "the"})


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real English sentences in which the word after an article is a thing: no word tells that by itself."""
    made = []
    for text, _ in sentences(tmp_path_factory.mktemp("sentences"), ("English",), rows_of_each=700):
        words = text.split()
        before = ["", *(word.lower() for word in words)]
        tags = ["B-THING" if before[place] in ARTICLES else "O" for place in range(len(words))]
        if 3 <= len(words) <= 14 and ("B-THING" in tags or len(made) % 4 == 0):
            made.append({"words": words, "tags": tags})
    return made


@pytest.fixture(scope="module")
def model(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder([" ".join(row["words"]) for row in rows], tmp_path_factory.mktemp("encoder"))


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
    assert report.headline().low is not None and report.headline().low > rival.value, (report.headline(), rival)
    assert [score.label for score in report.per_class] == ["THING"]
    assert all(one.expected != one.predicted for one in report.mistakes)


def test_the_finished_adapter_marks_places_in_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    role = TASKS[TASK].asks[0].role
    asked = ["What is the weather like", "", "word " * 2000, "\u202e\x00😀 𝔘"]
    answers = predictor.predict([{role: text} for text in asked])
    assert all(isinstance(each, Marked) for each in answers)
    marks = [
        each.text[mark.start : mark.end] for each in answers[:1] if isinstance(each, Marked) for mark in each.marks
    ]
    assert marks == ["weather"]
    assert predictor.predict([]) == []


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    (usual,) = done.report.baselines
    run.judges_again(done, usual.name)


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    run = learned(tmp_path, TASK, rows, COLUMNS, model, **{**WANTED, "max_steps": 40, "lora_dropout": 0.1})
    whole, resumed = run.stopped_and_resumed(step=13)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_four_batches_of_two_are_one_of_eight(run: Learned) -> None:
    run.accumulates(batch=2, batches=4)


def test_a_language_model_s_base_without_weights_for_words_is_refused(run: Learned, tmp_path: Path) -> None:
    from transformers import T5Config

    T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError):
        Learned(run.task, run.columns, run.folder, tmp_path / "t5", run.params).attempt(30)
