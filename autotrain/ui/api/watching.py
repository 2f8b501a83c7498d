"""For whoever watches over the services: `/healthz`, `/readyz` and `/metrics`, at the root and without a login.

They say nothing of a person's: no name, no path, no text, no secret.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from tempfile import TemporaryFile

from fastapi import APIRouter
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from autotrain.runs.store import WORKER_SECONDS, RunStore
from autotrain.settings import Settings
from autotrain.ui.metrics import CONTENT_TYPE, exposition
from autotrain.ui.services import Services

logger = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
"""How long a record may take to answer; it needs milliseconds."""

FITS = "It answers and has the schema of this version."
ANOTHER = "It has the schema of another version. Stop everything, then start one version only."


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
    made, record = APIRouter(), Asking(services.store)

    @made.get("/healthz")
    async def healthz() -> PlainTextResponse:  # async: no thread is needed, which a silent record may hold
        """The process is alive and answers."""
        return PlainTextResponse("ok\n")

    @made.get("/readyz")
    def readyz() -> JSONResponse:
        """200 when a run would be taken up now, else 503 with the reason."""
        found = list(checks(services.settings, record))
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


class Asking:
    """Asks the record, and waits for its answer no longer than a watcher would: a server may be silent for minutes.

    One question is under way at most, so that watchers do not use up the web process's threads.
    """

    def __init__(self, store: RunStore, patience: float = ANSWER_SECONDS) -> None:
        self._store, self._patience = store, patience
        self._lock, self._open = threading.Lock(), Future[tuple[bool, float | None]]()
        self._open.set_result((False, None))

    def __call__(self) -> tuple[bool, float | None]:
        """Whether the schema fits, and seconds since a worker was seen. Raises TimeoutError, or what the store does."""
        with self._lock:
            if self._open.done():
                self._open = Future()
                threading.Thread(target=self._ask, args=(self._open,), daemon=True, name="readiness").start()
            asked = self._open
        return asked.result(self._patience)

    def _ask(self, answer: Future[tuple[bool, float | None]]) -> None:
        try:
            fits = self._store.schema_fits()
            answer.set_result((fits, self._store.worker_seconds() if fits else None))
        except Exception as error:
            answer.set_exception(error)


def checks(settings: Settings, record: Asking) -> Iterator[Check]:
    """Record, data home, worker; what the record cannot be asked any more is not asked."""
    try:
        fits, seconds = record()
    except Exception as error:
        logger.warning("not ready: the record does not answer: %s", error or type(error).__name__)
        yield Check(name="record", ok=False, detail="It does not answer. Check that the database runs.")
        yield _home(settings)
        return
    yield Check(name="record", ok=True, detail=FITS) if fits else Check(name="record", ok=False, detail=ANOTHER)
    yield _home(settings)
    if fits:
        yield _worker(seconds)


def _home(settings: Settings) -> Check:
    try:
        with TemporaryFile(dir=settings.root) as file:
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
