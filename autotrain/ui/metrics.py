"""Prometheus' text format (0.0.4), written from the record, this machine's disk and its cards.

Most of what is counted happens in other processes, so nothing is counted here: every scrape reads the record. Labels
are states, devices and ids of runs under way; no name, path or text of a person's is among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args

from autotrain import __version__
from autotrain.runs.state import STATES, PublicationState
from autotrain.runs.store import RunStore, Training
from autotrain.settings import Settings
from autotrain.training.hardware import accelerators, disk_free

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = Mapping[str, str]


class Family(NamedTuple):
    """One metric with its samples. A counter's name ends in `_total`."""

    name: str
    kind: Literal["gauge", "counter"]
    meaning: str
    samples: Iterable[tuple[Labels, float]]


def exposition(store: RunStore, settings: Settings) -> str:
    """Everything, as Prometheus reads it."""
    return "".join(line for family in families(store, settings) for line in _lines(family))


def families(store: RunStore, settings: Settings) -> Iterator[Family]:
    """Every metric. Families without a sample are left out by `exposition`."""
    vitals = store.vitals()
    runs = {state: vitals.runs.get(state, 0) for state in STATES}
    publications = {state: vitals.publications.get(state, 0) for state in get_args(PublicationState)}
    yield Family("autotrain_info", "gauge", "The version, always 1.", [({"version": __version__}, 1)])
    yield Family("autotrain_runs", "gauge", "Runs by state.", _by_state(runs))
    yield Family("autotrain_publications", "gauge", "Publications by state.", _by_state(publications))
    yield Family(
        "autotrain_queue_oldest_seconds",
        "gauge",
        "How long the oldest queued run waits.",
        _one(vitals.queue_seconds or 0),
    )
    yield Family("autotrain_worker_seen_seconds", "gauge", "Since a worker was last seen.", _one(vitals.worker_seconds))
    for name, meaning in (
        ("lease_renewals", "Leases renewed by supervisors."),
        ("leases_lost", "Leases that ended because their owner was lost."),
    ):
        yield Family(f"autotrain_{name}_total", "counter", meaning, _one(vitals.tallies.get(name, 0)))
    yield from _training(vitals.training)
    yield Family("autotrain_disk_free_bytes", "gauge", "Free where the data home lies.", _one(disk_free(settings.root)))
    yield from _cards()


def _cards() -> Iterator[Family]:
    cards = [({"device": card.name}, card) for card in accelerators()]
    total = [(labels, card.memory_total) for labels, card in cards]
    free = [(labels, card.memory_free) for labels, card in cards]
    yield Family("autotrain_gpu_memory_bytes", "gauge", "Memory of a card.", total)
    yield Family("autotrain_gpu_memory_free_bytes", "gauge", "Of a card's memory what is free.", free)


def _training(runs: Iterable[Training]) -> Iterator[Family]:
    of = {run.run_id: {"run": run.run_id, "device": run.device} for run in runs}
    yield Family(
        "autotrain_lease_seconds_left",
        "gauge",
        "How long the lease of a run under way still holds.",
        [(of[run.run_id], run.lease_seconds) for run in runs],
    )
    told = [(of[run.run_id], run.progress) for run in runs if run.progress is not None]
    yield Family(
        "autotrain_step_seconds",
        "gauge",
        "Seconds that one step takes at present, with its share of evaluations and saves.",
        [
            (labels, progress.seconds_left / (progress.total_steps - progress.step))
            for labels, progress in told
            if progress.seconds_left is not None and progress.total_steps > progress.step
        ],
    )
    yield Family(
        "autotrain_steps_done",
        "gauge",
        "Steps that a run under way has done.",
        [(labels, progress.step) for labels, progress in told],
    )
    yield Family(
        "autotrain_trainer_memory_bytes",
        "gauge",
        "Memory of a trainer: what it has allocated on a card, else what it has resident.",
        [(labels, progress.memory_bytes) for labels, progress in told if progress.memory_bytes is not None],
    )


def _by_state(counts: Mapping[str, int]) -> list[tuple[Labels, float]]:
    return [({"state": state}, count) for state, count in counts.items()]


def _one(value: float | None) -> list[tuple[Labels, float]]:
    return [] if value is None else [({}, value)]


def _lines(family: Family) -> Iterator[str]:
    samples = list(family.samples)
    if not samples:
        return
    yield f"# HELP {family.name} {family.meaning}\n# TYPE {family.name} {family.kind}\n"
    for labels, value in samples:
        said = ",".join(f'{name}="{_escaped(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{said}}} {value:.17g}\n" if said else f"{family.name} {value:.17g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
