"""Words with tags as tokens with labels."""

from __future__ import annotations

import json
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

    @property
    def teaches(self) -> bool:
        """Whether any tag is learned."""
        return any(label != IGNORED for label in self.labels)


def encode_tags(
    tokenizer: Any, tokens: Sequence[str], tags: Sequence[str], numbers: Mapping[str, int], max_length: int
) -> Tagged:
    """Words as tokens; the first token of each word has its tag's number, all others `IGNORED`.

    A word of which the tokenizer makes no token at all has no place, and its tag is not learned.

    Args:
        tokenizer: the base model's; it must know which word a token is of, as fast tokenizers do.
        tokens, tags: as many of both.
        numbers: the number of each tag.
        max_length: tokens kept, special ones counted.
    """
    whole = len(encode_words(tokenizer, tokens)["input_ids"])
    made = encode_words(tokenizer, tokens, truncation=True, max_length=max_length)
    words = made.word_ids()
    labels = [
        IGNORED if word is None or (place and words[place - 1] == word) else numbers[tags[word]]
        for place, word in enumerate(words)
    ]
    return Tagged(tuple(made["input_ids"]), tuple(labels), whole)


def encode_words(tokenizer: Any, words: Sequence[str], **options: Any) -> Any:
    """Words as one text, each as it stands after a space.

    Byte-level BPE tells "Rome" at the beginning of a text from " Rome" within one. Unless the tokenizer puts the space
    there itself, each word would be read as if nothing parted it from the one before.
    """
    spaced = _puts_no_space(tokenizer)
    parts = [f" {word}" if spaced and word and not word[0].isspace() else word for word in words]
    return tokenizer(parts, is_split_into_words=True, **options)


def _puts_no_space(tokenizer: Any) -> bool:
    """Whether the tokenizer is a byte-level one with `add_prefix_space` off."""
    step = tokenizer.backend_tokenizer.pre_tokenizer
    if step is None:
        return False
    state = json.loads(step.__getstate__())
    steps = state.get("pretokenizers", [state])
    return any(each["type"] == "ByteLevel" and not each["add_prefix_space"] for each in steps)
