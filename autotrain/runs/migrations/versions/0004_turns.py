"""How urgent a run is, on how many devices and with how much memory; devices that several runs may share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("run", sa.Column("priority", sa.String(8), nullable=False, server_default="normal"))
    op.add_column("run", sa.Column("devices_wanted", sa.Integer, nullable=False, server_default="1"))
    op.add_column("run", sa.Column("interrupted", sa.Boolean, nullable=False, server_default=sa.false()))
    for name, kind in (
        ("memory_needed", sa.BigInteger),
        ("in_line_at", sa.Float),
        ("claimed_at", sa.Float),
        ("unfit_at", sa.Float),
    ):
        op.add_column("run", sa.Column(name, kind))
    op.execute("update run set in_line_at = coalesce(queued_at, created_at), claimed_at = started_at")
    op.create_table(
        "machine",
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("slots", sa.Integer, nullable=False),
    )
    op.create_table(
        "device",
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("memory", sa.BigInteger),
        sa.Column("free", sa.BigInteger),
        sa.Column("retired", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    allocation = op.create_table(
        "allocation",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("device", sa.String(255), primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("memory", sa.BigInteger),
    )
    # Nothing was promised of memory so far: whoever is under way has its devices to itself. The next start of a worker
    # says what its machine offers.
    held = op.get_bind().execute(sa.text("select host, device, run_id, fence from slot where run_id is not null")).all()
    kept = [
        {"run_id": row.run_id, "host": row.host, "device": _now_called(name), "fence": row.fence}
        for row in held
        for name in row.device.split("+")
    ]
    if kept:
        op.bulk_insert(allocation, kept)
    op.drop_table("slot")


def _now_called(device: str) -> str:
    """A share of the processor was a slot of its own: `cpu:1`. Now the processor is one device."""
    return "cpu" if device.startswith("cpu:") else device
