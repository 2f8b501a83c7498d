"""AutoTrain Studio: no-code fine-tuning. The public Python API; every name is loaded when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autotrain.api import TrainedRun, evaluate, predict, train
    from autotrain.errors import AutotrainError
    from autotrain.recipe import Recipe, presets
    from autotrain.recipe import load as load_recipe
    from autotrain.report import Report
    from autotrain.settings import Settings

__version__ = "0.1.0"

_HOMES = {
    "AutotrainError": ("autotrain.errors", "AutotrainError"),
    "Recipe": ("autotrain.recipe", "Recipe"),
    "Report": ("autotrain.report", "Report"),
    "Settings": ("autotrain.settings", "Settings"),
    "TrainedRun": ("autotrain.api", "TrainedRun"),
    "evaluate": ("autotrain.api", "evaluate"),
    "load_recipe": ("autotrain.recipe", "load"),
    "predict": ("autotrain.api", "predict"),
    "presets": ("autotrain.recipe", "presets"),
    "train": ("autotrain.api", "train"),
}

__all__ = [
    "AutotrainError",
    "Recipe",
    "Report",
    "Settings",
    "TrainedRun",
    "evaluate",
    "load_recipe",
    "predict",
    "presets",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'autotrain' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
