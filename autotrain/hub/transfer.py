"""Counting bytes as they go out: what a publication's progress bar shows is what was really sent."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd

Progress = Callable[[int, int], None]

STEPS = 100
"""Reports for one publication: a figure that is written down for each 64 kB would cost more than the upload."""

BREATH = 5.0
"""Seconds between reports while waiting, so that whoever watches knows that the wait is meant."""


class Transfer:
    """How much of a publication has been sent. Never goes back: a second try does not send again what arrived."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._total, self._progress = total, progress
        self._sent: dict[str, int] = {}
        self._shown = -1
        self._lock = threading.Lock()

    def at(self, name: str, position: int) -> None:
        """This much of a file has been sent. Files go out in parallel."""
        with self._lock:
            self._sent[name] = max(position, self._sent.get(name, 0))
            done = min(sum(self._sent.values()), self._total)
            if done - max(self._shown, 0) >= self._total / STEPS:
                self._show(done)

    def finish(self) -> None:
        """Everything is there."""
        with self._lock:
            self._show(self._total)

    def idle(self, seconds: float, sleep: Callable[[float], None]) -> None:
        """Wait, and keep saying how far it is."""
        while seconds > 0:
            with self._lock:
                self._show(max(self._shown, 0))
            sleep(min(seconds, BREATH))
            seconds -= BREATH

    def _show(self, done: int) -> None:
        self._shown = done
        if self._progress is not None:
            self._progress(done, self._total)


class _CountedFile(io.FileIO):
    """A file that says how far it has been read. Told by position, so that a second try may rewind."""

    def __init__(self, path: Path, name: str, transfer: Transfer) -> None:
        super().__init__(path, "rb")
        self._label, self._transfer = name, transfer

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(-1 if size is None else size) or b""
        self._transfer.at(self._label, self.tell())
        return content


def additions(files: Mapping[str, bytes | Path], transfer: Transfer) -> list[CommitOperationAdd]:
    """The files as operations of a commit, counted as they are sent.

    The path stays a path, so that the client may choose the Xet protocol, which reads the file itself and is counted
    file by file; over plain HTTP each piece is counted.
    """
    from huggingface_hub import CommitOperationAdd

    class CountedAddition(CommitOperationAdd):
        @contextmanager
        def as_file(self, with_tqdm: bool = False) -> Iterator[BinaryIO]:
            if with_tqdm and isinstance(self.path_or_fileobj, str):  # only a transfer asks for a progress bar
                with _CountedFile(Path(self.path_or_fileobj), self.path_in_repo, transfer) as file:
                    yield file
            else:
                with super().as_file() as plain:
                    yield plain

    return [CountedAddition(name, content) for name, content in files.items()]
