"""What a closer look at a table must know of the model that will read it."""

from __future__ import annotations

from pathlib import Path

from autotrain.data.insight import Reader
from autotrain.models.folder import read_config, shape_of


def reader_of(folder: Path | None, max_length: int) -> Reader:
    """The model in a folder as a reader that is cut at `max_length` tokens; None is one of which nothing is known.

    Raises:
        ModelError: the folder has no configuration that can be read.
    """
    if folder is None:
        return Reader(max_length)
    tokenizer = folder / "tokenizer.json"
    longest = shape_of(read_config(folder)).positions or None
    return Reader(max_length, tokenizer if tokenizer.is_file() else None, longest)
