"""A real LoRA adapter on a real (tiny) encoder, asked through a real answering process."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.answers import Scores
from autotrain.data.store import DatasetStore
from autotrain.errors import ModelError
from autotrain.models.loading import load_classifier as load_base
from autotrain.models.loading import load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.params import AdapterParams
from autotrain.predictor import AdapterProcess, predict_file
from autotrain.settings import Settings
from autotrain.tasks import TASKS
from autotrain.training.adapter import save_adapter

LABELS = ["colour", "number", "=other"]


@pytest.fixture(scope="module")
def adapter(tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter with random weights, saved as a training saves it."""
    import torch

    torch.manual_seed(1)
    tokenizer = load_tokenizer(tiny_encoder)
    base = load_base(tiny_encoder, LABELS, tokenizer)
    model = add_lora(base, AdapterParams(lora_r=4, lora_alpha=8), kind="SEQ_CLS")
    folder = tmp_path_factory.mktemp("run") / "adapter"
    note = {"task": "text-classification", "labels": LABELS, "base_model": "tiny", "max_length": 16, "columns": {}}
    save_adapter(model, tokenizer, note, folder)
    return folder


@pytest.fixture(scope="module")
def process(adapter: Path, tiny_encoder: Path) -> Iterator[AdapterProcess]:
    with AdapterProcess(adapter, tiny_encoder) as made:
        yield made


def test_the_process_answers_as_the_adapter_does_in_this_one(
    process: AdapterProcess, adapter: Path, tiny_encoder: Path
) -> None:
    inputs = [{"text": text} for text in ("the red colour", "two", "“ÄÖÜ” 🙂", "three is the number")]
    here = TASKS["text-classification"].load(adapter, tiny_encoder).predict(inputs)
    for ours, theirs in zip(process.predict(inputs), here, strict=True):
        assert isinstance(ours, Scores) and isinstance(theirs, Scores)
        assert ours.scores == pytest.approx(theirs.scores, abs=1e-6)
        assert list(ours.scores) == LABELS
        assert sum(ours.scores.values()) == pytest.approx(1)


def test_a_text_of_a_hundred_thousand_characters_is_cut_off_and_answered(process: AdapterProcess) -> None:
    long, its_beginning = process.predict([{"text": "red " * 25_000}, {"text": "red " * 14}])
    assert isinstance(long, Scores) and isinstance(its_beginning, Scores)
    assert long.scores == pytest.approx(its_beginning.scores, abs=1e-6)


def test_a_spreadsheet_comes_back_with_predictions(process: AdapterProcess, settings: Settings, tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes("Notiz;Text;Art\n=1+1;red;colour\n;Grün ist blue;shape\n-3;;number\n".encode("cp1252"))
    dataset = DatasetStore(settings).add(source)
    found = predict_file(process, dataset.table(), {"text": "Text"}, out, label="Art")
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["Notiz"] for row in rows] == ["'=1+1", "", "-3"]
    assert [row["Text"] for row in rows] == ["red", "Grün ist blue", ""]
    assert rows[0]["predicted"].removeprefix("'") in LABELS
    assert rows[2]["predicted"] == ""
    assert (found.rows, found.empty, found.compared, found.unseen_labels) == (3, 1, 1, ("shape",))


def test_an_adapter_or_a_base_model_without_weights_is_a_sentence(
    adapter: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    bare_model = Path(shutil.copytree(tiny_encoder, tmp_path / "bare-model"))
    (bare_model / "model.safetensors").unlink()
    bare_adapter = Path(shutil.copytree(adapter, tmp_path / "bare-adapter"))
    (bare_adapter / "adapter_model.safetensors").unlink()
    for artifact, model, named in ((adapter, bare_model, "bare-model"), (bare_adapter, tiny_encoder, "bare-adapter")):
        with AdapterProcess(artifact, model) as process, pytest.raises(ModelError, match=named):
            process.predict([{"text": "red"}])
