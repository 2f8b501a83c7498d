"""The loop's guard: a step that is not a number never reaches the weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotrain.encoding.texts import encode_texts
from autotrain.errors import TrainingError
from autotrain.evaluation.metrics import compute_metrics
from autotrain.models.loading import load_classifier, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.task import Attempt
from autotrain.tasks.text_classification import Params
from autotrain.training.classification import classes_of, collator, texts_of
from autotrain.training.fit import Objective, Rows, fit
from autotrain.training.rows import SplitRows
from tests.training.device import TESTED
from tests.training.learned import Ear

BAD_STEP = 4


def trained(model: Path, frozen: Path, folder: Path, sink: Ear, loss: Any, metrics: Any, **params: Any) -> Any:
    """The toy trained with a loss and metrics of the test's own; the tuned model and how it went."""
    train = SplitRows(frozen, "train", "classification")
    labels = sorted({row["label"] for row in train.rows})
    tokenizer = load_tokenizer(model)
    tuned = add_lora(load_classifier(model, labels, tokenizer), Params(lora_r=4, lora_alpha=8), kind="SEQ_CLS")
    encoded = encode_texts(tokenizer, texts_of(train.rows), 32)
    classes = classes_of(train, labels).tolist()
    rows = Rows([{"input_ids": ids, "labels": label} for ids, label in zip(encoded, classes, strict=True)])
    attempt = Attempt(
        model=model,
        model_name="tiny",
        data=frozen,
        columns={},
        params=Params(),
        workdir=folder,
        artifact=folder / "adapter",
        resume_from=None,
        sink=sink,
        device=TESTED,
    )
    schedule = Params(**{"learning_rate": 5e-3, "per_device_train_batch_size": 4, **params})
    objective = Objective(collator(tokenizer, "cpu"), loss, metrics, "eval_macro_f1")
    return tuned, lambda: fit(attempt, schedule, tuned, rows, rows, objective)


def cross_entropy(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    return torch.nn.functional.cross_entropy(outputs["logits"], labels)


def test_a_loss_that_is_not_a_number_ends_the_training_with_a_remedy_and_leaves_the_weights(
    model: Path, frozen: Path, tmp_path: Path
) -> None:
    seen = 0

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        nonlocal seen
        seen += 1
        found = cross_entropy(outputs, labels)
        return found * float("nan") if seen == BAD_STEP else found

    sink = Ear()
    tuned, train = trained(model, frozen, tmp_path, sink, loss, compute_metrics, max_steps=20)
    with pytest.raises(TrainingError, match=f"training loss at step {BAD_STEP} is nan.*lower learning rate"):
        train()
    steps = [event.step for event in sink.told if event.kind == "metric"]
    assert max(steps) < BAD_STEP
    assert all(torch.isfinite(part).all() for part in tuned.parameters())


def test_of_equal_scores_the_moment_with_the_lowest_loss_is_kept_and_a_falling_loss_is_worth_waiting_for(
    model: Path, frozen: Path, tmp_path: Path
) -> None:
    def always(_prediction: Any) -> dict[str, float]:
        return {"accuracy": 0.5, "macro_f1": 0.5}

    calls = 0

    def valley(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        """Falls for a while and rises again, whatever is learned."""
        nonlocal calls
        calls += 1
        return cross_entropy(outputs, labels) * (1 + abs(calls - 150) / 50)

    sink = Ear()
    _, train = trained(
        model,
        frozen,
        tmp_path,
        sink,
        valley,
        always,
        learning_rate=1e-5,
        max_steps=200,
        evaluations_per_epoch=4,
        early_stopping_patience=1,
    )
    found = train()
    losses = {e.step: e.values["eval_loss"] for e in sink.told if e.kind == "metric" and "eval_loss" in e.values}
    assert len(losses) > 3, "the score never gets better, and the training goes on"
    assert found.best_step == min(losses, key=losses.__getitem__) < max(losses)
