"""Toys that write: real questions with their answers, and small causal language models of several architectures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

SIGNS = ("<pad>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
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
KINDS = ("llama", "qwen2", "gemma", "gpt2", "bloom")


def exchanges() -> list[tuple[str, str]]:
    """Short English questions with their answers, each question once, out of the ChatterBot corpus."""
    import yaml
    from chatterbot_corpus import corpus

    found: dict[str, str] = {}
    for path in sorted(Path(corpus.DATA_DIRECTORY, "english").glob("*.yml")):
        for turns in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            asked, said = str(turns[0]), str(turns[1])
            if 3 <= len(asked) <= 60 and 3 <= len(said) <= 40:
                found.setdefault(asked, said)
    return list(found.items())


def chats(most: int) -> list[dict[str, Any]]:
    """The exchanges as conversations."""
    return [
        {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]}
        for asked, said in exchanges()[:most]
    ]


def save_causal(folder: Path, kind: str = "llama", *, template: str | None = TEMPLATE) -> Path:
    """A model of this kind with two small layers and random weights, and its tokenizer, made from the exchanges."""
    import torch

    tokenizer = _tokenizer(text for pair in exchanges() for text in pair)
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    tiny_causal(kind, len(tokenizer), tokenizer.eos_token_id).save_pretrained(folder)
    return folder


def tiny_causal(kind: str, words: int, end: int) -> Any:
    """A causal language model of two small layers with random weights."""
    from transformers import AutoModelForCausalLM, BloomConfig, GemmaConfig, GPT2Config, LlamaConfig, Qwen2Config

    shared = {"vocab_size": words, "bos_token_id": None, "eos_token_id": end, "pad_token_id": 0}
    size = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "initializer_range": 0.1,
    }
    made = {
        "llama": lambda: LlamaConfig(**shared, **size),
        "qwen2": lambda: Qwen2Config(**shared, **size),
        "gemma": lambda: GemmaConfig(**shared, **size, head_dim=12),
        "gpt2": lambda: GPT2Config(**shared, n_embd=48, n_layer=2, n_head=4, n_positions=128),
        "bloom": lambda: BloomConfig(**shared, hidden_size=48, n_layer=2, n_head=4),
    }
    return AutoModelForCausalLM.from_config(made[kind]())


def _tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    pieces.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=600, special_tokens=list(SIGNS), initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=pieces, model_max_length=128, eos_token="<|im_end|>", pad_token="<pad>"
    )
