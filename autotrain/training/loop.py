"""The Hugging Face loop with our checkpoints, our order of rows, and the best weights kept beside the newest."""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import Trainer
from transformers.trainer_callback import ExportableState

from autotrain.events import Checkpoint
from autotrain.report import Ended
from autotrain.task import Attempt
from autotrain.training.checkpoint import Moment, building, prune, require_space, unfinished
from autotrain.training.report import Reporter, require_finite
from autotrain.training.sampler import LengthGroupedSampler

BEST = "best.safetensors"
COPIES = 4
"""Of the trained weights in a checkpoint: themselves, the best so far, and two moments of the optimizer."""
FINISHED = "FINISHED"
"""In a checkpoint after which there is nothing left to train: a resume goes straight to the evaluation."""


class Loss(Protocol):
    """Loss of a batch: model output and labels in, a scalar out, scaled by the items of all accumulated batches."""

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any: ...


class Loop(Trainer):  # type: ignore[misc]
    """`transformers.Trainer` with the parts that must not lose or repeat anything replaced."""

    def __init__(
        self, attempt: Attempt, reporter: Reporter, sampler: LengthGroupedSampler, patience: int, **rest: Any
    ) -> None:
        super().__init__(callbacks=[reporter], **rest)
        self._attempt, self._reporter, self._sampler, self._patience = attempt, reporter, sampler, patience
        self._best: dict[str, torch.Tensor] = {}
        self._left_at: Moment | None = None
        self._out_of_patience = False
        self._began, self._seconds_before = time.monotonic(), 0.0
        self.ended: Ended = "planned"
        self.step_function: Callable[[Any, dict[str, Any], Any], tuple[Any, Any]] | None = None
        self.before_update: Callable[[Any, Any], None] | None = None
        self._loss_shifts_labels = False  # the first label of a row is never learned, so that every other one counts

    def remember(self, checkpoint: Path) -> None:
        """Take from a checkpoint that is resumed what the parent does not: the best weights, the loss not yet shown."""
        self._left_at = Moment.read(checkpoint)
        self._seconds_before, self.ended = self._left_at.seconds, self._left_at.ended
        if (checkpoint / BEST).exists():
            self._best = load_file(checkpoint / BEST)

    @property
    def seconds(self) -> float:
        """How long the training has taken, with the attempts before it."""
        return self._seconds_before + time.monotonic() - self._began

    def restore_best(self) -> None:
        """Put the best weights back into the model; without an evaluation so far, the newest are the best."""
        if self._best:
            set_peft_model_state_dict(self.model, self._best)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As the parent's, or by the task's own step."""
        if self.step_function is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss, outputs = self.step_function(model, inputs, num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None and self.args.world_size > 1:
            loss = loss * self.accelerator.num_processes  # as the parent does: the count is of all devices
        return (loss, outputs) if return_outputs else loss

    def get_batch_samples(self, *args: Any, **options: Any) -> Any:
        """As the parent's: the batches of one update and their items, which the task sees before it learns from any."""
        batches, items = super().get_batch_samples(*args, **options)
        if self.before_update is not None and batches:
            with self.compute_loss_context_manager():
                self.before_update(self.model, batches)
        return batches, items

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._sampler

    def _run_epoch(self, *args: Any, epoch: int, **options: Any) -> None:
        # In a resumed epoch of several processes accelerate does not find the sampler below two wrappers.
        self._sampler.set_epoch(epoch)
        super()._run_epoch(*args, epoch=epoch, **options)

    def training_step(self, *args: Any, **options: Any) -> Any:
        """As the parent's; the first one after a resume goes on with the sum of the losses where it was left."""
        if self._left_at is not None:
            self._tr_loss += self._left_at.loss(self._attempt.team.rank, self._attempt.team.size)
            self._globalstep_last_logged = self._left_at.logged_at
            self._left_at = None
        return super().training_step(*args, **options)

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        """As the parent's, before the weights are moved: a step that is not a number must not reach them."""
        norm = super()._get_grad_norm(model, grad_norm)
        step, rate = self.state.global_step + 1, self.args.learning_rate
        require_finite("training loss", float(self._tr_loss), step, rate)
        require_finite("gradient", float(norm), step, rate)
        return norm

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        better = bool(super()._determine_best_metric(metrics, trial)) or self._equal_with_lower_loss(metrics)
        if better:
            self.state.best_global_step = self.state.global_step
            self._best = {name: part.detach().clone() for name, part in get_peft_model_state_dict(self.model).items()}
        # While the loss still falls the score is only late: with few validation rows it moves in jumps.
        evaluations = {entry["step"]: entry["eval_loss"] for entry in self.state.log_history if "eval_loss" in entry}
        last_gain = max(self.state.best_global_step or 0, min(evaluations, key=evaluations.__getitem__))
        if self._patience and sum(step > last_gain for step in evaluations) >= self._patience:
            self._out_of_patience = self.control.should_training_stop = True
            self.ended = "patience"
        return better

    def _equal_with_lower_loss(self, metrics: dict[str, float]) -> bool:
        """Few validation rows make equal scores common; of these the one whose model is surer of the truth is best."""
        if metrics[str(self.args.metric_for_best_model)] != self.state.best_metric:
            return False
        evaluations = (entry for entry in self.state.log_history if "eval_loss" in entry)
        losses = [entry["eval_loss"] for entry in evaluations if entry["step"] == self.state.best_global_step]
        return bool(losses) and metrics["eval_loss"] < losses[-1]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        began, folder = time.monotonic(), self._attempt.workdir / "checkpoints"
        losses = self.accelerator.gather(self._tr_loss.reshape(1)).tolist()
        if self._attempt.wishes.finish and self.ended == "planned" and self.state.global_step < self.state.max_steps:
            self.ended = "asked"
        moment = Moment(self._sampler.rows, losses, self._globalstep_last_logged, self.seconds, self.ended)
        if self._attempt.team.first:
            self._write_checkpoint(folder, moment)
        else:
            self._save_random_states(unfinished(folder, self.state.global_step))
        self._reporter.waited(time.monotonic() - began)

    def _save_random_states(self, folder: Path) -> None:
        """Every process adds its own to the folder, which the first one has made and waits to finish."""
        self.accelerator.wait_for_everyone()
        self._save_rng_state(str(folder))
        self.accelerator.wait_for_everyone()

    def _write_checkpoint(self, folder: Path, moment: Moment) -> None:
        step = self.state.global_step
        folder.mkdir(exist_ok=True)
        trained = sum(part.numel() * part.element_size() for part in self.model.parameters() if part.requires_grad)
        require_space(folder, COPIES * trained)
        with building(folder, step) as hidden:
            self.save_model(str(hidden), _internal_call=True)
            self._save_optimizer_and_scheduler(str(hidden))
            self._save_random_states(hidden)
            for part in [*self.callback_handler.callbacks, self.control]:
                if isinstance(part, ExportableState):
                    self.state.stateful_callbacks[type(part).__name__] = part.state()
            self.state.save_to_json(str(hidden / "trainer_state.json"))
            moment.write(hidden)
            if self._best:
                save_file(self._best, hidden / BEST)
            if step >= self.state.max_steps or self._out_of_patience or self._attempt.wishes.finish:
                (hidden / FINISHED).touch()
        prune(folder)
        place = (folder / f"step-{step}").relative_to(self._attempt.workdir.parent)
        self._attempt.sink.emit(Checkpoint(step=step, path=str(place)))

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """As the parent's; its time does not count as training."""
        began = time.monotonic()
        try:
            return dict(super().evaluate(*args, **options))
        finally:
            self._reporter.waited(time.monotonic() - began)
