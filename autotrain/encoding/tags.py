"""Words with tags as tokens with labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

IGNORED = -100
"""The label of a token that the loss passes over: special tokens, and all but the first of a word."""


@dataclass(frozen=True)
class Tagged:
    """Token ids with a label each. `whole` is the length before the cut."""

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    whole: int


def encode_tags(
    tokenizer: Any, tokens: Sequence[str], tags: Sequence[str], numbers: Mapping[str, int], max_length: int
) -> Tagged:
    """Words as tokens; the first token of each word has its tag's number, all others `IGNORED`.

    Args:
        tokenizer: the base model's; it must know which word a token is of, as fast tokenizers do.
        tokens, tags: as many of both.
        numbers: the number of each tag.
        max_length: tokens kept, special ones counted.
    """
    encoded = tokenizer(list(tokens), is_split_into_words=True)
    words = encoded.word_ids()
    labels = [
        IGNORED if word is None or (place and words[place - 1] == word) else numbers[tags[word]]
        for place, word in enumerate(words)
    ]
    ids = list(encoded["input_ids"])
    if len(ids) <= max_length:
        return Tagged(tuple(ids), tuple(labels), len(ids))
    cut = tokenizer(list(tokens), is_split_into_words=True, truncation=True, max_length=max_length)
    kept = cut.word_ids()
    fewer = [
        IGNORED if word is None or (place and kept[place - 1] == word) else numbers[tags[word]]
        for place, word in enumerate(kept)
    ]
    return Tagged(tuple(cut["input_ids"]), tuple(fewer), len(ids))
