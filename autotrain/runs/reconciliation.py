"""Taking up what was lost: leases that ended, runs that wait, uploads without an uploader."""

from __future__ import annotations

import math
from typing import Any

from sqlalchemy import Connection, Engine, Row, and_, delete, func, or_, select, update

from autotrain.runs.claims import read_queue, release
from autotrain.runs.engine import lease_ended, lease_now, now, writing
from autotrain.runs.publications import ripe
from autotrain.runs.state import FINISHED, OWNED, RESTING, State
from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS, Reconciled
from autotrain.runs.tables import allocation, device, machine, publication, run
from autotrain.runs.vitals import LEASES_LOST, count


class Reconciliation:
    """The part of the record that heals."""

    _engine: Engine

    def reconcile(self) -> Reconciled:
        """End expired leases (back to QUEUED, or FAILED past the retry budget) and say what to nudge."""
        with writing(self._engine) as connection:
            # A run that somebody writes at this moment is looked at the next time: healing must not wait for a process
            # that was stopped in the middle of it.
            lost = connection.execute(
                select(run)
                .where(run.c.state.in_(OWNED), lease_ended(run.c.lease_expires_at, connection))
                .with_for_update(skip_locked=True)
            ).all()
            after = {row.id: _end_lease(connection, row) for row in lost}
            for _ in after:
                count(connection, LEASES_LOST)
            queue = read_queue(connection)
            uploads = connection.execute(
                select(publication.c.id).where(
                    ripe(),
                    or_(
                        publication.c.state == "pending",
                        and_(
                            publication.c.state == "uploading", lease_ended(publication.c.lease_expires_at, connection)
                        ),
                    ),
                )
            ).scalars()
            soonest = connection.execute(
                select(func.min(run.c.lease_expires_at) - lease_now(connection)).where(run.c.state.in_(OWNED))
            ).scalar()
            return Reconciled(
                queued=tuple(waiting.run_id for waiting in queue.waiting),
                publications=tuple(uploads),
                expired=tuple(after),
                failed=tuple(run_id for run_id, state in after.items() if state == "failed"),
                next_end=math.inf if soonest is None else float(soonest),
            )


def disown(engine: Engine) -> int:
    """Take every run and upload from its owner, because none is there: the record was restored from a backup.

    They wait to be taken up again, and no attempt counts as lost. Returns how many runs that were. Of
    those that rest the time begins anew: who restores an old backup must not lose its checkpoints within the hour.
    """
    with writing(engine) as connection:
        owned = connection.execute(select(run).where(run.c.state.in_(OWNED)).with_for_update()).all()
        for row in owned:
            _end_lease(connection, row, restored=True)
        connection.execute(update(run).where(run.c.state.in_(RESTING)).values(settled_at=now(connection)))
        for table in (allocation, device, machine):
            connection.execute(delete(table))
        connection.execute(update(publication).where(publication.c.state == "uploading").values(lease_expires_at=0.0))
        return len(owned)


def counts_as_attempt(row: Row[Any]) -> int:
    """Attempts in a row without a new checkpoint, this one included."""
    if (row.checkpoint_step or 0) > row.claimed_checkpoint_step:
        return 0
    return int(row.attempts_without_progress) + 1


def _end_lease(connection: Connection, row: Row[Any], *, restored: bool = False) -> State:
    attempts = int(row.attempts_without_progress) if restored else counts_as_attempt(row)
    after: State = "queued"
    reason, code = "The worker was lost; the run goes on from its last checkpoint.", "worker-lost"
    if restored:
        reason, code = "Restored from a backup; the run goes on from its last checkpoint.", "restored"
    if row.state == "cancelling" or row.desired_state == "cancel":
        after, reason, code = "cancelled", "Cancelled.", "cancelled"
    elif row.state == "pausing" or row.desired_state == "pause":
        after, reason, code = "paused", "Paused.", "paused"
    elif attempts >= ATTEMPTS_WITHOUT_PROGRESS and not restored:
        after, code = "failed", "worker-lost"
        reason = (
            f"The worker was lost {attempts} times in a row before the first new checkpoint. This is often a lack of "
            "memory: choose a smaller batch or model, then press Retry."
        )
    connection.execute(
        update(run)
        .where(run.c.id == row.id)
        .values(
            state=after,
            desired_state="run",
            reason=reason,
            reason_code=code,
            worker=None,
            device=None,
            lease_expires_at=None,
            queued_at=now(connection) if after == "queued" else row.queued_at,
            interrupted=after == "queued",
            attempts_without_progress=attempts if after in {"queued", "failed"} else row.attempts_without_progress,
            finished_at=now(connection) if after in FINISHED else None,
            settled_at=now(connection) if after in RESTING else None,
        )
    )
    release(connection, row.id)
    return after
