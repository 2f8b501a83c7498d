"""The record's tables. Times are seconds since the epoch, UTC, by the database's clock; leases have their own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

run = Table(
    "run",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("task", String(64), nullable=False),
    Column("model", Text, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("desired_state", String(16), nullable=False, default="run"),
    Column("fence", Integer, nullable=False, default=0),
    Column("last_seq", BigInteger, nullable=False, default=0),
    Column("attempts_without_progress", Integer, nullable=False, default=0),
    Column("claimed_checkpoint_step", Integer, nullable=False, default=0),
    Column("worker", Text),
    Column("device", String(255)),
    Column("lease_expires_at", Float),
    Column("checkpoint", Text),
    Column("checkpoint_step", Integer),
    Column("exit_code", Integer),
    Column("reason", Text),
    Column("reason_code", String(64)),
    Column("phase", String(16)),
    Column("progress", Text),
    Column("outcome", Text),
    Column("created_at", Float, nullable=False, index=True),
    Column("queued_at", Float),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("settled_at", Float),
    Column("pruned_at", Float),
)

event = Table(
    "event",
    metadata,
    Column("run_id", String(64), ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("at", Float, nullable=False),
)

metric = Table(
    "metric",
    metadata,
    Column("run_id", String(64), ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("epoch", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("at", Float, nullable=False),
    Index("metric_curve", "run_id", "name", "fence", "step"),
)

slot = Table(
    "slot",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("retired", Boolean, nullable=False, default=False),
    Column("run_id", String(64)),
    Column("fence", Integer),
)

worker = Table(
    "worker",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("seen_at", Float, nullable=False),
)

tally = Table(
    "tally",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

publication = Table(
    "publication",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("run_id", String(64), ForeignKey("run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("repository", Text, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_expires_at", Float),
    Column("uploaded_bytes", BigInteger, nullable=False, default=0),
    Column("total_bytes", BigInteger, nullable=False, default=0),
    Column("url", Text),
    Column("reason", Text),
    Column("reason_code", String(64)),
    Column("created_at", Float, nullable=False),
    Column("finished_at", Float),
)

secret = Table(
    "secret",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
)
