"""Numbers learned from texts: a whole training on real sentences, better than its baselines, stopped and resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from transformers import T5Config

from autotrain.answers import Number
from autotrain.errors import DataError, ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.head import ridge
from autotrain.training.regression import loss_of, spread
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, sentences

COLUMNS = {"text": "text", "target": "words"}
LONGER = {**PARAMS, "learning_rate": 2e-3, "per_device_train_batch_size": 8, "num_train_epochs": 8}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real sentences in three languages and how many words each has, as spaces part them."""
    texts = [text for text, _ in sentences(tmp_path_factory.mktemp("sentences"))]
    return [{"text": text, "words": len(text.split()) / 2} for text in texts]


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    return learned(tmp_path_factory.mktemp("run"), "text-regression", rows, COLUMNS, model, **LONGER)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_beats_both_baselines_on_the_table_s_own_scale(done: Result) -> None:
    report = done.report
    assert [score.name for score in report.scores] == ["rmse", "r2", "mae", "spearman"]
    for baseline in report.baselines:
        assert report.headline().beats(baseline.scores[0]), (report.headline(), baseline)
    assert [baseline.name for baseline in report.baselines] == ["mean", "ridge-probe"]
    errors = [abs(float(one.expected) - float(one.predicted)) for one in report.mistakes]
    assert errors == sorted(errors, reverse=True)
    expected = [float(one.expected) for one in report.examples]
    assert expected == sorted(expected) and expected[0] == 0.5 and expected[-1] > 10


def test_the_finished_adapter_answers_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS["text-regression"].load(done.artifact, model)
    example = done.report.examples[3]
    asked = [example.inputs, {"text": ""}, {"text": "word " * 5000}, {"text": "\u202e\x00😀 𝔘"}, {"text": "a\n\tb"}]
    answers = predictor.predict(asked)
    assert all(isinstance(each, Number) and np.isfinite(each.value) for each in answers)
    assert answers[0].value == pytest.approx(float(example.predicted), rel=1e-4)  # type: ignore[union-attr]
    assert predictor.predict([]) == []


def test_the_finished_adapter_is_judged_again_as_by_its_training(run: Learned, done: Result) -> None:
    run.judges_again(done, "mean", "ridge-probe")


def test_what_was_trained_in_16_bits_is_judged_as_its_adapter_will_answer(run: Learned) -> None:
    run.judges_again(run.attempt(61, precision="bf16", max_steps=12), "mean", "ridge-probe")


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(run: Learned) -> None:
    whole, resumed = replace(run, params={**run.params, "max_steps": 60}).stopped_and_resumed(step=30)
    assert resumed == whole and sum("loss" in values for values in whole.values()) == 60
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_pairs_are_read_as_pairs(rows: list[dict[str, Any]], model: Path, tmp_path: Path) -> None:
    pairs = [
        {"one": first["text"], "two": second["text"], "likeness": abs(first["words"] - second["words"])}
        for first, second in zip(rows[:60], rows[150:210], strict=True)
    ]
    columns = {"text": "one", "text_pair": "two", "target": "likeness"}
    result = learned(tmp_path, "text-regression", pairs, columns, model, **{**PARAMS, "max_steps": 4}).attempt()
    assert set(result.report.examples[0].inputs) == {"text", "text_pair"}
    predictor = TASKS["text-regression"].load(result.artifact, model)
    first, second, alone = predictor.predict([{"text": "a b", "text_pair": "c"}, {"text": "a b c"}, {"text": "a b c"}])
    # The place in a batch decides the last digits of a float.
    assert second.value == pytest.approx(alone.value, rel=1e-5) and abs(first.value - second.value) > 1e-3


def test_a_base_of_the_wrong_kind_is_refused_before_anything_is_loaded(run: Learned, tmp_path: Path) -> None:
    T5Config().save_pretrained(tmp_path)
    wrong = Learned(run.task, run.columns, run.folder, tmp_path, run.params)
    with pytest.raises(ModelError, match="encoder-decoder.*Choose an encoder"):
        wrong.attempt(30)


def test_a_table_without_a_number_left_to_learn_says_so(run: Learned, model: Path, tmp_path: Path) -> None:
    rows = [{"text": f"sentence number {n}", "words": "none" if n % 10 else str(n)} for n in range(30)]
    with pytest.raises(DataError, match=r"None of the \w+ rows teaches anything"):
        learned(tmp_path, "text-regression", rows, COLUMNS, model, **PARAMS).attempt()


def test_losses_are_those_of_torch_and_add_up_over_accumulated_batches() -> None:
    said, true = torch.tensor([[0.0], [2.0], [1.0]]), torch.tensor([0.5, -2.0, -100.0])
    for name, golden in (("mse", torch.nn.MSELoss()), ("huber", torch.nn.HuberLoss())):
        loss = loss_of(name)
        assert loss({"logits": said}, true) == pytest.approx(golden(said[:2, 0], true[:2]))
        parts = sum(loss({"logits": said[place : place + 1]}, true[place : place + 1], 2) for place in range(3))
        assert float(parts) == pytest.approx(float(golden(said[:2, 0], true[:2])))
    assert loss_of("huber")({"logits": said}, true) < loss_of("mse")({"logits": said}, true)


def test_the_head_starts_as_a_ridge_regression() -> None:
    random = np.random.default_rng(5)
    seen = (random.normal(size=(300, 6)) * [1, 5, 1, 1, 1, 2]).astype(np.float32)
    targets = seen @ np.arange(6.0) + random.normal(size=300)
    weight, bias = ridge(seen, targets)
    ready = StandardScaler().fit_transform(seen)
    golden = Ridge(alpha=10.0).fit(ready, targets).predict(ready)
    assert (seen @ weight.T + bias)[:, 0] == pytest.approx(golden, abs=1e-3)


def test_examples_go_from_the_smallest_to_the_largest() -> None:
    assert spread(np.array([5.0, 1.0, 3.0, 2.0, 4.0]), 3) == [1, 2, 0]
    assert spread(np.array([1.0]), 8) == [0]
