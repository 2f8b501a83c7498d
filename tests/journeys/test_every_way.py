"""The same recipe on the page, in a terminal and in Python: the same adapter, and one record of all three."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from autotrain import api
from autotrain.recipe import Recipe
from autotrain.runs.sql import open_store
from autotrain.settings import Settings
from tests.app import autotrain_up
from tests.doubles import start_hub_double
from tests.training.toy import recipe

PARAMS = {"num_train_epochs": 1}


@pytest.mark.slow
def test_page_terminal_and_python_make_the_same_adapter(table: Path, model: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    wanted = recipe(table, **PARAMS).model_copy(update={"model": str(model)})
    with start_hub_double(tmp_path) as hub, autotrain_up(home, hub) as address:
        by_page = on_the_page(address, wanted, table)
    by_terminal = in_a_terminal(home, wanted, table, tmp_path)
    by_python = api.train(wanted, settings=Settings(home=home, redis_url=None, database_url=None)).run.id
    adapters = [sha256(home / "runs" / run) for run in (by_page, by_terminal, by_python)]
    assert len({by_page, by_terminal, by_python}) == 3
    assert adapters[0] == adapters[1] == adapters[2]


def on_the_page(address: str, wanted: Recipe, table: Path) -> str:
    """What the page asks for, from the drop of the file to the result."""
    dataset = ask(address, "/api/datasets?name=table.csv", table.read_bytes())
    draft = {
        "dataset": dataset["id"],
        "columns": wanted.data.columns if wanted.data else {},
        "model": wanted.model,
        "params": wanted.params,
    }
    look = ask(address, "/api/drafts/look", json.dumps(draft).encode())
    assert not look["missing"] and not look["problems"]
    run = ask(address, "/api/runs", json.dumps({"recipe": look["recipe"]}).encode())
    deadline = time.monotonic() + 120
    while run["state"] not in ("succeeded", "failed"):
        assert time.monotonic() < deadline, run
        time.sleep(0.2)
        run = ask(address, f"/api/runs/{run['id']}")
    assert run["state"] == "succeeded", run
    return str(run["id"])


def ask(address: str, path: str, body: bytes | None = None) -> Any:
    request = urllib.request.Request(address + path, body, {"content-type": "application/json"} if body else {})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read())


def in_a_terminal(home: Path, wanted: Recipe, table: Path, folder: Path) -> str:
    """`autotrain train` on a recipe file without data, as the presets are; data and columns are options."""
    file = folder / "toy.yaml"
    file.write_text(wanted.model_copy(update={"data": None}).to_yaml(), "utf-8")
    command = [sys.executable, "-c", "from autotrain.cli import main; main()", "train", str(file)]
    command += ["--data", str(table), "--text", "text", "--label", "label"]
    environment = os.environ | {"AUTOTRAIN_HOME": str(home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "Accuracy" in done.stdout
    return open_store(Settings(home=home, redis_url=None, database_url=None).database).list()[0].id


def sha256(run: Path) -> str:
    return hashlib.sha256((run / "adapter" / "adapter_model.safetensors").read_bytes()).hexdigest()
