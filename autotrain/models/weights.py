"""In what form a base's weights are held: 32-bit floats, or for a large one that stays frozen 8 or 4 bits."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

Quantization = Literal["none", "8bit", "4bit"]
Floats = Literal["fp32", "bf16", "fp16"]

KEPT_WHOLE = ("lm_head", "embed_out", "classifier", "pre_classifier", "score", "classification_head", "qa_outputs")
"""What gives the answers stays in 32 bits: it is small or new, and the last rounding is the one that shows."""


@dataclass(frozen=True)
class Form:
    """How the weights are held, where, and the floats that quantised ones are multiplied in."""

    quantization: Quantization = "none"
    device: str = "cpu"
    compute: Floats = "fp32"


PLAIN = Form()
_form: ContextVar[Form] = ContextVar("form", default=PLAIN)


@contextmanager
def held_as(form: Form) -> Iterator[None]:
    """Within, every loader in `autotrain.models.loading` holds weights in this form.

    What a task loads is its own affair and how it is held the recipe's, so that no task has to pass it through.
    """
    token = _form.set(form)
    try:
        yield
    finally:
        _form.reset(token)


def options() -> dict[str, Any]:
    """What `from_pretrained` is told about the form that is wished now."""
    import torch

    form = _form.get()
    if form.quantization == "none":
        return {"dtype": torch.float32}
    from transformers import BitsAndBytesConfig

    floats = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    # Dettmers et al., 2023, https://arxiv.org/abs/2305.14314: NF4, and the scales themselves quantised.
    config = BitsAndBytesConfig(
        load_in_4bit=form.quantization == "4bit",
        load_in_8bit=form.quantization == "8bit",
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=floats[form.compute],
        llm_int8_skip_modules=list(KEPT_WHOLE),
    )
    return {"dtype": torch.float32, "quantization_config": config, "device_map": {"": form.device}}


def can_quantise() -> bool:
    """Whether the library that quantises is installed."""
    return importlib.util.find_spec("bitsandbytes") is not None
