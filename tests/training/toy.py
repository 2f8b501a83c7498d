"""A toy: real sentences in three languages, an encoder of two small layers with random weights, frozen splits."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from autotrain.data.freeze import freeze
from autotrain.data.samples import write_sample
from autotrain.data.store import DatasetStore
from autotrain.recipe import Recipe, parse
from autotrain.settings import Settings
from tests.training.pieces import word_pieces

VOCABULARY = 600
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


def write_table(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    """Texts and labels as a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("text", "label"))
        writer.writerows(rows)
    return path


def sentences(folder: Path, languages: Sequence[str] = (), rows_of_each: int = ROWS_OF_EACH) -> list[tuple[str, str]]:
    """Some sentences of three languages, or of those named, out of the sample."""
    write_sample("language-identification", folder / "all.csv")
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    chosen = languages or sorted({label for _, label in rows})[:LANGUAGES]
    return [row for name in chosen for row in [row for row in rows if row[1] == name][:rows_of_each]]


def save_encoder(texts: Iterable[str], folder: Path) -> Path:
    """The encoder and its tokenizer, whose word pieces come from the texts."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(word_pieces(texts, special, VOCABULARY), unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), special, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names).save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=VOCABULARY, max_position_embeddings=64, **size)).save_pretrained(folder)
    return folder


def recipe(table: Path, **params: Any) -> Recipe:
    """A recipe for the toy."""
    data = {"source": str(table), "columns": {"text": "text", "label": "label"}}
    body = {"task": "text-classification", "title": "Toy", "model": MODEL_NAME, "data": data}
    return parse({**body, "params": {**PARAMS, **params}})


def freeze_table(table: Path, home: Path, folder: Path) -> Path:
    """The splits, as a submitted run has them."""
    settings = Settings(home=home)
    settings.prepare_home()
    dataset = DatasetStore(settings).add(table)
    folder.mkdir(exist_ok=True)
    data = recipe(table).data
    assert data is not None
    freeze(dataset, data.columns, data.split, folder)
    return folder
