"""A training from its first byte to its finished adapter: the same for every task, which adds what it alone knows."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from autotrain.data.findings import Rows as RowNumbers
from autotrain.encoding.lessons import Lesson, Passed, lessons
from autotrain.encoding.texts import AS_IT_IS, Rewriting
from autotrain.errors import DataError, ModelError
from autotrain.events import Log, Phase
from autotrain.models.check import require_usable
from autotrain.models.loading import load_tokenizer, longest_input
from autotrain.models.lora import made_trainable, parameters
from autotrain.models.preflight import check_training
from autotrain.models.weights import Form, held_as
from autotrain.params import AdapterParams
from autotrain.report import Report, Split, Training
from autotrain.runs.folder import write_atomically
from autotrain.task import Attempt, Finished, Result
from autotrain.training.adapter import load_adapter, outcome, save_adapter
from autotrain.training.fit import Objective, Rows, fit
from autotrain.training.hardware import Hardware, disk_free, hardware
from autotrain.training.precision import decided
from autotrain.training.rows import SplitRows
from autotrain.training.wishes import stop_if_wished, undisturbed

ROWS_AT_ONCE = 500
"""Rows that are encoded between two looks at what is wished."""


class Learner(ABC):
    """One training of one task. A task's own learner says what the base is, what its rows become, what is learned from
    them and how good the result is; `run` does the rest in the order that pauses, resumes and the page rely on.

    `model` is the base after `load`, and the model with its adapter from `objective` on. All splits are in memory.

    A finished adapter is evaluated once more by the same `load` and `report`: `known` is then what it keeps of its
    training, and `test` the new rows. `train` may be empty: then `report` leaves out what learns from it.
    """

    kind: str = ""
    """The kind of task for peft, a name of `peft.TaskType`."""
    rewriting: Rewriting = AS_IT_IS
    """What is put before a source and kept of a target, where texts are rewritten."""

    asks_base: ClassVar[bool] = False
    """Whether training itself asks the base between its steps, by taking the adapter away for a moment."""

    tunes_whole: ClassVar[bool] = True
    """Whether every weight may be trained; not where the evaluation takes the adapter away from one row to the next."""

    def __init__(self, attempt: Attempt, params: AdapterParams, *, task: str, shape: str) -> None:
        self.attempt, self.params, self.task, self.shape = attempt, params, task, shape
        self.train, self.validation, self.test = (
            SplitRows(attempt.data, name, shape) for name in ("train", "validation", "test")
        )
        self.passed = Passed()
        self.known: Mapping[str, Any] = {}
        self.model: Any = None
        self.tokenizer: Any = None
        self.max_length = params.max_length

    @abstractmethod
    def load(self) -> Any:
        """The base model, with its new head if it needs one. `tokenizer` is there already."""

    @abstractmethod
    def encode(self, rows: SplitRows) -> Rows:
        """A split as the loop takes it, with what `lessons` leaves out left out."""

    @abstractmethod
    def objective(self) -> Objective:
        """What is learned from a batch, and how the loop judges it."""

    @abstractmethod
    def report(self, training: Training) -> Report:
        """How good the tuned model is on the test rows, beside its baselines. `measured` makes it."""

    def begin(self, train: Rows) -> None:  # noqa: B027  # most tasks have nothing to do here
        """Before the adapter is added, in a training that does not resume: a place to start a new head."""

    def leave_out(self) -> Iterable[str]:
        """Before a finished adapter is evaluated: test rows that it cannot be judged by leave `test`; says which."""
        return ()

    def note(self) -> Mapping[str, Any]:
        """What the adapter must know to answer later, beside what every adapter keeps."""
        return {}

    def run(self) -> Result:
        """Load, encode, train, evaluate, save; of an attempt with `judged`, load and evaluate.

        Raises:
            ModelError: the base model is of another kind, damaged or missing.
            DataError: no row is left to learn from.
            TrainingError: the loss is not a number any more.
            Stopped: a stop was wished; the last step lies in a complete checkpoint.
        """
        import torch
        from transformers import set_seed

        attempt = self.attempt
        torch.set_num_threads(attempt.device.threads)
        attempt.sink.emit(Phase(name="load"))
        require_usable(attempt.model, attempt.model_name, self.task)
        set_seed(self.params.seed)
        if attempt.judged is not None:
            return self._judge(attempt.judged)
        self._require_possible()
        self.tokenizer = load_tokenizer(attempt.model)
        self.model = self._held()
        self.max_length = min(self.params.max_length, longest_input(self.model, self.tokenizer))
        attempt.sink.emit(Phase(name="tokenise", fraction=0.0))
        train = self._required("training", self.encode(self.train))
        for sentence in passed_over(self.passed, self.max_length):
            attempt.sink.emit(Log(text=sentence))
        said, self.passed = self.passed, Passed()
        validation = self._required("validation", self.encode(self.validation))
        self.passed = said
        if attempt.resume_from is None:  # a checkpoint has the head
            self.begin(train)
        self.model = self.adapted()
        training = fit(attempt, self.params, self.model, train, validation, self.objective())
        stop_if_wished(attempt.wishes)
        attempt.sink.emit(Phase(name="evaluate"))
        report = self.report(training)
        return self._finish(report)

    def _require_possible(self) -> None:
        """Raise ModelError with the first thing that keeps these parameters from being trained here."""
        params, attempt = self.params, self.attempt
        if self.asks_base and (params.training_method == "full" or params.init_lora_weights == "pissa"):
            what = "training_method: full" if params.training_method == "full" else "init_lora_weights: pissa"
            raise ModelError(
                f"This task compares with the untouched base in every step, which {what} has no longer. "
                "Set training_method to lora and init_lora_weights to default.",
                code="needs-base",
            )
        if params.training_method == "full" and not self.tunes_whole:
            raise ModelError(
                f"The task {self.task} compares the tuned model with its base row by row, which needs an adapter that "
                "can be taken away. Set training_method to lora.",
                code="needs-adapter",
            )
        for finding in check_training(
            params, attempt.model, attempt.model_name, here(attempt), disk_free(attempt.workdir)
        ):
            if finding.severity == "error":
                raise ModelError(finding.sentence(), code=finding.code)
            attempt.sink.emit(Log(text=finding.sentence()))

    def _held(self) -> Any:
        """The base, in the form that is wished."""
        wished = self.params.quantization
        compute = decided(self.attempt, self.params).floats
        with held_as(Form(wished, self.attempt.device.name, compute)):
            model = self.load()
        if wished != "none" and not getattr(model, "is_quantized", False):
            raise ModelError(
                f"The task {self.task} cannot hold its base in {wished} yet. Set quantization to none.",
                code="not-quantised",
            )
        if wished != "none" and self.attempt.device.kind == "cpu":
            self.attempt.sink.emit(
                Log(text=f"The base is held in {wished}, which saves memory on a processor and costs time.")
            )
        return model

    def adapted(self) -> Any:
        """The base model with an adapter as the parameters ask for it, or with every weight set free."""
        return made_trainable(self.model, self.params, kind=self.kind, start=started(self.attempt.resume_from))

    def taught(self, rows: SplitRows, numbers: Mapping[str, int] | None = None) -> Iterable[tuple[int, Lesson]]:
        """The split's rows with their numbers as `lessons` gives them, looking now and then at what is wished."""
        given = (rows.numbered(), self.max_length, numbers, self.passed, self.rewriting)
        made = lessons(self.shape, self.tokenizer, *given)
        for place, one in enumerate(made):
            if place % ROWS_AT_ONCE == 0:
                stop_if_wished(self.attempt.wishes)
                self.attempt.sink.emit(Phase(name="tokenise", fraction=min(1.0, place / max(1, len(rows)))))
            yield one

    def measured(self, training: Training, **parts: Any) -> Report:
        """The report of this training, with the parts that the task found."""
        of = "evaluation" if self.attempt.judged else "training"
        ended = None if self.attempt.judged else training.early_end() or training.too_short()
        notes = (ended, *passed_over(self.passed, self.max_length, of), *parts.pop("notes", ()))
        return Report(
            task=self.task,
            split=Split(train=len(self.train), validation=len(self.validation), test=len(self.test)),
            training=training,
            notes=tuple(filter(None, notes)),
            **parts,
        )

    @contextlib.contextmanager
    def untouched(self) -> Iterator[None]:
        """Within, `model` is the base without what was learned."""
        tuned = self.model
        if hasattr(tuned, "disable_adapter"):
            with tuned.disable_adapter():
                yield
            return
        self.model = self.load().to(self.attempt.device.name)
        try:
            yield
        finally:
            self.model = tuned

    def evaluating(self) -> Callable[[float], None]:
        """Called with the share of the evaluation that is done; a wish to stop ends it there."""

        def progressed(share: float) -> None:
            stop_if_wished(self.attempt.wishes)
            self.attempt.sink.emit(Phase(name="evaluate", fraction=min(1.0, share)))

        return progressed

    def _judge(self, finished: Finished) -> Result:
        """Put the adapter on its base and evaluate it on the test rows."""
        attempt = self.attempt

        def base(tokenizer: Any, note: dict[str, Any]) -> Any:
            self.tokenizer, self.known = tokenizer, note
            return self.load()

        self.model, self.tokenizer, self.known = load_adapter(finished.artifact, attempt.model, base)
        self.max_length = int(self.known["max_length"])
        self.model.to(attempt.device.name)
        said = [*self.leave_out()]
        if not self.encode(self.test).items:
            raise DataError(
                f"None of the {len(self.test):,} rows can be evaluated: nothing is left of them at "
                f"{self.max_length:,} tokens, which this adapter was trained for. Shorten what stands before the "
                "answers.",
                code="nothing-to-evaluate",
            )
        self.passed = Passed()
        attempt.sink.emit(Phase(name="evaluate", fraction=0.0))
        report = self.report(finished.training or self._unknown_training())
        if not len(self.train):
            said.append("Baselines that learn from the training rows are left out: those rows are not here.")
        if finished.training is None:
            said.append("How the adapter was trained is not known here: no report of its training lies beside it.")
        return Result(finished.artifact, report.model_copy(update={"notes": (*said, *report.notes)}))

    def _unknown_training(self) -> Training:
        """What can be said of a training that nothing is known of: the sizes of its adapter and its base."""
        _, total = parameters(self.model)
        adapter = sum(part.numel() for name, part in self.model.named_parameters() if "lora_" in name)
        return Training(
            steps=0,
            epochs=0,
            seconds=0,
            samples_per_second=0,
            trainable_parameters=adapter,
            total_parameters=total,
            device=self.attempt.device.name,
        )

    def _required(self, name: str, rows: Rows) -> Rows:
        if rows.items:
            return rows
        raise DataError(
            f"None of the {name} rows teaches anything at {self.max_length:,} tokens. "
            "Allow longer texts, or look at the rows on the data step.",
            code="nothing-to-learn",
        )

    def _finish(self, report: Report) -> Result:
        attempt = self.attempt
        attempt.sink.emit(Phase(name="save"))
        note = {
            "task": self.task,
            "base_model": attempt.model_name,
            "max_length": self.max_length,
            "training_method": self.params.training_method,
            "quantization": self.params.quantization,
            "params": self.params.model_dump(mode="json"),  # a later evaluation measures by the same ones
            "columns": dict(attempt.columns),
            **self.note(),
        }
        stop_if_wished(attempt.wishes)
        with undisturbed(attempt.wishes):  # a moment, and then it is done
            save_adapter(self.model, self.tokenizer, note, attempt.artifact)
            write_atomically(attempt.artifact.parent / "report.json", report.model_dump_json(indent=1))
            attempt.sink.emit(outcome(report))
        return Result(attempt.artifact, report)


def here(attempt: Attempt) -> Hardware:
    """What this machine gives the attempt: its card, or the processor."""
    machine = hardware()
    return machine if attempt.device.kind != "cpu" else replace(machine, accelerators=())


def started(checkpoint: Path | None) -> dict[str, Any] | None:
    """With what a PiSSA adapter had started, out of the checkpoint that is gone on from."""
    from safetensors.torch import load_file

    from autotrain.training.loop import START

    kept = checkpoint / START if checkpoint else None
    return dict(load_file(kept)) if kept is not None and kept.exists() else None


def passed_over(passed: Passed, max_length: int, of: str = "training") -> Sequence[str]:
    """What was left out of the training or the evaluation, as sentences."""
    said = []
    if passed.nothing.count:
        said.append(
            f"{_rows(passed.nothing)} teach nothing at {max_length:,} tokens and were left out of the {of}."
            if passed.nothing.count > 1
            else f"{_rows(passed.nothing)} teaches nothing at {max_length:,} tokens and was left out of the {of}."
        )
    if passed.refused.count:
        said.append(f"{_rows(passed.refused)} left out: the model's chat template refuses such conversations.")
    return said


def _rows(rows: RowNumbers) -> str:
    first = ", ".join(f"{number:,}" for number in rows.first[:3])
    return f"Row {first}" if rows.count == 1 else f"{rows.count:,} rows (the first: {first})"
