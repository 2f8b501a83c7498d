"""Texts and pairs of texts as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def encode_texts(
    tokenizer: Any, texts: Sequence[str], max_length: int, pairs: Sequence[str] | None = None
) -> list[list[int]]:
    """Token ids of each text with special tokens, cut off at `max_length`. A text without any token gets one.

    Args:
        tokenizer: the base model's.
        texts: what is read; with `pairs`, the first of two texts.
        max_length: tokens kept, special ones counted. Of a pair the longer text is cut first.
        pairs: second texts, as many.
    """
    options = {"truncation": True, "max_length": max_length, "return_attention_mask": False}
    second = () if pairs is None else (list(pairs),)
    ids = tokenizer(list(texts), *second, **options)["input_ids"]
    return [row or [tokenizer.pad_token_id] for row in ids]
