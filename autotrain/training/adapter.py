"""A finished adapter: written whole or not at all, and its headline figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError
from autotrain.events import Outcome
from autotrain.report import Report
from autotrain.training.checkpoint import aside, flush

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_NOTE = "autotrain.json"
"""Beside the weights: the task, the labels, the lengths, and which column played which role."""


def outcome(report: Report) -> Outcome:
    """The headline figures for the list of runs."""
    return Outcome(
        scores={score.name: score.value for score in report.scores},
        baselines={rival.name: {score.name: score.value for score in rival.scores} for rival in report.baselines},
    )


def save_adapter(model: Any, tokenizer: Any, note: Mapping[str, Any], artifact: Path) -> None:
    """Write the adapter, or a model that was trained as a whole, with tokenizer and note aside, flush, and make them
    real by one rename.

    It names its base model by its public name: a folder of this machine would mean nothing elsewhere.
    """
    hidden = artifact.with_name(f".{artifact.name}")
    with aside(hidden):
        # peft would add a whole widened embedding to the rows that were learned.
        model.save_pretrained(hidden, **({"save_embedding_layers": False} if hasattr(model, "peft_config") else {}))
        name, key = (
            ("config.json", "_name_or_path") if whole_in(hidden) else (ADAPTER_CONFIG, "base_model_name_or_path")
        )
        config = json.loads((hidden / name).read_text("utf-8")) | {key: note["base_model"]}
        (hidden / name).write_text(json.dumps(config, indent=1, sort_keys=True), "utf-8")
        (hidden / "README.md").unlink(missing_ok=True)  # peft's is a form to fill in; the model card is ours
        tokenizer.save_pretrained(hidden)
        (hidden / ADAPTER_NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False), "utf-8")
        for path in hidden.rglob("*"):
            flush(path)
    shutil.rmtree(artifact, ignore_errors=True)
    hidden.rename(artifact)
    flush(artifact.parent)


def whole_in(artifact: Path) -> bool:
    """Whether a finished artifact is a complete model of its own and no adapter."""
    return not (artifact / ADAPTER_CONFIG).is_file() and (artifact / "config.json").is_file()


def load_adapter(
    artifact: Path, model: Path, base: Callable[[Any, dict[str, Any]], Any]
) -> tuple[Any, Any, dict[str, Any]]:
    """A finished adapter on its base model, its tokenizer, and what it knows of itself.

    The base is held as it was in the training. A model that was trained as a whole needs no base, and comes as it is.

    Args:
        artifact: the adapter's folder.
        model: the base model's folder.
        base: called with the tokenizer and the adapter's note; gives the base model with the head it was trained with.

    Raises:
        ModelError: either is missing or damaged, or they do not belong together.
    """
    from peft import PeftModel

    from autotrain.models.loading import load_tokenizer
    from autotrain.models.weights import Form, Quantization, can_quantise, held_as

    try:
        note = json.loads((artifact / ADAPTER_NOTE).read_text("utf-8"))
        tokenizer = load_tokenizer(artifact)
        quantization: Quantization = note.get("quantization", "none") if can_quantise() else "none"
        with held_as(Form(quantization)):
            loaded = base(tokenizer, note)
        if not whole_in(artifact):
            return PeftModel.from_pretrained(loaded, artifact), tokenizer, note
        if model.resolve() != artifact.resolve():
            loaded = _in_place_of(loaded, artifact)
        return loaded, tokenizer, note
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The adapter in {artifact} cannot be loaded on {model} ({str(error).splitlines()[0][:200]}). "
            "It needs the base model it was trained on; train again if its files are damaged.",
            code="adapter-load",
        ) from error


def _in_place_of(base: Any, artifact: Path) -> Any:
    """The model of a finished artifact, of the same kind and configuration as its base."""
    import torch

    return type(base).from_pretrained(
        artifact, config=base.config, dtype=torch.float32, use_safetensors=True, local_files_only=True
    )
