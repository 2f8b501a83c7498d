"""How long texts are, in characters and in a model's tokens: bins for a picture, and the length that keeps 99 %."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from autotrain.data.insight.sampling import spread
from autotrain.table import Table

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MEASURED_TEXTS = 2_000
"""Texts that are cut into tokens: a share is off by 2 % at most, and a second is enough."""
LONGEST_CUT = 100_000
"""Characters of one text that are cut into tokens; a longer one is measured by this beginning."""
BINS = 20
KEPT = 0.99


class Bin(BaseModel):
    """Texts with a length from `low` up to, but not including, `high`; the last bin has no `high`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: int
    high: int | None
    count: int


class Histogram(BaseModel):
    """Lengths of a column's filled cells. `texts` were measured, out of `of` that there are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    column: str
    unit: Literal["characters", "tokens"]
    bins: tuple[Bin, ...]
    texts: int
    of: int
    median: int
    longest: int
    keeps_99: int = Field(description="The shortest length that leaves 99 % of the texts whole.")
    max_length: int | None = Field(None, description="Where training cuts, in tokens.")
    truncated: float | None = Field(None, description="Share of the texts that are cut there.")


def character_lengths(table: Table, column: str) -> Counter[int]:
    """How many filled cells have each length, in characters. Reads the whole column, batch by batch."""
    found: Counter[int] = Counter()
    for chunk in table.rows[column].chunks:
        filled = chunk.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(chunk)), 0))
        for pair in pc.value_counts(pc.utf8_length(filled)):
            found[pair["values"].as_py()] += pair["counts"].as_py()
    return found


def token_lengths(table: Table, column: str, tokenizer: Path) -> Counter[int] | None:
    """Lengths in tokens of up to 2,000 texts, special tokens included; None when the file is no tokenizer."""
    loaded = _tokenizer(tokenizer)
    if loaded is None:
        return None
    texts = [text[:LONGEST_CUT] for text in spread(table, [column], MEASURED_TEXTS)[column].to_pylist()]
    return Counter(len(coded.ids) for coded in loaded.encode_batch_fast([text for text in texts if text.strip()]))


def histogram(
    lengths: Counter[int],
    column: str,
    unit: Literal["characters", "tokens"],
    *,
    of: int | None = None,
    max_length: int | None = None,
) -> Histogram:
    """Lengths as a picture needs them. The bins end at the 99 % length, so that one long text does not squeeze them."""
    texts = lengths.total()
    kept = quantile(lengths, KEPT)
    width = max(1, _round(ceil((max(kept, max_length or 0) + 1) / BINS)))
    last = max(kept, max_length or 0) // width
    counts: Counter[int] = Counter()
    for length, times in lengths.items():
        counts[min(length // width, last)] += times
    cut = sum(times for length, times in lengths.items() if max_length is not None and length > max_length)
    return Histogram(
        column=column,
        unit=unit,
        bins=tuple(
            Bin(low=place * width, high=(place + 1) * width if place < last else None, count=counts[place])
            for place in range(last + 1)
        ),
        texts=texts,
        of=texts if of is None else of,
        median=quantile(lengths, 0.5),
        longest=max(lengths, default=0),
        keeps_99=kept,
        max_length=max_length,
        truncated=None if max_length is None else cut / max(1, texts),
    )


def quantile(lengths: Counter[int], share: float) -> int:
    """The shortest length that at least this share of the texts does not exceed."""
    wanted, seen = share * lengths.total(), 0
    for length in sorted(lengths):
        seen += lengths[length]
        if seen >= wanted:
            return length
    return 0


def _round(width: int) -> int:
    """The next width that people like to read: 1, 2, 5, 10, 20, 25, 50 and so on."""
    power = 1
    while True:
        for step in (1, 2, 5):
            if step * power >= width:
                return step * power
        power *= 10


@lru_cache(maxsize=2)
def _tokenizer(path: Path) -> Tokenizer | None:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # the library raises plain Exception for a file it cannot read; characters are still known
        return None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
