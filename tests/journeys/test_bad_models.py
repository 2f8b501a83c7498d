"""Base models that cannot be used: said on the page before the start, and in a terminal, with what to do instead."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from autotrain.recipe import recipes_folder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.app import command
from tests.doubles import Fault, HubDouble, start_hub_double
from tests.page import World, open_page

FAST = recipes_folder() / "text_classification" / "fast.yaml"
COLUMNS = {"text": "text", "label": "label"}
FILES = {"config.json": json.dumps({"model_type": "bert", "architectures": ["BertModel"]}).encode()}


@pytest.fixture
def page(settings: Settings, store: SqlStore) -> Iterator[World]:
    with open_page(settings, store) as opened:
        yield opened


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubDouble]:
    with start_hub_double(tmp_path) as double:
        yield double


@pytest.mark.parametrize(
    ("flaw", "words"),
    [
        ("no weights", ["has no weights"]),
        ("pickle only", ["pickle", "safetensors"]),
        ("wrong architecture", ["vit", "text"]),
        ("no folder", ["bad-model does not exist", "Correct the path"]),
    ],
)
def test_a_model_folder_that_cannot_be_used(
    page: World, table: Path, model: Path, tmp_path: Path, flaw: str, words: list[str]
) -> None:
    bad = tmp_path / "bad-model"
    if flaw != "no folder":
        shutil.copytree(model, bad)
    if flaw == "wrong architecture":
        (bad / "config.json").write_text(json.dumps({"model_type": "vit", "architectures": ["ViTModel"]}), "utf-8")
    elif flaw == "pickle only":
        torch.save(load_file(bad / "model.safetensors"), bad / "pytorch_model.bin")
    if flaw in ("no weights", "pickle only"):
        (bad / "model.safetensors").unlink()
    shown = page.look(table.read_bytes(), columns=COLUMNS, model=str(bad))
    assert any(all(word in sentence for word in words) for sentence in shown), shown
    done = command(page.settings.root, "train", FAST, "--data", table, "--model", bad)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert page.store.list() == []


@pytest.mark.parametrize(
    ("model_id", "words"),
    [
        ("org/none", ["There is no org/none on the Hub, or it is private"]),
        ("org/gated", ["is gated", "Ask for access at"]),
        ("org/down", ["The Hub has a problem of its own", "try again in a minute"]),
        ("org/vision", ["org/vision", "vit"]),
    ],
)
def test_a_model_on_the_hub_that_cannot_be_fetched_fails_the_run_with_the_reason(
    page: World, hub: HubDouble, table: Path, tmp_path: Path, model_id: str, words: list[str]
) -> None:
    hub.add_model("org/gated", FILES | {"model.safetensors": b"x"}, gated=True)
    hub.add_model("org/vision", {"config.json": b'{"model_type": "vit"}', "model.safetensors": b"x"})
    for _ in range(20):
        hub.fault(Fault("/org/down", status=500))
    environment = hub.environment(tmp_path / "hf")
    done = command(page.settings.root, "train", FAST, "--data", table, "--model", model_id, **environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(word in done.stdout + done.stderr for word in words), done.stdout + done.stderr
    for run in page.client.get("/api/runs").json():
        assert run["state"] == "failed" and all(word in run["reason"] for word in words), run["reason"]


def test_with_nothing_listening_at_the_hubs_address_the_run_says_so(page: World, table: Path, tmp_path: Path) -> None:
    environment = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "hf")}
    done = command(page.settings.root, "train", FAST, "--data", table, "--model", "org/some", **environment)
    assert done.returncode == 1
    assert "cannot be reached. Check the internet connection" in done.stdout + done.stderr
