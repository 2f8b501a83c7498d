"""A toy that speaks: real sentences in three languages, a language model of two small layers with random weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

SIGNS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + 'END' + '\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PARAMS: dict[str, Any] = {
    "num_train_epochs": 4,
    "learning_rate": 1e-2,
    "per_device_train_batch_size": 8,
    "max_length": 64,
    "lora_r": 8,
    "lora_alpha": 16,
    "evaluations_per_epoch": 1,
    "early_stopping_patience": 0,
    "written_rows": 12,
    "written_tokens": 12,
}


def questions(sentences: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Which language a sentence is in, as a prompt with its answer."""
    return [{"prompt": text[:60], "completion": f"It is {language}."} for text, language in sentences]


def save_speaker(
    texts: Iterable[str],
    folder: Path,
    *,
    pad: Literal["none", "end", "own", "unknown"] = "own",
    end: str = "<|im_end|>",
    named_end: str | None = None,
    side: Literal["left", "right"] = "right",
    tied: bool = True,
) -> Path:
    """A language model of Llama's kind with its byte-level tokenizer, whose pieces come from the texts.

    Args:
        texts: that the pieces come from.
        folder: where it goes.
        pad: which token it pads with; `unknown` is one that the tokenizer was given and the model was not.
        end: the sign that the chat template writes behind a turn.
        named_end: the end token that the tokenizer names, where it is another than the template's.
        side: where it pads.
        tied: whether the embedding is also the layer that gives the logits.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=SIGNS, initial_alphabet=alphabet, show_progress=False)
    pieces.train_from_iterator(texts, trainer)
    names = {"eos_token": named_end or end, "additional_special_tokens": ["<|im_start|>", "<|im_end|>"]}
    padded = {"own": "<|pad|>", "end": named_end or end}
    if pad in padded:
        names["pad_token"] = padded[pad]
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=pieces, model_max_length=96, padding_side=side, **names)
    vocabulary = len(tokenizer)
    if pad == "unknown":
        tokenizer.add_special_tokens({"pad_token": "<|new pad|>"})
    tokenizer.chat_template = TEMPLATE.replace("END", end)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=96,
        tie_word_embeddings=tied,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=None,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
