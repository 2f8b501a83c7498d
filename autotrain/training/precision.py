"""In which floats a training computes: asked of the device itself, and the same again after a resume.

What is trained always stays in 32 bits; 16 bits are what matrices are multiplied in (mixed precision).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from autotrain.errors import ModelError
from autotrain.models.folder import read_config, shape_of
from autotrain.models.weights import Floats
from autotrain.task import Attempt
from autotrain.training.checkpoint import Moment

NARROW = 256
"""Width of a model below which turning numbers from one form into the other eats up what is gained."""

Wished = Literal["auto", "fp32", "bf16", "fp16"]


class Wishing(Protocol):
    """Parameters with a precision."""

    @property
    def precision(self) -> Wished: ...


@dataclass(frozen=True)
class Precision:
    """The floats of a training, and a sentence that says why."""

    floats: Floats
    why: str

    def sentence(self) -> str:
        """What was chosen and why."""
        return f"Computing in {self.floats}: {self.why}."

    def autocast(self, device: str) -> AbstractContextManager[Any]:
        """Within, a model computes on a device (`cpu` or `cuda`) as the training does."""
        import torch

        if self.floats == "fp32":
            return nullcontext()
        return torch.autocast(device, dtype={"bf16": torch.bfloat16, "fp16": torch.float16}[self.floats])


def decided(attempt: Attempt, params: Wishing) -> Precision:
    """The precision of this attempt: as before after a resume, else as wished, else what suits the device.

    Raises:
        ModelError: the device cannot compute in what was wished.
    """
    if attempt.resume_from is not None:
        kept = Moment.read(attempt.resume_from).precision
        if kept is not None and _can(kept, attempt.device.kind):
            return Precision(kept, "so it was before")
        if kept is not None:
            return Precision("fp32", f"the checkpoint was computed in {kept}, which this device cannot")
    if params.precision == "auto":
        return suited(attempt)
    if not _can(params.precision, attempt.device.kind):
        raise ModelError(refusal(params.precision, attempt.device.kind), code="precision")
    return Precision(params.precision, "so it was wished")


def suited(attempt: Attempt) -> Precision:
    """What the device is quick and safe with."""
    if attempt.device.kind != "cpu":
        if _can("bf16", attempt.device.kind):
            return Precision("bf16", "every graphics card here has units for it")
        return Precision("fp32", "this graphics card has no units for bf16; fp16 is quicker, and can be chosen")
    width = shape_of(read_config(attempt.model)).hidden
    if width < NARROW:
        return Precision("fp32", "the model is too small to gain by anything else")
    # Asked of the instructions and not of a clock: what else the machine does must not decide what is computed. With
    # AVX512-BF16 alone whole steps of SmolLM2-135M were seen to take from 0.5 to 1.3 times as long.
    if multiplies_tiles():
        return Precision("bf16", "this processor has units for it (AMX)")
    return Precision("fp32", "this processor has no units for bf16 (AMX)")


def refusal(wished: Floats, device: str) -> str:
    """Why a device cannot compute in what was wished."""
    if device == "cpu":
        return (
            f"The precision {wished} needs an NVIDIA graphics card, and this run computes on the processor. "
            "Set precision to auto, fp32 or bf16."
        )
    return f"This graphics card cannot compute in {wished}. Set precision to auto, fp32 or fp16."


def multiplies_tiles() -> bool:
    """Whether this processor has matrix units for bf16 that torch uses: Intel's AMX."""
    import torch

    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def _can(floats: Floats, device: str) -> bool:
    import torch

    if device == "cpu":
        return floats != "fp16"
    # In bf16 also a card without units for it can be made to compute, many times slower.
    return floats != "bf16" or all(
        torch.cuda.get_device_capability(card) >= (8, 0) for card in range(torch.cuda.device_count())
    )
