"""A linear layer with its LoRA as one function: the product of the adapter is added where the layer's already lies.

The weights stay where peft has them, so that saving, loading, merging and taking away are peft's own.
"""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

from types import MethodType
from typing import Any

import torch
from torch.nn.functional import linear


class _Linear(torch.autograd.Function):
    """x W^T + b + s (x A^T) B^T for a frozen W."""

    @staticmethod
    def forward(ctx: Any, given: Any, weight: Any, bias: Any, first: Any, second: Any, scale: float) -> Any:
        """given (..., inputs), weight (outputs, inputs), first (rank, inputs), second (outputs, rank)."""
        rows = given.reshape(-1, given.shape[-1])
        narrow = rows @ first.T
        out = linear(rows, weight, bias).addmm_(narrow, second.T, alpha=scale)
        ctx.save_for_backward(rows, narrow, weight, first, second)
        ctx.scale, ctx.shape = scale, given.shape
        return out.view(*given.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """The gradients of what is given and of both halves."""
        rows, narrow, weight, first, second = ctx.saved_tensors
        gradient = gradient.reshape(-1, gradient.shape[-1])
        back = (gradient @ second).mul_(ctx.scale)
        of_given = None
        if ctx.needs_input_grad[0]:
            of_given = (gradient @ weight).addmm_(back, first).view(ctx.shape)
        of_second = (narrow.T @ gradient).mul_(ctx.scale).T
        return of_given, None, None, back.T @ rows, of_second, None


def _forward(self: Any, x: Any, *args: Any, **options: Any) -> Any:
    """As peft's, in one where it is one plain adapter on a frozen layer.

    Only where a gradient is wanted: what is evaluated is then computed as by whoever loads the finished adapter.
    """
    active = self.active_adapters
    base = self.base_layer
    if (
        args
        or options
        or not torch.is_grad_enabled()
        or self.disable_adapters
        or self.merged
        or len(active) != 1
        or active[0] not in self.lora_A
        or torch.is_autocast_enabled(x.device.type)
        or base.weight.requires_grad
    ):
        return type(self).forward(self, x, *args, **options)
    first, second = self.lora_A[active[0]].weight, self.lora_B[active[0]].weight
    scale = self.scaling[active[0]]
    return _Linear.apply(x, base.weight, base.bias, first, second, scale)  # type: ignore[no-untyped-call]


def fuse(model: Any) -> int:
    """Let every plain LoRA layer of a model compute in one; returns how many those are."""
    fused = 0
    for part in model.modules():
        if _plain(part):
            part.forward = MethodType(_forward, part)
            fused += 1
    return fused


def unfuse(model: Any) -> None:
    """Let them compute as peft does again."""
    for each in model.modules():
        if isinstance(vars(each).get("forward"), MethodType) and vars(each)["forward"].__func__ is _forward:
            del each.forward


def _plain(layer: Any) -> bool:
    """Whether it is LoRA on a linear layer in full numbers, with no dropout, bias or variant of its own."""
    from peft.tuners.lora.layer import Linear

    return (
        type(layer) is Linear
        and type(layer.base_layer) is torch.nn.Linear
        and not layer.fan_in_fan_out
        and not layer.lora_variant
        and not any(layer.lora_bias.values())
        and all(isinstance(each, torch.nn.Identity) or not each.p for each in layer.lora_dropout.values())
        and all(each.weight.dtype == layer.base_layer.weight.dtype for each in layer.lora_A.values())
    )
