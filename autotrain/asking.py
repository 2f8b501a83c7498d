"""One question to a child process, one answer back, both JSON: for work whose libraries stay outside.

The child reads the question with `answer_with` and writes `{"answer": …}`, or `{"error": …}` for a refusal with a
sentence. It never reaches the network, and is killed when it takes too long.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from autotrain.errors import AutotrainError, DataError


def ask(module: str, question: Any, *, seconds: float, what: str) -> Any:
    """What `python -m module` answers to a question.

    Args:
        module: a module whose main program calls `answer_with`.
        question: anything JSON can hold.
        seconds: after this many the child is killed.
        what: what is being done to which thing, as in "The rows were not encoded".

    Raises:
        DataError: the child refused, took too long or broke; what it wrote to its log stays in the app's.
    """
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=json.dumps(question).encode(),
            stdout=subprocess.PIPE,
            timeout=seconds,
            env=environment,
            check=False,
        )
        said = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise DataError(f"{what} within {seconds:g} s. Try again.", code="too-slow") from error
    except ValueError as error:
        raise DataError(f"{what}. Look at the log of the app.", code="child-broke") from error
    if "error" in said:
        raise DataError(said["error"]["message"], code=said["error"]["code"])
    return said["answer"]


def answer_with(answer: Callable[[Any], Any]) -> None:
    """The child's whole main program: answer the question on standard input on standard output."""
    question = json.loads(sys.stdin.buffer.read())
    try:
        said = {"answer": answer(question)}
    except AutotrainError as error:
        said = {"error": {"message": error.message, "code": error.code}}
    sys.stdout.buffer.write(json.dumps(said).encode())
