"""The record's tables. Times are seconds since the epoch, UTC, by the database's clock; leases have their own."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData()


def storable(text: str) -> str:
    """Text that every database takes: PostgreSQL refuses the character NUL, which the log of a crash may hold."""
    return text.replace("\0", "\ufffd")


class Words(TypeDecorator[str]):
    """What people and programs said, made storable."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """What is written, or looked for."""
        return storable(value) if value else value


run = Table(
    "run",
    metadata,
    Column("id", Words(64), primary_key=True),
    Column("name", Words, nullable=False),
    Column("owner", Words, nullable=False),
    Column("task", String(64), nullable=False),
    Column("model", Words, nullable=False),
    Column("dataset", Words, nullable=False),
    Column("recipe", Words, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("desired_state", String(16), nullable=False, default="run"),
    Column("fence", Integer, nullable=False, default=0),
    Column("last_seq", BigInteger, nullable=False, default=0),
    Column("attempts_without_progress", Integer, nullable=False, default=0),
    Column("claimed_checkpoint_step", Integer, nullable=False, default=0),
    Column("worker", Words),
    Column("device", String(255)),
    Column("lease_expires_at", Float),
    Column("checkpoint", Words),
    Column("checkpoint_step", Integer),
    Column("exit_code", Integer),
    Column("reason", Words),
    Column("reason_code", String(64)),
    Column("phase", String(16)),
    Column("progress", Words),
    Column("outcome", Words),
    Column("created_at", Float, nullable=False, index=True),
    Column("queued_at", Float),
    Column("started_at", Float),
    Column("finished_at", Float),
    Column("settled_at", Float),
    Column("pruned_at", Float),
    Column("priority", String(8), nullable=False, default="normal"),
    Column("devices_wanted", Integer, nullable=False, default=1),
    Column("memory_needed", BigInteger),
    Column("in_line_at", Float),
    Column("interrupted", Boolean, nullable=False, default=False),
    Column("claimed_at", Float),
    Column("unfit_at", Float),
)

event = Table(
    "event",
    metadata,
    Column("run_id", Words(64), ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("payload", Words, nullable=False),
    Column("at", Float, nullable=False),
)

metric = Table(
    "metric",
    metadata,
    Column("run_id", Words(64), ForeignKey("run.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("epoch", Float, nullable=False),
    Column("value", Float, nullable=False),
    Column("at", Float, nullable=False),
    Index("metric_curve", "run_id", "name", "fence", "step"),
)

machine = Table(
    "machine",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("slots", Integer, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("host", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("memory", BigInteger),
    Column("free", BigInteger),
    Column("retired", Boolean, nullable=False, default=False),
)

allocation = Table(
    "allocation",
    metadata,
    Column("run_id", Words(64), primary_key=True),
    Column("host", String(255), primary_key=True),
    Column("device", String(255), primary_key=True),
    Column("fence", Integer, nullable=False),
    Column("memory", BigInteger),
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
    Column("id", Words(64), primary_key=True),
    Column("run_id", Words(64), ForeignKey("run.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("repository", Words, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_expires_at", Float),
    Column("uploaded_bytes", BigInteger, nullable=False, default=0),
    Column("total_bytes", BigInteger, nullable=False, default=0),
    Column("url", Words),
    Column("reason", Words),
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
