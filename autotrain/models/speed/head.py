"""Cross entropy on the labelled places alone, a part of them at a time: the scores of a whole vocabulary never stand
in memory together, and in a backward pass there is one multiplication instead of the softmax and the head once more.
"""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import torch

AT_ONCE = 6_000_000
"""Scores that are held at once: 128 places of a vocabulary of 49,152, at which it is quickest."""
AGREES = 1e-4
"""How far two ways to a score may be from each other: rounding, and nothing else."""


def stands_alone(model: Any) -> bool:
    """Whether a model's scores are its head's product with the last layer and nothing else, so that this file may
    compute them: on a processor and in full numbers. It is asked of the model itself, on two tokens."""
    head = model.get_output_embeddings()
    if head is None or head.weight.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return False
    if model not in _KNOWN:
        _KNOWN[model] = _plain(head) and _same(model)
    return _KNOWN[model]


_KNOWN: WeakKeyDictionary[Any, bool] = WeakKeyDictionary()


def _plain(head: Any) -> bool:
    return type(head) is torch.nn.Linear and head.weight.dtype in (torch.float32, torch.float64)


def _same(model: Any) -> bool:
    ids = torch.tensor([[0, 1]], device=model.get_output_embeddings().weight.device)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            golden = model(input_ids=ids, use_cache=False).logits
            with headless(model) as head:
                hidden = model(input_ids=ids, use_cache=False).logits
            found = torch.nn.functional.linear(hidden, head.weight, head.bias)
    finally:
        model.train(was_training)
    return found.shape == golden.shape and torch.allclose(found, golden, atol=AGREES, rtol=AGREES)


class _Losses(torch.autograd.Function):
    """(places,) losses and whether the likeliest token is the right one; each place's gradient waits for its factor."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, bias: Any, targets: Any) -> Any:
        """hidden (places, width), weight (vocabulary, width), targets (places,)."""
        size = max(1, AT_ONCE // weight.shape[0])
        wide = torch.promote_types(hidden.dtype, torch.float32)
        losses, right = hidden.new_empty(len(hidden), dtype=wide), torch.empty_like(targets, dtype=torch.bool)
        pulls = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            scores, wanted = _scores(hidden[part], weight, bias), targets[part, None]
            likeliest, said = scores.amax(-1, keepdim=True), scores.gather(-1, wanted)
            right[part] = (said == likeliest).squeeze(-1)
            said = said.sub_(likeliest)
            total = scores.sub_(likeliest).exp_().sum(-1, keepdim=True)
            losses[part] = (total.log() - said).squeeze(-1)
            if pulls is not None:
                scores.div_(total).scatter_add_(-1, wanted, torch.full_like(said, -1.0))
                torch.mm(scores.to(weight.dtype), weight, out=pulls[part])
        ctx.save_for_backward(pulls, *((hidden, weight, bias, targets) if ctx.needs_input_grad[1] else ()))
        ctx.mark_non_differentiable(right)
        return losses, right

    @staticmethod
    def backward(ctx: Any, factors: Any, _: Any) -> Any:
        """The gradients of the hidden states, and of a head that is trained."""
        pulls, *whole = ctx.saved_tensors
        of_hidden = pulls * factors[:, None].to(pulls.dtype) if pulls is not None else None
        if not whole:
            return of_hidden, None, None, None
        hidden, weight, bias, targets = whole
        of_weight, of_bias = torch.zeros_like(weight), None if bias is None else torch.zeros_like(bias)
        size = max(1, AT_ONCE // weight.shape[0])
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            steep = _scores(hidden[part], weight, bias).softmax(-1)
            steep.scatter_add_(-1, targets[part, None], steep.new_full((len(steep), 1), -1.0))
            steep.mul_(factors[part, None])
            of_weight.addmm_(steep.T, hidden[part])
            if of_bias is not None:
                of_bias.add_(steep.sum(0))
        return of_hidden, of_weight, of_bias, None


def _scores(hidden: Any, weight: Any, bias: Any) -> Any:
    """In 32 bits at least, as the sum over a vocabulary needs them."""
    found = torch.nn.functional.linear(hidden, weight, bias)
    return found if found.dtype == torch.float64 else found.float()


def losses(head: Any, hidden: Any, targets: Any) -> tuple[Any, Any]:
    """(places,) the cross entropy of each target, and whether it is the likeliest token.

    Args:
        head: the linear layer from hidden states to scores.
        hidden: (places, width) what the last layer makes of the token before each target.
        targets: (places,)
    """
    return _Losses.apply(hidden, head.weight, head.bias, targets)  # type: ignore[no-any-return,no-untyped-call]


@contextlib.contextmanager
def headless(model: Any) -> Iterator[Any]:
    """Within, the model gives as scores what its head would be given; yields the head."""
    head = model.get_output_embeddings()
    head.forward = _as_it_is
    try:
        yield head
    finally:
        del head.forward


def _as_it_is(hidden: Any) -> Any:
    return hidden
