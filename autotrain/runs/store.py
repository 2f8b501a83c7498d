"""What the record offers, as a protocol, and the values it returns. `autotrain.runs.sql` implements it."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from autotrain.events import AnyEvent, Outcome, Progress
from autotrain.runs.devices import Device
from autotrain.runs.state import QUEUED, Priority, PublicationState, State, Wish
from autotrain.runs.turns import Queue

LEASE_SECONDS = 60.0
"""How long a claim holds without renewal; also the longest wait before a lost run is taken up again."""

RENEW_SECONDS = 10.0
"""How often a supervisor renews. Six chances within one lease."""

SELF_FENCE_SECONDS = 40.0
"""A supervisor that could not renew for this long kills its trainer, 20 s before anyone else may start one."""

WORKER_SECONDS = 60.0
"""A worker says every 15 s that it is there; after four times without a word it is taken for gone."""

ATTEMPTS_WITHOUT_PROGRESS = 3
"""Attempts in a row that leave no new checkpoint before a run is failed."""


@dataclass(frozen=True)
class NewRun:
    """A run about to be recorded. `recipe` is the frozen YAML; `dataset` and `model` are names for the list.

    `publish` is a repository that the finished adapter is to be pushed to, and whether privately. `memory_needed` is in
    bytes, on each of `devices_wanted`; None when nobody knows, which counts as all of a device.
    """

    id: str
    name: str
    task: str
    model: str
    dataset: str
    recipe: str
    owner: str = "local"
    publish: tuple[str, bool] | None = None
    priority: Priority = "normal"
    devices_wanted: int = 1
    memory_needed: int | None = None


@dataclass(frozen=True)
class Run:
    """One row of the record. Times are seconds since the epoch, UTC; `lease_expires_at` is on the clock of leases.

    `settled_at` is since when it rests; `pruned_at` is when its checkpoints were let go, until it is claimed again.
    """

    id: str
    name: str
    owner: str
    task: str
    model: str
    dataset: str
    recipe: str
    state: State
    desired_state: Wish
    fence: int
    last_seq: int
    attempts_without_progress: int
    worker: str | None
    device: str | None
    lease_expires_at: float | None
    checkpoint: str | None
    checkpoint_step: int | None
    exit_code: int | None
    reason: str | None
    reason_code: str | None
    phase: str | None
    progress: Progress | None
    outcome: Outcome | None
    created_at: float
    started_at: float | None
    finished_at: float | None
    settled_at: float | None = None
    pruned_at: float | None = None
    priority: Priority = "normal"
    devices_wanted: int = 1
    memory_needed: int | None = None


class EventRow(NamedTuple):
    """An event with its place in the run's history. `seq` grows by one for each event of the run: a cursor."""

    seq: int
    fence: int
    at: float
    event: AnyEvent


class MetricRow(NamedTuple):
    """One point of one curve, of the attempt that counts (points a later attempt repeated are left out)."""

    seq: int
    step: int
    epoch: float
    name: str
    value: float
    at: float


@dataclass(frozen=True)
class Publication:
    """One wish to publish a finished run, and how far it came. `id` is the operation id: the same id publishes once."""

    id: str
    run_id: str
    repository: str
    private: bool
    state: PublicationState
    fence: int
    uploaded_bytes: int
    total_bytes: int
    url: str | None
    reason: str | None
    reason_code: str | None
    created_at: float
    finished_at: float | None


@dataclass(frozen=True)
class Reconciled:
    """What reconciliation found: runs and publications to nudge, and runs whose lease had ended.

    `next_end` is in how many seconds the next lease of a run ends, unless it is renewed.
    """

    queued: tuple[str, ...] = ()
    publications: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    failed: tuple[str, ...] = field(default=())
    next_end: float = math.inf


@dataclass(frozen=True)
class Training:
    """One run under way: its id, its devices, how long its lease still holds, and what its trainer said last."""

    run_id: str
    device: str
    lease_seconds: float
    progress: Progress | None


@dataclass(frozen=True)
class Vitals:
    """The whole at one moment. `queue_seconds` is how long the oldest queued run waits; None where none does.

    `worker_seconds` is how long ago a worker was last seen; None where none ever was.
    """

    runs: Mapping[str, int]
    publications: Mapping[str, int]
    queue_seconds: float | None
    training: tuple[Training, ...]
    tallies: Mapping[str, int]
    worker_seconds: float | None


class Resting(NamedTuple):
    """A run in its state, and for how many seconds it has rested in it; 0 for one that does not rest."""

    id: str
    name: str
    state: State
    fence: int
    seconds: float


@dataclass
class Held:
    """A run that is held: nobody can queue, claim or delete it meanwhile. Set `pruned` to forget its checkpoint."""

    run: Resting
    checkpoint: str | None
    pruned: bool = False


class RunStore(Protocol):
    """The record. Every change is one transaction; every write of an attempt is checked against its fence."""

    def create(self, new: NewRun, *, queue: bool = True) -> Run:
        """Record a run, QUEUED, or DRAFT when `queue` is false (to be claimed by its maker)."""
        ...

    def get(self, run_id: str) -> Run:
        """The run. Raises UnknownRun."""
        ...

    def list(self, *, states: Collection[State] | None = None, search: str = "", limit: int = 200) -> Sequence[Run]:
        """Runs, newest first. `search` matches name, model, dataset or task."""
        ...

    def claim(
        self,
        run_id: str,
        owner: str,
        *,
        host: str,
        states: Collection[State] = QUEUED,
        lease: float = LEASE_SECONDS,
        free: int | None = None,
    ) -> int | None:
        """Take this run, with devices of `host`, if it is its turn there. The new fence, or None.

        `free` is how many bytes the machine's memory has free now. Whoever claims a draft takes it out of turn where no
        worker is there that would serve the others.
        """
        ...

    def claim_next(
        self, owner: str, *, host: str, lease: float = LEASE_SECONDS, free: int | None = None
    ) -> tuple[str, int] | None:
        """Take the run whose turn it is on `host`: its id and new fence, or None when none may start there now."""
        ...

    def queue(self, *, beside: str | None = None) -> Queue:
        """What waits, in the order of turns, and the machines; the run `beside` as though it waited too."""
        ...

    def prioritise(self, run_id: str, priority: Priority) -> Run:
        """Say how urgent a run is. Raises ImpossibleTransition once it is under way or done, UnknownRun."""
        ...

    def renew(self, run_id: str, fence: int, *, lease: float = LEASE_SECONDS) -> Wish:
        """Renew the lease; returns what is wished of the run now. A `save` is handed over once. Raises LeaseLost."""
        ...

    def append(self, run_id: str, fence: int, events: Sequence[AnyEvent], *, after: int | None = None) -> int:
        """Append events in order; returns the last cursor. Raises LeaseLost.

        `after` is the last cursor that the caller knows of. Whoever tries again, because no answer came, says the same
        one with the same events first: what had arrived nevertheless is not written twice.
        """
        ...

    def move(
        self,
        run_id: str,
        fence: int,
        before: State,
        after: State,
        *,
        reason: str | None = None,
        code: str | None = None,
        exit_code: int | None = None,
    ) -> bool:
        """Compare-and-set by the owner. False when the state was not `before`.

        Raises LeaseLost when the fence is old, ImpossibleTransition when no run may do that. Leaving the owned states
        frees the devices. Moving to QUEUED counts an attempt without progress unless a checkpoint was recorded.
        """
        ...

    def wish(self, run_id: str, wish: Wish) -> Run:
        """What a person wants. Acts at once where nobody owns the run. Raises ImpossibleTransition, UnknownRun."""
        ...

    def events(self, run_id: str, after: int = 0, limit: int = 1000) -> Sequence[EventRow]:
        """Events after the cursor, in order; metrics are read by `metrics`, progress from `Run.progress`."""
        ...

    def metrics(self, run_id: str, after: int = 0, limit: int = 100_000) -> Sequence[MetricRow]:
        """Points after the cursor `after`, in order."""
        ...

    def rename(self, run_id: str, name: str) -> Run:
        """Give the run another name."""
        ...

    def delete(self, run_id: str) -> None:
        """Forget the run. Raises ImpossibleTransition while someone owns it."""
        ...

    def register_devices(self, host: str, devices: Sequence[Device], *, slots: int | None = None) -> None:
        """Make these the devices of `host`, for at most `slots` runs at once, by default one for each device.

        A device that is no longer offered takes no new run and keeps those that it has.
        """
        ...

    def reconcile(self) -> Reconciled:
        """End expired leases (back to QUEUED, or FAILED past the retry budget) and say what to nudge."""
        ...

    def resting(self) -> Sequence[Resting]:
        """The runs that rest (paused, failed, cancelled, succeeded), longest first."""
        ...

    def hold(self, run_id: str) -> AbstractContextManager[Held | None]:
        """The run as it is, which nobody can queue, claim or delete until the block ends; None when there is none.

        One transaction that writes: only what takes no time belongs into the block. What the block raises undoes it.
        """
        ...

    def request_publication(self, run_id: str, repository: str, *, private: bool) -> Publication:
        """Wish a finished run published. Raises ImpossibleTransition when it did not succeed."""
        ...

    def publication(self, publication_id: str) -> Publication:
        """The publication. Raises UnknownRun."""
        ...

    def publications(self, run_id: str) -> Sequence[Publication]:
        """A run's publications, newest first."""
        ...

    def claim_publication(self, publication_id: str, *, lease: float = LEASE_SECONDS) -> int | None:
        """Take a pending publication (or one whose uploader was lost); its new fence, or None."""
        ...

    def report_publication(
        self,
        publication_id: str,
        fence: int,
        *,
        uploaded_bytes: int,
        total_bytes: int,
        lease: float = LEASE_SECONDS,
    ) -> None:
        """Progress of an upload; renews its lease. Raises LeaseLost."""
        ...

    def end_publication(
        self,
        publication_id: str,
        fence: int,
        *,
        url: str | None = None,
        reason: str | None = None,
        code: str | None = None,
    ) -> None:
        """PUBLISHED with a `url`, otherwise FAILED with a reason. Raises LeaseLost."""
        ...

    def retry_publication(self, publication_id: str) -> Publication:
        """A failed publication becomes pending again, under the same operation id."""
        ...

    def put_secret(self, name: str, ciphertext: bytes | None) -> None:
        """Keep an encrypted secret under a name; None forgets it."""
        ...

    def secret(self, name: str) -> bytes | None:
        """The encrypted secret, or None."""
        ...

    def seen(self, host: str) -> None:
        """A worker of this host is there and takes runs."""
        ...

    def schema_fits(self) -> bool:
        """Whether the record has the schema of this version. Raises what the database raises when it is not there."""
        ...

    def worker_seconds(self) -> float | None:
        """How long ago a worker was last seen; None where none ever was."""
        ...

    def vitals(self) -> Vitals:
        """How runs, publications and workers stand at this moment."""
        ...
