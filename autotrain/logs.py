"""How every process of ours logs: lines for people or JSON, with the run and the attempt they are about, no tokens."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Literal, TextIO

from autotrain.redaction import redact

Style = Literal["text", "json"]

SAID_AGAIN_SECONDS = 10.0
"""How often the same warning about the same attempt is said, such as that the record does not answer."""

FORGOTTEN_SECONDS = 600.0
"""After which it is as if a warning had never been said."""

_about: ContextVar[tuple[str, int] | None] = ContextVar("about", default=None)


@contextmanager
def about(run_id: str, attempt: int) -> Iterator[None]:
    """Lines that are logged within carry this run and attempt. A thread begins without: hand it a copied context."""
    before = _about.set((run_id, attempt))
    try:
        yield
    finally:
        _about.reset(before)


def log_to(stream: TextIO, style: Style, level: str = "INFO") -> None:
    """Make this process log to a stream, and nowhere else."""
    handler = logging.StreamHandler(stream)
    handler.addFilter(_mark)
    handler.addFilter(_Seldom())
    handler.setFormatter(_Json() if style == "json" else _Text())
    logging.basicConfig(level=level, handlers=[handler], force=True)


def _mark(record: logging.LogRecord) -> bool:
    record.about = _about.get()
    return True


class _Seldom(logging.Filter):
    """Lets a warning pass again only after a while; it then says how many there were in between."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[object, ...], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        # What comes first in a line is what it is about, such as a run; what follows may change each time.
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        key = record.name, record.msg, getattr(record, "about", None), str(first)
        at, kept_back = self._last.get(key, (-SAID_AGAIN_SECONDS, 0))
        if 0 <= record.created - at < SAID_AGAIN_SECONDS:
            self._last[key] = at, kept_back + 1
            return False
        self._last = {
            known: value
            for known, value in self._last.items()
            if value[1] or record.created - value[0] < SAID_AGAIN_SECONDS
        }
        self._last[key] = record.created, 0
        if kept_back:
            record.msg, record.args = f"{record.getMessage()} ({kept_back} more like it)", ()
        return True


class _Text(logging.Formatter):
    """`INFO jobs.supervisor [run 0123 attempt 2]: …`."""

    def format(self, record: logging.LogRecord) -> str:
        place = getattr(record, "about", None)
        record.place = f" [run {place[0]} attempt {place[1]}]" if place else ""
        return redact(super().format(record))

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s%(place)s: %(message)s")


class _Json(logging.Formatter):
    """One object a line: at, level, logger, message, and run, attempt and exception where there are any."""

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, str | int] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if (place := getattr(record, "about", None)) is not None:
            said |= {"run": place[0], "attempt": place[1]}
        # Each text before it is quoted: a token must not hide behind an escape.
        said["message"] = redact(record.getMessage())
        if record.exc_info:
            said["exception"] = redact(self.formatException(record.exc_info))
        return json.dumps(said, ensure_ascii=False)
