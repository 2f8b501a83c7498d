"""Whether a base model can be tuned for a task: everything that is wrong with it, each with its remedy."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError
from autotrain.events import Finding
from autotrain.models.architectures import advised, known, refuses_encoder_decoder, suited
from autotrain.models.folder import (
    CONFIG,
    INDEX,
    PICKLES,
    SINGLE,
    TOKENIZER_FILES,
    count_parameters,
    model_type,
    read_config,
    weight_files,
)

ADAPTER = "adapter_config.json"
_ANOTHER = "Choose another model."
# Encoder-decoders name themselves in config.json only when they differ from their class's default; these do not.
_ENCODER_DECODERS = frozenset(
    {"bart", "bigbird_pegasus", "led", "mbart", "mt5", "mvp", "plbart", "t5", "umt5", "m2m_100"}
)


def require_usable(folder: Path, name: str, task_name: str) -> None:
    """Raise ModelError with the first thing that keeps a folder from being tuned, under the name people chose it by."""
    for finding in check_folder(folder, task_name, name):
        if finding.severity == "error":
            raise ModelError(finding.sentence().replace(str(folder), name), code=finding.code)


def check_folder(folder: Path, task_name: str, name: str | None = None) -> list[Finding]:
    """Everything wrong with a model folder for a task, from its files alone."""
    if not folder.is_dir():
        return [_error("no-folder", f"The model folder {folder} does not exist.", "Correct the path.")]
    if not (folder / CONFIG).is_file():
        return [_no_config(folder)]
    try:
        config = read_config(folder)
    except ModelError as error:
        return [finding_from(error)]
    if (folder / ADAPTER).is_file() and not _has_weights(folder):
        return [_no_config(folder)]
    found = [*_config(name or folder.name, config, task_name), *_weights(folder)]
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        found.append(
            _error(
                "no-tokenizer",
                f"{folder} has no tokenizer (tokenizer.json or a vocabulary file).",
                "Copy the tokenizer files of the original model into the folder.",
            )
        )
    return found


def check_listing(
    model: str, architecture: str | None, gated: bool, files: Sequence[str], task_name: str
) -> list[Finding]:
    """What the Hub's own listing already says about a model that has not been downloaded."""
    found = list(_architecture(model, architecture, {}, task_name)) if architecture else []
    top = [name for name in files if "/" not in name]
    if ADAPTER in top and SINGLE not in top and INDEX not in top:
        return [
            _error(
                "adapter",
                f"{model} is an adapter, not a base model.",
                "Choose the model it was made for, which its page names, or merge the two first.",
            )
        ]
    if files and not any(name.endswith(".safetensors") for name in top):
        found.append(_unsafe(model, top))
    if gated:
        found.append(
            Finding(
                severity="warning",
                code="gated",
                message=f"{model} is gated: its owner decides who may download it.",
                remedy=f"Accept its terms at https://huggingface.co/{model} and save that account's token in Settings.",
            )
        )
    return found


def _has_weights(folder: Path) -> bool:
    return (folder / SINGLE).is_file() or (folder / INDEX).is_file()


def _weights(folder: Path) -> Iterator[Finding]:
    try:
        files = weight_files(folder)
        if not files:
            yield _unsafe(str(folder), [path.name for path in folder.iterdir()])
        elif sum(count_parameters(file) for file in files) == 0:
            yield _error("no-weights", f"The weights in {folder} are empty.", "Copy or download the model again.")
    except ModelError as error:
        yield finding_from(error)
    except OSError as error:
        yield _error(
            "unreadable", f"The weights in {folder} cannot be read ({error.strerror}).", "Correct the permissions."
        )


def _unsafe(where: str, names: Sequence[str]) -> Finding:
    """Why there are no weights that can be loaded safely, from what lies there instead."""
    if any(name.endswith(PICKLES) for name in names):
        return _error(
            "pickle-weights",
            f"{where} has only pickle weights (pytorch_model.bin), which can run code when they are loaded.",
            "Choose a revision with model.safetensors, or convert it: load it where you trust it and call "
            "save_pretrained(folder), which writes safetensors.",
        )
    if any(name.endswith(".gguf") for name in names):
        file = min(name for name in names if name.endswith(".gguf"))
        return _error(
            "gguf-only",
            f"{where} has only GGUF weights, which are quantised for inference and cannot be tuned as they are.",
            f'Have them restored once (autotrain models add "{Path(where) / file if Path(where).is_dir() else file}"), '
            "or choose the original model that they were made from.",
        )
    return _error(
        "no-weights", f"{where} has no weights (model.safetensors).", "Finish copying or downloading the model."
    )


def _no_config(folder: Path) -> Finding:
    adapter = folder / ADAPTER
    if adapter.is_file():
        return _error(
            "adapter",
            f"{folder} holds an adapter, not a base model.",
            f"Choose the model it was made for{_base_of(adapter)}, or merge the two first with peft's merge_and_unload "
            "and choose the merged folder.",
        )
    names = [path.name for path in folder.iterdir()]
    if any(name.endswith(".gguf") for name in names):
        return _unsafe(str(folder), names)
    return _error(
        "no-config",
        f"{folder} has no config.json.",
        "Choose a folder in transformers' layout, as save_pretrained or a download from the Hub makes it.",
    )


def _base_of(adapter: Path) -> str:
    try:
        base = json.loads(adapter.read_text("utf-8")).get("base_model_name_or_path")
    except (OSError, ValueError, AttributeError):
        return ""
    return f" ({base})" if isinstance(base, str) and base else ""


def _config(name: str, config: Mapping[str, Any], task_name: str) -> Iterator[Finding]:
    if "auto_map" in config:
        yield _error(
            "remote-code",
            f"{name} runs Python code that comes with it (auto_map in config.json), which is never executed here.",
            "Choose a model whose architecture is part of transformers.",
        )
        return
    if config.get("quantization_config"):
        yield _error(
            "quantised",
            f"{name} is quantised, so its weights cannot be tuned here.",
            "Choose the original model that it was made from.",
        )
    kind = model_type(config)
    if kind is None:
        yield _error("bad-config", f"{name}'s config.json names no model_type.", _ANOTHER)
    else:
        yield from _architecture(name, kind, config, task_name)


def _architecture(name: str, kind: str, config: Mapping[str, Any], task_name: str) -> Iterator[Finding]:
    """The architecture against transformers' own table for the task."""
    table = suited(task_name)
    task = task_name.replace("-", " ")
    if table is None:
        return
    if not known(kind):
        yield _error(
            "wrong-architecture", f"{name} has the architecture {kind!r}, which transformers does not know.", _ANOTHER
        )
    elif refuses_encoder_decoder(task_name) and (kind in _ENCODER_DECODERS or config.get("is_encoder_decoder")):
        yield _error(
            "wrong-architecture",
            f"{name} is an encoder-decoder ({kind}), made to turn one text into another, not for {task}.",
            advised(task_name),
        )
    elif kind not in table:
        yield _error(
            "wrong-architecture",
            f"{name} has the architecture {kind!r}, which cannot be used for {task}.",
            advised(task_name),
        )


def finding_from(error: ModelError) -> Finding:
    """An error's sentences as a finding: the last one is the remedy."""
    message, _, remedy = error.message.rstrip(".").rpartition(". ")
    return _error(error.code, f"{message}.", f"{remedy}.")


def _error(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy)
