"""The toy, made once: its sentences, its encoder, its frozen splits."""

from __future__ import annotations

from pathlib import Path

import pytest

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
