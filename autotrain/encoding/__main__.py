"""A child that encodes.

The web process must not load the libraries that a tokenizer brings; this child does, answers and ends.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from autotrain.asking import Progress, answer_with
from autotrain.encoding.batch import encoded_batch
from autotrain.encoding.masked_batch import masked_batch
from autotrain.encoding.texts import Rewriting
from autotrain.models.loading import load_tokenizer, longest_input_of
from autotrain.task import Masking

_ENDLESS = 10**7
"""A tokenizer that knows no limit names a number beyond this."""


def encode(asked: dict[str, Any], _: Progress) -> dict[str, Any]:
    """The first batch of the rows of the question."""
    tokenizer = load_tokenizer(Path(asked["model"]))
    # Training cuts at what the model has positions for, and so does its picture.
    longest = longest_input_of(Path(asked["model"]), tokenizer)
    if asked["masking"] is not None:
        masking = Masking(**asked["masking"])
        length = min(asked["max_length"], longest)
        rows = list(zip(asked["numbers"], asked["rows"], strict=True))
        return masked_batch(rows, tokenizer, length, masking).model_dump(mode="json")
    made = encoded_batch(
        asked["shape"],
        asked["rows"],
        tokenizer,
        min(asked["max_length"], longest),
        numbers=asked["numbers"],
        longest=longest if longest < _ENDLESS else None,
        rewriting=Rewriting(**asked["rewriting"]),
    )
    return made.model_dump(mode="json")


if __name__ == "__main__":
    answer_with(encode)
