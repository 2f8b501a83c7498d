"""What a run can say while it moves. Append-only, JSON-serialisable, no I/O."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from autotrain.errors import AutotrainError

PhaseName = Literal["download", "load", "tokenise", "train", "evaluate", "save"]
PHASES: tuple[PhaseName, ...] = get_args(PhaseName)


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Phase(_Event):
    """A phase began, or moved on within itself."""

    kind: Literal["phase"] = "phase"
    name: PhaseName
    fraction: float | None = Field(None, ge=0, le=1, description="How much of this phase is done; None when unknown.")


class Metric(_Event):
    """Points on the curves: names as the trainer logs them (`loss`, `eval_loss`, `eval_accuracy`, `learning_rate`)."""

    kind: Literal["metric"] = "metric"
    step: int = Field(ge=0)
    epoch: float = Field(ge=0)
    values: dict[str, float]


class Progress(_Event):
    """Where training is now. Only the newest one matters; it is not kept as history."""

    kind: Literal["progress"] = "progress"
    step: int = Field(ge=0)
    total_steps: int = Field(ge=0)
    epoch: float = Field(ge=0)
    samples_per_second: float | None = None
    seconds_left: float | None = None
    memory_bytes: int | None = Field(None, description="Resident memory of the trainer; on a GPU its allocated memory.")


class Log(_Event):
    """A sentence for the log."""

    kind: Literal["log"] = "log"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class Checkpoint(_Event):
    """A complete checkpoint lies at `path`, relative to the run folder."""

    kind: Literal["checkpoint"] = "checkpoint"
    step: int = Field(ge=0)
    path: str


class Fix(_Event):
    """A change of the recipe's data that removes a finding: one click on the page, a line in the recipe's YAML.

    `step` is added to `data.steps`, `columns` and `split` are laid over `data.columns` and `data.split`.
    """

    kind: Literal["fix"] = "fix"
    title: str = Field(description="What the button says: a verb and its object.")
    step: dict[str, Any] | None = None
    columns: dict[str, str] | None = None
    split: dict[str, Any] | None = None


class Finding(_Event):
    """Something noticed about the data or the model, before or during a run.

    An `error` must be fixed before a run can start; a `warning` is worth knowing. `rows` are row numbers as a
    spreadsheet shows the original file: the header is row 1, the first row of data is row 2.
    """

    kind: Literal["finding"] = "finding"
    severity: Literal["error", "warning"]
    code: str
    message: str = Field(description="What is wrong, with the value.")
    remedy: str = Field(description="What to do about it.")
    column: str | None = None
    count: int | None = None
    rows: tuple[int, ...] = ()
    fix: Fix | None = None

    @classmethod
    def of(cls, error: AutotrainError, severity: Literal["error", "warning"] = "error") -> Finding:
        """An error's sentences as a finding: of several, the last one is the remedy."""
        message, several, remedy = error.message.rpartition(". ")
        if not several:
            message, remedy = remedy, ""
        return cls(severity=severity, code=error.code, message=f"{message}." if several else message, remedy=remedy)

    def sentence(self) -> str:
        """Message and remedy as one line."""
        return f"{self.message} {self.remedy}".strip()


class Failure(_Event):
    """The trainer's last word when it fails: a code for programs and a sentence for people.

    `halve` is whether it is worth trying again with half as many rows at once.
    """

    kind: Literal["failure"] = "failure"
    code: str
    reason: str
    halve: bool = False


class Outcome(_Event):
    """The trainer's last word when it succeeds: the headline figures for the list of runs."""

    kind: Literal["outcome"] = "outcome"
    scores: dict[str, float]
    baselines: dict[str, dict[str, float]] = {}


AnyEvent = Phase | Metric | Progress | Log | Checkpoint | Finding | Failure | Outcome
Event = Annotated[AnyEvent, Field(discriminator="kind")]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Event)


class EventSink(Protocol):
    """Where a task sends what happens."""

    def emit(self, event: AnyEvent) -> None: ...
