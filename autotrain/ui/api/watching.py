"""For whoever watches over the services: `/healthz`, `/readyz` and `/metrics`, at the root and without a login.

They say nothing of a person's: no name, no path, no text, no secret.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from tempfile import TemporaryFile

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from autotrain.ui.metrics import CONTENT_TYPE, exposition
from autotrain.ui.services import Services

logger = logging.getLogger(__name__)

WORKER_SECONDS = 60.0
"""A worker says every 15 s that it is there; after four times without a word it is taken for gone."""


class Check(BaseModel):
    """One thing that must be well, and what to do when it is not."""

    name: str
    ok: bool
    detail: str


class Readiness(BaseModel):
    """Whether everything is there that a run needs."""

    ready: bool
    checks: list[Check]


def router(services: Services) -> APIRouter:
    """The three addresses."""
    made = APIRouter()

    @made.get("/healthz")
    def healthz() -> PlainTextResponse:
        """The process is alive and answers."""
        return PlainTextResponse("ok\n")

    @made.get("/readyz")
    def readyz() -> JSONResponse:
        """200 when a run would be taken up now, else 503 with the reason."""
        found = list(checks(services))
        answer = Readiness(ready=all(check.ok for check in found), checks=found)
        return JSONResponse(answer.model_dump(), 200 if answer.ready else 503, {"cache-control": "no-store"})

    @made.get("/metrics")
    def metrics() -> PlainTextResponse:
        """Prometheus' text format."""
        try:
            return PlainTextResponse(exposition(services.store, services.settings), media_type=CONTENT_TYPE)
        except Exception as error:
            logger.warning("no metrics: the record does not answer: %s", error)
            return PlainTextResponse("the record does not answer\n", 503)

    return made


def checks(services: Services) -> Iterator[Check]:
    """Record, data home, worker; what the record cannot be asked any more is not asked."""
    record = _record(services)
    yield record
    yield _home(services)
    if record.ok:
        yield _worker(services.store.worker_seconds())


def _record(services: Services) -> Check:
    try:
        if services.store.schema_fits():
            return Check(name="record", ok=True, detail="It answers and has the schema of this version.")
        return Check(
            name="record",
            ok=False,
            detail="It has the schema of another version. Stop everything, then start one version only.",
        )
    except Exception as error:
        logger.warning("not ready: the record does not answer: %s", error)
        return Check(name="record", ok=False, detail="It does not answer. Check that the database runs.")


def _home(services: Services) -> Check:
    try:
        with TemporaryFile(dir=services.settings.root) as file:
            file.write(b"x")
    except OSError as error:
        logger.warning("not ready: the data home cannot be written: %s", error)
        return Check(
            name="data home", ok=False, detail="It cannot be written. Free some space, or check who may write to it."
        )
    return Check(name="data home", ok=True, detail="It can be written.")


def _worker(seconds: float | None) -> Check:
    if seconds is None:
        return Check(name="worker", ok=False, detail="None was ever there. Start one: autotrain up.")
    if seconds > WORKER_SECONDS:
        return Check(
            name="worker", ok=False, detail=f"None was seen for {seconds:,.0f} s. Runs wait until one is back."
        )
    return Check(name="worker", ok=True, detail=f"One was seen {seconds:.0f} s ago.")
