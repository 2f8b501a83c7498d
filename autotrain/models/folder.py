"""What a model folder holds, read from its files alone: configuration, safetensors headers, licence."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)

# A header is at most 100 MB in the format's own definition; anything larger is a damaged length field.
LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer that decide what training it costs. Zero means that the configuration does not say."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int
    positions: int


@dataclass(frozen=True)
class ModelFolder:
    """A readable model folder: what it is, how large it is, and whether its weights can be loaded safely."""

    path: Path
    config: Mapping[str, Any]
    model_type: str | None
    parameters: int
    size_bytes: int
    weight_bytes: int
    license: str | None


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json.

    Raises:
        ModelError: there is none, or it is not a JSON object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ModelError(
            f"{folder} has no config.json. Choose a folder in transformers' layout, made by save_pretrained.",
            code="no-config",
        ) from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read as JSON ({error}). Copy or download the model again.", code="bad-config"
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} does not hold a JSON object. Copy or download the model again.", code="bad-config")
    return config


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files transformers would load from this folder; empty when there are none.

    Raises:
        ModelError: the index of a sharded model cannot be read, or one of its files is missing.
    """
    if (folder / SINGLE).is_file():
        return [folder / SINGLE]
    index = folder / INDEX
    if not index.is_file():
        return []
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{index} cannot be read. Copy or download the model again.", code="bad-weights") from error
    # The index is data from outside: its names must stay inside the folder.
    missing = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
    if missing:
        raise ModelError(
            f"{folder} lacks {len(missing)} of its {len(names)} weight files ({missing[0]}). "
            "Finish copying or downloading the model.",
            code="missing-weights",
        )
    return [folder / name for name in names]


def count_parameters(weights: Path) -> int:
    """Parameters in a safetensors file, from its header.

    Raises:
        ModelError: the file is truncated or is not a safetensors file.
    """
    state = weights.stat()
    return _count(weights, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=1024)
def _count(weights: Path, size: int, _modified: int) -> int:
    header, start = _header(weights, size)
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    try:
        end = max((int(tensor["data_offsets"][1]) for tensor in tensors), default=0)
        # Integer tensors are position tables and other buffers, not something that is trained or multiplied.
        count = sum(math.prod(tensor["shape"]) for tensor in tensors if str(tensor["dtype"]).startswith(("F", "BF")))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _damaged(weights, "its header is not in the safetensors format") from error
    if start + end != size:
        raise _damaged(weights, f"it should have {start + end:,} bytes and has {size:,}")
    return int(count)


def tensor_shapes(weights: Path) -> dict[str, tuple[int, bool]]:
    """For each tensor of floats in a safetensors file its number of values, and whether it is a matrix.

    Raises:
        ModelError: the file is truncated or is not a safetensors file.
    """
    header, _ = _header(weights, weights.stat().st_size)
    return {
        name: (math.prod(entry["shape"]), len(entry["shape"]) == 2)
        for name, entry in header.items()
        if name != "__metadata__" and str(entry["dtype"]).startswith(("F", "BF"))
    }


def _header(weights: Path, size: int) -> tuple[dict[str, Any], int]:
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, LARGEST_HEADER):
            raise _damaged(weights, "it is cut short or is not a safetensors file")
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise _damaged(weights, "its header is not JSON") from error
    if not isinstance(header, dict):
        raise _damaged(weights, "its header is not in the safetensors format")
    return header, 8 + length


def _damaged(weights: Path, why: str) -> ModelError:
    return ModelError(f"{weights} is damaged: {why}. Copy or download the model again.", code="bad-weights")


def read_folder(folder: Path) -> ModelFolder:
    """Everything the catalogue shows about a usable model folder.

    Raises:
        ModelError: no configuration, no safetensors weights, or damaged ones.
    """
    config = read_config(folder)
    weights = weight_files(folder)
    if not weights:
        raise ModelError(f"{folder} has no safetensors weights.", code="no-weights")
    return ModelFolder(
        path=folder,
        config=config,
        model_type=model_type(config),
        parameters=sum(count_parameters(file) for file in weights),
        size_bytes=_size(folder),
        weight_bytes=sum(file.stat().st_size for file in weights),
        license=_license(folder),
    )


def model_type(config: Mapping[str, Any]) -> str | None:
    """The architecture's name as transformers knows it, such as `bert`."""
    value = config.get("model_type")
    return value if isinstance(value, str) else None


def shape_of(config: Mapping[str, Any]) -> Shape:
    """The sizes in a configuration, whichever of the usual names it gives them."""

    def first(*names: str) -> int:
        found = (config.get(name) for name in names)
        return next((value for value in found if isinstance(value, int) and not isinstance(value, bool)), 0)

    hidden = first("hidden_size", "d_model", "n_embd", "dim")
    return Shape(
        layers=first("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers")
        + first("num_decoder_layers", "decoder_layers"),  # of an encoder-decoder the others are those that read
        hidden=hidden,
        intermediate=first("intermediate_size", "hidden_dim", "n_inner", "d_ff", "encoder_ffn_dim") or 4 * hidden,
        heads=first("num_attention_heads", "n_head", "n_heads", "num_heads", "encoder_attention_heads"),
        vocabulary=first("vocab_size"),
        positions=first("max_position_embeddings", "n_positions", "max_seq_len"),
    )


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        total += sum((Path(parent) / name).stat().st_size for name in names if (Path(parent) / name).is_file())
    return total


def _license(folder: Path) -> str | None:
    """The `license:` line in the front matter of the model card, if there is one."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as card:
            lines = [card.readline(1000).strip() for _ in range(60)]
    except OSError:
        return None
    if not lines or lines[0] != "---":
        return None
    end = lines.index("---", 1) if "---" in lines[1:] else len(lines)
    found = (line.partition(":")[2].strip().strip("'\"") for line in lines[1:end] if line.startswith("license:"))
    return next(found, None) or None
