"""The first blocks of documents as the page shows them: what is hidden in the first epoch, and what is under it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from autotrain.encoding.batch import SAMPLE_ROWS, SHOWN_ROWS, EncodedBatch, EncodedRow, padded, shown_row
from autotrain.encoding.masking import Block, Masked, Masker, document_blocks
from autotrain.errors import ModelError
from autotrain.task import Masking

EXPLAINED = (
    "The model learns the marked tokens, which stand below what it sees instead: mostly a mask, now and then another "
    "word or the word itself. Each epoch hides other ones. A long text becomes several rows."
)


def masked_batch(
    rows: Sequence[tuple[int, Mapping[str, Any]]], tokenizer: Any, max_length: int, masking: Masking
) -> EncodedBatch:
    """The first blocks of numbered rows, each with a `text`, as the first epoch of a training sees them.

    Raises:
        ModelError: the tokenizer has no sign for a masked word.
    """
    if tokenizer.mask_token_id is None:
        raise ModelError(
            "The model's tokenizer has no sign for a masked word. Choose an encoder such as BERT or MiniLM.",
            code="no-mask-token",
        )
    masker = Masker(tokenizer, masking)
    sample = rows[:SAMPLE_ROWS]
    lengths = sorted(len(tokenizer(row["text"])["input_ids"]) for _, row in sample)
    blocks = (
        (block, masker.learned(block.input_ids, block.own, (number, place), 0))
        for number, row in sample
        for place, block in enumerate(document_blocks(tokenizer, row["text"], max_length))
    )
    shown = [_picture(tokenizer, block, masked) for block, masked in islice(blocks, SHOWN_ROWS)]
    return EncodedBatch(
        rows=padded(shown, tokenizer),
        max_length=max_length,
        truncated=sum(length > max_length for length in lengths) / max(1, len(lengths)),
        length_for_99_percent=lengths[math.ceil(0.99 * len(lengths)) - 1] if lengths else 0,
        measured=len(lengths),
        padding_side="right",
        explanation=EXPLAINED,
        windows=True,
    )


def _picture(tokenizer: Any, block: Block, masked: Masked) -> EncodedRow:
    hidden = [
        tokenizer.decode([token]) if chosen else None
        for token, chosen in zip(block.input_ids, masked.chosen, strict=True)
    ]
    return shown_row(tokenizer, masked.input_ids, len(block.input_ids), learned=masked.chosen, labels=hidden)
