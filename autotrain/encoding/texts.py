"""Texts, pairs of texts, and texts with what is to be written for them, as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rewriting:
    """How a text and what is written for it become tokens.

    Attributes:
        source_prefix: put before every source, as T5 was taught: "summarize: ".
        max_target_length: tokens kept of a target, its end counted; None is as many as of a source.
    """

    source_prefix: str = ""
    max_target_length: int | None = None


AS_IT_IS = Rewriting()


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


def encode_source(tokenizer: Any, text: str, max_length: int, prefix: str = "") -> tuple[list[int], int]:
    """A text that is read, and its length before the cut. The special tokens at its end stay."""
    whole = tokenizer(prefix + text, verbose=False)["input_ids"]
    if len(whole) > max_length:
        return encode_texts(tokenizer, [prefix + text], max_length)[0], len(whole)
    return list(whole) or [tokenizer.pad_token_id], len(whole)


def encode_target(tokenizer: Any, text: str, max_length: int) -> tuple[list[int], int]:
    """A text that is to be written, and its length before the cut, with the sign that ends it.

    The tokenizer's target side is asked: Marian has another vocabulary there, mBART and NLLB name another language.
    What is cut off loses its end: a sign put where a text only breaks off would teach to break off.
    """
    ids = list(tokenizer(text_target=text, verbose=False)["input_ids"])
    end = tokenizer.eos_token_id if tokenizer.eos_token_id is not None else tokenizer.sep_token_id
    if end is not None and end not in ids[-2:]:  # mBART puts the language behind it
        ids.append(end)
    return ids[:max_length], len(ids)
