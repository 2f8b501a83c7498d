"""Reads a file of JSON lines while another process still writes it."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from autotrain.events import EVENT, AnyEvent, Log

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1_000_000
"""Read at once; a burst of a million bytes is some thousand events, which one transaction takes easily."""


class Tail:
    """The events of `path` in order, each once. A line that is still being written waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read(self) -> list[AnyEvent]:
        """The events that came since the last call; empty when there is no file yet."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                chunk = file.read(CHUNK_BYTES)
                while b"\n" not in chunk and (more := file.read(CHUNK_BYTES)):
                    chunk += more
        except FileNotFoundError:
            return []
        whole = chunk[: chunk.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [_parsed(line) for line in whole.splitlines() if line.strip()]


def _parsed(line: bytes) -> AnyEvent:
    try:
        return EVENT.validate_json(line)
    except ValidationError:
        logger.warning("not an event: %r", line[:500])
        return Log(level="warning", text="The trainer wrote something that is not an event; it was left out.")
