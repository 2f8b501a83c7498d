"""What asker and answering process say to each other: one JSON object a line over the child's stdin and stdout.

Child, once:    {"ready": true}                       or {"error": {"code", "message"}}
Asker:          {"inputs": [{"text": "..."}, ...], "sampling": {...}, "untouched": false, "streamed": false}
Child, to each: {"outputs": [{"kind": "scores", ...}, ...]} or {"error": {"code", "message"}};
                before it, when streamed, any number of {"said": "a piece of the text"}
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from autotrain.answers import AnyAnswer, Sampling
from autotrain.errors import ModelError

MANIFEST = "autotrain.json"


class Trouble(BaseModel):
    """A failure as a code for programs and a sentence for people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    message: str


class Question(BaseModel):
    """Inputs by role, and how they are to be answered: see `autotrain.answers.Asking`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    inputs: list[dict[str, str]]
    sampling: Sampling = Sampling()
    untouched: bool = False
    streamed: bool = False


class Answer(BaseModel):
    """Readiness, a piece of what is being written, answers in the order of the inputs, or why there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ready: bool = False
    said: str | None = None
    outputs: list[AnyAnswer] | None = None
    error: Trouble | None = None


def task_of(artifact: Path) -> str:
    """The name of the task an adapter was trained for, from its manifest.

    Raises:
        ModelError: the folder is not a finished adapter.
    """
    path = artifact / MANIFEST
    try:
        task = json.loads(path.read_text("utf-8"))["task"]
    except FileNotFoundError:
        raise ModelError(
            f"{artifact} holds no finished adapter ({MANIFEST} is missing). "
            "Choose the adapter folder of a run that succeeded.",
            code="no-adapter",
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path} is damaged ({error}). Restore the adapter folder from a copy, or train again.", code="bad-adapter"
        ) from error
    if not isinstance(task, str):
        raise ModelError(f"{path} names the task {task!r}, which is not a name. Train again.", code="bad-adapter")
    return task
