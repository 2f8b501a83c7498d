"""Takes one publication from wish to link, or to a reason why not; the adapter stays where it is either way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from autotrain.errors import AutotrainError, LeaseLost
from autotrain.hub.account import Account
from autotrain.hub.publish import Publisher
from autotrain.models.catalogue import Catalogue
from autotrain.redaction import redact
from autotrain.runs.clock import clock
from autotrain.runs.folder import RunFolder
from autotrain.runs.state import PublicationState
from autotrain.runs.store import RunStore
from autotrain.settings import Settings
from jobs.lease import Pace

logger = logging.getLogger(__name__)

REPORT_SECONDS = 0.5
"""How often progress is written down; the page asks every second or two."""

MakePublisher = Callable[[str | None], Publisher]


def publish(
    publication_id: str, store: RunStore, settings: Settings, make: MakePublisher = Publisher
) -> PublicationState | None:
    """Claim and publish. None when someone else has it or took it over: nothing more is written then."""
    pace = Pace.of(settings)
    fence = store.claim_publication(publication_id, lease=pace.lease)
    if fence is None:
        return None
    try:
        with _Reporting(store, publication_id, fence, pace) as reporting:
            url = _upload(publication_id, store, settings, make, reporting)
        store.end_publication(publication_id, fence, url=url)
        return "published"
    except LeaseLost as error:
        logger.warning("publication %s: %s", publication_id, error.message)
        return None
    except AutotrainError as error:
        return _fail(store, publication_id, fence, redact(error.message), error.code)
    except Exception as error:
        logger.exception("publication %s failed", publication_id)
        reason = f"Publishing stopped unexpectedly ({type(error).__name__}). The adapter is safe; press Retry."
        return _fail(store, publication_id, fence, reason, "unexpected")


def _upload(
    publication_id: str, store: RunStore, settings: Settings, make: MakePublisher, reporting: _Reporting
) -> str:
    publication = store.publication(publication_id)
    run = store.get(publication.run_id)
    return make(Account(store, settings).token()).publish_run(
        RunFolder(settings.runs / run.id),
        publication.id,
        publication.repository,
        Catalogue(settings).resolve(run.model),
        private=publication.private,
        dataset=run.dataset,
        progress=reporting.at,
    )


def _fail(store: RunStore, publication_id: str, fence: int, reason: str, code: str) -> PublicationState | None:
    try:
        store.end_publication(publication_id, fence, reason=reason, code=code)
    except LeaseLost:
        return None
    return "failed"


class _Reporting:
    """Writes progress down and keeps the lease while the upload says nothing; a lost lease ends the upload."""

    def __init__(self, store: RunStore, publication_id: str, fence: int, pace: Pace) -> None:
        self._store, self._id, self._fence, self._pace = store, publication_id, fence, pace
        self._done = self._total = 0
        self._reported = 0.0
        self._over, self._lost = threading.Event(), threading.Event()

    def __enter__(self) -> _Reporting:
        threading.Thread(target=self._renew, daemon=True, name=f"publication-{self._id}").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        with suppress(Exception):  # the last figure is only nice to have
            self._report()

    def at(self, done: int, total: int) -> None:
        """So many of so many bytes are there. Raises LeaseLost."""
        if self._lost.is_set():
            raise LeaseLost(f"Publication {self._id} is in other hands.")
        self._done, self._total = done, total
        if clock() - self._reported >= REPORT_SECONDS:
            self._reported = clock()
            self._report()

    def _renew(self) -> None:
        while not self._over.wait(self._pace.renew):
            try:
                self._report()
            except LeaseLost:
                self._lost.set()
                return
            except Exception as error:
                logger.warning("publication %s: the record does not answer: %s", self._id, error)

    def _report(self) -> None:
        self._store.report_publication(
            self._id, self._fence, uploaded_bytes=self._done, total_bytes=self._total, lease=self._pace.lease
        )
