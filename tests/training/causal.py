"""Toys that write: causal language models of two small layers with random weights, their tokenizers and templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from tests.training.pieces import byte_pieces, whole_words

PLACES = 128
"""Tokens that they have positions for."""
SIGNS = ("<pad>", "<unk>", "<|im_start|>", "<|im_end|>", "<|endoftext|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
KINDS = ("llama", "qwen2", "gemma", "gpt2", "bloom")
PARAMS: dict[str, Any] = {
    "num_train_epochs": 4,
    "learning_rate": 1e-2,
    "per_device_train_batch_size": 8,
    "max_length": 64,
    "lora_r": 16,
    "lora_alpha": 32,
    "lora_dropout": 0.0,
    "evaluations_per_epoch": 1,
    "early_stopping_patience": 0,
}
"""What teaches them in seconds."""


def save_causal(
    texts: Iterable[str],
    folder: Path,
    kind: str = "llama",
    *,
    words: bool = False,
    vocabulary: int = 600,
    pad: Literal["own", "end", "none", "unknown"] = "own",
    end: str = "<|im_end|>",
    side: Literal["left", "right"] = "right",
    template: str | None = TEMPLATE,
    **config: Any,
) -> Path:
    """A model and its tokenizer, whose pieces come from the texts.

    Args:
        texts: that the pieces come from.
        folder: where it goes.
        kind: one of KINDS.
        words: whether the pieces are whole words; else they are of bytes.
        vocabulary: how many pieces, at most.
        pad: which token the tokenizer pads with; `unknown` is one that the model was not given.
        end: the end token that the tokenizer names. The template always ends a turn with <|im_end|>.
        side: where it pads.
        template: of a chat; None for a base without one.
        config: what else differs in the model.
    """
    import torch
    from transformers import PreTrainedTokenizerFast

    pieces = (whole_words if words else byte_pieces)(texts, SIGNS, vocabulary)
    names = {"unk_token": "<unk>", "eos_token": end, "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    names |= {"own": {"pad_token": "<pad>"}, "end": {"pad_token": end}}.get(pad, {})
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, model_max_length=PLACES, padding_side=side, **names)
    tokenizer.chat_template = template
    known = len(tokenizer)
    if pad == "unknown":
        tokenizer.add_special_tokens({"pad_token": "<|new pad|>"})
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    told = {"pad_token_id": tokenizer.pad_token_id if pad == "own" else None, **config}
    tiny_causal(kind, known, tokenizer.eos_token_id, **told).save_pretrained(folder)
    return folder


def tiny_causal(kind: str, words: int, end: int, **config: Any) -> Any:
    """The model alone, of a kind in KINDS."""
    from transformers import AutoModelForCausalLM, BloomConfig, GemmaConfig, GPT2Config, LlamaConfig, Qwen2Config

    shared = {"vocab_size": words, "bos_token_id": None, "eos_token_id": end, "pad_token_id": 0}
    size: Mapping[str, Any] = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": PLACES,
        "initializer_range": 0.1,
    }
    classes, sizes = {
        "llama": (LlamaConfig, size),
        "qwen2": (Qwen2Config, size),
        "gemma": (GemmaConfig, {**size, "head_dim": 12}),
        "gpt2": (GPT2Config, {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": PLACES}),
        "bloom": (BloomConfig, {"hidden_size": 48, "n_layer": 2, "n_head": 4}),
    }[kind]
    return AutoModelForCausalLM.from_config(classes(**{**shared, **sizes, **config}))
