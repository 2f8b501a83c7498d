"""The loop's guard: a step that is not a number never reaches the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotrain.errors import TrainingError
from autotrain.evaluation.metrics import compute_metrics
from autotrain.events import AnyEvent
from autotrain.models.loading import load_classifier, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.task import Attempt, Device
from autotrain.tasks.text_classification import Params
from autotrain.training.classification import SplitRows, collator, encode
from autotrain.training.fit import Objective, Rows, fit

BAD_STEP = 4


class Events:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[AnyEvent] = []

    def emit(self, event: AnyEvent) -> None:
        self.told.append(event)


def test_a_loss_that_is_not_a_number_ends_the_training_with_a_remedy_and_leaves_the_weights(
    model: Path, frozen: Path, tmp_path: Path
) -> None:
    train = SplitRows(frozen, "train")
    tokenizer = load_tokenizer(model)
    tuned = add_lora(
        load_classifier(model, train.labels, tokenizer), r=4, lora_alpha=8, lora_dropout=0, target_modules="attention"
    )
    encoded = encode(tokenizer, train.texts, 32)
    rows = Rows([{"input_ids": ids, "labels": int(label)} for ids, label in zip(encoded, train.classes, strict=True)])
    seen = 0

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        nonlocal seen
        seen += 1
        found = torch.nn.functional.cross_entropy(outputs["logits"], labels)
        return found * float("nan") if seen == BAD_STEP else found

    sink = Events()
    attempt = Attempt(
        model=model,
        model_name="tiny",
        data=frozen,
        columns={},
        params=Params(),
        workdir=tmp_path,
        artifact=tmp_path / "adapter",
        resume_from=None,
        sink=sink,
        device=Device("cpu", 1),
    )
    with pytest.raises(TrainingError, match=f"training loss at step {BAD_STEP} is nan.*lower learning rate"):
        fit(
            attempt,
            Params(learning_rate=1e-3, max_steps=20, per_device_train_batch_size=8),
            tuned,
            rows,
            rows,
            Objective(collator(tokenizer, "cpu"), loss, compute_metrics, "eval_macro_f1"),
        )
    steps = [event.step for event in sink.told if event.kind == "metric"]
    assert max(steps) < BAD_STEP
    assert all(torch.isfinite(part).all() for part in tuned.parameters())
