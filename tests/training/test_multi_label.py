"""Several labels learned from texts: a whole training on real sentences, better than its baselines, resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from transformers import T5Config

from autotrain.answers import Scores
from autotrain.errors import DataError, ModelError
from autotrain.task import Result
from autotrain.tasks import TASKS
from autotrain.training.head import each_label
from autotrain.training.multi_label import binary_cross_entropy, sigmoid
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, save_encoder, sentences

COLUMNS = {"text": "text", "labels": "labels"}
LONGER = {**PARAMS, "learning_rate": 3e-3, "per_device_train_batch_size": 16, "num_train_epochs": 6}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Real sentences in three languages: Romance, long, a question, or nothing of these."""
    found = []
    folder = tmp_path_factory.mktemp("sentences")
    for text, language in sentences(folder, ("English", "Italian", "Spanish"), rows_of_each=450):
        labels = ["romance"] if language != "English" else []
        labels += ["long"] * (len(text) > 60) + ["question"] * text.rstrip().endswith("?")
        found.append({"text": text, "labels": labels})
    return found


@pytest.fixture(scope="module")
def model(rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder([row["text"] for row in rows], tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def run(rows: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "multi-label-classification", rows, COLUMNS, model, **LONGER)


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt()


def test_it_beats_both_baselines_and_says_how_the_thresholds_were_chosen(done: Result) -> None:
    report = done.report
    assert report.headline().name == "macro_f1"
    assert [baseline.name for baseline in report.baselines] == ["most-frequent-set", "linear-probe"]
    for baseline in report.baselines:
        rival = next(score for score in baseline.scores if score.name == "macro_f1")
        assert report.headline().beats(rival), (report.headline(), baseline)
    assert sorted(score.label for score in report.per_class) == ["long", "question", "romance"]
    assert any("threshold" in note for note in report.notes)
    assert all(one.expected != one.predicted and (one.score or 0) < 1 for one in report.mistakes)


def test_the_finished_adapter_is_judged_again_at_its_own_thresholds(run: Learned, done: Result) -> None:
    alone = run.judges_again(done, "most-frequent-set", "linear-probe")
    assert any("thresholds are those that the adapter keeps" in note for note in alone.notes)


def test_the_finished_adapter_answers_whatever_it_is_asked(done: Result, model: Path) -> None:
    predictor = TASKS["multi-label-classification"].load(done.artifact, model)
    example = done.report.examples[0]
    asked = [example.inputs, {"text": ""}, {"text": "word " * 5000}, {"text": "\u202e\x00😀 𝔘"}]
    answers = predictor.predict(asked)
    assert all(isinstance(each, Scores) and each.chosen is not None for each in answers)
    assert (" | ".join(answers[0].chosen or ()) or "no label") == example.predicted  # type: ignore[union-attr]
    assert all(0 <= score <= 1 for score in answers[1].scores.values())  # type: ignore[union-attr]
    assert predictor.predict([]) == []


def test_the_same_seed_gives_the_same_adapter_and_a_resume_the_same_losses(run: Learned) -> None:
    whole, resumed = replace(run, params={**run.params, "max_steps": 60}).stopped_and_resumed(step=30)
    assert resumed == whole and sum("loss" in values for values in whole.values()) == 60
    weights = [run.folder / f"attempt-{number}" / "adapter" / "adapter_model.safetensors" for number in (11, 13)]
    assert len({path.read_bytes() for path in weights}) == 1


def test_a_label_that_only_test_rows_have_is_said_and_does_not_count(run: Learned, model: Path, tmp_path: Path) -> None:
    base = [{"text": f"plain text number {n} of many", "labels": ["even"] if n % 2 == 0 else []} for n in range(40)]
    other = learned(tmp_path, "multi-label-classification", base, COLUMNS, model, **{**PARAMS, "max_steps": 2})
    import pyarrow as pa

    from autotrain.data.freeze import read_split

    test = read_split(other.folder / "data", "test")
    strange = pa.array(['["even", "strange"]'] * test.num_rows)
    changed = test.set_column(test.column_names.index("labels"), "labels", strange)
    with pa.ipc.new_stream(str(other.folder / "changed.arrow"), changed.schema) as writer:
        writer.write_table(changed)
    (other.folder / "changed.arrow").replace(other.folder / "data" / "test.arrow")
    notes = other.attempt().report.notes
    assert any("“strange”" in note and "cannot be learned" in note for note in notes)


def test_a_base_of_the_wrong_kind_and_a_table_without_labels_are_refused(
    run: Learned, model: Path, tmp_path: Path
) -> None:
    T5Config().save_pretrained(tmp_path / "t5")
    with pytest.raises(ModelError, match="encoder-decoder.*Choose an encoder"):
        Learned(run.task, run.columns, run.folder, tmp_path / "t5", run.params).attempt(30)
    bare = [{"text": f"sentence number {n}", "labels": []} for n in range(30)]
    with pytest.raises(DataError, match="None of the training rows has a label"):
        learned(tmp_path / "bare", run.task, bare, COLUMNS, model, **PARAMS).attempt()


def test_the_loss_is_that_of_torch_and_adds_up_over_accumulated_batches() -> None:
    logits, labels = torch.randn(3, 4, generator=torch.Generator().manual_seed(1)), torch.eye(4)[:3]
    golden = torch.nn.BCEWithLogitsLoss()(logits, labels)
    assert binary_cross_entropy({"logits": logits}, labels).item() == pytest.approx(golden.item())
    blank = torch.cat([labels, torch.full((1, 4), -100.0)])
    filled = torch.cat([logits, torch.ones(1, 4)])
    parts = [binary_cross_entropy({"logits": filled[part]}, blank[part], 12) for part in (slice(0, 1), slice(1, 4))]
    assert float(sum(parts)) == pytest.approx(golden.item())


def test_the_head_starts_as_a_logistic_regression_for_each_label() -> None:
    random = np.random.default_rng(5)
    seen = random.normal(size=(200, 6)).astype(np.float32)
    truth = np.stack([seen[:, 0] > 0, seen[:, 1] > 1, np.zeros(200, dtype=bool)], axis=1)
    weight, bias = each_label(seen, truth)
    found = sigmoid((seen @ weight.T + bias).astype(np.float64))
    ready = (seen - seen.mean(0)) / seen.std(0)
    for place in (0, 1):
        golden = LogisticRegression(C=0.1, max_iter=60).fit(ready, truth[:, place]).predict_proba(ready)[:, 1]
        assert found[:, place] == pytest.approx(golden, abs=1e-3)
    assert found[:, 2] == pytest.approx(np.full(200, 0.5 / 201), abs=1e-6)
