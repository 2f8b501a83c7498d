"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    _runs()
    _history()
    _rest()


def _runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("dataset", sa.Text, nullable=False),
        sa.Column("recipe", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("desired_state", sa.String(16), nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("attempts_without_progress", sa.Integer, nullable=False),
        sa.Column("claimed_checkpoint_step", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text),
        sa.Column("device", sa.String(255)),
        sa.Column("lease_expires_at", sa.Float),
        sa.Column("checkpoint", sa.Text),
        sa.Column("checkpoint_step", sa.Integer),
        sa.Column("exit_code", sa.Integer),
        sa.Column("reason", sa.Text),
        sa.Column("reason_code", sa.String(64)),
        sa.Column("phase", sa.String(16)),
        sa.Column("progress", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("started_at", sa.Float),
        sa.Column("finished_at", sa.Float),
    )
    op.create_index("ix_run_state", "run", ["state"])
    op.create_index("ix_run_created_at", "run", ["created_at"])


def _history() -> None:
    op.create_table(
        "event",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("payload", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_table(
        "metric",
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Float, nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("metric_curve", "metric", ["run_id", "name", "fence", "step"])


def _rest() -> None:
    op.create_table(
        "slot",
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("device", sa.String(255), primary_key=True),
        sa.Column("retired", sa.Boolean, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("fence", sa.Integer),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("run_id", sa.String(64), sa.ForeignKey("run.id", ondelete="CASCADE"), nullable=False),
        sa.Column("repository", sa.Text, nullable=False),
        sa.Column("private", sa.Boolean, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("lease_expires_at", sa.Float),
        sa.Column("uploaded_bytes", sa.BigInteger, nullable=False),
        sa.Column("total_bytes", sa.BigInteger, nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("reason_code", sa.String(64)),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("finished_at", sa.Float),
    )
    op.create_index("ix_publication_run_id", "publication", ["run_id"])
    op.create_index("ix_publication_state", "publication", ["state"])
    op.create_table(
        "secret",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("ciphertext", sa.LargeBinary, nullable=False),
    )
