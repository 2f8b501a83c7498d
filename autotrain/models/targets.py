"""Which layers get an adapter: attention's by where they lie in a model, every linear one, or those that are named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from autotrain.errors import ModelError
from autotrain.params import AdapterParams, layer_names

_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)
"""In the name of the part that holds attention's layers: `attention` (BERT, RoBERTa, DeBERTa, DistilBERT, GPT-NeoX),
`attn` (ModernBERT, GPT-2, MPT), `self_attn` and `encoder_attn` (Llama, Qwen, Gemma, Phi, BART), `SelfAttention` and
`EncDecAttention` (T5), `self_attention` (Falcon, BLOOM). Layers of like name outside of it, such as GPT-2's second
`c_proj` or ModernBERT's second `Wo`, are none of attention's."""

SHOWN = 12


def target_modules(model: Any, params: AdapterParams, new: Sequence[str] = ()) -> str | list[str]:
    """What peft is told to adapt, for layers of the base alone.

    Args:
        model: a loaded base.
        params: with `lora_target_modules` and `lora_target_names`.
        new: layers without weights of the base, which are trained in full anyway.

    Raises:
        ModelError: the model has no layer of that kind or name; the sentence names those it has.
    """
    if params.lora_target_modules == "all-linear":
        return "all-linear"
    found = [name for name in linear_layers(model) if not within(name, new)]
    if params.lora_target_modules == "custom":
        return named_layers(found, layer_names(params.lora_target_names), model.config.model_type)
    return attention_layers(found, model.config.model_type)


def linear_layers(model: Any) -> list[str]:
    """The full names of the layers that can get an adapter, but for the one that gives a language model's logits."""
    import torch
    from transformers.pytorch_utils import Conv1D  # what GPT-2 has for a linear layer

    output = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    kinds = (torch.nn.Linear, Conv1D)
    return [name for name, part in model.named_modules() if isinstance(part, kinds) and part is not output]


def attention_layers(layers: Iterable[str], architecture: str) -> list[str]:
    """The ends of the names of attention's layers, from the part that holds them: `self_attn.q_proj`."""
    found = set()
    for name in layers:
        parts = name.split(".")
        holding = [place for place, part in enumerate(parts[:-1]) if _ATTENTION.search(part)]
        if holding:
            found.add(".".join(parts[holding[0] :]))
    if not found:
        raise ModelError(
            f"The architecture {architecture!r} has no attention layer of a known name. "
            'Set "LoRA layers" to all-linear.',
            code="no-attention-layers",
        )
    return sorted(found)


def named_layers(layers: Iterable[str], wanted: Sequence[str], architecture: str) -> list[str]:
    """Those of the wanted names, once each. Raises ModelError for the first that no layer ends with."""
    there = list(layers)
    for name in wanted:
        if not any(layer == name or layer.endswith(f".{name}") for layer in there):
            ends = sorted({layer.rsplit(".", 1)[-1] for layer in there})
            more = f" and {len(ends) - SHOWN} more" if len(ends) > SHOWN else ""
            raise ModelError(
                f"This model ({architecture}) has no layer named {name!r}. It has {', '.join(ends[:SHOWN])}{more}. "
                'Correct "Layers by name", or set "LoRA layers" to all-linear.',
                code="no-such-layer",
            )
    return list(dict.fromkeys(wanted))


def within(name: str, parts: Iterable[str]) -> bool:
    """Whether a layer is one of these parts of the model, or lies in one."""
    return any(name == part or name.startswith(f"{part}.") for part in parts)
