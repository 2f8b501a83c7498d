"""PiSSA: an adapter that starts with the strongest directions of each weight, which the base gives up meanwhile.

Meng et al., 2024, https://arxiv.org/abs/2404.02948. While it is trained, a layer computes (W - s B0 A0) x + s B A x. A
finished adapter has to work on the untouched W, so it is written as one of twice the rank: s [B, -B0] [A; A0].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ADAPTER = "default"
_FIRST, _SECOND = "start_first", "start_second"


def remember_start(model: Any) -> None:
    """Keep A0 and B0 of a model to which peft has just given a PiSSA adapter."""
    for _, layer in _layers(model):
        _keep(layer, layer.lora_A[ADAPTER].weight.detach().clone(), layer.lora_B[ADAPTER].weight.detach().clone())


def start_of(model: Any) -> dict[str, Any]:
    """A0 and B0 of every layer, as a checkpoint keeps them; empty for a model without PiSSA."""
    found: dict[str, Any] = {}
    for name, layer in _layers(model):
        if hasattr(layer, _FIRST):
            found |= {f"{name}.{kept}": getattr(layer, kept).detach().cpu().contiguous() for kept in (_FIRST, _SECOND)}
    return found


def start_again(model: Any, start: Mapping[str, Any]) -> None:
    """Split the weights of a model with a plain adapter just as they were split when `start` was kept.

    To compute the directions again could give others: on another processor, or with another number of threads.
    """
    for name, layer in _layers(model):
        first, second = (start[f"{name}.{kept}"].to(layer.lora_A[ADAPTER].weight) for kept in (_FIRST, _SECOND))
        layer.lora_A[ADAPTER].weight.data = first.clone()
        layer.lora_B[ADAPTER].weight.data = second.clone()
        _keep(layer, first, second)
        _move(layer, -layer.scaling[ADAPTER])


def settle(model: Any) -> Any:
    """The same function as an adapter on the untouched base: what is saved, and what the base is compared with.

    Does nothing to a model without PiSSA.
    """
    import torch

    settled = False
    for _, layer in _layers(model):
        if not hasattr(layer, _FIRST):
            continue
        settled, scaling = True, layer.scaling[ADAPTER]
        _move(layer, scaling)
        first, second, rank = layer.lora_A[ADAPTER], layer.lora_B[ADAPTER], 2 * layer.r[ADAPTER]
        both = torch.cat([first.weight.data, getattr(layer, _FIRST)], dim=0)
        against = torch.cat([second.weight.data, -getattr(layer, _SECOND)], dim=1)
        # A weight narrower than the rank has fewer directions; the others are empty.
        missing = rank - both.shape[0]
        first.weight = torch.nn.Parameter(torch.nn.functional.pad(both, (0, 0, 0, missing)))
        second.weight = torch.nn.Parameter(torch.nn.functional.pad(against, (0, missing)))
        first.out_features = second.in_features = layer.r[ADAPTER] = rank
        layer.lora_alpha[ADAPTER] = scaling * rank
        delattr(layer, _FIRST)
        delattr(layer, _SECOND)
    if settled:
        config = model.peft_config[ADAPTER]
        scale = config.lora_alpha / (config.r**0.5 if config.use_rslora else config.r)
        config.r *= 2
        config.lora_alpha, config.use_rslora, config.init_lora_weights = scale * config.r, False, True
    return model


def _layers(model: Any) -> Iterator[tuple[str, Any]]:
    from peft.tuners.lora import LoraLayer

    for name, part in model.named_modules():
        if isinstance(part, LoraLayer) and ADAPTER in part.lora_A:
            yield name, part


def _keep(layer: Any, first: Any, second: Any) -> None:
    # Buffers follow the model to its device; not persistent, because the adapter's own file must not hold them.
    layer.register_buffer(_FIRST, first, persistent=False)
    layer.register_buffer(_SECOND, second, persistent=False)


def _move(layer: Any, scaling: float) -> None:
    """Add scaling B0 A0 to the base weight, in the order of operations in which peft takes it away."""
    from peft.utils.other import transpose

    weight = layer.get_base_layer().weight
    part = abs(scaling) * getattr(layer, _SECOND) @ getattr(layer, _FIRST)
    whole = transpose(weight.data.float(), layer.fan_in_fan_out)
    whole = whole + part if scaling > 0 else whole - part
    weight.data = transpose(whole.to(weight.dtype), layer.fan_in_fan_out)
