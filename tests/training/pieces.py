"""Pieces of texts for tokenizers, the same ones in every process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any


def word_pieces(texts: Iterable[str], special: Sequence[str], size: int) -> dict[str, int]:
    """A vocabulary for `tokenizers.models.WordPiece`: special tokens, every letter, and the most frequent beginnings.

    The trainer of `tokenizers` itself breaks ties by chance.

    Args:
        texts: lower-cased and parted as BERT does.
        special: they come first, in this order.
        size: of the vocabulary, at most.
    """
    from tokenizers import normalizers, pre_tokenizers

    normal, parts = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(word for text in texts for word, _ in parts.pre_tokenize_str(normal.normalize_str(text)))
    letters = sorted({letter for word in words for letter in word})
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters), *_common(words, 2)]
    return {piece: number for number, piece in enumerate(dict.fromkeys(vocabulary[:size]))}


def byte_pieces(texts: Iterable[str], special: Sequence[str], size: int) -> Any:
    """A byte-level tokenizer that puts no space before a text, as GPT-2's: special tokens, bytes, frequent pairs."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    return made


def whole_words(texts: Iterable[str], special: Sequence[str], size: int) -> Any:
    """A tokenizer of the most frequent words; any other is <unk>, one of the special tokens."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    parts = pre_tokenizers.Whitespace()
    words = Counter(word for text in texts for word, _ in parts.pre_tokenize_str(text))
    vocabulary = dict.fromkeys([*special, *_common(words, 1)][:size])
    made = Tokenizer(models.WordLevel({word: number for number, word in enumerate(vocabulary)}, unk_token="<unk>"))
    made.pre_tokenizer = parts
    return made


def _common(words: Counter[str], length: int) -> list[str]:
    """The words of at least this length, the most frequent first."""
    return [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])) if len(word) >= length]
