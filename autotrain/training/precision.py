"""In which floats a training computes: asked of the device itself, and the same again after a resume.

What is trained always stays in 32 bits; 16 bits are what matrices are multiplied in (mixed precision).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, Protocol

from autotrain.errors import ModelError
from autotrain.models.folder import read_config, shape_of
from autotrain.models.weights import Floats
from autotrain.task import Attempt
from autotrain.training.checkpoint import Moment

WORTH = 1.5
"""How many times faster bf16 has to be on a processor. One that has instructions for it was seen to be 2 to 5 times as
fast, even while other programs took most of it; one without is slower. Nothing lies near this line."""

NARROW = 256
"""Width of a model below which turning numbers from one form into the other eats up what is gained."""

Wished = Literal["auto", "fp32", "bf16", "fp16"]
_ROWS, _WIDTH, _TRIES = 256, 768, 5


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
    if attempt.team.size > 1:  # each process would time the others, and they have to agree
        return Precision("fp32", "several processes share this processor")
    times = gain(attempt.device.threads)
    if times >= WORTH:
        return Precision("bf16", f"this processor multiplies it {times:.1f} times as fast as fp32")
    return Precision("fp32", f"this processor multiplies bf16 {times:.1f} times as fast, which gains nothing")


def refusal(wished: Floats, device: str) -> str:
    """Why a device cannot compute in what was wished."""
    if device == "cpu":
        return (
            f"The precision {wished} needs an NVIDIA graphics card, and this run computes on the processor. "
            "Set precision to auto, fp32 or bf16."
        )
    return f"This graphics card cannot compute in {wished}. Set precision to auto, fp32 or fp16."


@lru_cache(maxsize=4)
def gain(threads: int) -> float:
    """How many times faster this processor multiplies matrices in bf16 than in fp32: the best of a few tries each."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        left, right = torch.ones(_ROWS, _WIDTH), torch.ones(_WIDTH, _WIDTH)
        return _quickest(left, right) / _quickest(left.bfloat16(), right.bfloat16())
    finally:
        torch.set_num_threads(before)


def _quickest(left: Any, right: Any) -> float:
    taken = []
    for _ in range(_TRIES + 1):
        began = time.perf_counter()
        left @ right
        taken.append(time.perf_counter() - began)
    return max(min(taken[1:]), 1e-9)  # the first one starts the threads


def _can(floats: Floats, device: str) -> bool:
    import torch

    if device == "cpu":
        return floats != "fp16"
    # In bf16 also a card without units for it can be made to compute, many times slower.
    return floats != "bf16" or all(
        torch.cuda.get_device_capability(card) >= (8, 0) for card in range(torch.cuda.device_count())
    )
