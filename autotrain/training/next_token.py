"""The cross entropy of the next token: of a batch that is padded, or laid out as a tree, with scores only where a row
learns."""

from __future__ import annotations

from typing import Any

from autotrain.training.fit import IGNORED


def next_token_step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
    """Cross entropy of the learned tokens, divided by `items`; of each row the sum, the tokens, the right ones.

    Of a long prompt and a short answer only a small part is learned, and the head of a large vocabulary is a large
    part of a small model.

    Args:
        model: a causal language model.
        batch: of a `CausalCollator` or a `LayoutCollator`.
        items: learned tokens of all batches that are added up; those of this one where it is None.
    """
    import torch

    losses, right, counted = losses_of(model, batch)
    each = torch.stack([losses.sum(1), counted.sum(1).float(), (right & counted).sum(1).float()], dim=1)
    loss = losses.sum() / (items if items is not None else counted.sum().clamp(min=1))
    return loss, {"logits": each.detach()}


def losses_of(model: Any, batch: dict[str, Any]) -> tuple[Any, Any, Any]:
    """(rows, places) the cross entropy at each place, whether the likeliest token is right, whether it is learned.

    The loss is 0 where nothing is learned.
    """
    import torch

    if "segments" in batch:
        return _losses_of_tree(model, batch)
    inputs = {name: values for name, values in batch.items() if name != "labels"}
    following = torch.nn.functional.pad(batch["labels"][:, 1:], (0, 1), value=IGNORED)
    kept = (following != IGNORED).any(0).nonzero().flatten()
    following = following[:, kept]
    counted = following != IGNORED
    found, right = target_losses(model, inputs, kept, counted, following[counted])
    return _at(counted, found), _at(counted, right), counted


def _losses_of_tree(model: Any, batch: dict[str, Any]) -> tuple[Any, Any, Any]:
    from autotrain.models.speed.attention import attending

    counted = batch["labels"] != IGNORED
    inputs = {name: batch[name] for name in ("input_ids", "position_ids")}
    with attending(bare(model), batch["segments"]):
        found, right = target_losses(model, inputs, batch["kept"], (0, batch["places"]), batch["targets"])
    # A token that several rows learn at one place of the tree is computed once, and counts in each.
    each = batch["which"][counted]
    return _at(counted, found[each]), _at(counted, right[each]), counted


def target_losses(model: Any, inputs: dict[str, Any], kept: Any, chosen: Any, targets: Any) -> tuple[Any, Any]:
    """(targets,) the cross entropy of each target, and whether it is the likeliest token.

    Args:
        model: a causal language model.
        inputs: its question.
        kept: (places,) where in a row scores are wanted.
        chosen: an index into (rows, places), as many as targets.
        targets: (targets,)
    """
    import torch

    from autotrain.models.speed.head import headless, losses, stands_alone

    if stands_alone(bare(model)):
        with headless(bare(model)) as head:
            hidden = model(**inputs, logits_to_keep=kept, use_cache=False).logits
        return losses(head, hidden[chosen], targets)
    scores = model(**inputs, logits_to_keep=kept, use_cache=False).logits.float()[chosen]
    found = torch.nn.functional.cross_entropy(scores, targets, reduction="none")
    return found, scores.argmax(-1) == targets


def bare(model: Any) -> Any:
    """The model itself, out of what spreads it over several devices."""
    from torch.nn.parallel import DistributedDataParallel

    return model.module if isinstance(model, DistributedDataParallel) else model


def _at(counted: Any, values: Any) -> Any:
    """(rows, places) with the values where they are counted, else 0."""
    return values.new_zeros(counted.shape).masked_scatter(counted, values)


def told_loss(logits: Any, targets: Any, items: Any = None, smoothing: float = 0.0) -> tuple[Any, dict[str, Any]]:
    """Cross entropy of the targets that are not IGNORED, divided by `items`; of each row the sum, the tokens, the right
    ones.

    Args:
        logits: (rows, places, vocabulary).
        targets: (rows, places).
        items: targets of all batches that are added up; those of this one where it is None.
        smoothing: the part of each target that is spread evenly over the vocabulary.
    """
    import torch

    losses = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none", label_smoothing=smoothing
    )
    counted = targets != IGNORED
    right = (logits.argmax(-1) == targets) & counted
    each = torch.stack([losses.sum(1), counted.sum(1).float(), right.sum(1).float()], dim=1)
    loss = losses.sum() / (items if items is not None else counted.sum().clamp(min=1))
    return loss, {"logits": each.detach()}


def learned_logits(model: Any, inputs: dict[str, Any], labels: Any) -> tuple[Any, Any]:
    """Logits (rows, places, vocabulary) where any row learns the next token, and (rows, places) what it is there."""
    import torch

    following = torch.nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
    places = (following != IGNORED).any(0).nonzero().flatten()
    logits = model(**inputs, logits_to_keep=places, use_cache=False).logits.float()
    return logits, following[:, places]


def answer_sums(model: Any, input_ids: Any, attention_mask: Any, targets: Any) -> tuple[Any, Any]:
    """(rows,) the log-probability of each row's learned tokens as a whole, in nats, and how many there are.

    Args:
        model: a causal language model.
        input_ids, attention_mask: (rows, tokens), padded on the right.
        targets: (rows, tokens) the tokens themselves where they are learned, else IGNORED.
    """
    batch = {"input_ids": input_ids, "attention_mask": attention_mask, "labels": targets}
    losses, _, counted = losses_of(model, batch)
    return -losses.sum(1), counted.sum(1)
