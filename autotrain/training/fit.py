"""Assembly of the training loop from an attempt, a model with its adapter, and encoded rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from autotrain.events import Log
from autotrain.measures import measure
from autotrain.models.lora import parameters
from autotrain.models.pissa import settle
from autotrain.models.weights import Floats
from autotrain.report import Training
from autotrain.task import Attempt
from autotrain.training.checkpoint import Moment
from autotrain.training.precision import Wished, decided
from autotrain.training.sampler import UPDATES_SORTED_TOGETHER, LengthGroupedSampler
from autotrain.training.team import disband, stepping
from autotrain.training.wishes import stop_if_wished, undisturbed

POINTS = 200
"""Points of a training curve: enough to see its shape, few enough to draw at once."""

IGNORED = -100
"""The label that losses in torch leave out, and that transformers does not count."""

EVAL_BATCH = 2
"""An evaluation keeps no gradients, so that twice the training batch fits in the same memory."""


class Schedule(Protocol):
    """The parameters every task of this kind has."""

    @property
    def num_train_epochs(self) -> float: ...
    @property
    def max_steps(self) -> int: ...
    @property
    def learning_rate(self) -> float: ...
    @property
    def per_device_train_batch_size(self) -> int: ...
    @property
    def gradient_accumulation_steps(self) -> int: ...
    @property
    def warmup_ratio(self) -> float: ...
    @property
    def lr_scheduler_type(self) -> str: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def evaluations_per_epoch(self) -> int: ...
    @property
    def early_stopping_patience(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def loraplus_lr_ratio(self) -> float: ...
    @property
    def precision(self) -> Wished: ...


@dataclass(frozen=True)
class Rows:
    """Encoded rows: what the collator takes. `tokens` measures a row that has no `input_ids` of its own."""

    items: list[dict[str, Any]]
    tokens: Callable[[dict[str, Any]], int] = lambda item: len(item["input_ids"])

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [self.tokens(item) for item in self.items]

    def blank(self) -> dict[str, Any]:
        """A row that no loss and no count takes notice of: what fills up a batch."""
        shortest = min(self.items, key=self.tokens)
        labels = shortest["labels"]
        return {**shortest, "labels": [IGNORED] * len(labels) if isinstance(labels, list) else IGNORED}

    def by_length(self) -> list[dict[str, Any]]:
        """The rows, longest first: little padding, and a batch that does not fit fails at once."""
        return sorted(self.items, key=lambda item: -self.tokens(item))


@dataclass(frozen=True)
class Objective:
    """What is learned and how it is judged: how rows become a batch, its loss, the metrics, the one that decides.

    A batch has `labels`; those that are not IGNORED are counted, over all batches that are accumulated, and the count
    is what a summed loss is divided by. A loss that no labels but only `eval_loss` judges needs no `compute_metrics`.

    Attributes:
        collator: a list of items to a batch.
        loss: (outputs, labels, num_items_in_batch) to a scalar; where the model's one answer to the batch is enough.
        compute_metrics: what transformers' trainer calls after an evaluation.
        metric_for_best_model: a name of it with `eval_` before; losses, perplexities and errors should fall.
        step: (model, batch, num_items_in_batch) to a scalar and outputs; takes the place of `loss` where a batch is
            more than one question to the model. Its outputs hold tensors of which only `logits` reach the metrics.
            In training they may hold `told`, values for the curves that add up over the batches of an update.
        before_update: what is done once before an update: (batches, updates before, accelerator) to the batches that
            are stepped on, and values as in `told`.
        begin_epoch: called with the number of each epoch before its first batch, also of one that is gone on with: for
            a collator whose batches change from epoch to epoch.
        condensed: (logits, labels) to what the metrics need of them: the logits of a whole vocabulary fill the memory.
        by_tokens: a row counts by its tokens, so that updates of rows of like length would pull to and fro: a few short
            rows weigh as much as many long ones. Every update is drawn at random then. So it is where rows are told
            from the others of their batch, which the length alone must not do.
    """

    collator: Any
    loss: Any
    compute_metrics: Callable[[Any], dict[str, float]] | None
    metric_for_best_model: str
    step: Callable[[Any, dict[str, Any], Any], tuple[Any, Any]] | None = None
    condensed: Callable[[Any, Any], Any] | None = None
    before_update: Callable[[list[Any], int, Any], tuple[list[Any], dict[str, float]]] | None = None
    begin_epoch: Callable[[int], None] | None = None
    by_tokens: bool = False


@dataclass(frozen=True)
class Update:
    """How the rows of one update of the weights are spread over devices and batches."""

    rows: int
    batch: int
    batches: int
    devices: int

    @classmethod
    def spread(cls, rows: int, devices: int, most: int) -> Update:
        """As many rows on each device, at most `most` at once; a share that is not whole is filled up."""
        batches = math.ceil(rows / (devices * most))
        return cls(rows, math.ceil(rows / (devices * batches)), batches, devices)

    def sampler(self, lengths: list[int], seed: int, *, mixed: bool = False) -> LengthGroupedSampler:
        """The rows in their order, by updates: it is the same on one device and on many."""
        multiple = self.batch * self.devices if self.devices > 1 else 1
        return LengthGroupedSampler(lengths, self.rows, seed, multiple, 1 if mixed else UPDATES_SORTED_TOGETHER)


def fit(
    attempt: Attempt,
    schedule: Schedule,
    model: Any,
    train: Rows,
    validation: Rows,
    objective: Objective,
) -> Training:
    """Train `model` in place and leave its best weights in it.

    Checkpoints go to the attempt's folder; an attempt with `resume_from` goes on exactly where that checkpoint was
    taken: optimizer, schedule, random states and the place in the data. An update keeps its rows on other devices too.

    Raises:
        TrainingError: the loss is not a number any more.
        Stopped: a stop was wished; the last step lies in a complete checkpoint.
        Released: in all processes but the first, when the training is over.
    """
    from autotrain.training.loop import Loop
    from autotrain.training.report import Reporter

    precision = decided(attempt, schedule)
    attempt.sink.emit(Log(text=precision.sentence()))
    update = planned(attempt, schedule)
    reporter = Reporter(attempt, update.rows)
    loop = Loop(
        attempt,
        reporter,
        update.sampler(train.lengths, schedule.seed, mixed=objective.by_tokens),
        schedule.early_stopping_patience,
        model=model,
        args=arguments(
            attempt, schedule, len(train.items), update, objective.metric_for_best_model, floats=precision.floats
        ),
        data_collator=objective.collator,
        train_dataset=[*train.items, train.blank()],
        eval_dataset=validation.by_length(),
        compute_loss_func=objective.loss or objective.step,  # either makes the loop count the items
        compute_metrics=objective.compute_metrics,
        preprocess_logits_for_metrics=objective.condensed,
    )
    loop.step_function, loop.before_update = objective.step, objective.before_update
    loop.begin_epoch = objective.begin_epoch
    loop.second_half_ratio, loop.floats = schedule.loraplus_lr_ratio, precision.floats
    if attempt.resume_from is not None:
        loop.remember(attempt.resume_from)
        attempt.sink.emit(Log(text=f"Going on from the checkpoint at step {_resume_step(attempt.resume_from)}."))
    _run(loop, attempt)
    seconds = loop.seconds
    loop.restore_best()
    found = _measured(attempt, loop, reporter, update, seconds)
    # The loop wraps what the model computes into its 16 bits; judged is what the saved adapter will answer.
    loop.accelerator.unwrap_model(model, keep_fp32_wrapper=False)
    settle(model)
    if (why := found.early_end()) is not None:
        attempt.sink.emit(Log(text=why))
    return found


def _measured(attempt: Attempt, loop: Any, reporter: Any, update: Update, seconds: float) -> Training:
    """How the training went."""
    from autotrain.training.report import memory_bytes

    trained, total = parameters(loop.model)
    return Training(
        steps=loop.state.global_step,
        planned_steps=loop.state.max_steps,
        ended=loop.ended,
        epochs=round(loop.state.epoch or 0.0, 4),
        best_step=loop.state.best_global_step,
        still_falling=_still_falling([entry["eval_loss"] for entry in loop.state.log_history if "eval_loss" in entry]),
        seconds=seconds,
        samples_per_second=loop.state.global_step * update.rows / max(seconds, 1e-6),
        peak_memory_bytes=max(reporter.peak_memory_bytes, memory_bytes(attempt.device)),
        trainable_parameters=trained,
        total_parameters=total,
        device=attempt.device.name if attempt.team.size == 1 else f"{attempt.team.size} × {attempt.device.kind}",
    )


def _still_falling(losses: Sequence[float]) -> bool:
    """Whether the last validation loss is at least 1 % below every one before; less is within the noise of a split."""
    return len(losses) > 1 and losses[-1] < 0.99 * min(losses[:-1])


def at_once(batch: int, *, halved: bool) -> int:
    """Rows that go through the model at once on one device: half of the recipe's where the memory did not suffice."""
    return max(1, batch // 2) if halved else batch


def planned(attempt: Attempt, schedule: Schedule) -> Update:
    """The rows of an update as the recipe has them for these devices; after a resume, as they were before."""
    devices, most = attempt.team.size, at_once(schedule.per_device_train_batch_size, halved=attempt.halved)
    rows = schedule.per_device_train_batch_size * schedule.gradient_accumulation_steps * devices
    if attempt.resume_from is not None:
        rows = Moment.read(attempt.resume_from).rows
    return Update.spread(rows, devices, most)


def arguments(
    attempt: Attempt,
    schedule: Schedule,
    rows: int,
    update: Update,
    metric_for_best_model: str,
    *,
    floats: Floats,
) -> Any:
    """The loop's arguments. Nothing here reports to a tracker or asks the network."""
    from transformers import TrainingArguments

    on_cpu = attempt.device.kind == "cpu"
    per_epoch, steps = _steps(schedule, rows, update)
    # A training that is shorter than an epoch is looked at as often as a whole one.
    evaluate_every = max(1, round(min(per_epoch, steps) / schedule.evaluations_per_epoch))
    made = TrainingArguments(
        output_dir=str(attempt.workdir / "checkpoints"),
        max_steps=steps,
        learning_rate=schedule.learning_rate,
        per_device_train_batch_size=update.batch,
        per_device_eval_batch_size=at_once(schedule.per_device_train_batch_size, halved=attempt.halved) * EVAL_BATCH,
        gradient_accumulation_steps=update.batches,
        warmup_steps=round(steps * schedule.warmup_ratio),
        lr_scheduler_type=schedule.lr_scheduler_type,
        weight_decay=schedule.weight_decay,
        max_grad_norm=schedule.max_grad_norm,
        logging_first_step=True,
        logging_steps=max(1, min(10, steps // POINTS)),
        logging_nan_inf_filter=False,
        eval_strategy="steps",
        eval_steps=evaluate_every,
        save_strategy="steps",
        save_steps=evaluate_every,
        metric_for_best_model=metric_for_best_model,
        greater_is_better=should_rise(metric_for_best_model),
        prediction_loss_only=False,
        label_names=["labels"],
        remove_unused_columns=False,
        seed=schedule.seed,
        data_seed=schedule.seed,
        use_cpu=on_cpu,
        bf16=floats == "bf16",
        fp16=floats == "fp16",
        dataloader_pin_memory=not on_cpu,
        report_to="none",
        disable_tqdm=True,
    )
    made._n_gpu = min(made.n_gpu, 1)  # one process, one device, also when it was started by hand and sees more
    return made


def _steps(schedule: Schedule, rows: int, update: Update) -> tuple[int, int]:
    """Updates in an epoch, and in the whole training."""
    per_epoch = max(1, math.ceil(rows / update.rows))
    steps = max(1, math.ceil(per_epoch * schedule.num_train_epochs))
    return per_epoch, min(steps, schedule.max_steps or steps)


def come_to(attempt: Attempt, schedule: Schedule, train: Rows) -> list[int]:
    """The places of the rows that the training comes to, in their order: all but those behind its last step.

    With them the shortest row, which is what fills up a batch.
    """
    update = planned(attempt, schedule)
    _, steps = _steps(schedule, len(train.items), update)
    if steps * update.rows >= len(train.items):
        return list(range(len(train.items)))
    order = (place for place in update.sampler(train.lengths, schedule.seed) if place < len(train.items))
    shortest = min(range(len(train.items)), key=lambda place: train.tokens(train.items[place]))
    return sorted({shortest, *islice(order, steps * update.rows)})


def should_rise(metric: str) -> bool:
    """Whether a metric of the validation rows, such as `eval_rmse`, is better when it is higher."""
    return not metric.endswith(("loss", "perplexity")) and measure(metric.removeprefix("eval_")).higher_is_better


def _run(loop: Any, attempt: Attempt) -> None:
    from autotrain.training.loop import FINISHED

    with undisturbed(attempt.wishes), stepping(attempt.team):
        if attempt.resume_from is not None and (attempt.resume_from / FINISHED).exists():
            _restore_state(loop, attempt.resume_from)
        else:
            loop.train(resume_from_checkpoint=str(attempt.resume_from) if attempt.resume_from else None)
    disband(attempt.team)
    stop_if_wished(attempt.wishes)


def _restore_state(loop: Any, checkpoint: Path) -> None:
    """A training that had ended before it was stopped: take its state, and if nothing was best, its weights."""
    from transformers import TrainerState

    loop.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    loop._load_from_checkpoint(str(checkpoint))


def _resume_step(checkpoint: Path) -> int:
    import json

    return int(json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))["global_step"])
