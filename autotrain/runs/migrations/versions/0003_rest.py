"""Since when a run rests, and whether its checkpoints were let go: what keeping them goes by."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("run", sa.Column("settled_at", sa.Float))
    op.add_column("run", sa.Column("pruned_at", sa.Float))
    # Of a run that rests already nobody knows since when: its time begins now, too late rather than too early.
    sqlite = op.get_bind().dialect.name == "sqlite"
    now = "(julianday('now') - 2440587.5) * 86400.0" if sqlite else "extract(epoch from clock_timestamp())"
    op.execute(f"update run set settled_at = {now} where state in ('paused', 'failed', 'cancelled', 'succeeded')")
