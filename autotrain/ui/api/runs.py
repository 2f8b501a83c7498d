"""Routes of runs: list, start, look, follow, wish, try, report, forget."""

from __future__ import annotations

import shutil
from functools import lru_cache
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field

from autotrain.recipe import loads, parse
from autotrain.report import Report
from autotrain.runs.folder import RunFolder
from autotrain.runs.state import Priority, State, Wish
from autotrain.runs.store import Run, RunStore
from autotrain.ui.api.views import (
    SETTLED,
    EventView,
    Live,
    RunView,
    event_views,
    publication_view,
    run_view,
)
from autotrain.ui.curves import Point, by_name, sparkline, thin
from autotrain.ui.evaluations import Evaluations
from autotrain.ui.following import Crowd, Shared
from autotrain.ui.predictions import Predictions
from autotrain.ui.services import Services

MOST_EVENTS = 1000
LONGEST_SEARCH = 200


class NewRun(BaseModel):
    """A recipe to run: YAML text or the same as JSON. Its data is an imported dataset's id or `sample:<name>`."""

    recipe: str | dict[str, Any]
    name: str | None = Field(None, max_length=200)


class WishAsked(BaseModel):
    """What is wished of a run."""

    wish: Wish


class Changed(BaseModel):
    """What of a run is to be otherwise: its name, or how urgent it is."""

    name: str | None = Field(None, min_length=1, max_length=200)
    priority: Priority | None = None


class ReportView(Report):
    """The evaluation, with its verdict as a sentence."""

    verdict_sentence: str


class RecipeView(BaseModel):
    """A frozen recipe."""

    yaml: str
    recipe: dict[str, Any]


def router(services: Services, predictions: Predictions, evaluations: Evaluations) -> APIRouter:
    """Routes under `/runs`."""
    made = APIRouter(prefix="/runs", tags=["runs"])
    _collection(made, services)
    _one_run(made, services, predictions, evaluations)
    _following(made, services.store)
    _results(made, services)
    return made


def _collection(made: APIRouter, services: Services) -> None:
    store = services.store

    @made.get("")
    def list_runs(
        state: Annotated[list[State] | None, Query()] = None,
        search: Annotated[str, Query(max_length=LONGEST_SEARCH)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    ) -> list[RunView]:
        """Runs, newest first, each with a sparkline of its training loss."""
        runs = store.list(states=state, search=search, limit=limit)
        queue = store.queue() if any(run.state == "queued" for run in runs) else None
        return [run_view(run, queue=queue, sparkline=_spark(store, run)) for run in runs]

    @made.post("", status_code=201)
    def start_run(new: NewRun) -> RunView:
        """Check a recipe, freeze it and queue it."""
        from autotrain.submission import submit

        recipe = loads(new.recipe) if isinstance(new.recipe, str) else parse(new.recipe)
        if recipe.data is not None and not _is_known_source(recipe.data.source):
            raise HTTPException(422, "data.source must be a dataset's id or sample:<name>. Upload the file first.")
        run = submit(recipe, services.settings, store, name=new.name)
        services.nudge("run", run.id)
        return _view(store, run)


def _one_run(made: APIRouter, services: Services, predictions: Predictions, evaluations: Evaluations) -> None:
    store = services.store

    @made.get("/{run_id}")
    def show_run(run_id: str) -> RunView:
        """One run, with its publications."""
        view = _view(store, store.get(run_id))
        return view.model_copy(update={"publications": [publication_view(one) for one in store.publications(run_id)]})

    @made.patch("/{run_id}")
    def change_run(run_id: str, changed: Changed) -> RunView:
        """Give a run another name, or while it waits another priority."""
        run = store.get(run_id)
        if changed.name is not None and changed.name.strip():
            run = store.rename(run_id, changed.name.strip())
        if changed.priority is not None:
            run = store.prioritise(run_id, changed.priority)
            services.nudge("run", run_id)
        return _view(store, run)

    @made.delete("/{run_id}", status_code=204)
    def delete_run(run_id: str) -> None:
        """Forget a run and delete its folder. Refused while it works."""
        store.delete(run_id)
        predictions.forget(run_id)
        evaluations.forget(run_id)
        shutil.rmtree(services.settings.runs / run_id, ignore_errors=True)

    @made.post("/{run_id}/wish")
    def wish(run_id: str, asked: WishAsked) -> RunView:
        """Ask a run to pause, to finish now and keep what it learned, to cancel, to save now, or to go on."""
        run = store.wish(run_id, asked.wish)
        if run.state == "queued":
            services.nudge("run", run_id)
        return _view(store, run)


def _following(made: APIRouter, store: RunStore) -> None:
    shared = Shared(Crowd())

    @made.get("/{run_id}/live", response_model=Live)
    async def follow(run_id: str, after: Annotated[str, Query(pattern=r"^\d{1,15}-\d{1,15}$")] = "0-0") -> Response:
        """What is new since the cursor of the last answer. Ask again after `ask_again_seconds` while `run.active`."""

        def look() -> bytes:
            return _live(store, run_id, after, shared.crowd.next_pause()).model_dump_json().encode()

        return Response(await shared.answer((run_id, after), look), media_type="application/json")

    @made.get("/{run_id}/events")
    def list_events(
        run_id: str, after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=5000)] = MOST_EVENTS
    ) -> list[EventView]:
        """Events after the cursor `after`, in order."""
        store.get(run_id)
        return event_views(store.events(run_id, after, limit))


def _results(made: APIRouter, services: Services) -> None:
    @made.get("/{run_id}/report")
    def report(run_id: str) -> ReportView:
        """The evaluation of a finished run."""
        found = read_report(services, run_id)
        return ReportView(**found.model_dump(), verdict_sentence=found.verdict())

    @made.get("/{run_id}/recipe")
    def recipe(run_id: str) -> RecipeView:
        """The frozen recipe, as YAML and as values."""
        text = services.store.get(run_id).recipe
        return RecipeView(yaml=text, recipe=loads(text, run_id).model_dump(mode="json"))


def read_report(services: Services, run_id: str) -> Report:
    """The report of a run. Answers 404 while there is none."""
    services.store.get(run_id)
    path = RunFolder(services.settings.runs / run_id).report
    if not path.is_file():
        raise HTTPException(404, "This run has no result yet. It appears when the evaluation is done.")
    return Report.model_validate_json(path.read_text("utf-8"))


def _is_known_source(source: str) -> bool:
    # A path would let whoever reaches this port read any file of this machine.
    return source.startswith("sample:") or source.isalnum()


def _view(store: RunStore, run: Run) -> RunView:
    return run_view(run, queue=store.queue() if run.state == "queued" else None)


def _spark(store: RunStore, run: Run) -> list[float]:
    if run.state in SETTLED:
        return list(_settled_spark(store, run.id, run.fence, run.state))
    return sparkline(by_name(store.metrics(run.id)).get("loss", []))


@lru_cache(maxsize=2048)
def _settled_spark(store: RunStore, run_id: str, fence: int, state: State) -> tuple[float, ...]:
    """The sparkline of a run that does not move; `fence` and `state` are there to tell its lives apart."""
    return tuple(sparkline(by_name(store.metrics(run_id)).get("loss", [])))


def _live(store: RunStore, run_id: str, after: str, pause: float) -> Live:
    points_after, events_after = (int(part) for part in after.split("-"))
    run = store.get(run_id)
    rows = store.metrics(run_id, points_after)
    events = store.events(run_id, events_after, MOST_EVENTS)
    curves: dict[str, list[Point]] = {name: thin(points) for name, points in by_name(rows).items()}
    return Live(
        cursor=f"{rows[-1].seq if rows else points_after}-{events[-1].seq if events else events_after}",
        run=_view(store, run),
        points=curves,
        events=event_views(events),
        more=len(events) == MOST_EVENTS,
        ask_again_seconds=round(pause, 2),
    )
