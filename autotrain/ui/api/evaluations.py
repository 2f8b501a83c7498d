"""Routes of a finished run judged once more: on another file, or by another model; and of that judge's settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from autotrain.judge import JudgePlaces, judgement_of
from autotrain.report import Judgement
from autotrain.ui.api.batches import Columns
from autotrain.ui.api.runs import ReportView
from autotrain.ui.evaluations import Evaluation, Evaluations, EvaluationState
from autotrain.ui.services import Services
from autotrain.ui.uploads import received


class EvaluationView(BaseModel):
    """An evaluation and how far it came: `share` is from 0 to 1."""

    id: str
    name: str
    state: EvaluationState
    share: float
    rows: int
    reason: str | None
    roles: list[str]
    columns: list[str]


class JudgementView(BaseModel):
    """What the judge said of a run's answers, and how far it is if it was asked once more."""

    state: EvaluationState | None
    share: float
    reason: str | None
    judgement: Judgement | None
    sentence: str | None


class JudgeView(BaseModel):
    """The judge that is set up. Its key is never sent."""

    url: str | None
    model: str | None
    has_key: bool
    origin: str | None


class NewJudge(BaseModel):
    """A judge to keep; without a key the saved one stays, as long as it goes to the same host."""

    url: str = Field(max_length=2000)
    model: str = Field(max_length=2000)
    key: str | None = Field(None, max_length=2000)


def router(services: Services, evaluations: Evaluations) -> APIRouter:
    """Routes under `/runs/{run_id}/evaluations`, `/runs/{run_id}/judgement` and `/judge`."""
    made = APIRouter(tags=["evaluations"])
    _files(made, services, evaluations)
    _judgements(made, services, evaluations)
    _settings(made, services)
    return made


def _files(made: APIRouter, services: Services, evaluations: Evaluations) -> None:
    @made.post("/runs/{run_id}/evaluations", status_code=202)
    async def start(
        run_id: str, request: Request, name: Annotated[str, Query(min_length=1, max_length=200)]
    ) -> EvaluationView:
        """Repeat a run's test evaluation on a table: the request's body is the file itself, `name` its name."""
        await run_in_threadpool(services.store.get, run_id)
        async with received(request, services.settings, name) as path:
            return _view(await run_in_threadpool(evaluations.start, run_id, path, name))

    @made.get("/runs/{run_id}/evaluations/{evaluation_id}")
    def look(run_id: str, evaluation_id: str) -> EvaluationView:
        """How far an evaluation came."""
        services.store.get(run_id)
        return _view(evaluations.evaluation(run_id, evaluation_id))

    @made.post("/runs/{run_id}/evaluations/{evaluation_id}")
    def go_on(run_id: str, evaluation_id: str, columns: Columns) -> EvaluationView:
        """Say which column plays which role, where the state is `needs columns`."""
        services.store.get(run_id)
        return _view(evaluations.go_on(run_id, evaluation_id, columns.columns))

    @made.get("/runs/{run_id}/evaluations/{evaluation_id}/report")
    def report(run_id: str, evaluation_id: str) -> ReportView:
        """The report on that file."""
        services.store.get(run_id)
        found = evaluations.evaluation(run_id, evaluation_id).report
        if found is None:
            raise HTTPException(409, "The evaluation is not ready yet.")
        return ReportView(**found.model_dump(), verdict_sentence=found.verdict())


def _judgements(made: APIRouter, services: Services, evaluations: Evaluations) -> None:
    @made.get("/runs/{run_id}/judgement")
    def judgement(run_id: str) -> JudgementView:
        """What the judge said of the answers of a run, and how far it is."""
        services.store.get(run_id)
        now, found = evaluations.judging(run_id), judgement_of(run_id, services.settings)
        return JudgementView(
            state=now.state if now else "done" if found else None,
            share=now.share if now else 0.0,
            reason=now.reason if now else None,
            judgement=found,
            sentence=found.sentence() if found else None,
        )

    @made.post("/runs/{run_id}/judgement", status_code=202)
    def ask(run_id: str) -> JudgementView:
        """Let the judge compare the tuned with the untouched answers. They leave this machine to be judged."""
        evaluations.ask_judge(run_id)
        return judgement(run_id)


def _settings(made: APIRouter, services: Services) -> None:
    places = JudgePlaces(services.store, services.settings)

    @made.get("/judge")
    def show() -> JudgeView:
        """The judge that is set up."""
        found = places.find()
        if found is None:
            return JudgeView(url=None, model=None, has_key=False, origin=None)
        return JudgeView(url=found.url, model=found.model, has_key=found.key is not None, origin=found.origin)

    @made.put("/judge")
    def save(new: NewJudge) -> JudgeView:
        """Keep a judge, encrypted."""
        places.save(new.url, new.model, new.key)
        return show()

    @made.delete("/judge")
    def forget() -> JudgeView:
        """Forget the saved judge."""
        places.forget()
        return show()


def _view(one: Evaluation) -> EvaluationView:
    return EvaluationView(
        id=one.id,
        name=one.dataset.name,
        state=one.state,
        share=one.share,
        rows=one.dataset.profile.rows,
        reason=one.reason,
        roles=list(one.roles),
        columns=one.columns,
    )
