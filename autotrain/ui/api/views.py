"""What the API says about runs: typed answers made from the record's rows."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pydantic import BaseModel, Field

from autotrain.events import AnyEvent, Progress
from autotrain.measures import measure
from autotrain.runs.resuming import where_it_goes_on
from autotrain.runs.state import RESTING, WORDS, Priority, State, Wish, wishes
from autotrain.runs.store import EventRow, Publication, Run
from autotrain.runs.turns import Queue
from autotrain.tasks import TASKS
from autotrain.ui.curves import Point

SETTLED = RESTING | {"draft"}
"""States that do not change by themselves: a page may stop asking."""

WISHED: dict[Wish, str] = {
    "pause": "Pausing after this step",
    "finish": "Stopping after this step, then evaluating",
    "cancel": "Cancelling",
    "save": "Saving a checkpoint",
}


class Headline(BaseModel):
    """The score a list shows, beside the strongest baseline."""

    name: str
    title: str
    shown: str = Field(description="The value as people read it.")
    value: float
    higher_is_better: bool = True
    baseline: str | None = None
    baseline_value: float | None = None
    baseline_shown: str | None = None
    gain: str | None = Field(None, description="The difference to the baseline as people read it.")


class PublicationView(BaseModel):
    """One publication and how far it came."""

    id: str
    repository: str
    private: bool
    state: str
    uploaded_bytes: int
    total_bytes: int
    url: str | None
    reason: str | None
    code: str | None
    created_at: float


class RunView(BaseModel):
    """A run, as every page and program sees it. Times are seconds since the epoch, UTC."""

    id: str
    name: str
    task: str
    task_title: str
    model: str
    dataset: str
    state: State
    words: str = Field(description="The state as a sentence for people.")
    active: bool = Field(description="Whether it may change by itself; when false, there is no need to ask again.")
    desired: Wish
    wishes: list[Wish] = Field(description="What may be asked of it now.")
    phase: str | None
    progress: Progress | None
    reason: str | None
    code: str | None
    headline: Headline | None
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]]
    created_at: float
    started_at: float | None
    finished_at: float | None
    seconds: float | None = Field(description="How long it has worked, or worked.")
    attempt: int
    checkpoint_step: int | None
    pruned_at: float | None = Field(description="When its checkpoints were deleted to free disk space.")
    goes_on: str = Field(description="Where it would go on from, as a sentence.")
    device: str | None
    priority: Priority
    devices_wanted: int = Field(description="Graphics cards that it asks for; where none are, the processor.")
    memory_needed: int | None = Field(description="Estimated bytes on each device; null counts as all of a device.")
    ahead: int | None = Field(None, description="Runs before it in the queue.")
    waits: str | None = Field(None, description="Why it waits, as a sentence for people.")
    sparkline: list[float] | None = None
    publications: list[PublicationView] = []


class EventView(BaseModel):
    """One event with its place in the run's history."""

    seq: int
    attempt: int
    at: float
    event: AnyEvent = Field(discriminator="kind")


class Live(BaseModel):
    """What is new since a cursor: points, events, and the run as it is now."""

    cursor: str
    run: RunView
    points: dict[str, list[Point]]
    events: list[EventView]
    more: bool = Field(description="There is more: ask again at once.")
    ask_again_seconds: float = Field(description="How long to wait otherwise: longer, the more pages are open.")


def run_view(run: Run, *, queue: Queue | None = None, sparkline: list[float] | None = None) -> RunView:
    """A run as the API shows it; of one that waits the queue says why."""
    ahead = queue.ahead(run.id) if queue else None
    outcome = run.outcome
    end = run.finished_at or (time.time() if run.state not in SETTLED else None)
    return RunView(
        **{name: getattr(run, name) for name in ("id", "name", "task", "model", "dataset", "state", "phase")},
        **{name: getattr(run, name) for name in ("progress", "reason", "created_at", "started_at", "finished_at")},
        task_title=TASKS[run.task].title if run.task in TASKS else run.task,
        words=_words(run, ahead),
        active=run.state not in SETTLED,
        desired=run.desired_state,
        wishes=sorted(wishes(run.state)),
        code=run.reason_code,
        headline=_headline(run),
        scores=outcome.scores if outcome else {},
        baselines=outcome.baselines if outcome else {},
        seconds=end - run.started_at if end and run.started_at else None,
        attempt=run.fence,
        checkpoint_step=run.checkpoint_step,
        pruned_at=run.pruned_at,
        goes_on=where_it_goes_on(run),
        device=run.device,
        priority=run.priority,
        devices_wanted=run.devices_wanted,
        memory_needed=run.memory_needed,
        ahead=ahead,
        waits=queue.why(run.id) if queue else None,
        sparkline=sparkline,
    )


def publication_view(publication: Publication) -> PublicationView:
    """A publication as the API shows it."""
    fields = {name: getattr(publication, name, None) for name in PublicationView.model_fields}
    return PublicationView(**fields | {"code": publication.reason_code})


def event_views(rows: Sequence[EventRow]) -> list[EventView]:
    """Events as the API shows them."""
    return [EventView(seq=row.seq, attempt=row.fence, at=row.at, event=row.event) for row in rows]


def _words(run: Run, ahead: int | None) -> str:
    if run.state == "queued" and ahead is not None:
        return "Next in the queue" if ahead == 0 else f"Waiting in the queue behind {ahead}"
    if run.state in {"starting", "running"} and run.desired_state in WISHED:
        return WISHED[run.desired_state]
    return WORDS[run.state]


def _headline(run: Run) -> Headline | None:
    if run.outcome is None or not run.outcome.scores:
        return None
    name, value = next(iter(run.outcome.scores.items()))
    rivals = {title: scores[name] for title, scores in run.outcome.baselines.items() if name in scores}
    known = measure(name)
    best = (max if known.higher_is_better else min)(rivals, key=rivals.__getitem__, default=None)
    against = rivals[best] if best else None
    return Headline(
        name=name,
        title=known.title,
        shown=known.shown(value),
        value=value,
        higher_is_better=known.higher_is_better,
        baseline=best,
        baseline_value=against,
        baseline_shown=known.shown(against) if against is not None else None,
        gain=known.difference(value - against) if against is not None else None,
    )
