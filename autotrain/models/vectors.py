"""Vectors of texts: how an encoder's own folder says they are made of the vectors of its tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autotrain.errors import ModelError

MODULES = "modules.json"
"""Of a sentence-transformers folder: the parts that a text goes through, in order."""
_OLD = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How sentence-transformers named the modes up to version 5, in the order in which several are joined."""
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens")
_PASSED = ("Transformer", "Pooling", "Normalize")
"""Parts that change nothing beyond what is done here: every vector is normalised in the end."""


def pooling_of(folder: Path) -> tuple[str, ...]:
    """The modes by which a model's token vectors become one: as its `1_Pooling/config.json` says, else their mean.

    Raises:
        ModelError: the folder asks for something else, such as a layer behind the pooling.
    """
    kinds = [str(part.get("type", "")).rsplit(".", 1)[-1] for part in _read(folder / MODULES, [])]
    others = [kind for kind in kinds if kind not in _PASSED]
    if others:
        raise ModelError(
            f"{folder.name} has a part of its own, {others[0]}, between its tokens and its vectors, which is not tuned "
            "here. Choose a model such as MiniLM, MPNet, BGE or E5, whose vectors are pooled tokens.",
            code="unknown-pooling",
        )
    config = _read(folder / "1_Pooling" / "config.json", {})
    asked = config.get("pooling_mode") or [mode for key, mode in _OLD.items() if config.get(key)]
    modes = (asked,) if isinstance(asked, str) else tuple(asked)
    unknown = [mode for mode in modes if mode not in MODES]
    if unknown:
        raise ModelError(
            f"{folder.name} pools its tokens by {unknown[0]!r}, which is not done here. "
            f"Choose a model that pools by {', '.join(MODES[:-1])} or {MODES[-1]}.",
            code="unknown-pooling",
        )
    return modes or ("mean",)


def _read(path: Path, otherwise: Any) -> Any:
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}). Copy or download the model again.", code="bad-config"
        ) from error
    return found if isinstance(found, type(otherwise)) else otherwise


def pooled(states: Any, mask: Any, modes: tuple[str, ...]) -> Any:
    """(texts, tokens, hidden) states and their (texts, tokens) mask to (texts, modes · hidden) vectors of length 1.

    As sentence-transformers' `Pooling` and `Normalize`. Padding stands on the right.
    """
    import torch

    states, real = states.float(), mask.unsqueeze(-1).float()
    count = real.sum(dim=1).clamp(min=1e-9)
    made = {
        "cls": lambda: states[:, 0],
        "max": lambda: states.masked_fill(real == 0, -torch.inf).amax(dim=1),
        "mean": lambda: (states * real).sum(dim=1) / count,
        "mean_sqrt_len_tokens": lambda: (states * real).sum(dim=1) / count.sqrt(),
    }
    return torch.nn.functional.normalize(torch.cat([made[mode]() for mode in modes], dim=-1), dim=-1)
