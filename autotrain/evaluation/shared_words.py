"""Answers without any model: the words next to those that a text shares with the question."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median_low

_WORD = re.compile(r"\w+(?:[-'.]\w+)*")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?](?!\s)[^.!?\n]*)*[.!?]*")


class SharedWords:
    """Finds spans by shared words, in the manner of the sliding window of Richardson et al., 2013 (MCTest).

    Args:
        contexts: the training texts; how rare a word is, is known from them.
        answers: the training answers; how many words an answer has, is known from them.
    """

    def __init__(self, contexts: Sequence[str], answers: Sequence[str]) -> None:
        texts = [set(_folded(text)) for text in dict.fromkeys(contexts)]
        self._texts = len(texts)
        self._in = Counter(word for text in texts for word in text)
        self._words = max(1, median_low([len(_WORD.findall(answer)) for answer in answers] or [1]))

    def find(self, context: str, question: str) -> str:
        """A span of the context; empty if it has no words."""
        rare = {word: self._rarity(word) for word in _folded(question)}
        sentences = [found for match in _SENTENCE.finditer(context) if (found := list(_words(context, match.span())))]
        if not sentences:
            return ""
        chosen = max(sentences, key=lambda words: sum(rare.get(word, 0.0) for word in {word for word, _, _ in words}))
        return self._span(context, chosen, rare)

    def _span(self, context: str, words: list[tuple[str, int, int]], rare: dict[str, float]) -> str:
        """As many words as answers usually have, of which none is asked for itself, nearest to those that are."""
        shared = [(place, rare[word]) for place, (word, _, _) in enumerate(words) if word in rare]
        size = min(self._words, len(words))
        taken = {place for place, _ in shared}

        def near(start: int) -> tuple[float, float]:
            inside = range(start, start + size)
            own = sum(place in taken for place in inside)
            middle = start + (size - 1) / 2
            return -own, sum(weight / (1 + abs(place - middle)) for place, weight in shared)

        start = max(range(len(words) - size + 1), key=near)
        return context[words[start][1] : words[start + size - 1][2]]

    def _rarity(self, word: str) -> float:
        return math.log((1 + self._texts) / (0.5 + self._in[word]))


def _folded(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _words(text: str, span: tuple[int, int]) -> list[tuple[str, int, int]]:
    return [(match.group().casefold(), *match.span()) for match in _WORD.finditer(text, *span)]
