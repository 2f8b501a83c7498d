"""A causal language model of two small layers with random weights, and real questions for it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PLACES = 128
"""Tokens that it has positions for."""
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' + message['content'] + '<|im_end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant ' }}{% endif %}"
)


def questions(most: int) -> list[str]:
    """Short questions of chatterbot's corpus, each once."""
    import yaml
    from chatterbot_corpus import corpus

    found: dict[str, None] = {}
    for path in sorted(Path(corpus.DATA_DIRECTORY, "english").glob("*.yml")):
        for turns in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            if isinstance(turns[0], str) and len(turns[0]) <= 40:
                found.setdefault(turns[0])
    return list(found)[:most]


def save_writer(texts: Iterable[str], folder: Path, words: int = 90, **config: Any) -> Path:
    """The model and its tokenizer of whole words, with ChatML's signs of a turn."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<unk>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(texts, trainers.WordLevelTrainer(vocab_size=words, special_tokens=special))
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=PLACES,
        pad_token="<pad>",
        unk_token="<unk>",
        eos_token="<|im_end|>",
    )
    made.chat_template = TEMPLATE
    made.save_pretrained(folder)
    torch.manual_seed(0)
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(made),
            max_position_embeddings=PLACES,
            pad_token_id=0,
            eos_token_id=3,
            bos_token_id=None,
            **{**size, **config},
        )
    ).save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 3, "pad_token_id": 0}))
    return folder
