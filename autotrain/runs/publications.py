"""Publishing in the record: a small state machine on a finished run, so that a failed upload never fails a training."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, insert, or_, select, update

from autotrain.errors import ImpossibleTransition, LeaseLost, UnknownRun
from autotrain.runs.engine import lease_ended, lease_now, now, writing
from autotrain.runs.state import WORDS
from autotrain.runs.store import LEASE_SECONDS, Publication
from autotrain.runs.tables import publication, run

ENDED_WITHOUT = frozenset({"draft", "paused", "cancelled", "failed"})
"""States in which nothing happens and there is no result: somebody must let the run go on."""


class Publications:
    """The part of the record that keeps publications."""

    _engine: Engine

    def request_publication(self, run_id: str, repository: str, *, private: bool) -> Publication:
        """Wish a finished run published. One that is still under way to the same repository is returned as it is."""
        with writing(self._engine) as connection:
            # Held, so that of two wishes at once the second sees the first one's publication.
            query = select(run.c.state, run.c.name).where(run.c.id == run_id).with_for_update()
            found = connection.execute(query).one_or_none()
            if found is None:
                raise UnknownRun(
                    f"There is no run {run_id!r}. It may have been deleted; the list of runs shows those that exist."
                )
            if found.state != "succeeded":
                remedy = "Let it go on to its end first." if found.state in ENDED_WITHOUT else "Wait for its result."
                raise ImpossibleTransition(
                    f"Run {found.name!r} is in the state {WORDS[found.state]!r} and cannot be published. {remedy}"
                )
            under_way = connection.execute(
                select(publication.c.id).where(
                    publication.c.run_id == run_id,
                    publication.c.repository == repository,
                    publication.c.state.in_(("pending", "uploading")),
                )
            ).scalar()
            if under_way is not None:
                return _publication(connection, under_way)
            return _publication(connection, add_publication(connection, run_id, repository, private=private))

    def publication(self, publication_id: str) -> Publication:
        """The publication. Raises UnknownRun."""
        with self._engine.connect() as connection:
            return _publication(connection, publication_id)

    def publications(self, run_id: str) -> Sequence[Publication]:
        """A run's publications, newest first."""
        query = select(publication).where(publication.c.run_id == run_id).order_by(publication.c.created_at.desc())
        with self._engine.connect() as connection:
            return [_as_publication(row) for row in connection.execute(query)]

    def claim_publication(self, publication_id: str, *, lease: float = LEASE_SECONDS) -> int | None:
        """Take a pending publication of a finished run, or one whose uploader was lost; its new fence, or None."""
        with writing(self._engine) as connection:
            lost = and_(publication.c.state == "uploading", lease_ended(publication.c.lease_expires_at, connection))
            fence = connection.execute(
                update(publication)
                .where(publication.c.id == publication_id, or_(publication.c.state == "pending", lost), ripe())
                .values(
                    state="uploading",
                    fence=publication.c.fence + 1,
                    lease_expires_at=lease_now(connection) + lease,
                    reason=None,
                )
                .returning(publication.c.fence)
            ).scalar()
            return None if fence is None else int(fence)

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
        with writing(self._engine) as connection:
            _update_owned(
                connection,
                publication_id,
                fence,
                uploaded_bytes=uploaded_bytes,
                total_bytes=total_bytes,
                lease_expires_at=lease_now(connection) + lease,
            )

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
        with writing(self._engine) as connection:
            state = "failed" if url is None else "published"
            _update_owned(
                connection,
                publication_id,
                fence,
                state=state,
                url=url,
                reason=reason,
                reason_code=code,
                finished_at=now(connection),
                lease_expires_at=None,
            )

    def retry_publication(self, publication_id: str) -> Publication:
        """A failed publication becomes pending again, under the same operation id."""
        with writing(self._engine) as connection:
            changed = connection.execute(
                update(publication)
                .where(publication.c.id == publication_id, publication.c.state == "failed")
                .values(state="pending", reason=None, reason_code=None, finished_at=None)
            ).rowcount
            found = _publication(connection, publication_id)
            if not changed and found.state == "published":
                raise ImpossibleTransition(f"This is already published at {found.url}.")
            return found


def add_publication(connection: Connection, run_id: str, repository: str, *, private: bool) -> str:
    """A new publication, to be made as soon as its run has succeeded; its id."""
    publication_id = uuid.uuid4().hex
    connection.execute(
        insert(publication).values(
            id=publication_id,
            run_id=run_id,
            repository=repository,
            private=private,
            state="pending",
            fence=0,
            uploaded_bytes=0,
            total_bytes=0,
            created_at=now(connection),
        )
    )
    return publication_id


def ripe() -> ColumnElement[bool]:
    """Of a publication: its run has succeeded."""
    return publication.c.run_id.in_(select(run.c.id).where(run.c.state == "succeeded"))


def _update_owned(connection: Connection, publication_id: str, fence: int, **values: Any) -> None:
    changed = connection.execute(
        update(publication)
        .where(publication.c.id == publication_id, publication.c.fence == fence, publication.c.state == "uploading")
        .values(**values)
    ).rowcount
    if not changed:
        raise LeaseLost(f"Upload {fence} no longer owns publication {publication_id}; it must stop.")


def _publication(connection: Connection, publication_id: str) -> Publication:
    row = connection.execute(select(publication).where(publication.c.id == publication_id)).one_or_none()
    if row is None:
        raise UnknownRun(f"There is no publication {publication_id!r}. The run's page shows those that exist.")
    return _as_publication(row)


def _as_publication(row: Row[Any]) -> Publication:
    return Publication(
        **{name: value for name, value in row._mapping.items() if name in Publication.__dataclass_fields__}
    )
