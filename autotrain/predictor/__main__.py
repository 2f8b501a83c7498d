"""The answering process: `python -m autotrain.predictor ARTIFACT MODEL`. Ends when its stdin does."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from autotrain.answers import Asking
from autotrain.errors import AutotrainError, ModelError
from autotrain.predictor.protocol import Answer, Question, Trouble, task_of
from autotrain.task import Predictor


def main(artifact: Path, model: Path) -> int:
    """Load the adapter, then answer line by line. Returns the exit status."""
    replies = _private_stdout()
    try:
        predictor = _load(artifact, model)
    except Exception as error:
        _send(replies, Answer(error=_trouble(error, "The adapter could not be loaded")))
        return 1
    _send(replies, Answer(ready=True))
    for line in sys.stdin:
        _send(replies, _answer(predictor, line, lambda piece: _send(replies, Answer(said=piece))))
    return 0


def _load(artifact: Path, model: Path) -> Predictor:
    from autotrain.tasks import TASKS

    task = task_of(artifact)
    if task not in TASKS:
        raise ModelError(
            f"The adapter in {artifact} was trained for {task!r}, which this version does not know "
            f"({', '.join(TASKS)}). Update autotrain-studio.",
            code="unknown-task",
        )
    return TASKS[task].load(artifact, model)


def _answer(predictor: Predictor, line: str, said: Callable[[str], None]) -> Answer:
    try:
        question = Question.model_validate_json(line)
        asking = Asking(question.sampling, question.untouched, said if question.streamed else None)
        return Answer(outputs=list(predictor.predict(question.inputs, asking)))
    except ValidationError as error:
        return Answer(error=Trouble(code="bad-question", message=f"The question is malformed: {error}"))
    except Exception as error:
        return Answer(error=_trouble(error, "The model could not answer"))


def _trouble(error: Exception, what: str) -> Trouble:
    if isinstance(error, AutotrainError):
        return Trouble(code=error.code, message=error.message)
    traceback.print_exc()
    # torch says so in its own exceptions, on the CPU in a plain RuntimeError
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        return Trouble(
            code="out-of-memory",
            message=f"{what}: memory ran out. Close other programs, or ask for fewer rows at once.",
        )
    return Trouble(code="predictor", message=f"{what} ({type(error).__name__}: {error}).")


def _private_stdout() -> TextIO:
    """The pipe to the asker. Whatever a library prints goes to stderr, where it cannot break the protocol."""
    private = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(private, "w", encoding="utf-8")


def _send(replies: TextIO, answer: Answer) -> None:
    replies.write(answer.model_dump_json(exclude_none=True) + "\n")
    replies.flush()


if __name__ == "__main__":
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    try:
        raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
    except (BrokenPipeError, KeyboardInterrupt):  # the asker has gone
        raise SystemExit(0) from None
