"""A Hub on this machine for each test, and an adapter to publish."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.hub.staging import Upload
from tests.doubles import HubDouble, start_hub_double

CARD = "---\nlibrary_name: peft\ntags:\n- autotrain-studio\n---\n\n# An adapter\n"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, cache or address of the developer's own gets into a test."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A running Hub that this process talks to."""
    with start_hub_double(tmp_path) as double:
        monkeypatch.setenv("HF_ENDPOINT", double.endpoint)
        yield double


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter's folder as a run leaves it, with things beside it that must never leave the machine."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.safetensors").write_bytes(os.urandom(3_000_000))
    settings = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": str(tmp_path / "models" / "minilm")}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    (folder / "tokenizer.json").write_text('{"model": {"vocab": {"/usr": 0}}}')
    (folder / "tokenizer_config.json").write_text(json.dumps({"name_or_path": str(tmp_path / "models" / "minilm")}))
    (folder / "training_args.bin").write_bytes(b"\x80\x04pickle")
    (folder / "README.md").write_text("written by a library")
    (folder / "checkpoint-10").mkdir()
    (folder / "checkpoint-10" / "optimizer.pt").write_bytes(b"\x80\x04pickle")
    return folder


@pytest.fixture
def upload(adapter: Path) -> Upload:
    """A publication of that adapter under alice's name."""
    extras = {"recipe.yaml": "version: 1\n", "report.json": "{}"}
    return Upload("op-1", adapter, CARD, "alice/my-adapter", True, extras, "org/minilm")
