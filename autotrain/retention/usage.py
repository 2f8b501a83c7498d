"""What takes up the disk: runs, their checkpoints, datasets and models."""

from __future__ import annotations

from dataclasses import dataclass

from autotrain.retention.files import folders, size_of
from autotrain.runs.folder import RunFolder
from autotrain.settings import Settings


@dataclass(frozen=True)
class Usage:
    """Bytes on disk. `runs` is without their checkpoints."""

    runs: int
    checkpoints: int
    datasets: int
    models: int


def disk_usage(settings: Settings) -> Usage:
    """What the data home holds. Looks at every file's size, so ask when a person wants to know."""
    runs, datasets, models = (place.resolve() for place in (settings.runs, settings.datasets, settings.models))
    checkpoints = sum(size_of(attempt.checkpoints) for path in folders(runs) for attempt in RunFolder(path).attempts())
    return Usage(
        runs=max(0, size_of(runs) - checkpoints),
        checkpoints=checkpoints,
        datasets=size_of(datasets),
        models=size_of(models),
    )
