"""Which quicker ways a training takes: each is compared with the plain one on the model itself, and left out with a
line in the log where they differ."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autotrain.events import Log
from autotrain.params import AdapterParams
from autotrain.task import Attempt
from autotrain.training.fit import IGNORED
from autotrain.training.next_token import next_token_step
from autotrain.training.packing import CausalCollator, LayoutCollator
from autotrain.training.precision import decided

AGREES = 1e-3
"""How far loss and gradients of two ways may be from each other, of their size; in 32 bits 1e-6 to 1e-4 are usual."""
COMPARED_ROWS, COMPARED_TOKENS = 3, 48
"""What is compared: a few beginnings of rows, so that it takes a second."""
STIRRED = 0.02
"""Spread of what is put into an adapter while it is compared: as it begins, half of its gradients are nothing."""


@dataclass(frozen=True)
class Ways:
    """What is done otherwise than by transformers and peft.

    Attributes:
        layout: the rows of a batch are laid out without padding.
        shared: what they begin alike is computed once.
        fused: a layer and its adapter are one function.
    """

    layout: bool = False
    shared: bool = False
    fused: bool = False


def examples_of(items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Beginnings of the shortest rows, of which every token is learned."""
    shortest = sorted(items, key=lambda item: len(item["input_ids"]))[:COMPARED_ROWS]
    cut = [item["input_ids"][:COMPARED_TOKENS] for item in shortest]
    return [{"input_ids": ids, "labels": [IGNORED, *ids[1:]]} for ids in cut]


def quickest(
    attempt: Attempt,
    params: AdapterParams,
    model: Any,
    examples: Sequence[dict[str, Any]],
    pad_token_id: int,
    *,
    lays_out: bool = True,
) -> Ways:
    """The ways that this training takes; a model whose adapter is computed otherwise comes back that way.

    On a graphics card, in 16 bits and for a quantised base the plain way stays: these ways were measured on a processor
    in 32 bits.

    Args:
        attempt, params: of the training.
        model: with its adapter.
        examples: what `examples_of` gave, to compare by.
        pad_token_id: of the tokenizer.
        lays_out: whether batches of this training can be laid out at all.
    """
    import torch

    from autotrain.models.speed.attention import reaches
    from autotrain.models.speed.lora import fuse, unfuse

    plain = attempt.device.kind == "cpu" and decided(attempt, params).floats == "fp32" and params.quantization == "none"
    if not plain or not examples:
        return Ways()
    padded, shared = CausalCollator(pad_token_id), params.training_method == "full" or not params.lora_dropout
    with _stirred(model), torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        golden = _learned(model, padded, examples)
        fused = bool(fuse(model))
        if fused and (why := _unlike(golden, model, padded, examples)):
            unfuse(model)
            fused = False
            attempt.sink.emit(Log(text=f"Adapters are computed layer by layer, as {why}."))
        why = ""
        if lays_out and reaches(model, params.max_length):
            why = _unlike(golden, model, LayoutCollator(shared=shared), examples)
        elif lays_out:
            why = "this architecture does not look back over a whole row"
    model.zero_grad(set_to_none=True)
    if why:
        attempt.sink.emit(Log(text=f"Rows are padded and not laid out one behind the other, as {why}."))
    if why or not lays_out:
        return Ways(fused=fused)
    once = ", and what they begin alike is computed once" if shared else ""
    attempt.sink.emit(Log(text=f"Rows are laid out one behind the other{once}: compared, the same loss and gradients."))
    return Ways(layout=True, shared=shared, fused=fused)


@contextlib.contextmanager
def _stirred(model: Any) -> Iterator[None]:
    """Within, an adapter is not what it was, and nothing is left out by chance."""
    import torch

    was_training = model.training
    second = [part for name, part in model.named_parameters() if ".lora_B." in name]
    kept = [part.detach().clone() for part in second]
    chance = torch.Generator().manual_seed(0)
    model.eval()
    with torch.no_grad():
        for part in second:
            part.add_(torch.randn(part.shape, generator=chance) * STIRRED)
    try:
        yield
    finally:
        model.train(was_training)
        with torch.no_grad():
            for part, before in zip(second, kept, strict=True):
                part.copy_(before)


def _learned(model: Any, collator: Any, examples: Sequence[dict[str, Any]]) -> tuple[float, dict[str, Any]]:
    """Loss and gradients."""
    model.zero_grad(set_to_none=True)
    loss, _ = next_token_step(model, collator(examples))
    loss.backward()
    gradients = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    return float(loss.detach()), gradients


def _unlike(golden: tuple[float, dict[str, Any]], model: Any, collator: Any, examples: Any) -> str:
    """In what a way differs from the plain one, as the end of a sentence; nothing where it does not."""
    try:
        loss, gradients = _learned(model, collator, examples)
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        return f"this architecture does not allow it ({why[:100]})"
    known, wanted = golden
    if not abs(loss - known) <= AGREES * abs(known):
        return f"this architecture's loss would be {loss:.5g} in place of {known:.5g}"
    if gradients.keys() != wanted.keys():
        return "this architecture's gradients would reach other weights"
    whole = sum(float(part.norm()) ** 2 for part in wanted.values()) ** 0.5
    apart = {name: float((gradients[name] - part).norm()) for name, part in wanted.items()}
    for name, part in wanted.items():
        if not apart[name] <= AGREES * max(float(part.norm()), AGREES * whole):
            return f"this architecture's gradient of {name} would differ by {apart[name]:.2g}"
    return ""
