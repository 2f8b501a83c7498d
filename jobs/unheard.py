"""What a trainer said while the record did not answer, and no supervisor could write down before it gave the run up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

from autotrain.events import AnyEvent, Checkpoint, Metric
from autotrain.runs.folder import AttemptFolder, RunFolder
from autotrain.runs.store import Run, RunStore
from autotrain.training.checkpoint import step_of
from jobs.tail import Tail


def unheard(folder: RunFolder, run: Run, store: RunStore, checkpoint: Path) -> list[AnyEvent]:
    """Points and checkpoints up to the one that the run goes on from, and itself, that the record has not heard of.

    Without them its curves would have a hole that no later attempt fills. Events are written down in order: a record
    that knows of the checkpoint knows of all before it.
    """
    until, known = step_of(checkpoint), run.checkpoint_step or 0
    if until <= known:
        return []
    heard = {(row.name, row.step) for row in store.metrics(run.id)}
    found: list[Metric | Checkpoint] = []
    for attempt in folder.attempts():
        said = [event for event in _events(attempt) if isinstance(event, Metric | Checkpoint)]
        first = min((event.step for event in said), default=until + 1)
        # An attempt that went on from further back said what follows anew.
        found = [event for event in found if event.step < first] + said
    new = [new for event in found if event.step <= until and (new := _new(event, heard, known)) is not None]
    # A trainer may be killed between the two: it is complete, and nothing was said of it.
    told = any(isinstance(event, Checkpoint) and event.step == until for event in new)
    return [*new, *(() if told else (Checkpoint(step=until, path=str(checkpoint.relative_to(folder.path))),))]


def _new(event: Metric | Checkpoint, heard: Collection[tuple[str, int]], known: int) -> Metric | Checkpoint | None:
    """What of an event the record does not know."""
    if isinstance(event, Checkpoint):
        return event if event.step > known else None
    values = {name: value for name, value in event.values.items() if (name, event.step) not in heard}
    return event.model_copy(update={"values": values}) if values else None


def _events(attempt: AttemptFolder) -> Iterator[AnyEvent]:
    tail = Tail(attempt.events)
    while events := tail.read():
        yield from events
