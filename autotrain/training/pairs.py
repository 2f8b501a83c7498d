"""Preferences and thumbs as batches, and a step of training on either."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autotrain.training.fit import IGNORED, Rows
from autotrain.training.next_token import answer_sums
from autotrain.training.preference_losses import Answers, Wish, drift_of, pair_losses, rewards_of, thumb_losses

Item = dict[str, Any]
"""`input_ids` and `targets` of each of its two sequences, `reference` of each, and `labels`, counted once a row."""

UNKNOWN = float("nan")
"""What the base makes of an answer before it has read it; a loss that took it for known would not be a number."""


def pair_item(better: Item, worse: Item) -> Item:
    """Two answers to one prompt; each brings `input_ids` and token `labels`."""
    return {
        "input_ids": [better["input_ids"], worse["input_ids"]],
        "targets": [better["labels"], worse["labels"]],
        "reference": [UNKNOWN, UNKNOWN],
        "labels": 0,
    }


def thumb_items(answers: Sequence[Item], liked: Sequence[bool], max_length: int) -> list[Item]:
    """Answers with a thumb, each with the answer to another prompt: by those KTO sees how far the model has gone.

    Which other answer it is never changes, so that the base's log-probability of it is known before the training. TRL
    takes the one before it in a batch; here it is the next row's whose prompt is another.
    """
    prompts = [tuple(each["input_ids"][: _begin(each)]) for each in answers]
    made = []
    for place, (answer, good) in enumerate(zip(answers, liked, strict=True)):
        after = [*range(place + 1, len(answers)), *range(place)]
        other = next((each for each in after if prompts[each] != prompts[place]), after[0] if after else place)
        strange = _answered(answer, answers[other], max_length)
        made.append(
            {
                "input_ids": [answer["input_ids"], strange["input_ids"]],
                "targets": [answer["labels"], strange["labels"]],
                "reference": [UNKNOWN, UNKNOWN],
                "labels": int(good),
            }
        )
    return made


def _begin(item: Item) -> int:
    return next(place for place, label in enumerate(item["labels"]) if label != IGNORED)


def _answered(asked: Item, answered: Item, max_length: int) -> Item:
    """The prompt of one with the answer of another; of a prompt that leaves no room for it only the end."""
    begin = _begin(answered)
    answer, labels = answered["input_ids"][begin:], answered["labels"][begin:]
    answer, labels = answer[: max_length - 1], labels[: max_length - 1]
    prompt = asked["input_ids"][: _begin(asked)][-max(1, max_length - len(answer)) :]
    return {"input_ids": [*prompt, *answer], "labels": [IGNORED] * len(prompt) + list(labels)}


def tokens_of(item: Item) -> int:
    """Tokens of all its sequences."""
    return sum(map(len, item["input_ids"]))


def rows_of(items: list[Item]) -> Rows:
    """Items as the loop takes them."""
    return Rows(items, tokens=tokens_of)


def sequences_of(items: Sequence[Item]) -> list[Item]:
    """Every sequence by itself, those of an item one after the other."""
    return [
        {"input_ids": ids, "labels": targets}
        for item in items
        for ids, targets in zip(item["input_ids"], item["targets"], strict=True)
    ]


class PairCollator:
    """Items as a batch, padded on the right.

    With `stacked` all first sequences of the rows and below them all second ones are one (2 · rows, tokens) question to
    the model; else the second ones are another, in `other_input_ids` and so on. `reference` is (rows, 2) and `labels`
    (rows,).
    """

    def __init__(self, pad_token_id: int, *, stacked: bool, multiple: int = 1) -> None:
        self._pad, self._stacked, self._multiple = pad_token_id, stacked, multiple

    def __call__(self, items: Sequence[Item]) -> dict[str, Any]:
        import torch

        parts = [[(item["input_ids"][side], item["targets"][side]) for item in items] for side in (0, 1)]
        asked = [[*parts[0], *parts[1]]] if self._stacked else parts
        batch, *others = (padded(part, self._pad, self._multiple) for part in asked)
        batch |= {f"other_{name}": values for other in others for name, values in other.items()}
        return batch | {
            "reference": torch.tensor([item["reference"] for item in items], dtype=torch.float32),
            "labels": torch.tensor([item["labels"] for item in items]),
        }


def padded(rows: Sequence[tuple[list[int], list[int]]], pad: int, multiple: int = 1) -> dict[str, Any]:
    """Tokens and their targets as (rows, tokens) tensors, filled up on the right."""
    import torch

    length = math.ceil(max(len(ids) for ids, _ in rows) / multiple) * multiple

    def filled(values: Sequence[Sequence[int]], filling: int) -> Any:
        return torch.tensor([[*each, *[filling] * (length - len(each))] for each in values])

    return {
        "input_ids": filled([ids for ids, _ in rows], pad),
        "attention_mask": filled([[1] * len(ids) for ids, _ in rows], 0),
        "targets": filled([targets for _, targets in rows], IGNORED),
    }


def pair_step(wish: Wish) -> Callable[[Any, dict[str, Any], Any], tuple[Any, dict[str, Any]]]:
    """Learning from pairs; the step's `logits` are (pairs, 2): the rewards of the better and the worse answer."""

    def step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
        import torch

        sums, tokens = answer_sums(model, batch["input_ids"], batch["attention_mask"], batch["targets"])
        (better, worse), (longer, shorter) = sums.chunk(2), tokens.chunk(2)
        chosen = Answers(better, longer, batch["reference"][:, 0])
        rejected = Answers(worse, shorter, batch["reference"][:, 1])
        loss = averaged(pair_losses(wish, chosen, rejected), batch["labels"], items)
        rewards = torch.stack([rewards_of(wish, chosen), rewards_of(wish, rejected)], dim=1)
        return loss, {"logits": rewards.detach()}

    return step


def thumb_step(wish: Wish) -> Callable[[Any, dict[str, Any], Any], tuple[Any, dict[str, Any]]]:
    """Learning from thumbs; the step's `logits` are (answers, 2): reward, and whether it was liked.

    In training `drift_before` has measured over all batches of the update how far the model is from its base; an
    evaluation measures it on each batch.
    """

    def step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
        import torch

        if "drift" not in batch:
            _measure_drift(model, [batch], together=False)
        liked = batch["labels"] == 1
        sums, tokens = answer_sums(model, batch["input_ids"], batch["attention_mask"], batch["targets"])
        answers = Answers(sums, tokens, batch["reference"][:, 0])
        loss = averaged(thumb_losses(wish, answers, liked, batch["drift"]), batch["labels"], items)
        rewards = rewards_of(wish, answers).detach()
        return loss, {"logits": torch.stack([rewards, liked.to(rewards.dtype)], dim=1)}

    return step


def drift_before(model: Any, batches: Sequence[dict[str, Any]]) -> None:
    """Put into every batch of an update how far the model has gone from its base, a mean over all of them, at least 0.

    TRL takes it from each batch as it comes; then the loss would change with how an update is cut into batches.
    """
    _measure_drift(model, batches, together=True)


def _measure_drift(model: Any, batches: Sequence[dict[str, Any]], *, together: bool) -> None:
    """`together`: over the batches of all processes, which are as many in each."""
    import torch

    total, count = torch.zeros(()), torch.zeros(())
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for batch in batches:
            ids, mask = batch["other_input_ids"], batch["other_attention_mask"]
            sums, _ = answer_sums(model, ids, mask, batch["other_targets"])
            gained, rows = drift_of(sums, batch["reference"][:, 1], batch["labels"] != IGNORED)
            total, count = total.to(gained) + gained, count.to(gained) + rows
    model.train(was_training)
    both = torch.stack([total, count])
    if together and torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(both)
    for batch in batches:
        batch["drift"] = (both[0] / both[1].clamp(min=1)).clamp(min=0)


def averaged(losses: Any, labels: Any, items: Any) -> Any:
    """The losses of the rows that count, over how many there are in the whole update, or in this batch."""
    import torch

    counted = labels != IGNORED
    count = counted.sum() if items is None else torch.as_tensor(items)
    return torch.where(counted, losses, torch.zeros_like(losses)).sum() / count.to(losses.device).clamp(min=1)


def pair_metrics(prediction: Any) -> dict[str, float]:
    """How often the better answer of a validation pair has the larger reward, and by how much; equals count half."""
    better, worse = _answers(prediction).T
    return {
        "preference_accuracy": float(((better > worse) + 0.5 * (better == worse)).mean()),
        "margin": float((better - worse).mean()),
    }


def thumb_metrics(prediction: Any) -> dict[str, float]:
    """How well the rewards of validation answers tell those that were liked from the others."""
    from sklearn.metrics import roc_auc_score

    rewards, liked = _answers(prediction).T
    up, down = rewards[liked > 0], rewards[liked <= 0]
    if not len(up) or not len(down):
        return {}
    return {"auroc": float(roc_auc_score(liked, rewards)), "margin": float(up.mean() - down.mean())}


def _answers(prediction: Any) -> Any:
    found = prediction.predictions
    return np.asarray(found[0] if isinstance(found, tuple) else found, dtype=np.float64)
