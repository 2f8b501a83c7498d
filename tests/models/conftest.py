"""Small real model folders, made with the libraries that make large ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrain.models.catalogue import Catalogue
from autotrain.settings import Settings

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "cat", "dog", "sat", "ran", "##s"]
ModelMaker = Callable[..., Path]


def save_bert(folder: Path, *, shard: str = "5GB") -> Path:
    """A two-layer BERT with a tokenizer, as save_pretrained writes it."""
    from transformers import BertConfig, BertModel, BertTokenizerFast

    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
    )
    BertModel(config).save_pretrained(folder, max_shard_size=shard)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    return save_bert(tmp_path / "tiny-bert")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "home")
    settings.prepare_home()
    return settings


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache of this test's own."""
    for name in [name for name in os.environ if name.startswith(("HF_", "HUGGINGFACE_"))]:
        monkeypatch.delenv(name)
    cache = tmp_path / "hf" / "hub"
    monkeypatch.setenv("HF_HOME", str(cache.parent))
    return cache


@pytest.fixture
def catalogue(settings: Settings) -> Catalogue:
    return Catalogue(settings)
