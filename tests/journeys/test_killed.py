"""Trainers of several tasks, killed in the middle of a run: they go on to the same curve and the same bytes."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest

from autotrain.training.checkpoint import last_complete
from tests.training.every import TOYS

from .conftest import Trainer

STEPS = 32
WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat, pissa": ("supervised-fine-tuning", {"init_lora_weights": "pissa", "lora_dropout": 0.1}),
    "chat, whole": ("supervised-fine-tuning", {"training_method": "full", "learning_rate": 1e-3}),
    "rewards": ("grpo", {"beta": 0.05}),
    "masked words": ("masked-language-modeling", {"lora_dropout": 0.1}),
}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_a_killed_run_goes_on_to_the_same_curve_and_the_same_bytes(way: str, tmp_path: Path) -> None:
    task, wanted = WAYS[way]
    long = {"num_train_epochs": 8, "max_steps": STEPS, "evaluations_per_epoch": 2, "early_stopping_patience": 0}
    whole, killed = (
        Trainer(made.submitted(), made.model)
        for made in (TOYS[task].learned(task, tmp_path / name, **long, **wanted) for name in ("whole", "killed"))
    )
    assert whole.finish() == 0, whole.events()[-1:]
    at = random.randrange(STEPS // 2, STEPS - 2)
    print(f"killed after step {at}")
    process = killed.start()
    killed.wait_for(process, "checkpoint")
    killed.wait_for(process, "metric", step=at)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    checkpoint = last_complete(killed.run)
    assert checkpoint is not None and not killed.run.adapter.exists()
    assert killed.finish(2, checkpoint) == 0, killed.events(2)[-1:]
    assert killed.curve(1, 2) == whole.curve(1)
    assert min(killed.curve(2)) == int(checkpoint.name.removeprefix("step-")) + 1
    assert weights(killed) == weights(whole)


def weights(trained: Trainer) -> dict[str, bytes]:
    """What was learned, by the names of its files."""
    return {path.name: path.read_bytes() for path in trained.run.adapter.glob("*.safetensors")}
