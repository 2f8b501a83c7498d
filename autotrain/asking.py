"""One question to a child process, one answer back, both JSON: for work whose libraries stay outside of the asking one.

The child's main program is `answer_with`. It writes lines: `{"progress": [done, total]}` as often as it likes, and at
the end `{"answer": …}`, or `{"error": …}` for a refusal with a sentence. It is killed when it takes too long, and when
the asking process stops waiting.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from autotrain.errors import AutotrainError, DataError

Progress = Callable[[int, int], None]
"""Called with what is done and what there is in all."""


def ask(
    module: str,
    question: Any,
    *,
    seconds: float,
    what: str,
    progress: Progress | None = None,
    online: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """What `python -m module` answers to a question.

    Args:
        module: a module whose main program calls `answer_with`.
        question: anything JSON can hold.
        seconds: after this many the child is killed.
        what: what went wrong if there is no answer, as in "The rows could not be encoded".
        progress: what the child's own is passed on to; what it raises ends the child.
        online: whether the child may ask the Hub.
        environment: the child's, instead of this process's own.

    Raises:
        DataError: the child refused; or `too-slow`, `out-of-memory`, or `child-broke`, when what it wrote is in the
            app's log.
    """
    given = dict(os.environ if environment is None else environment)
    given |= {"TOKENIZERS_PARALLELISM": "false"} | ({} if online else {"HF_HUB_OFFLINE": "1"})
    command = [sys.executable, "-m", module]
    late = threading.Event()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=given) as child:

        def end() -> None:
            late.set()
            child.kill()

        patience = threading.Timer(seconds, end)
        patience.start()
        try:
            said = _heard(child, question, progress)
            child.wait()
        finally:
            patience.cancel()
            child.kill()
    if "error" in said:
        raise DataError(said["error"]["message"], code=said["error"]["code"])
    if "answer" not in said:
        if late.is_set():
            raise DataError(f"{what} within {seconds:g} s. Try again.", code="too-slow")
        if child.returncode == -signal.SIGKILL:
            raise DataError(
                f"{what}: its process was killed, most likely because memory ran out. Close other programs or wait for "
                "running trainings, then try again.",
                code="out-of-memory",
            )
        raise DataError(f"{what}. Look at the log of the app.", code="child-broke")
    return said["answer"]


def _heard(child: subprocess.Popen[bytes], question: Any, progress: Progress | None) -> dict[str, Any]:
    """The last thing the child says; a line that is no JSON is a library's and not for us."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(json.dumps(question).encode())
        child.stdin.close()
    last: dict[str, Any] = {}
    for line in child.stdout:
        try:
            said = json.loads(line)
        except ValueError:
            continue
        if isinstance(said, dict) and "progress" in said:
            if progress is not None:
                progress(*said["progress"])
        elif isinstance(said, dict):
            last = said
    return last


def answer_with(answer: Callable[[Any, Progress], Any]) -> None:
    """The child's main program: answer the question on standard input, and tell how far that is."""
    question = json.loads(sys.stdin.buffer.read())
    told = -1.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        share = done / total if total else 0.0
        if share >= told + 0.01 or not total:
            told = share
            _say({"progress": [done, total]})

    try:
        _say({"answer": answer(question, tell)})
    except AutotrainError as error:
        _say({"error": {"message": error.message, "code": error.code}})


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()
