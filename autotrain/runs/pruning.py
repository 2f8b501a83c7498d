"""Letting go of checkpoints in the record: which runs rest, since when, and a hold on one while its files are moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, select, update

from autotrain.runs.engine import now, writing
from autotrain.runs.state import RESTING
from autotrain.runs.store import Held, Resting
from autotrain.runs.tables import run


class Pruning:
    """The part of the record that forgets checkpoints."""

    _engine: Engine

    def resting(self) -> Sequence[Resting]:
        """The runs that rest, longest first."""
        with self._engine.connect() as connection:
            query = _resting(connection).where(run.c.state.in_(RESTING)).order_by(run.c.settled_at, run.c.id)
            return [_as_resting(row) for row in connection.execute(query)]

    @contextmanager
    def hold(self, run_id: str) -> Iterator[Held | None]:
        """The run as it is, which nobody can queue, claim or delete until the block ends; None when there is none.

        One transaction that writes: only what takes no time belongs into the block. What the block raises undoes it.
        """
        with writing(self._engine) as connection:
            row = connection.execute(_resting(connection).where(run.c.id == run_id).with_for_update()).one_or_none()
            if row is None:
                yield None
                return
            held = Held(_as_resting(row), checkpoint=row.checkpoint)
            yield held
            if held.pruned:
                connection.execute(
                    update(run)
                    .where(run.c.id == run_id)
                    .values(checkpoint=None, checkpoint_step=None, pruned_at=now(connection))
                )


def _resting(connection: Connection) -> Select[Any]:
    seconds = (now(connection) - run.c.settled_at).label("seconds")
    return select(run.c.id, run.c.name, run.c.state, run.c.fence, run.c.checkpoint, seconds)


def _as_resting(row: Row[Any]) -> Resting:
    return Resting(row.id, row.name, row.state, row.fence, row.seconds or 0.0)
