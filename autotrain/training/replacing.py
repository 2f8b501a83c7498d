"""Marked places that change with others of their type, so that a tagger learns the order of things and not the things.

Mention replacement, as in Dai & Adel, "An Analysis of Simple Data Augmentation for Named Entity Recognition" (2020,
section 3). A row is left as it is in half of the epochs; what it becomes in the others is drawn from the seed, the
epoch and the row, so that a resumed training sees what an undisturbed one would have seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autotrain.encoding.tags import IGNORED
from autotrain.evaluation.tagging import is_bio, places

KEPT = 0.5
"""Chance that an epoch sees a row as it is."""
SEPARATORS = (",", ";")
"""What parts a place from the next one stays where it was."""

Words = Sequence[str]


class Replacer:
    """Draws rows with replaced places.

    Args:
        rows: (words, tags) of the training rows by their key; the places that are put in come from them.
        share: chance of each place to change, from 0 to 1, where a row changes at all.
        seed: of the draws.
    """

    def __init__(self, rows: Mapping[int, tuple[Words, Words]], share: float, seed: int) -> None:
        self._rows, self._share, self._seed = rows, share, seed
        self._bio = is_bio([tags for _, tags in rows.values()])
        self._known: dict[str, list[Words]] = {}
        for words, tags in rows.values():
            for place in sorted(places(tags, bio=self._bio), key=lambda place: place.start):
                self._known.setdefault(place.type, []).append(words[place.start : place.end])

    def row(self, key: int, epoch: int) -> tuple[list[str], list[str]]:
        """Words and tags of a row as an epoch sees them."""
        words, tags = self._rows[key]
        draw = random.Random(f"{self._seed} {epoch} {key}")
        if draw.random() < KEPT:
            return list(words), list(tags)
        new_words: list[str] = []
        new_tags: list[str] = []
        done = 0
        for place in sorted(places(tags, bio=self._bio), key=lambda place: place.start):
            new_words += words[done : place.start]
            new_tags += tags[done : place.start]
            old, done = words[place.start : place.end], place.end
            put = _parted(draw.choice(self._known[place.type]), old) if draw.random() < self._share else list(old)
            new_words += put
            new_tags += self._tags(place.type, len(put))
        return [*new_words, *words[done:]], [*new_tags, *tags[done:]]

    def _tags(self, kind: str, count: int) -> list[str]:
        return [f"{'I' if place else 'B'}-{kind}" for place in range(count)] if self._bio else [kind] * count


class ReplacingCollator:
    """Rows with a `key` are drawn anew before they become a batch; others stay as they are."""

    def __init__(
        self, replacer: Replacer, encode: Callable[[Words, Words], dict[str, Any]], collator: Callable[[Any], Any]
    ) -> None:
        self._replacer, self._encode, self._collator, self._epoch = replacer, encode, collator, 0

    def begin_epoch(self, epoch: int) -> None:
        """Called by the loop before the first batch of an epoch, also of one that is gone on with."""
        self._epoch = epoch

    def __call__(self, items: Sequence[dict[str, Any]]) -> Any:
        return self._collator([self._drawn(item) for item in items])

    def _drawn(self, item: dict[str, Any]) -> dict[str, Any]:
        if "key" not in item:
            return item
        if all(label == IGNORED for label in item["labels"]):  # it only fills up a batch
            return {name: value for name, value in item.items() if name != "key"}
        return self._encode(*self._replacer.row(item["key"], self._epoch))


def _parted(words: Words, old: Words) -> list[str]:
    """The words, with the separator at their end that the old ones had."""
    had = old[-1][-1:] if old[-1].endswith(SEPARATORS) else ""
    last = words[-1].rstrip("".join(SEPARATORS))
    return [*words[:-1], last + had] if last else list(words)
