"""Answers found in texts: real sentences with dates and names, better than the baselines, windows, resumed, refused."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import GPT2Config, T5Config

from autotrain.answers import Found
from autotrain.encoding.answers import Window, encode_question
from autotrain.errors import DataError, ModelError
from autotrain.models.loading import load_tokenizer
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.fit import IGNORED
from autotrain.training.spans import WindowCollator, best_spans, item_of, picked_of, span_step
from tests.training.learned import Learned, learned
from tests.training.published import printed
from tests.training.toy import PARAMS, save_encoder, sentences

TASK = "question-answering"
COLUMNS = {"context": "context", "question": "question", "answers": "answers"}
WANTED = {
    "learning_rate": 5e-3,
    "warmup_ratio": 0.1,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "max_length": 64,
}
NAMES = ["Anna", "Bruno", "Clara", "David", "Emma", "Felix", "Greta", "Hugo"]
MONTHS = ["January", "March", "April", "June", "July", "August", "October"]


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Short real sentences of three languages."""
    found = sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=150)
    return [text for text, _ in found if len(text) < 45]


@pytest.fixture(scope="module")
def rows(texts: list[str]) -> list[dict[str, Any]]:
    """Sentences with a month, a name or both at their end; asked is for the name, which a third of them has not."""
    chance = random.Random(1)
    found = []
    for _ in range(400):
        name, month, question = chance.choice(NAMES), chance.choice(MONTHS), chance.choice(("Who?", "Who was it?"))
        told = chance.choice(([name], [month, name], [month]))
        context = f"{chance.choice(texts)} {', '.join(told)}."
        answer = [text for text in told if text == name]
        starts = [context.index(text) for text in answer]
        found.append({"context": context, "question": question, "answers": {"text": answer, "answer_start": starts}})
    return found


@pytest.fixture(scope="module")
def model(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder([row["context"] + row["question"] for row in rows], tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    params = {**PARAMS, **WANTED, "num_train_epochs": 5, "per_device_train_batch_size": 8}
    return learned(tmp_path_factory.mktemp("run"), TASK, rows, COLUMNS, model, **params)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_beats_shared_words_and_never_an_answer(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores][:2] == ["f1", "exact_match"]
    assert [baseline.name for baseline in report.baselines] == ["shared-words", "no-answer"]
    for baseline in report.baselines:
        low = report.headline().low
        assert low is not None and low > baseline.scores[0].value, (report.headline(), baseline)
    assert any("gained" in note for note in report.notes) and "chosen on the validation questions" in report.notes[-1]
    assert [one.score for one in report.mistakes] == sorted(one.score or 0 for one in report.mistakes)
    assert {one.predicted == "no answer" for one in report.examples} == {True, False}


def test_the_finished_adapter_answers_whatever_it_is_asked(
    done: Result, model: Path, texts: list[str], rows: list[dict[str, Any]]
) -> None:
    predictor = TASKS[TASK].load(done.artifact, model)
    long = " ".join(texts[:60])
    asked = [
        *(one.inputs for one in done.report.examples),
        {"context": f"{long} Anna Greta. {long}", "question": "Who?"},
        {"context": "", "question": ""},
        {"context": "\u202e\x00😀", "question": "𝔘" * 3000},
    ]
    answers = predictor.predict(asked)
    for item, answer in zip(asked, answers, strict=True):
        assert isinstance(answer, Found) and 0 <= answer.confidence <= 1
        assert item["context"][answer.start : answer.end] == answer.text
    said = [answer.text or "no answer" for answer in answers if isinstance(answer, Found)]
    assert said[: len(done.report.examples)] == [one.predicted for one in done.report.examples]
    assert said[-2] == "no answer"
    assert predictor.predict([]) == []


def test_the_manual_answers_as_the_app_does(done: Result, model: Path, tmp_path: Path) -> None:
    asked = [*done.report.examples, *done.report.mistakes]
    inputs = json.dumps([(one.inputs["question"], one.inputs["context"]) for one in asked])
    then = f"print(json.dumps([answer(*one) for one in json.loads({inputs!r})]))"
    answers = json.loads(printed(TASK, done.artifact, model, tmp_path, then).splitlines()[-1])
    assert [each or "no answer" for each in answers] == [one.predicted for one in asked]


def test_evaluated_again_it_has_the_same_scores(run: Learned, done: Result) -> None:
    run.judges_again(done, "shared-words")


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    short = {**PARAMS, **WANTED, "max_steps": 30, "lora_dropout": 0.1, "max_length": 32}
    run = learned(tmp_path, TASK, rows, COLUMNS, model, **short)
    whole, resumed = run.stopped_and_resumed(step=13)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_without_rows_that_lack_an_answer_it_always_gives_one(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    answered = [row for row in rows if row["answers"]["text"]][:60]
    report = (run := learned(tmp_path, TASK, answered, COLUMNS, model, **PARAMS)).attempt(max_steps=2).report
    assert [baseline.name for baseline in report.baselines] == ["shared-words"]
    found = TASKS[TASK].load(run.folder / "attempt-1" / "adapter", model).predict([row for row in answered[:9]])
    assert all(isinstance(each, Found) and each.text for each in found)


def test_a_base_that_knows_questions_already_stands_beside_it(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForQuestionAnswering

    torch.manual_seed(1)
    AutoModelForQuestionAnswering.from_pretrained(model).save_pretrained(tmp_path / "tuned")
    load_tokenizer(model).save_pretrained(tmp_path / "tuned")
    report = (
        learned(tmp_path / "run", TASK, rows[:80], COLUMNS, tmp_path / "tuned", **PARAMS).attempt(max_steps=2).report
    )
    assert [baseline.name for baseline in report.baselines] == ["shared-words", "no-answer", "base"]


@pytest.mark.parametrize(
    ("config", "says"),
    [(T5Config(), "encoder-decoder.*Choose an encoder"), (GPT2Config(), "cannot be used for.*Choose an encoder")],
)
def test_a_base_that_reads_otherwise_is_refused(run: Learned, tmp_path: Path, config: Any, says: str) -> None:
    config.save_pretrained(tmp_path / "base")
    with pytest.raises(ModelError, match=says):
        Learned(run.task, run.columns, run.folder, tmp_path / "base", run.params).attempt(30 + len(config.model_type))


def test_a_table_without_an_answer_is_refused_before_training(model: Path, tmp_path: Path) -> None:
    nothing = [
        {"context": f"text {n}", "question": f"who {n}?", "answers": {"text": [], "answer_start": []}}
        for n in range(40)
    ]
    with pytest.raises(DataError, match="No training question has an answer"):
        learned(tmp_path, TASK, nothing, COLUMNS, model, **PARAMS).attempt()


def answering(start: Sequence[Sequence[float]], end: Sequence[Sequence[float]]) -> Any:
    """A model that has these scores for its tokens."""
    return lambda **_: SimpleNamespace(start_logits=torch.tensor(start), end_logits=torch.tensor(end))


def window(start: int, end: int, tokens: int = 6) -> Window:
    """Two tokens of a question, then a text."""
    offsets = (None, None, *((place, place + 1) for place in range(tokens - 2)))
    return Window(tuple(range(tokens)), start, end, offsets, start > 0, nowhere=0)


def test_the_loss_is_the_mean_of_both_ends_over_text_and_no_answer() -> None:
    chance = torch.Generator().manual_seed(1)
    start, end = (torch.randn(2, 6, generator=chance) for _ in range(2))
    windows = [window(2, 4), window(0, 0, tokens=5)]
    batch = WindowCollator(9)([item_of(each, place) for place, each in enumerate(windows)])
    model = answering(start.tolist(), end.tolist())
    loss, outputs = span_step(3)(model, batch, None)
    places = ([0, 2, 3, 4, 5], [0, 2, 3, 4])
    golden = sum(
        torch.nn.functional.cross_entropy(scores[row, places[row]], torch.tensor(places[row].index(right)))
        for row, (first, last) in enumerate(((2, 4), (0, 0)))
        for scores, right in ((start, first), (end, last))
    )
    assert float(loss) == pytest.approx(float(golden) / 4, rel=1e-5)
    assert outputs["logits"][:, 0].tolist() == [0.0, 1.0]
    half, _ = span_step(3)(model, batch, torch.tensor(8))
    assert float(half) == pytest.approx(float(loss) / 2)
    batch["labels"][:] = IGNORED
    assert float(span_step(3)(model, batch, torch.tensor(0))[0]) == 0.0


def test_the_best_span_is_the_best_of_all_that_are_not_too_long() -> None:
    chance = torch.Generator().manual_seed(2)
    for longest in (1, 2, 30):
        start, end = (torch.randn(1, 6, generator=chance) for _ in range(2))
        batch = WindowCollator(9)([item_of(window(2, 4), 0)])
        masked = [scores.masked_fill(~batch["allowed"], -1e4) for scores in (start, end)]
        picked = picked_of(best_spans(*masked, batch, longest)[0].double().numpy())
        every = {
            (first, last): float(start[0, first] + end[0, last])
            for first in range(2, 6)
            for last in range(first, min(6, first + longest))
        }
        assert (picked.start, picked.end) == max(every, key=every.__getitem__)
        assert picked.odds == pytest.approx(max(every.values()) - float(start[0, 0] + end[0, 0]), abs=1e-5)
        of_text = [0, 2, 3, 4, 5]
        sure = (
            start[0, of_text].softmax(0)[of_text.index(picked.start)]
            * end[0, of_text].softmax(0)[of_text.index(picked.end)]
        )
        assert picked.confidence == pytest.approx(float(sure), abs=1e-6)


def test_windows_know_of_which_text_each_token_is(model: Path) -> None:
    tokenizer = load_tokenizer(model)
    plain = encode_question(tokenizer, "Who?", "Anna Bruno", [(0, "Anna")], 32)[0]
    assert plain.nowhere == 0 and len(plain.token_type_ids) in (0, len(plain.input_ids))
    tokenizer.cls_token = None
    assert encode_question(tokenizer, "Who?", "Anna", (), 32)[0].nowhere == 0
