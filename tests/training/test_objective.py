"""What a classifier is taught by: the loss, against independent sources; and what running out of memory says."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from autotrain.__main__ import failure
from autotrain.runs.folder import Order, RunFolder
from autotrain.training.classification import class_weights, cross_entropy
from tests.training.toy import recipe

COUNTS = np.array([30, 20, 10, 10, 5])


@pytest.fixture(scope="module")
def logits() -> torch.Tensor:
    return torch.randn(8, len(COUNTS), generator=torch.Generator().manual_seed(3))


def wished(class_weights: str = "none", label_smoothing: float = 0.0) -> SimpleNamespace:
    return SimpleNamespace(class_weights=class_weights, label_smoothing=label_smoothing)


def test_plain_loss_is_the_mean_of_the_negative_log_probabilities(logits: torch.Tensor) -> None:
    labels = torch.arange(8) % len(COUNTS)
    expected = -logits.log_softmax(-1)[torch.arange(8), labels].mean()
    assert cross_entropy(COUNTS, wished())({"logits": logits}, labels).item() == pytest.approx(expected.item())


def test_the_loss_of_accumulated_batches_adds_up_to_that_of_one(logits: torch.Tensor) -> None:
    labels = torch.arange(8) % len(COUNTS)
    loss = cross_entropy(COUNTS, wished())
    parts = sum(loss({"logits": logits[part]}, labels[part], 8) for part in (slice(0, 3), slice(3, 8)))
    assert float(parts) == pytest.approx(loss({"logits": logits}, labels).item())


def test_balanced_weights_are_those_of_scikit_learn(logits: torch.Tensor) -> None:
    counts = np.array([60, 30, 6])
    golden = compute_class_weight("balanced", classes=np.arange(3), y=np.repeat([0, 1, 2], counts))
    plain, weighted = cross_entropy(counts, wished()), cross_entropy(counts, wished("balanced"))
    for number in range(3):
        labels = torch.tensor([number])
        ratio = weighted({"logits": logits[:1, :3]}, labels) / plain({"logits": logits[:1, :3]}, labels)
        assert ratio.item() == pytest.approx(golden[number], rel=1e-5)


@pytest.mark.parametrize("counts", [[10, 10, 10], [40, 20, 10]])
def test_auto_leaves_classes_of_like_size_alone(counts: list[int]) -> None:
    assert class_weights(np.array(counts), "auto") is None


def test_auto_weighs_uneven_classes_by_the_root_of_their_rows_and_none_beyond_reason() -> None:
    weights = class_weights(np.array([900, 100, 1]), "auto")
    assert weights is not None
    assert weights / weights[0] == pytest.approx([1, 3, 10])
    assert weights @ [900, 100, 1] == pytest.approx(1001), "a row counts 1 on average"


def test_smoothing_spreads_a_part_of_the_target_evenly_over_the_classes(logits: torch.Tensor) -> None:
    labels = torch.arange(8) % len(COUNTS)
    target = 0.9 * torch.nn.functional.one_hot(labels, len(COUNTS)) + 0.1 / len(COUNTS)
    expected = -(target * logits.log_softmax(-1)).sum(-1).mean()
    smoothed = cross_entropy(COUNTS, wished(label_smoothing=0.1))({"logits": logits}, labels)
    assert smoothed.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(("batch", "halved", "again"), [(8, False, True), (8, True, False), (1, False, False)])
def test_running_out_of_memory_says_what_was_asked_for_and_what_to_choose_smaller(
    tmp_path: Path, batch: int, halved: bool, again: bool
) -> None:
    run = RunFolder(tmp_path)
    run.recipe.write_text(recipe(tmp_path, per_device_train_batch_size=batch).to_yaml(), "utf-8")
    Order(model="m", halved=halved).write(run.attempt(1))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50)
    found = failure(caught.value, run, run.attempt(1))
    assert (found.code, found.halve) == ("oom", again)
    assert f"with {max(1, batch // 2) if halved else batch} rows at once" in found.reason
    assert "asked for 4503600 GB more" in found.reason and "the machine has" in found.reason
    assert ("goes on with 4 rows at once" if again else "smaller batch") in found.reason
