"""A run by whatever a person calls it."""

from __future__ import annotations

from autotrain.errors import UnknownRun
from autotrain.runs.store import Run, RunStore


def find_run(store: RunStore, wanted: str) -> Run:
    """A run by its id, the beginning of its id, its name, or a part of its name. Raises UnknownRun."""
    runs = store.list(limit=10_000)
    found = [run for run in runs if run.id.startswith(wanted) or run.name == wanted]
    found = found or [run for run in runs if wanted.casefold() in run.name.casefold()]
    exact = [run for run in found if run.id == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        raise UnknownRun(f"There is no run {wanted!r}. `autotrain runs list` shows those that exist.")
    ids = ", ".join(run.id for run in found[:5])
    raise UnknownRun(f"{wanted!r} fits {len(found)} runs ({ids}). Give more of the id.")
