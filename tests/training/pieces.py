"""Word pieces out of texts, the same ones in every process: the trainers of `tokenizers` break ties by chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def word_pieces(texts: Iterable[str], special: Sequence[str], size: int) -> dict[str, int]:
    """A vocabulary for `tokenizers.models.WordPiece`: special tokens, every letter, and the most frequent beginnings.

    Args:
        texts: lower-cased and parted as BERT does.
        special: they come first, in this order.
        size: of the vocabulary, at most.
    """
    from tokenizers import normalizers, pre_tokenizers

    normal, parts = normalizers.BertNormalizer(lowercase=True), pre_tokenizers.BertPreTokenizer()
    words = Counter(word for text in texts for word, _ in parts.pre_tokenize_str(normal.normalize_str(text)))
    letters = sorted({letter for word in words for letter in word})
    common = [word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])) if len(word) > 1]
    vocabulary = [*special, *letters, *(f"##{letter}" for letter in letters), *common]
    return {piece: number for number, piece in enumerate(dict.fromkeys(vocabulary[:size]))}
