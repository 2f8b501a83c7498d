"""Tiny encoder-decoders of three families, with tokenizers whose pieces come from the texts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from tests.training.pieces import word_pieces

Family = Literal["t5", "bart", "marian"]

VOCABULARY = 700


def save_rewriter(family: Family, texts: Iterable[str], folder: Path, **options: Any) -> Path:
    """A model of the family with random weights. Special tokens have the places that the family gives them."""
    import torch
    from transformers import BartConfig, MarianConfig, T5Config
    from transformers import BartForConditionalGeneration as Bart
    from transformers import MarianMTModel as Marian
    from transformers import T5ForConditionalGeneration as T5

    save_pieces(family, texts, folder)
    size = {"d_model": 64, "vocab_size": VOCABULARY, **options}
    layers = {f"{half}_{what}": count for half in ("encoder", "decoder") for what, count in _HALF.items()}
    torch.manual_seed(0)
    if family == "t5":
        shape = {"d_ff": 128, "d_kv": 16, "num_layers": 1, "num_heads": 4}
        model: Any = T5(T5Config(**shape, **size, decoder_start_token_id=0))
    elif family == "bart":
        model = Bart(BartConfig(**layers, **{"max_position_embeddings": 64, "init_std": 0.1, **size}))
    else:
        places = {"pad_token_id": 2, "eos_token_id": 0, "decoder_start_token_id": 2, "forced_eos_token_id": 0}
        positions = {"max_position_embeddings": 64, "init_std": 0.1}
        model = Marian(MarianConfig(**layers, **places, **positions, **size))
    model.save_pretrained(folder)
    return folder


_HALF = {"layers": 1, "attention_heads": 4, "ffn_dim": 128}

_SPECIAL = {
    "t5": (("<pad>", "</s>", "<unk>"), "$A </s>"),
    "bart": (("<s>", "<pad>", "</s>", "<unk>"), "<s> $A </s>"),
    "marian": (("</s>", "<unk>", "<pad>"), "$A </s>"),
}


def save_pieces(family: Family, texts: Iterable[str], folder: Path) -> None:
    """A tokenizer of word pieces, with the family's special tokens."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special, template = _SPECIAL[family]
    tokenizer = Tokenizer(models.WordPiece(word_pieces(texts, special, VOCABULARY), unk_token="<unk>"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(token, special.index(token)) for token in special if token in template]
    )
    names = {"<pad>": "pad_token", "</s>": "eos_token", "<unk>": "unk_token", "<s>": "bos_token"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64, **{names[token]: token for token in special}
    ).save_pretrained(folder)
