"""The states of a run and of a publication, and which changes are possible. Pure: a table and two questions."""

from __future__ import annotations

from typing import Literal, get_args

State = Literal[
    "draft", "queued", "starting", "running", "pausing", "paused", "cancelling", "cancelled", "succeeded", "failed"
]
STATES: tuple[State, ...] = get_args(State)

Wish = Literal["run", "save", "finish", "pause", "cancel"]
"""What a person wants of a run: go on, save now, stop and keep, pause, cancel. `save` turns back into `run`."""

PublicationState = Literal["pending", "uploading", "published", "failed"]

Priority = Literal["low", "normal", "high"]
"""How urgent a person says a run is."""

PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
"""The most urgent first."""

TRANSITIONS: dict[State, frozenset[State]] = {
    "draft": frozenset({"queued", "starting", "cancelled"}),
    "queued": frozenset({"starting", "paused", "cancelled", "failed"}),
    "starting": frozenset({"running", "queued", "pausing", "cancelling", "failed", "paused"}),
    "running": frozenset({"pausing", "cancelling", "succeeded", "failed", "queued", "paused"}),
    "pausing": frozenset({"paused", "cancelling", "succeeded", "failed", "queued"}),
    "paused": frozenset({"queued", "starting", "cancelled"}),
    "cancelling": frozenset({"cancelled", "succeeded", "failed"}),
    "cancelled": frozenset({"queued"}),
    "failed": frozenset({"queued"}),
    "succeeded": frozenset(),
}

OWNED: frozenset[State] = frozenset({"starting", "running", "pausing", "cancelling"})
"""States in which a supervisor holds the run's lease."""

QUEUED: frozenset[State] = frozenset({"queued"})

FINISHED: frozenset[State] = frozenset({"cancelled", "succeeded", "failed"})

STANDING: frozenset[State] = frozenset({"draft", "queued", "paused", "failed", "cancelled"})
"""States in which a run waits, or may be asked to go on: its priority still matters."""

RESTING: frozenset[State] = FINISHED | {"paused"}
"""States after an attempt in which a run stays until somebody wishes something of it."""

WORDS: dict[State, str] = {
    "draft": "Draft",
    "queued": "Waiting in the queue",
    "starting": "Starting",
    "running": "Training",
    "pausing": "Pausing",
    "paused": "Paused",
    "cancelling": "Cancelling",
    "cancelled": "Cancelled",
    "succeeded": "Finished",
    "failed": "Failed",
}
"""Each state as people read it."""


ASKED: dict[Wish, str] = {
    "run": "go on",
    "save": "save now",
    "finish": "finish and keep what it learned",
    "pause": "pause",
    "cancel": "cancel",
}
"""Each wish as it stands after "can be asked to"."""


def possible(before: State, after: State) -> bool:
    """Whether a run may go from `before` to `after`."""
    return after in TRANSITIONS[before]


def refusal(name: str, state: State, wanted: str) -> str:
    """The sentence when a run in `state` cannot do what is wanted of it, with what it can do instead."""
    can = [ASKED[wish] for wish in ASKED if wish in wishes(state)]
    instead = (
        f"It can be asked to {' or '.join([', '.join(can[:-1]), can[-1]] if can[1:] else can)}."
        if can
        else (
            "It stays as it is; start a new run with its recipe to train again."
            if state in FINISHED
            else "Wait until it is over."
        )
    )
    return f"Run {name!r} is in the state {WORDS[state]!r} and cannot {wanted}. {instead}"


def wishes(state: State) -> frozenset[Wish]:
    """What a person may ask of a run in `state`."""
    match state:
        case "queued":
            return frozenset({"pause", "cancel"})
        case "starting" | "running":
            return frozenset({"save", "finish", "pause", "cancel"})
        case "pausing":
            return frozenset({"cancel"})
        case "paused" | "failed" | "cancelled":
            return frozenset({"run", "cancel"}) if state == "paused" else frozenset({"run"})
        case "draft":
            return frozenset({"run", "cancel"})
        case _:
            return frozenset()
