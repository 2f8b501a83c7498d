"""The owner of one attempt: fetches the model, starts the trainer, writes down what it says, passes wishes on, ends it.

Knows no queue: a worker calls `supervise` after a claim, and so does the command line.
"""

from __future__ import annotations

import errno
import logging
import queue
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path

from autotrain.errors import AutotrainError, LeaseLost, RecordSilent
from autotrain.events import AnyEvent, Checkpoint, Failure, Phase, Progress
from autotrain.logs import about
from autotrain.runs.clock import clock
from autotrain.runs.devices import devices_of
from autotrain.runs.folder import AttemptFolder, Order, RunFolder
from autotrain.runs.state import OWNED, State, possible
from autotrain.runs.store import Run, RunStore
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from autotrain.training.hardware import cpu_count, disk_free
from autotrain.training.memory import kernel_kills
from jobs.ending import STOPPED, Ending, Facts, broken_off, ending
from jobs.launchers import Handle, Launcher, Resources
from jobs.launchers.local import LocalLauncher
from jobs.lease import Lease, Pace
from jobs.tail import Tail
from jobs.unheard import unheard

logger = logging.getLogger(__name__)

Fetch = Callable[[str, Callable[[int, int], None]], Path]
"""Brings a base model to this machine: its name in the recipe, and progress as bytes done and total."""

OnEvents = Callable[[Sequence[AnyEvent]], None]

LOG_TAIL_BYTES = 4_000

ROOM_FOR_A_WORD_BYTES = 65_536
"""What a trainer keeps free for its last word; with less left on the disk, its silence is for want of space."""


@dataclass(frozen=True)
class Seams:
    """What a supervisor works with besides the record; every part has a default but the fetching of models."""

    fetch: Fetch
    launcher: Launcher = LocalLauncher()
    stopping: Callable[[], bool] = lambda: False
    on_events: OnEvents = lambda _events: None
    pace: Pace = Pace()


class _Abandoned(Exception):  # not an error: nobody wants the download any more
    pass


def supervise(run_id: str, fence: int, since: float, store: RunStore, settings: Settings, seams: Seams) -> State | None:
    """Bring a claimed run to the end of this attempt; returns the state it left the run in.

    `since` is a moment of `clock` before the claim: whoever is held up after it must not take the lease for younger.

    None when the run was lost to another owner, or the record was silent for too long: nothing more is written then.
    While `seams.stopping()` is true the trainer keeps a checkpoint and the run goes back to the queue.
    """
    with about(run_id, fence):
        run = store.get(run_id)
        attempt = _Attempt(run, Lease(store, run_id, fence, since, seams.pace), fence, store, settings, seams)
        try:
            return attempt.go()
        except LeaseLost as error:
            logger.warning("run %s: %s", run_id, error.message)
            return None
        finally:
            attempt.clear()


class _Attempt:
    """One attempt, from claim to end. `state` is the run's state as this owner, its only writer, left it."""

    def __init__(self, run: Run, lease: Lease, fence: int, store: RunStore, settings: Settings, seams: Seams) -> None:
        self.run, self.fence, self.store, self.settings, self.seams = run, fence, store, settings, seams
        self.state: State = "starting"
        self.folder = RunFolder(settings.runs / run.id)
        self.files: AttemptFolder = self.folder.attempt(fence)
        self.lease, self.told = lease, 0.0
        self.handle: Handle | None = None
        self.pending: list[AnyEvent] = []
        self.failure: Failure | None = None
        self.reached, self.written = run.checkpoint_step or 0, run.last_seq
        self.progressed = self.stepping = self.save = self.finish = self.finishing = self.shutting_down = False
        self.stop_asked: float | None = None
        self.halved, self.kills = False, kernel_kills()
        self.held: int | None = None
        self.over = threading.Event()
        threading.Thread(
            target=copy_context().run, args=(self._fence_self,), daemon=True, name=f"fence-{run.id}"
        ).start()

    def go(self) -> State | None:
        """Fetch, train, settle."""
        try:
            model = self._fetch()
        except _Abandoned:
            return self._settle(self._without_trainer())
        except AutotrainError as error:
            return self._settle(broken_off(error.message, error.code))
        except Exception as error:
            logger.exception("run %s: fetching %s failed", self.run.id, self.run.model)
            reason = f"The model {self.run.model} could not be brought here ({type(error).__name__}). Try again later."
            return self._settle(broken_off(reason, "download"))
        try:
            self.handle = self._start(model)
        except OSError as error:
            return self._settle(self._not_started(error))
        return self._settle(self._watch(self.handle))

    def clear(self) -> None:
        """However this ends, no trainer stays behind."""
        self.over.set()
        if self.handle is not None:
            self.handle.kill()
            self.handle.close()

    def _fetch(self) -> Path:
        """The base model's folder, brought by a thread while the lease is renewed. Raises what the fetching raises."""
        answer: queue.SimpleQueue[Path | BaseException] = queue.SimpleQueue()
        fraction = [0.0]

        def report(done: int, total: int) -> None:
            if self.over.is_set():
                raise _Abandoned
            fraction[0] = min(1.0, done / total) if total > 0 else 0.0

        threading.Thread(
            target=copy_context().run, args=(self._bring, report, answer), daemon=True, name=f"fetch-{self.run.id}"
        ).start()
        said = -1.0
        while True:
            if fraction[0] - said >= 0.01:
                said = fraction[0]
                self._record([Phase(name="download", fraction=said)])
            self._obey()
            if self.state != "starting" or self.shutting_down:
                raise _Abandoned
            try:
                found = answer.get(timeout=self.seams.pace.tick)
            except queue.Empty:
                continue
            if isinstance(found, BaseException):
                raise found
            return found

    def _bring(self, report: Callable[[int, int], None], answer: queue.SimpleQueue[Path | BaseException]) -> None:
        while not self.over.is_set():
            try:
                answer.put(self.seams.fetch(self.run.model, report))
            except RecordSilent:  # it keeps the person's token; nothing is wrong with the model
                self.over.wait(self.seams.pace.look)
                continue
            except BaseException as error:
                answer.put(error)
            return

    def _start(self, model: Path) -> Handle:
        """Write the order and start the trainer. Raises OSError, and LeaseLost when it may be another's by now."""
        if self.lease.age() >= self.seams.pace.self_fence:
            raise LeaseLost(f"Attempt {self.fence} was held up for {self.lease.age():.0f} s before its trainer began.")
        device = self.run.device or "cpu"
        resources = Resources(device, max(1, cpu_count() // self.settings.slots // len(devices_of(device))))
        found = last_complete(self.folder)
        order = Order(
            model=str(model),
            resume_from=str(found) if found else None,
            device=resources.torch_device,
            threads=resources.threads,
            halved=self.folder.halved.exists(),
        )
        self.halved, self.kills = order.halved, kernel_kills()
        if found is not None:
            self._record(self._unheard(found))
        order.write(self.files)
        self._tell_how_long()
        return self.seams.launcher.start(self.folder, self.files, resources)

    def _unheard(self, checkpoint: Path) -> list[AnyEvent]:
        while True:
            try:
                return unheard(self.folder, self.run, self.store, checkpoint)
            except RecordSilent as error:
                if self.lease.age() >= self.seams.pace.self_fence:
                    raise LeaseLost(error.message) from error
                time.sleep(self.seams.pace.look)

    def _not_started(self, error: OSError) -> Ending:
        if error.errno == errno.ENOSPC:
            return broken_off(self._full(), "disk-full")
        reason = f"The trainer could not be started ({error.strerror or error}). Check the disk and press Retry."
        return broken_off(reason, "not-started")

    def _watch(self, handle: Handle) -> Ending:
        """Follow the trainer until it ends."""
        tail = Tail(self.files.events)
        self._move("running")
        while (code := handle.poll()) is None:
            self._record(tail.read())
            self._move("running")
            self._obey()
            if self.stop_asked is not None and clock() - self.stop_asked > self.seams.pace.grace:
                handle.kill()
            time.sleep(self.seams.pace.tick)
        handle.close()
        while events := tail.read():
            self._record(events)
        return ending(self._facts(code))

    def _record(self, events: Sequence[AnyEvent]) -> None:
        """Append to the record; what it cannot take now is kept for the next time. Raises LeaseLost."""
        for event in events:
            self._notice(event)
        self.pending += events
        if not self.pending:
            return
        try:
            self.written = self.store.append(self.run.id, self.fence, self.pending, after=self.written)
        except LeaseLost:
            raise
        except Exception as error:
            logger.warning("run %s: %s events wait for the record: %s", self.run.id, len(self.pending), error)
            return
        written, self.pending = self.pending, []
        self.seams.on_events(written)

    def _notice(self, event: AnyEvent) -> None:
        match event:
            case Failure():
                self.failure = event
            case Checkpoint(step=step) if step > self.reached:
                self.reached, self.progressed = step, True
            case Progress(memory_bytes=held):
                self.held = held
            case Phase(name=name):
                self.stepping = name == "train"
            case _:
                pass

    def _obey(self) -> None:
        """Pass on what is wished. Raises LeaseLost."""
        match self.lease.look():
            case "save":
                self.save = True
            case "finish":
                self.finish = not self.finishing
            case "pause":
                self._move("pausing")
                self._stop()
            case "cancel":
                self._move("cancelling")
                self._stop()
            case _:
                pass
        if self.handle is not None:
            self._tell_how_long()
        if self.seams.stopping() and not self.shutting_down:
            self.shutting_down = True
            self._stop()
        # Before the first step there is nothing to save. Once each: Python no longer listens while it ends.
        if self.handle is not None and self.stepping:
            if self.save:
                self.handle.request(signal.SIGUSR1)
                self.save = False
            if self.finish:
                self.handle.request(signal.SIGUSR2)
                self.finish, self.finishing = False, True

    def _tell_how_long(self) -> None:
        """Tell the trainer when it must have ended, since this process may be stopped when it should be killed."""
        if self.lease.trainer_until != self.told:
            try:
                self.files.live_until(self.lease.trainer_until)
                self.told = self.lease.trainer_until
            except OSError as error:
                logger.warning("run %s: the trainer cannot be told of the renewal: %s", self.run.id, error)

    def _stop(self) -> None:
        if self.handle is not None and self.stop_asked is None:
            self.stop_asked = clock()
            self.handle.request(signal.SIGTERM)

    def _move(self, after: State, of: Ending | None = None, exit_code: int | None = None) -> bool:
        """Change the run's state, unless it is there or further. Raises LeaseLost."""
        if after == self.state or not possible(self.state, after):
            return False
        reason, code = (of.reason, of.code) if of is not None else (None, None)
        try:
            moved = self.store.move(
                self.run.id, self.fence, self.state, after, reason=reason, code=code, exit_code=exit_code
            )
        except LeaseLost:
            if not self._is(after):
                raise
            moved = True
        except Exception as error:
            logger.warning("run %s cannot be made %s now: %s", self.run.id, after, error)
            return False
        if moved or self._is(after):
            self.state = after
        return self.state == after

    def _is(self, state: State) -> bool:
        """Whether the record has this attempt there already: a change may arrive although its answer does not."""
        try:
            run = self.store.get(self.run.id)
        except Exception as error:
            logger.warning("run %s: the record does not say whether it is %s: %s", self.run.id, state, error)
            return False
        return (run.state, run.fence) == (state, self.fence)

    def _facts(self, code: int) -> Facts:
        return Facts(
            code=code,
            state=self.state,
            asked=self.stop_asked is not None,
            shutting_down=self.shutting_down,
            attempts=0 if self.progressed else self.run.attempts_without_progress + 1,
            failure=self.failure or self._unsaid(code),
            log=_end_of(self.files.log),
            starved=kernel_kills() > self.kills,
            halved=self.halved,
            held=self.held,
        )

    def _unsaid(self, code: int) -> Failure | None:
        """What a trainer had no room to say: others may fill a disk faster than it can write its last word."""
        if code <= 0 or code == STOPPED or disk_free(self.folder.path) > ROOM_FOR_A_WORD_BYTES:
            return None
        return Failure(code="disk", reason=self._full())

    def _full(self) -> str:
        return f"The disk that holds {self.folder.path} is full. Free some space, then press Resume."

    def _without_trainer(self) -> Ending:
        """Where a run goes that was stopped before it had a trainer."""
        return ending(replace(self._facts(-signal.SIGTERM), asked=True))

    def _settle(self, end: Ending) -> State | None:
        """Write the end down, patiently: until the lease would run out. None when the record took no more."""
        if end.halve:
            with suppress(OSError):  # on a full disk the next attempt finds out anew
                self.folder.halved.touch()
        while self.lease.age() < self.seams.pace.self_fence:
            self._record([])
            if self.state == "starting" and not possible("starting", end.state):
                self._move("running")
            # What was said comes first: once the run has ended, nothing more can be added to it.
            if not self.pending and self._move(end.state, end):
                logger.info("run %s is %s: %s", self.run.id, end.state, end.reason or "done")
                return end.state
            if self.state not in OWNED:
                break
            time.sleep(self.seams.pace.tick)
        logger.error("run %s: the record took no end; it will be taken up again when the lease is over", self.run.id)
        return None

    def _fence_self(self) -> None:
        """In a thread of its own, since a call to the record may hang: end the trainer before the lease ends."""
        pace = self.seams.pace
        while not self.over.wait(pace.tick):
            age, handle = self.lease.age(), self.handle
            if handle is None or age < pace.self_fence:
                continue
            if age > pace.self_fence + pace.fence_grace:
                handle.kill()
            elif self.stop_asked is None:
                logger.error("run %s: no renewal for %.0f s; the trainer is stopped", self.run.id, age)
                self._stop()


def _end_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - LOG_TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
