"""The contract between a task file and everything else. Nothing here does I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from autotrain.answers import AnyAnswer, Asking
from autotrain.events import EventSink, Finding
from autotrain.manuals import Manual
from autotrain.report import Report, Training
from autotrain.table import Fit, Profile, Table


class Params(BaseModel):
    """Hyper-parameters of one task. A field's title, description and bounds are the form, the flag and the docs row."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True)
class Column:
    """A role a table's column can play in a task."""

    role: str
    kind: Literal[
        "text",
        "label",
        "labels",
        "number",
        "relevance",
        "messages",
        "list",
        "spans",
        "answers",
        "image",
        "audio",
        "boxes",
    ]
    title: str
    help: str
    required: bool = True
    names: tuple[str, ...] = ()
    """Words of a column's name that speak for this role; without them those that are usual for its kind."""
    by_name: bool = False
    """Whether only the name can tell, as with a question and its answer, which are both texts."""


@dataclass(frozen=True)
class Masking:
    """How many of a text's own tokens are hidden to be learned, and the seed that chooses them."""

    share: float = 0.15
    seed: int = 42


@dataclass(frozen=True)
class Effort:
    """What a training does beside reading a row as one text and learning from it, where that takes time or memory.

    Attributes:
        texts: of a row, each of which goes through the model by itself.
        at_once: texts of a batch that are in memory together, of more each is computed twice; 0 is all of them.
        forwards: passes through the model in a step, before the one back.
        told: share of a text's tokens at which the model decides over its whole vocabulary.
        rereads: whether the untouched base reads the training rows as well: as a probe, or to compare with.
        answers: written to each training row in every epoch, to be learned from.
        written_tokens: at most of each text that is written.
        written_rows: test rows to which the tuned and the untouched model write in the end.
        validated_rows: validation rows to which is written in each evaluation.
        beams: texts that are followed for each one that is written.
        laid_out: whether a processor learns from rows without padding and without whole scores of a vocabulary.
    """

    texts: int = 1
    at_once: int = 0
    forwards: int = 1
    told: float = 0.0
    rereads: bool = True
    answers: int = 0
    written_tokens: int = 0
    written_rows: int = 0
    validated_rows: int = 0
    beams: int = 1
    laid_out: bool = False


@dataclass(frozen=True)
class Device:
    """Where a process computes: `cpu` or `cuda:0`, and how many CPU threads it may use."""

    name: str = "cpu"
    threads: int = 1

    @property
    def kind(self) -> str:
        """`cpu` or `cuda`."""
        return self.name.partition(":")[0]


@dataclass
class Team:
    """The processes of one attempt, one for each device. `together` is whether the others still work with this one."""

    rank: int = 0
    size: int = 1
    together: bool = False

    @property
    def first(self) -> bool:
        """Whether this process is the one that speaks, saves and hears."""
        return self.rank == 0


@dataclass
class Wishes:
    """What a person wants of a running training; looked at after each step, while `stepping`."""

    stop: bool = False
    save: bool = False
    finish: bool = False
    stepping: bool = False


@dataclass(frozen=True)
class Finished:
    """A finished adapter that is evaluated once more, and how its training went, where that is known."""

    artifact: Path
    training: Training | None = None


@dataclass(frozen=True)
class Attempt:
    """All a task may know about its run: no database, no queue, no page, no token.

    `model` is a local folder. `data` holds `train.arrow`, `validation.arrow` and `test.arrow` with columns named by
    role. `columns` says which column of the user's file plays each role. `workdir` is this attempt's own folder;
    `artifact` is where the finished adapter goes. `resume_from` is a complete checkpoint or None. With `judged` nothing
    is trained or saved: that adapter is evaluated on the test rows, and there may be no other rows. `halved` is whether
    half of the recipe's batch goes through the model at once.
    """

    model: Path
    model_name: str
    data: Path
    columns: Mapping[str, str]
    params: Params
    workdir: Path
    artifact: Path
    resume_from: Path | None
    sink: EventSink
    device: Device
    wishes: Wishes = field(default_factory=Wishes)
    team: Team = field(default_factory=Team)
    judged: Finished | None = None
    halved: bool = False


@dataclass(frozen=True)
class Result:
    """What a finished training leaves: the adapter's folder and its evaluation."""

    artifact: Path
    report: Report


class Predictor(Protocol):
    """A loaded adapter that answers. One call, one list of inputs by role, answers of one kind in the same order."""

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = ...) -> Sequence[AnyAnswer]: ...


class Task(Protocol):
    """One thing that can be learned. Each lives in one file of `autotrain/tasks`."""

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    pipeline_tag: ClassVar[str]
    shapes: ClassVar[tuple[str, ...]]
    """The shapes of table it learns from, names in `autotrain.data.shapes.SHAPES`, the usual one first."""
    columns: ClassVar[tuple[Column, ...]]
    """The roles of all its shapes."""
    asks: ClassVar[tuple[Column, ...]]
    """What a person gives to the finished adapter; of the same roles as `columns` where they are the same thing."""
    verb: ClassVar[str]
    """What the adapter does, as a button says it: Classify."""
    generates: ClassVar[bool]
    """Whether it writes texts: then answers come piece by piece, can be sampled, and the base can answer too."""
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]]
    """The kind of base model to recommend."""
    params_class: ClassVar[type[Params]]
    manual: ClassVar[Manual]
    """How the finished adapter is used without this app."""

    def shape_for(self, columns: Mapping[str, str]) -> str:
        """The one of `shapes` whose roles these are."""
        ...

    def missing(self, columns: Mapping[str, str]) -> list[Column]:
        """The roles that still need a column."""
        ...

    def reads(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """What the finished adapter reads of each row of a table, by role, with the column of the training table that
        was it or an empty name. A person may be asked for something else, such as several texts at once."""
        ...

    def suits(self, profile: Profile) -> Fit:
        """How well a table suits this task, and the mapping it suggests."""
        ...

    def check(self, table: Table, columns: Mapping[str, str], params: Params) -> list[Finding]:
        """Everything wrong or worth knowing about this table under this mapping, before a second of training."""
        ...

    def masking(self, params: Mapping[str, Any]) -> Masking | None:
        """What its training hides of a text, under parameters that need not all be there; None where nothing is."""
        ...

    def effort(self, params: Params, columns: Mapping[str, str]) -> Effort:
        """What its training does beside the usual, for the estimate."""
        ...

    def train(self, attempt: Attempt) -> Result:
        """Train, evaluate, save; of an attempt with `judged`, only evaluate.

        Raises TrainingError, ModelError or DataError with a sentence for people.
        """
        ...

    def load(self, artifact: Path, model: Path) -> Predictor:
        """Load a finished adapter on its base model for answering."""
        ...
