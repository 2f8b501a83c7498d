"""The folder of a run: where everything lies, and what the trainer process is told.

<run>/recipe.yaml            frozen at submit
<run>/data/                  train.arrow, validation.arrow, test.arrow, profile.json, mapping.json
<run>/attempt-<fence>/       attempt.json, lease, events.jsonl, trainer.log, checkpoints/step-<n>/; of several processes
                             also first.pid and status
<run>/adapter/               the finished adapter
<run>/report.json            the evaluation, written last
<run>/halved                 there when the memory did not suffice for the recipe's batch
<run>/judgement.json         what a judge made of the answers in it, where one was asked
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def report(self) -> Path:
        return self.path / "report.json"

    @property
    def halved(self) -> Path:
        """There when the memory did not suffice for the recipe's batch: the next attempts have half of it at once."""
        return self.path / "halved"

    @property
    def judgement(self) -> Path:
        return self.path / "judgement.json"

    def attempt(self, fence: int) -> AttemptFolder:
        """The folder of the attempt with this fence."""
        return AttemptFolder(self.path / f"attempt-{fence}")

    def attempts(self) -> list[AttemptFolder]:
        """Attempt folders on disk, oldest first."""
        folders = [path for path in self.path.glob("attempt-*") if path.name.removeprefix("attempt-").isdigit()]
        return [
            AttemptFolder(path) for path in sorted(folders, key=lambda path: int(path.name.removeprefix("attempt-")))
        ]


@dataclass(frozen=True)
class AttemptFolder:
    """Paths of one attempt at a run."""

    path: Path

    @property
    def fence(self) -> int:
        return int(self.path.name.removeprefix("attempt-"))

    @property
    def order(self) -> Path:
        return self.path / "attempt.json"

    @property
    def lease(self) -> Path:
        """Until when the trainer may live, as its supervisor knows; on `autotrain.runs.clock`, of this machine."""
        return self.path / "lease"

    def live_until(self, moment: float) -> None:
        """Let the trainer live until then. Always as many bytes in the same place, so that a full disk takes them."""
        place = os.open(self.lease, os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            os.pwrite(place, f"{moment:020.3f}".encode(), 0)
        finally:
            os.close(place)

    def lives_until(self) -> float:
        """Until when the trainer may live; forever when nobody has said."""
        try:
            return float(self.lease.read_text("utf-8"))
        except (OSError, ValueError):
            return math.inf

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def log(self) -> Path:
        return self.path / "trainer.log"

    @property
    def first(self) -> Path:
        """Of an attempt with several processes: the id of the one that hears signals."""
        return self.path / "first.pid"

    @property
    def status(self) -> Path:
        """Of an attempt with several processes: the exit status that counts."""
        return self.path / "status"


@dataclass(frozen=True)
class Order:
    """What a supervisor tells its trainer: where the base model lies, where to go on from, what it may use.

    `halved` is whether half of the recipe's batch goes through the model at once, twice as often in each step.
    """

    model: str
    resume_from: str | None = None
    device: str = "cpu"
    threads: int = 1
    halved: bool = False

    def write(self, folder: AttemptFolder) -> None:
        """Write `attempt.json`, whole or not at all."""
        folder.path.mkdir(parents=True, exist_ok=True)
        write_atomically(folder.order, json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, folder: AttemptFolder) -> Order:
        """Read `attempt.json`."""
        return cls(**json.loads(folder.order.read_text("utf-8")))


def write_atomically(path: Path, text: str) -> None:
    """Write beside `path`, flush to disk, rename: a reader sees the old text or the new, never half."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(path)
