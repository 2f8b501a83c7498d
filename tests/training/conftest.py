"""The toys, made once: sentences, an encoder, their frozen splits, and a model that writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState

from tests.training.causal import save_causal
from tests.training.device import TESTED
from tests.training.talk import said
from tests.training.toy import freeze_table, save_encoder, sentences, write_table


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    return write_table(folder / "table.csv", sentences(folder))


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [text for text, _ in sentences(tmp_path_factory.mktemp("texts"))]
    return save_encoder(texts, tmp_path_factory.mktemp("tiny-encoder"))


@pytest.fixture(scope="session")
def frozen(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return freeze_table(table, tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A causal language model that knows the pieces of real talk."""
    return save_causal(said(), tmp_path_factory.mktemp("tiny-causal"))


@pytest.fixture(autouse=True)
def fresh_device() -> Iterator[None]:
    """On a graphics card, what the test before computed on does not bind the next one, which may want the processor."""
    yield
    if TESTED.kind != "cpu":
        AcceleratorState._reset_state(reset_partial_state=True)
