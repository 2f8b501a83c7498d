"""Documents as blocks of tokens of which some are masked: the same ones whenever seed, row, block and time are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autotrain.task import Masking

SHOWN_AS_MASK, SHOWN_AS_OTHER = 0.8, 0.1
"""Of the chosen tokens so many become the mask, and so many a random token; the rest stays (Devlin et al., 2019)."""


@dataclass(frozen=True)
class Block:
    """A part of a document with the special tokens around it. `own` is whether a token is a known one of it."""

    input_ids: tuple[int, ...]
    own: tuple[bool, ...]


@dataclass(frozen=True)
class Masked:
    """What the model sees of a block, and which places it learns to tell."""

    input_ids: tuple[int, ...]
    chosen: tuple[bool, ...]


def document_blocks(tokenizer: Any, text: str, max_length: int) -> list[Block]:
    """All of a document in blocks of at most `max_length` tokens, but those without any token of its own.

    A token that the tokenizer does not know is read and never learned: nobody wants it as an answer.
    """
    special = {*tokenizer.all_special_ids}
    encoded = tokenizer(text, truncation=True, max_length=max_length, return_overflowing_tokens=True)
    made = [Block(tuple(ids), tuple(token not in special for token in ids)) for ids in encoded["input_ids"]]
    return [block for block in made if any(block.own)]


class Masker:
    """Chooses what is masked. The choice depends on the given numbers alone: no state is carried from call to call."""

    def __init__(self, tokenizer: Any, masking: Masking) -> None:
        special = {*tokenizer.all_special_ids}
        self._mask = int(tokenizer.mask_token_id)
        self._others = np.array([number for number in range(len(tokenizer)) if number not in special])
        self._masking = masking

    def learned(self, input_ids: Sequence[int], own: Sequence[bool], key: Sequence[int], epoch: int) -> Masked:
        """A block as a training step sees it: other places in each epoch (Liu et al., 2019, section 4.1).

        Args:
            input_ids, own: of the block.
            key: numbers that tell the block from all others.
            epoch: counted from 0.
        """
        random = np.random.default_rng([self._masking.seed, 1, epoch, *key])
        shown = np.array(input_ids)
        places = self._places(own, random)
        drawn = random.random(len(places))
        shown[places[drawn < SHOWN_AS_MASK]] = self._mask
        other = places[(drawn >= SHOWN_AS_MASK) & (drawn < SHOWN_AS_MASK + SHOWN_AS_OTHER)]
        shown[other] = random.choice(self._others, size=len(other))
        return _masked(shown, places)

    def judged(self, input_ids: Sequence[int], own: Sequence[bool], key: Sequence[int]) -> Masked:
        """A block as an evaluation sees it, always the same: every chosen place is the mask, as in a text to fill."""
        shown = np.array(input_ids)
        places = self._places(own, np.random.default_rng([self._masking.seed, 0, *key]))
        shown[places] = self._mask
        return _masked(shown, places)

    def _places(self, own: Sequence[bool], random: np.random.Generator) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The share of the block's own tokens, at least one; none of a block without any."""
        open_places = np.flatnonzero(own)
        number = min(len(open_places), max(1, round(self._masking.share * len(open_places))))
        return np.sort(random.choice(open_places, size=number, replace=False)) if number else open_places


def _masked(shown: np.ndarray[Any, np.dtype[np.int64]], places: np.ndarray[Any, np.dtype[np.int64]]) -> Masked:
    chosen = np.zeros(len(shown), dtype=bool)
    chosen[places] = True
    return Masked(tuple(shown.tolist()), tuple(chosen.tolist()))
