"""What is trained of a loaded model: an adapter beside it (LoRA and its kin), or all of its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autotrain.models.pissa import remember_start, start_again
from autotrain.models.targets import target_modules
from autotrain.models.vocabulary import new_tokens
from autotrain.params import AdapterParams

HEADS = {
    "SEQ_CLS": ("classifier", "score"),
    "TOKEN_CLS": ("classifier", "score"),
    "QUESTION_ANS": ("qa_outputs",),
}
"""The names that heads have most often; peft itself takes care of them, with all that lies in them."""


def made_trainable(model: Any, params: AdapterParams, *, kind: str, start: Mapping[str, Any] | None = None) -> Any:
    """The model with what the parameters ask for: an adapter, or every weight set free.

    Args:
        model, params, kind: as for `add_lora`.
        start: what `pissa.start_of` gave before, for a training that goes on.
    """
    return whole(model) if params.training_method == "full" else add_lora(model, params, kind=kind, start=start)


def add_lora(model: Any, params: AdapterParams, *, kind: str, start: Mapping[str, Any] | None = None) -> Any:
    """The model with an adapter on the chosen layers; every layer that is new is trained in full and saved.

    A new layer that stayed as it was would be lost: loading the adapter would make another one at random. Of an
    embedding that was widened for new tokens their rows are trained, and nothing of the others.

    Hu et al., 2021, https://arxiv.org/abs/2106.09685 (LoRA); Kalajdzievski, 2023, https://arxiv.org/abs/2312.03732
    (rsLoRA); Liu et al., 2024, https://arxiv.org/abs/2402.09353 (DoRA).

    Args:
        model: a loaded base; `new_layers`, where it has them, are the layers without weights of the base.
        params: the adapter's kind, size and place.
        kind: a name of `peft.TaskType`, such as SEQ_CLS; empty for a task that peft has no name for.
        start: what `pissa.start_of` gave before, for a training that goes on.

    Raises:
        ModelError: the model has no layer of the wished kind or name.
    """
    from peft import LoraConfig, TaskType, get_peft_model, prepare_model_for_kbit_training

    heads = HEADS.get(kind, ())
    every = list(getattr(model, "new_layers", ()))
    new = [name for name in every if name.split(".")[0] not in heads]
    splits = params.init_lora_weights == "pissa"
    exact = "pissa" if params.pissa_niter == 0 else f"pissa_niter_{params.pissa_niter}"
    config = LoraConfig(
        task_type=TaskType[kind] if kind else None,
        r=params.lora_r,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=target_modules(model, params, [*every, *heads]),
        modules_to_save=new or None,
        exclude_modules=[*new, *heads] or None,
        use_rslora=params.use_rslora,
        use_dora=params.use_dora,
        init_lora_weights=exact if splits and not start else True,
        trainable_token_indices=new_tokens(model),
    )
    if getattr(model, "is_quantized", False):
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    tuned = get_peft_model(model, config)
    if splits and start:
        start_again(tuned, start)
    elif splits:
        remember_start(tuned)
    return tuned


def whole(model: Any) -> Any:
    """The model with every weight free to learn."""
    for part in model.parameters():
        part.requires_grad_(True)
    settings = getattr(model, "generation_config", None)
    if settings is not None and not settings.do_sample and (settings.temperature or settings.top_p or settings.top_k):
        settings.do_sample = True  # a base that says how to sample but not to do so is refused when it is saved
    return model


def trained_weights(model: Any) -> dict[str, Any]:
    """A copy of what is trained, apart from the device: the adapter with its new layers, or every weight."""
    from peft import PeftModel, get_peft_model_state_dict

    if isinstance(model, PeftModel):
        return {name: part.detach().clone() for name, part in get_peft_model_state_dict(model).items()}
    # Names of shared weights come once; in the memory of a card a second model may have no room.
    return {name: part.detach().to("cpu", copy=True) for name, part in model.named_parameters()}


def set_trained_weights(model: Any, weights: Mapping[str, Any]) -> None:
    """Put what `trained_weights` gave back into the model."""
    import torch
    from peft import PeftModel, set_peft_model_state_dict

    if isinstance(model, PeftModel):
        set_peft_model_state_dict(model, weights)
        return
    with torch.no_grad():
        for name, part in model.named_parameters():
            part.copy_(weights[name])


def parameters(model: Any) -> tuple[int, int]:
    """How many parameters are trained, and how many there are."""
    every = [(part.numel(), part.requires_grad) for part in model.parameters()]
    return sum(count for count, trained in every if trained), sum(count for count, _ in every)
