"""Device slots: how many runs a host may train at once, and which run holds which."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from autotrain.runs.tables import slot


def free_device(connection: Connection, host: str) -> str | None:
    """A free device of the host, or None. Rows another claim looks at are skipped, not waited for."""
    free = select(slot.c.device).where(slot.c.host == host, slot.c.run_id.is_(None), slot.c.retired.is_(False))
    device: str | None = connection.execute(
        free.order_by(slot.c.device).limit(1).with_for_update(skip_locked=True)
    ).scalar()
    return device


def release(connection: Connection, run_id: str) -> None:
    """Free the slots a run holds."""
    connection.execute(update(slot).where(slot.c.run_id == run_id).values(run_id=None, fence=None))


def register(connection: Connection, host: str, devices: Sequence[str]) -> None:
    """Make these the slots of the host. One that is no longer offered takes no new run but keeps its present one."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    connection.execute(update(slot).where(slot.c.host == host).values(retired=True))
    for device in devices:
        connection.execute(
            dialect.insert(slot)
            .values(host=host, device=device, retired=False)
            .on_conflict_do_update(index_elements=["host", "device"], set_={"retired": False})
        )
