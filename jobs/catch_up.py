"""What an attempt has done and no supervisor has written down: the last moments before one was killed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autotrain.events import AnyEvent, Checkpoint, Metric
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.runs.store import Run, RunStore
from autotrain.training.checkpoint import PREFIX
from jobs.tail import Tail


def missed(run: Run, folder: RunFolder, checkpoint: Path, store: RunStore) -> Sequence[AnyEvent]:
    """The points up to a checkpoint that is gone on with, and itself, as far as the record does not know them.

    Nobody would repeat them, so that they would be missing on the curves.
    """
    step = int(checkpoint.name.removeprefix(PREFIX))
    known = {(row.name, row.step) for row in store.metrics(run.id)}
    found: list[AnyEvent] = []
    tail = Tail(AttemptFolder(checkpoint.parent.parent).events)
    while events := tail.read():
        for event in events:
            if isinstance(event, Metric) and event.step <= step:
                values = {name: value for name, value in event.values.items() if (name, event.step) not in known}
                found += [event.model_copy(update={"values": values})] if values else []
    if (run.checkpoint_step or 0) < step:
        found.append(Checkpoint(step=step, path=str(checkpoint.relative_to(folder.path))))
    return found
