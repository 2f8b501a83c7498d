"""How near the estimate comes to runs that write texts or compute a batch in parts: seconds and peak memory.

    python -m tests.benchmarks.writing SMOLLM2_FOLDER [name ...]

Each line is one trainer process on one thread, beside what the page would have said. Seconds are of the processor,
so that other work on the machine counts little; a ratio is measured over predicted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autotrain.data.freeze import read_split
from autotrain.data.store import DatasetStore
from autotrain.models.catalogue import Catalogue
from autotrain.models.estimates import _probe, estimate
from autotrain.recipe import load
from autotrain.runs.folder import Order, RunFolder
from autotrain.settings import Settings
from autotrain.ui.drafts import Rows, workload
from tests.training.every import TOYS
from tests.training.learned import learned
from tests.training.talk import chats, questions
from tests.training.toy import sentences

ONCE = {"num_train_epochs": 1, "max_steps": 0, "evaluations_per_epoch": 1, "early_stopping_patience": 0}


@dataclass(frozen=True)
class One:
    """The one core that a run here has."""

    memory_for_training: int = 16_000_000_000
    devices: tuple[str, ...] = ("cpu",)
    cpu_name: str = "one core"
    cpu_count: int = 1


@dataclass(frozen=True)
class Case:
    """A task on rows of its toy, or on its own, with one of two base models."""

    task: str
    rows: Any
    columns: Mapping[str, str]
    params: Mapping[str, Any]
    model: str = "smollm2"


def cases() -> dict[str, Case]:
    """By name; the same task with more to write, and with a batch in parts and in a piece."""
    asked = [{"problem": text, "solution": "no"} for text in questions(60)]
    with tempfile.TemporaryDirectory() as folder:
        pairs = TOYS["sentence-embeddings"].rows(sentences(Path(folder), rows_of_each=110))
    chat, rewards, alike = (TOYS[name] for name in ("supervised-fine-tuning", "grpo", "sentence-embeddings"))
    say = {**ONCE, "per_device_train_batch_size": 8, "max_length": 64}
    earn = {**rewards.params, **say, "per_device_train_batch_size": 2, "validation_rows": 4, "written_rows": 4}
    vector = {**ONCE, "per_device_train_batch_size": 64, "max_length": 64}
    return {
        "chat, 4 texts of 16": Case(
            "supervised-fine-tuning", chats(100), chat.columns, {**say, "written_rows": 4, "written_tokens": 16}
        ),
        "chat, 10 texts of 64": Case(
            "supervised-fine-tuning", chats(100), chat.columns, {**say, "written_rows": 10, "written_tokens": 64}
        ),
        "rewards, 4 answers of 16": Case(
            "grpo", asked, rewards.columns, {**earn, "num_generations": 4, "max_completion_length": 16}
        ),
        "rewards, 8 answers of 32": Case(
            "grpo", asked, rewards.columns, {**earn, "num_generations": 8, "max_completion_length": 32}
        ),
        "vectors, in a piece": Case(
            "sentence-embeddings", pairs, alike.columns, {**vector, "mini_batch_size": 128}, "all-minilm-l6-v2"
        ),
        "vectors, 8 at once": Case(
            "sentence-embeddings", pairs, alike.columns, {**vector, "mini_batch_size": 8}, "all-minilm-l6-v2"
        ),
    }


def main(smollm: Path, names: list[str]) -> None:
    """Predict, run and compare."""
    flops = max(_probe(1) for _ in range(5))
    print(f"{flops / 1e9:.0f} billion operations/s on one core")
    for name, case in cases().items():
        if names and not any(each in name for each in names):
            continue
        with tempfile.TemporaryDirectory() as folder:
            compare(name, case, Path(folder), smollm, flops)


def compare(name: str, case: Case, folder: Path, smollm: Path, flops: float) -> None:
    """One case in a folder."""
    settings = Settings(home=folder / "home", redis_url=None, database_url=None)
    settings.prepare_home()
    entry = Catalogue(settings).resolve(str(smollm) if case.model == "smollm2" else case.model)
    assert entry.path is not None
    run = learned(folder / "run", case.task, case.rows, case.columns, entry.path, **case.params)
    submitted = run.submitted()
    recipe = load(submitted.recipe)
    split = {part: read_split(run.folder / "data", part).num_rows for part in ("train", "validation", "test")}
    work, _ = workload(
        recipe,
        DatasetStore(settings).add(run.folder / "table.jsonl"),
        Rows(**split, dropped=0, per_class={}),
        entry.path,
    )
    said = estimate(entry, work, One(), flops)
    assert said is not None
    seconds, peak = train(submitted, entry.path)
    print(
        f"{name}: {seconds:.0f} s of {said.seconds:.0f} s ({seconds / said.seconds:.2f}), {peak / 1e6:,.0f} MB of "
        f"{said.memory_bytes / 1e6:,.0f} MB ({peak / said.memory_bytes:.2f})",
        flush=True,
    )


def train(run: RunFolder, model: Path) -> tuple[float, int]:
    """Seconds of the processor and peak bytes of a trainer process."""
    Order(model=str(model)).write(run.attempt(1))
    command = [sys.executable, "-m", "autotrain", str(run.path), "--attempt", "1"]
    process = subprocess.Popen(command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, run.attempt(1).events.read_text("utf-8")[-500:]
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
