"""A child that encodes: one question as JSON on standard input, one answer on standard output.

The web process must not load the libraries that a tokenizer brings; this child does, answers and ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from autotrain.encoding.batch import encoded_batch
from autotrain.errors import AutotrainError
from autotrain.models.loading import load_tokenizer, longest_input_of

_ENDLESS = 10**7
"""A tokenizer that knows no limit names a number beyond this."""


def main() -> None:
    """Encode the rows of the question."""
    asked = json.loads(sys.stdin.buffer.read())
    try:
        tokenizer = load_tokenizer(Path(asked["model"]))
        # Training cuts at what the model has positions for, and so does its picture.
        longest = longest_input_of(Path(asked["model"]), tokenizer)
        made = encoded_batch(
            asked["shape"],
            asked["rows"],
            tokenizer,
            min(asked["max_length"], longest),
            numbers=asked["numbers"],
            longest=longest if longest < _ENDLESS else None,
        )
        answer = {"batch": made.model_dump(mode="json")}
    except AutotrainError as error:
        answer = {"error": {"message": error.message, "code": error.code}}
    sys.stdout.buffer.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
