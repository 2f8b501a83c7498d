"""Device slots: how many runs a host may train at once, and which run holds which."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from autotrain.runs.engine import upsert
from autotrain.runs.tables import slot

SEPARATOR = "+"


def slot_name(devices: Sequence[str]) -> str:
    """The name of the slot that has these devices: `cuda:0+cuda:1`."""
    return SEPARATOR.join(devices)


def devices_of(name: str) -> tuple[str, ...]:
    """The devices of the slot with this name."""
    return tuple(name.split(SEPARATOR))


def free_device(connection: Connection, host: str) -> str | None:
    """A free slot of the host, or None. Rows another claim looks at are skipped, not waited for.

    A slot that was dealt out otherwise before may still hold a run: what shares a device with it is not free.
    """
    here = select(slot.c.device).where(slot.c.host == host)
    held = connection.execute(here.where(slot.c.run_id.is_not(None))).scalars()
    taken = {device for name in held for device in devices_of(name)}
    free = here.where(slot.c.run_id.is_(None), slot.c.retired.is_(False))
    for name in connection.execute(free.order_by(slot.c.device)).scalars().all():
        if not taken.isdisjoint(devices_of(name)):
            continue
        mine: str | None = connection.execute(
            free.where(slot.c.device == name).with_for_update(skip_locked=True)
        ).scalar()
        if mine is not None:
            return mine
    return None


def release(connection: Connection, run_id: str) -> None:
    """Free the slots a run holds."""
    connection.execute(update(slot).where(slot.c.run_id == run_id).values(run_id=None, fence=None))


def register(connection: Connection, host: str, devices: Sequence[str]) -> None:
    """Make these the slots of the host. One that is no longer offered takes no new run but keeps its present one."""
    connection.execute(update(slot).where(slot.c.host == host).values(retired=True))
    for device in devices:
        connection.execute(
            upsert(connection, slot)
            .values(host=host, device=device, retired=False)
            .on_conflict_do_update(index_elements=["host", "device"], set_={"retired": False})
        )
