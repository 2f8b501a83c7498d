"""A tiny encoder with random weights, real sentences in three languages, and trainer processes on run folders."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autotrain.data.freeze import freeze
from autotrain.data.samples import write_sample
from autotrain.data.store import DatasetStore
from autotrain.recipe import Recipe, parse
from autotrain.runs.folder import Order, RunFolder
from autotrain.settings import Settings

LANGUAGES = 3
ROWS_OF_EACH = 120
MODEL_NAME = "tiny-encoder"
PARAMS = {
    "num_train_epochs": 4,
    "learning_rate": 5e-3,
    "per_device_train_batch_size": 4,
    "max_length": 32,
    "lora_r": 4,
    "lora_alpha": 8,
    "lora_dropout": 0.1,
    "evaluations_per_epoch": 2,
    "early_stopping_patience": 0,
}


@dataclass(frozen=True)
class Trainer:
    """A run folder and the processes that train it."""

    run: RunFolder
    model: Path

    def start(self, attempt: int = 1, resume_from: Path | None = None, *flags: str, **options: Any) -> Any:
        """Start `python -m autotrain` on an attempt."""
        resume = str(resume_from.relative_to(self.run.path)) if resume_from else None
        Order(model=str(self.model), resume_from=resume).write(self.run.attempt(attempt))
        command = [sys.executable, "-m", "autotrain", str(self.run.path), "--attempt", str(attempt), *flags]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, **options)

    def finish(self, attempt: int = 1, resume_from: Path | None = None) -> int:
        """Train to the end; the exit status."""
        return int(self.start(attempt, resume_from).wait())

    def events(self, attempt: int = 1) -> list[dict[str, Any]]:
        """Whole lines of the attempt's events so far."""
        path = self.run.attempt(attempt).events
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def wait_for(self, process: Any, kind: str, count: int = 1) -> None:
        """Wait until so many events of a kind are there."""
        while sum(event["kind"] == kind for event in self.events()) < count:
            assert process.poll() is None, f"ended with {process.returncode} before a {kind}: {self.events()[-1:]}"
            time.sleep(0.005)

    def curve(self, *attempts: int) -> dict[int, dict[str, float]]:
        """Every logged value by step; a later attempt's point supersedes an earlier one's."""
        points: dict[int, dict[str, float]] = {}
        for attempt in attempts:
            fresh: dict[int, dict[str, float]] = {}
            for event in self.events(attempt):
                if event["kind"] == "metric":
                    fresh.setdefault(event["step"], {}).update(event["values"])
            points |= fresh
        return points

    def adapter_sha256(self) -> str:
        """What the finished adapter's weights are."""
        return hashlib.sha256((self.run.adapter / "adapter_model.safetensors").read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real sentences of three languages as a CSV."""
    folder = tmp_path_factory.mktemp("table")
    write_sample("language-identification", folder / "all.csv")
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = sorted({row["label"] for row in rows})[:LANGUAGES]
    few = [row for name in chosen for row in [r for r in rows if r["label"] == name][:ROWS_OF_EACH]]
    with (folder / "table.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ("text", "label"), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(few)
    return folder / "table.csv"


@pytest.fixture(scope="session")
def model(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two small layers with random weights; its word pieces come from the sentences."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    with table.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=600, special_tokens=special))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    folder = tmp_path_factory.mktemp("tiny-encoder")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=600, max_position_embeddings=64, **size)).save_pretrained(folder)
    return folder


def recipe(table: Path, **params: Any) -> Recipe:
    """A recipe for the toy."""
    data = {"source": str(table), "columns": {"text": "text", "label": "label"}}
    body = {"task": "text-classification", "title": "Toy", "model": MODEL_NAME, "data": data}
    return parse({**body, "params": {**PARAMS, **params}})


@pytest.fixture(scope="session")
def frozen(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The splits, as a submitted run has them."""
    settings = Settings(home=tmp_path_factory.mktemp("home"))
    settings.prepare_home()
    dataset = DatasetStore(settings).add(table)
    folder = tmp_path_factory.mktemp("data")
    data = recipe(table).data
    assert data is not None
    freeze(dataset, data.columns, data.split, folder)
    return folder


@pytest.fixture
def trainer(frozen: Path, table: Path, model: Path, tmp_path: Path) -> Callable[..., Trainer]:
    """Make a run folder for the toy; parameters and another model as wished."""
    return lambda **given: make(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", frozen, table, model, given)


def make(folder: Path, frozen: Path, table: Path, model: Path, given: dict[str, Any]) -> Trainer:
    """A run folder, as a submit leaves it."""
    other = given.pop("model", model)
    run = RunFolder(folder)
    shutil.copytree(frozen, run.data)
    run.recipe.write_text(recipe(table, **given).to_yaml(), "utf-8")
    return Trainer(run, other)


@pytest.fixture(scope="session")
def undisturbed(frozen: Path, table: Path, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A run that nothing happened to."""
    made = make(tmp_path_factory.mktemp("undisturbed") / "run", frozen, table, model, {})
    assert made.finish() == 0, made.events()[-1:]
    return made
