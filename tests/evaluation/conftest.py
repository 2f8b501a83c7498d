"""A tiny encoder with random weights, as real as a folder that transformers wrote itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.toy import save_encoder

WORDS = ("red", "green", "blue", "one", "two", "three", "the", "a", "is", "colour", "number")
COLOURS, NUMBERS = WORDS[:3], WORDS[3:6]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder of two small layers that knows these words."""
    return save_encoder(WORDS, tmp_path_factory.mktemp("tiny-encoder"))
