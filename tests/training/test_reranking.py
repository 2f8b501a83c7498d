"""An order of passages learned from pairs: real sentences, both losses, better than its baselines, resumed."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import T5Config

from autotrain.answers import Ranked
from autotrain.errors import DataError, ModelError
from autotrain.models.loading import load_tokenizer
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.fit import IGNORED
from autotrain.training.groups import collator, items_of, loss_step
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, save_encoder, sentences

COLUMNS = {"query": "query", "passage": "passage", "relevance": "relevance"}
WANTED = {"learning_rate": 3e-3, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 64}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Real sentences of three languages."""
    return sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=150)


@pytest.fixture(scope="module")
def rows(texts: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """150 queries with six passages each, of which those in Italian are wanted."""
    chance = random.Random(2)
    found = []
    for query, _ in chance.sample(texts, 150):
        for language in ("English", "Italian", "Spanish"):
            of_it = [text for text, own in texts if own == language and text != query]
            wanted = "yes" if language == "Italian" else "no"
            found += [{"query": query, "passage": text, "relevance": wanted} for text in chance.sample(of_it, 2)]
    return found


@pytest.fixture(scope="module")
def model(texts: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder([text for text, _ in texts], tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "reranking", rows, COLUMNS, model, **{**PARAMS, **WANTED, "num_train_epochs": 5})


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt(loss="listwise")


def test_it_beats_the_untouched_base_and_shared_words(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores] == ["ndcg_at_10", "mrr"]
    assert [baseline.name for baseline in report.baselines] == ["base", "bm25"]
    for baseline in report.baselines:
        low = report.headline().low
        assert low is not None and low > baseline.scores[0].value, (report.headline(), baseline)
    assert any("gained" in note for note in report.notes)
    assert [one.score for one in report.mistakes] == sorted(one.score or 0 for one in report.mistakes)
    assert all(one.untouched in one.inputs["passages"].split("\n") for one in report.examples)


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done, "bm25")


def test_pair_by_pair_it_learns_the_same(run: Learned) -> None:
    report = run.attempt(2, loss="bce", passages_per_query=4).report
    assert all(report.headline().beats(baseline.scores[0]) for baseline in report.baselines)


def test_the_finished_adapter_answers_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS["reranking"].load(done.artifact, model)
    example = done.report.examples[-1]
    asked = [
        example.inputs,
        {"query": "", "passages": ""},
        {"query": "word " * 5000, "passages": "one\n\n  \ntwo " + "word " * 5000},
        {"query": "\u202e\x00😀", "passage": "𝔘"},
    ]
    answers = predictor.predict(asked)
    assert all(isinstance(each, Ranked) and list(each.scores) == sorted(each.scores)[::-1] for each in answers)
    assert answers[0].texts[0] == example.predicted  # type: ignore[union-attr]
    assert [len(each.texts) for each in answers] == [6, 1, 2, 1]  # type: ignore[union-attr]
    assert all(each.cells() and each.says() for each in answers[2:])
    assert predictor.predict([]) == []


@pytest.mark.parametrize("loss", ["bce", "listwise"])
def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(
    rows: list[dict[str, Any]], model: Path, tmp_path: Path, loss: str
) -> None:
    short = {**PARAMS, **WANTED, "max_steps": 40, "loss": loss, "lora_dropout": 0.1}
    run = learned(tmp_path, "reranking", rows, COLUMNS, model, **short)
    whole, resumed = run.stopped_and_resumed(step=13)
    assert resumed == whole
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_wrong_base_and_a_part_without_an_order_are_refused_before_training(
    run: Learned, model: Path, tmp_path: Path
) -> None:
    T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="encoder-decoder.*Choose an encoder"):
        Learned(run.task, run.columns, run.folder, tmp_path / "t5", run.params).attempt(30)
    level = [{"query": f"where is {n}", "passage": f"there {n} {p}", "relevance": 1} for n in range(9) for p in "ab"]
    with pytest.raises(DataError, match="No training query has both"):
        learned(tmp_path / "level", "reranking", level, COLUMNS, model, **PARAMS).attempt()


def scorer(scores: list[float]) -> Any:
    """A model that has these scores for its pairs."""
    return lambda **_: SimpleNamespace(logits=torch.tensor(scores).view(-1, 1))


def batch(model: Path, loss: str, groups: list[list[float]]) -> dict[str, Any]:
    """Queries whose pairs are relevant as given."""
    relevance = [each for group in groups for each in group]
    ends = [sum(map(len, groups[: place + 1])) for place in range(len(groups))]
    places = [list(range(end - len(group), end)) for end, group in zip(ends, groups, strict=True)]
    items = items_of(places, [[2, 9, 3]] * len(relevance), relevance, 8, loss, training=False).items
    return collator(load_tokenizer(model), "cpu")(items)


def test_the_losses_are_those_of_torch_and_leave_padding_out(model: Path) -> None:
    scores, groups = [1.0, -2.0, 0.5, 3.0, 0.0], [[1.0, 0.0, 0.0], [0.5, 0.25]]
    pairs, _ = loss_step("bce")(scorer(scores), batch(model, "bce", groups), None)
    golden = torch.nn.BCEWithLogitsLoss()(torch.tensor(scores), torch.tensor([1.0, 0.0, 0.0, 0.5, 0.25]))
    assert float(pairs) == pytest.approx(float(golden))
    lists, outputs = loss_step("listwise")(scorer(scores), batch(model, "listwise", groups), None)
    by_hand = [
        torch.nn.functional.cross_entropy(torch.tensor(scores[:3]), torch.tensor([1.0, 0.0, 0.0])),
        torch.nn.functional.cross_entropy(torch.tensor(scores[3:]), torch.tensor([2 / 3, 1 / 3])),
    ]
    assert float(lists) == pytest.approx(float(sum(by_hand)) / 2)
    assert outputs["logits"][1].tolist() == [[3.0, 0.5, 1.0], [0.0, 0.25, 1.0], [0.0, IGNORED, 1.0]]


def test_accumulated_batches_add_up_and_a_row_that_fills_up_counts_nothing(model: Path) -> None:
    scores, groups = [1.0, -2.0, 0.5, 3.0, 0.0], [[1.0, 0.0, 0.0], [1.0, 0.0]]
    for loss, count in (("bce", 5), ("listwise", 2)):
        whole, _ = loss_step(loss)(scorer(scores), batch(model, loss, groups), None)
        first, _ = loss_step(loss)(scorer(scores[:3]), batch(model, loss, groups[:1]), count)
        second, _ = loss_step(loss)(scorer(scores[3:]), batch(model, loss, groups[1:]), count)
        assert float(first + second) == pytest.approx(float(whole))
        rows = items_of([[0, 1]], [[2, 3], [2, 3]], [1.0, 0.0], 8, loss, training=True)
        blank = collator(load_tokenizer(model), "cpu")([rows.blank()])
        for counted in (count, torch.tensor(0), None):
            assert float(loss_step(loss)(scorer([5.0, -5.0]), blank, counted)[0]) == 0.0


def test_long_lists_are_learned_in_several_that_each_have_an_order() -> None:
    ids: list[list[int]] = [[1]] * 10
    relevance = [0.0, 1.0, *[0.0] * 8]
    made = items_of([range(10)], ids, relevance, 4, "listwise", training=True).items
    assert [item["relevance"] for item in made] == [[1.0, 0.0, 0.0, 0.0]] * 3
    plain = items_of([range(10)], ids, relevance, 4, "listwise", training=False).items
    assert [len(item["input_ids"]) for item in plain] == [4, 4, 2]
    assert [item["labels"] for item in plain] == [0, IGNORED, IGNORED]
    assert items_of([range(2)], ids, [1.0, 1.0], 4, "listwise", training=True).items == []
    graded = items_of([range(6)], ids, [1.0, 0.8, 0.6, 0.4, 0.2, 0.1], 4, "listwise", training=True).items
    assert [item["relevance"] for item in graded] == [[1.0, 0.8, 0.6, 0.4], [1.0, 0.8, 0.2, 0.1]]
