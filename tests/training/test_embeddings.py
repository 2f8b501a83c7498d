"""Vectors learned from alike texts: real sentences, better than the untouched base, resumed, and the losses by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from autotrain.task import Result
from tests.training.learned import Learned, learned
from tests.training.toy import PARAMS, save_encoder, sentences

PAIRS = {"anchor": "anchor", "positive": "positive"}
WANTED = {"learning_rate": 3e-3, "lora_r": 16, "lora_alpha": 32, "lora_dropout": 0.0, "max_length": 48}
WANTED |= {"per_device_train_batch_size": 32, "mini_batch_size": 64}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Real English sentences of ten words and more."""
    found = sentences(tmp_path_factory.mktemp("texts"), ("English", "Italian", "Spanish"), rows_of_each=300)
    return list(dict.fromkeys(text for text, _ in found if len(text.split()) >= 10))


@pytest.fixture(scope="module")
def pairs(texts: list[str]) -> list[dict[str, Any]]:
    """The beginning of each sentence with its end: words that hardly occur in both."""
    found = []
    for text in texts:
        words = text.split()
        found.append({"anchor": " ".join(words[::2]), "positive": " ".join(words[1::2])})
    return found


@pytest.fixture(scope="module")
def model(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(texts, tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def run(pairs: list[dict[str, Any]], model: Path, tmp_path_factory: pytest.TempPathFactory) -> Learned:
    folder = tmp_path_factory.mktemp("run")
    return learned(folder, "sentence-embeddings", pairs, PAIRS, model, **{**PARAMS, **WANTED, "num_train_epochs": 8})


@pytest.fixture(scope="module")
def done(run: Learned) -> Result:
    return run.attempt(matryoshka_dims="16,8")


def test_it_beats_the_untouched_base(done: Result, pairs) -> None:
    print(len(pairs))
    print(done.report.model_dump_json(indent=1)[:9000])
