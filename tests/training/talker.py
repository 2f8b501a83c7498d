"""A toy that talks: real questions with replies in two languages, a language model of two small layers at random."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<pad>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
PARAMS: dict[str, Any] = {
    "num_train_epochs": 3,
    "learning_rate": 1e-2,
    "per_device_train_batch_size": 8,
    "max_length": 96,
    "lora_r": 16,
    "lora_alpha": 32,
    "evaluations_per_epoch": 2,
    "early_stopping_patience": 0,
}


def exchanges(language: str) -> list[tuple[str, str]]:
    """Questions with their replies, of ten to eighty characters, out of the ChatterBot corpus."""
    import chatterbot_corpus
    import yaml

    folder = Path(chatterbot_corpus.__file__).parent / "data" / language
    found = []
    for path in sorted(folder.glob("*.yml")):
        for turns in yaml.safe_load(path.read_text("utf-8"))["conversations"]:
            found += [(str(turns[0]), str(reply)) for reply in turns[1:2] if 10 <= len(str(reply)) <= 80]
    return [(asked, reply) for asked, reply in dict.fromkeys(found) if 3 <= len(asked) <= 60]


def preferences(rows: int, seed: int = 1) -> list[dict[str, str]]:
    """English questions with their own reply, and as the worse one a reply in Italian, of whatever length."""
    chance = random.Random(seed)
    english, italian = exchanges("english"), [reply for _, reply in exchanges("italian")]
    chosen = chance.sample(english, rows)
    return [{"prompt": asked, "chosen": reply, "rejected": chance.choice(italian)} for asked, reply in chosen]


def thumbs(rows: int, seed: int = 1) -> list[dict[str, str]]:
    """The same one by one: a thumb up for what is in English."""
    return [
        {"prompt": row["prompt"], "completion": row[side], "thumb": thumb}
        for row in preferences(rows, seed)
        for side, thumb in (("chosen", "👍"), ("rejected", "👎"))
    ]


def save_talker(texts: Iterable[str], folder: Path) -> Path:
    """A language model of Llama's kind and its tokenizer, whose pieces come from the texts."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    pieces = Tokenizer(models.BPE())
    pieces.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pieces.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=list(SPECIAL), initial_alphabet=alphabet)
    pieces.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=pieces,
        model_max_length=128,
        eos_token="<|im_end|>",
        pad_token="<pad>",
        additional_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder
