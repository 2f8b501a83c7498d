"""LoRA on a loaded model: which layers get an adapter, by the names that architectures give them."""

from __future__ import annotations

from typing import Any

from autotrain.errors import ModelError
from autotrain.params import AdapterParams

ATTENTION_LAYERS = frozenset(
    {
        *("query", "key", "value"),  # BERT, RoBERTa, ELECTRA
        *("q_proj", "k_proj", "v_proj", "out_proj", "o_proj", "qkv_proj"),  # Llama, Mistral, Qwen, Gemma, Phi, OPT
        *("q_lin", "k_lin", "v_lin", "out_lin"),  # DistilBERT
        *("query_proj", "key_proj", "value_proj"),  # DeBERTa
        *("query_key_value", "Wqkv", "Wo", "c_attn", "in_proj"),  # GPT-NeoX, Falcon, ModernBERT, GPT-2
        *("q", "k", "v", "o"),  # T5, MPNet
    }
)
"""Last parts of the names of attention's linear layers in the architectures transformers knows."""

HEADS = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}
"""The names that heads have most often; peft itself takes care of them, with all that lies in them."""


def add_lora(model: Any, params: AdapterParams, *, kind: str) -> Any:
    """The model with a LoRA adapter on the chosen layers; every layer that is new is trained in full and saved.

    A new layer that stayed as it was would be lost: loading the adapter would make another one at random.

    Hu et al., 2021, https://arxiv.org/abs/2106.09685.

    Args:
        model: a loaded base; `new_layers`, where it has them, are the layers without weights of the base.
        params: the adapter's size and place.
        kind: a name of `peft.TaskType`, such as SEQ_CLS; empty for a task that peft has no name for.

    Raises:
        ModelError: the architecture has no attention layer of a known name.
    """
    from peft import LoraConfig, TaskType, get_peft_model

    heads = HEADS.get(kind, ())
    new = [name for name in getattr(model, "new_layers", ()) if name.split(".")[0] not in heads]
    config = LoraConfig(
        task_type=TaskType[kind] if kind else None,
        r=params.lora_r,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=attention_layers(model) if params.lora_target_modules == "attention" else "all-linear",
        modules_to_save=new or None,
        exclude_modules=[*new, *heads] or None,
    )
    return get_peft_model(model, config)


def attention_layers(model: Any) -> list[str]:
    """The names that attention's linear layers have in this model. Raises ModelError when there are none."""
    import torch
    from transformers.pytorch_utils import Conv1D  # what GPT-2 has for a linear layer

    kinds = (torch.nn.Linear, Conv1D)
    linear = {name.rsplit(".", 1)[-1] for name, part in model.named_modules() if isinstance(part, kinds)}
    found = sorted(linear & ATTENTION_LAYERS)
    if not found:
        raise ModelError(
            f"The architecture {model.config.model_type!r} has no attention layer of a known name. "
            'Set "LoRA layers" to all-linear.',
            code="no-attention-layers",
        )
    return found


def parameters(model: Any) -> tuple[int, int]:
    """How many parameters are trained, and how many there are."""
    every = [(part.numel(), part.requires_grad) for part in model.parameters()]
    return sum(count for count, trained in every if trained), sum(count for count, _ in every)
