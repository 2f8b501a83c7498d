"""One adapter in a process of its own: started when first asked, ended when idle, never older than its asker."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from autotrain.answers import PLAINLY, AnyAnswer, Asking
from autotrain.errors import AutotrainError, DataError, ModelError
from autotrain.predictor.protocol import Answer, Question, task_of

# Importing torch from a cold disk on a small machine was seen to take most of a minute.
START_SECONDS = 180.0
# The longest a batch may take; 64 texts of 512 tokens take about 10 s on two slow cores.
ANSWER_SECONDS = 120.0

# Names of variables that may carry a secret. The answering process needs none of them.
SECRET_WORDS = ("TOKEN", "SECRET", "PASSWORD", "API_KEY", "CREDENTIAL")
SECRET_NAMES = frozenset({"AUTOTRAIN_DATABASE_URL", "AUTOTRAIN_REDIS_URL"})
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONIOENCODING": "utf-8",
}


def child_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without secrets and without a way to the Hub."""
    kept = {
        name: value
        for name, value in environment.items()
        if name not in SECRET_NAMES and not any(word in name.upper() for word in SECRET_WORDS)
    }
    return kept | OFFLINE


class AdapterProcess:
    """A finished adapter that answers. Safe to share between threads: questions are answered one after another.

    Args:
        artifact: the adapter's folder.
        model: the base model's folder.
        idle_seconds: the process ends when it was not asked for so long; the next question starts it again.
        start_seconds: longest wait for the model to load.
        answer_seconds: longest wait for the answer to one call.
        program: the command that answers; artifact and model are added to it.
    """

    def __init__(
        self,
        artifact: Path,
        model: Path,
        *,
        idle_seconds: float = 300,
        start_seconds: float = START_SECONDS,
        answer_seconds: float = ANSWER_SECONDS,
        program: Sequence[str] = (sys.executable, "-m", "autotrain.predictor"),
    ) -> None:
        self.artifact, self.model = artifact, model
        self._idle_seconds, self._start_seconds, self._answer_seconds = idle_seconds, start_seconds, answer_seconds
        self._program = tuple(program)
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._timer: threading.Timer | None = None

    @property
    def running(self) -> bool:
        """Whether a process is held now."""
        return self._child is not None

    @property
    def pid(self) -> int | None:
        """The process's id, while one is held."""
        child = self._child
        return child.popen.pid if child is not None else None

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[AnyAnswer]:
        """An answer to each input, in order. The first call loads the model.

        Raises:
            DataError: an input is empty.
            ModelError: the adapter or its base model is missing or does not load, or its process died or hangs.
        """
        for number, item in enumerate(inputs, 1):
            blank = next((role for role, value in item.items() if not value.strip()), None)
            if blank is not None:
                where = f"Input {number} has an empty {blank}" if len(inputs) > 1 else f"The {blank} is empty"
                raise DataError(f"{where}. Type or paste something first.", code="empty-input")
        if not inputs:
            return []
        question = Question(
            inputs=[dict(item) for item in inputs],
            sampling=asking.sampling,
            untouched=asking.untouched,
            streamed=asking.said is not None,
        )
        with self._lock:
            self._disarm()
            try:
                return self._ask(question, asking.said)
            finally:
                self._arm()

    def close(self) -> None:
        """End the process, after the question that it is answering. It may be asked again."""
        with self._lock:
            self._end()

    def __enter__(self) -> AdapterProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _ask(self, question: Question, said: Callable[[str], None] | None) -> list[AnyAnswer]:
        child = self._child
        if child is None or child.popen.poll() is not None:
            self._end()
            child = self._start()
        try:
            answer = child.ask(question, self._answer_seconds, said)
        except AutotrainError:
            self._end()
            raise
        if answer.error is not None:
            raise ModelError(answer.error.message, code=answer.error.code)
        if answer.outputs is None or len(answer.outputs) != len(question.inputs):
            self._end()
            raise ModelError("The answering process lost its place. Ask again.", code="predictor-protocol")
        return answer.outputs

    def _start(self) -> _Child:
        task_of(self.artifact)
        if not (self.model / "config.json").is_file():
            raise ModelError(
                f"The base model is not in {self.model} any more. Add it again under Models, then ask again.",
                code="no-base-model",
            )
        self._child = child = _Child([*self._program, str(self.artifact), str(self.model)])
        try:
            answer = child.receive(self._start_seconds)
        except AutotrainError:
            self._end()
            raise
        if answer.error is not None:
            self._end()
            raise ModelError(answer.error.message, code=answer.error.code)
        return child

    def _end(self) -> None:
        self._disarm()
        child, self._child = self._child, None
        if child is not None:
            child.end()

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if self._child is not None:
            self._timer = threading.Timer(self._idle_seconds, self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        with self._lock:
            # A question may have come between the timer's end and this lock; it has armed a timer of its own.
            if self._timer is threading.current_thread():
                self._end()


class _Child:
    """The running process and its three pipes."""

    def __init__(self, command: Sequence[str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile(prefix="autotrain-predictor-")  # noqa: SIM115  # closed by end()
        try:
            # A session of its own: Ctrl-C in a terminal reaches the asker alone, whose end closes the pipe.
            self.popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=child_environment(os.environ),
                start_new_session=True,
            )
        except OSError as error:
            self._errors.close()
            raise ModelError(
                f"The answering process could not be started ({error.strerror}). Close other programs and ask again.",
                code="predictor-start",
            ) from error
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="adapter-answers", daemon=True)
        self._reader.start()

    def ask(self, question: Question, seconds: float, said: Callable[[str], None] | None = None) -> Answer:
        """Send a question and wait for its answer, passing on what is said before it. Raises ModelError.

        `seconds` is the longest silence.
        """
        assert self.popen.stdin is not None
        try:
            self.popen.stdin.write(question.model_dump_json().encode() + b"\n")
            self.popen.stdin.flush()
        except OSError as error:
            raise self._died() from error
        while (answer := self.receive(seconds)).said is not None:
            if said is not None:
                said(answer.said)
        return answer

    def receive(self, seconds: float) -> Answer:
        """The next line from the child. Raises ModelError when it dies, says nothing in time, or says nonsense."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            raise ModelError(
                f"The model did not answer within {seconds:.0f} seconds. Ask for fewer or shorter texts at once, "
                "or wait until the machine is less busy.",
                code="predictor-timeout",
            ) from None
        if not line:
            raise self._died()
        try:
            return Answer.model_validate_json(line)
        except ValidationError as error:
            raise ModelError("The answering process lost its place. Ask again.", code="predictor-protocol") from error

    def end(self) -> None:
        """End the process and wait for it."""
        self.popen.kill()
        self.popen.wait()
        self._reader.join()
        for pipe in (self.popen.stdin, self.popen.stdout, self._errors):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # an unsent question was left in the buffer
                continue

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _died(self) -> ModelError:
        try:
            status = self.popen.wait(timeout=10)
        except subprocess.TimeoutExpired:  # it closed its pipe and lives on: of no use
            self.popen.kill()
            status = self.popen.wait()
        if status == -9:
            return ModelError(
                "The answering process was killed, most likely because the machine ran out of memory. "
                "Close other programs or wait for running trainings, then ask again.",
                code="out-of-memory",
            )
        self._errors.seek(0, os.SEEK_END)
        self._errors.seek(max(0, self._errors.tell() - 4000))
        said = [line.strip() for line in self._errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
        last = f": {said[-1][:300]}" if said else ""
        return ModelError(
            f"The answering process ended unexpectedly with status {status}{last}. Ask again; if it ends again, "
            "train the adapter anew.",
            code="predictor-died",
        )
