"""What keeps these parameters from being trained with this model on this machine: said before anything is spent.

From the files, the parameters and the machine alone, so that the page says it while somebody chooses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from autotrain.errors import ModelError
from autotrain.events import Finding
from autotrain.models.costs import memory_of_whole, room_on_disk
from autotrain.models.estimates import Machine
from autotrain.models.folder import tensor_shapes, weight_files
from autotrain.models.targets import named_layers
from autotrain.models.weights import can_quantise
from autotrain.params import AdapterParams, layer_names
from autotrain.task import Params

HIGH_RATE, HIGH_RATE_OF_SMALL = 2e-4, 5e-4
SMALL = 50_000_000
"""Above which learning rate a whole model forgets: an adapter bears some ten times as much. `SMALL` counts weights."""


def check_training(params: Params, model: Path, name: str, machine: Machine, disk_free: int) -> list[Finding]:
    """Every finding about how a model on this machine is to be trained.

    Args:
        params: of any task; only those of an adapter have anything to find.
        model: the base's folder; what is wrong with the folder itself `check_folder` says.
        name: under which people chose it.
        machine: what a run gets of this machine.
        disk_free: bytes where runs lie.
    """
    if not isinstance(params, AdapterParams):
        return []
    device = machine.devices[0].partition(":")[0]
    found = [*_form(params, device)]
    if params.training_method == "lora" and params.lora_target_modules != "custom":
        return found
    try:
        shapes = [shape for file in weight_files(model) for shape in tensor_shapes(file).items()]
    except (ModelError, OSError):
        return found
    if params.training_method == "full":
        found += _whole(params, sum(count for _, (count, _) in shapes), name, machine, disk_free)
    else:
        found += _named(params, [name.removesuffix(".weight") for name, (_, flat) in shapes if flat], model)
    return found


def _form(params: AdapterParams, device: str) -> Iterator[Finding]:
    if params.quantization != "none" and not can_quantise():
        yield _error(
            "no-bitsandbytes",
            f"A base in {params.quantization.replace('bit', ' bits')} needs the package bitsandbytes, which is not "
            "installed.",
            'Run: pip install "autotrain-studio[quantized]", or set quantization to none.',
        )
    if params.quantization == "8bit" and params.use_dora and device == "cpu":
        yield _error(
            "quantised-dora",
            "On a processor DoRA cannot take the lengths of weights in 8 bits.",
            "Set quantization to 4bit or none, or use_dora to false.",
        )
    if params.precision == "fp16" and device == "cpu":
        yield _error(
            "precision",
            "The precision fp16 needs an NVIDIA graphics card, and this run computes on the processor.",
            "Set precision to auto, fp32 or bf16.",
        )


def _whole(params: AdapterParams, count: int, name: str, machine: Machine, disk_free: int) -> Iterator[Finding]:
    needed, available = memory_of_whole(count), machine.memory_for_training
    where = "this machine" if machine.devices[0] == "cpu" else "the graphics card"
    if needed > available:
        yield _error(
            "too-large",
            f"To train all {count / 1e6:,.0f} million weights of {name} takes at least {needed / 1e9:.1f} GB of memory "
            f"(each weight with its gradient, the optimiser's two moments and the best so far); {where} has "
            f"{available / 1e9:.1f} GB free.",
            "Set training_method to lora, or choose a smaller model.",
        )
    room = room_on_disk(count)
    if room > disk_free:
        yield _error(
            "disk-full",
            f"To train all weights of {name} takes {room / 1e9:.1f} GB on the disk for checkpoints and the finished "
            f"model; {disk_free / 1e9:.1f} GB are free.",
            "Free some space, set training_method to lora, or choose a smaller model.",
        )
    small = count < SMALL  # MiniLM with its 23 million tagged best at 3e-4
    if params.learning_rate > (HIGH_RATE_OF_SMALL if small else HIGH_RATE):
        yield Finding(
            severity="warning",
            code="high-rate",
            message=f"A learning rate of {params.learning_rate:g} suits an adapter; with every weight free it is "
            "likely to destroy what the model knows.",
            remedy=f"Set learning_rate to about {'1e-4' if small else '2e-5'}.",
        )


def _named(params: AdapterParams, layers: list[str], model: Path) -> Iterator[Finding]:
    try:
        kind = json.loads((model / "config.json").read_text("utf-8")).get("model_type", "unknown")
        named_layers(layers, layer_names(params.lora_target_names), kind)
    except ModelError as error:
        message, _, remedy = error.message.rstrip(".").rpartition(". ")
        yield _error(error.code, f"{message}.", f"{remedy}.")
    except (OSError, ValueError, AttributeError):
        return


def _error(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy)
