"""The Hugging Face loop with our checkpoints, our order of rows, and the best weights kept beside the newest."""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer
from transformers.trainer_callback import ExportableState

from autotrain.events import Checkpoint
from autotrain.models.lora import set_trained_weights, trained_weights
from autotrain.models.pissa import start_of
from autotrain.models.weights import Floats
from autotrain.report import Ended
from autotrain.task import Attempt
from autotrain.training.checkpoint import Moment, building, prune, require_space, unfinished
from autotrain.training.report import Reporter, require_finite
from autotrain.training.sampler import LengthGroupedSampler

BEST = "best.safetensors"
START = "start.safetensors"
"""In a checkpoint of a PiSSA training: with what the adapter started, and what the base gave up."""
COPIES = 4
"""Of the trained weights in a checkpoint: themselves, the best so far, and two moments of the optimizer."""
FINISHED = "FINISHED"
"""In a checkpoint after which there is nothing left to train: a resume goes straight to the evaluation."""


class Loss(Protocol):
    """Loss of a batch: model output and labels in, a scalar out, scaled by the items of all accumulated batches."""

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any: ...


Preparation = Callable[[list[Any], int, Any], tuple[list[Any], dict[str, float]]]
"""(the batches of an update, the updates before it, accelerate's accelerator) to batches, and values as for `Told`."""


class Told:
    """Values for the curves that the batches of an update, on all devices, add up to."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.shown_at = 0

    def add(self, values: dict[str, float]) -> None:
        """What one batch, or what comes before an update, has to tell."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def over_all(self, accelerator: Any) -> dict[str, float]:
        """The sums over all processes, which tell the same names."""
        if not self.sums:
            return {}
        names = sorted(self.sums)
        values = torch.tensor([self.sums[name] for name in names], dtype=torch.float64)
        if accelerator.num_processes > 1:
            values = accelerator.reduce(values.float().to(accelerator.device), "sum").double()
        return dict(zip(names, values.tolist(), strict=True))

    def means(self, accelerator: Any, step: int) -> dict[str, float]:
        """The means over the updates since the last point, which this is then."""
        updates, self.shown_at = max(1, step - self.shown_at), step
        found = {name: value / updates for name, value in self.over_all(accelerator).items()}
        self.sums = dict.fromkeys(found, 0.0)
        return found


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
        self.before_update: Preparation | None = None
        self.begin_epoch: Callable[[int], None] | None = None
        self._told = Told()
        self.second_half_ratio: float = 1.0
        self.floats: Floats = "fp32"
        self._loss_shifts_labels = False  # the first label of a row is never learned, so that every other one counts

    def remember(self, checkpoint: Path) -> None:
        """Take from a checkpoint that is resumed what the parent does not: the best weights, the loss not yet shown."""
        self._left_at = Moment.read(checkpoint)
        self._seconds_before, self.ended = self._left_at.seconds, self._left_at.ended
        self._told.shown_at = self._left_at.logged_at
        if self._attempt.team.first:
            self._told.sums |= self._left_at.told
        if (checkpoint / BEST).exists():
            self._best = load_file(checkpoint / BEST)

    @property
    def seconds(self) -> float:
        """How long the training has taken, with the attempts before it."""
        return self._seconds_before + time.monotonic() - self._began

    def restore_best(self) -> None:
        """Put the best weights back into the model; without an evaluation so far, the newest are the best."""
        if self._best:
            set_trained_weights(self.model, self._best)

    def create_optimizer(self, model: Any = None) -> Any:
        """As the parent's; for LoRA+ the second half of the adapter, B, learns faster than the first.

        Hayou et al., 2024, https://arxiv.org/abs/2402.12354. The slower come first: theirs is the rate on the curve.
        """
        optimizer = super().create_optimizer(model)
        if self.second_half_ratio != 1:
            second = {id(part) for name, part in self.model.named_parameters() if ".lora_B." in name}
            slow, fast = [], []
            for group in optimizer.param_groups:
                parts = group["params"]
                slow.append({**group, "params": [part for part in parts if id(part) not in second]})
                faster = group["lr"] * self.second_half_ratio
                fast.append({**group, "params": [part for part in parts if id(part) in second], "lr": faster})
            optimizer.param_groups[:] = [group for group in (*slow, *fast) if group["params"]]
        return optimizer

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """As the parent's, or by the task's own step."""
        if self.step_function is None:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        loss, outputs = self.step_function(model, inputs, num_items_in_batch)
        if model.training:
            self._told.add(outputs.get("told", {}))
        if self.args.average_tokens_across_devices and num_items_in_batch is not None and self.args.world_size > 1:
            loss = loss * self.accelerator.num_processes  # as the parent does: the count is of all devices
        return (loss, outputs) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        """None are counted: the parent goes through all parameters for it in every step, and nobody reads the sum."""
        return 0

    def get_batch_samples(self, *args: Any, **options: Any) -> tuple[list[Any], Any]:
        """As the parent's; then what the task does once before an update of the weights, with all its batches."""
        batches, items = super().get_batch_samples(*args, **options)
        if self.before_update is not None and batches:
            with self.compute_loss_context_manager():
                batches, values = self.before_update(batches, self.state.global_step, self.accelerator)
            self._told.add(values)
        return batches, items

    def log(self, logs: dict[str, float], *args: Any, **options: Any) -> None:
        """As the parent's; beside the loss stand the means of what the steps since the last point have told."""
        if "loss" in logs:
            logs |= self._told.means(self.accelerator, self.state.global_step)
        super().log(logs, *args, **options)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return self._sampler

    def _run_epoch(self, *args: Any, epoch: int, **options: Any) -> None:
        # In a resumed epoch of several processes accelerate does not find the sampler below two wrappers.
        self._sampler.set_epoch(epoch)
        if self.begin_epoch is not None:
            self.begin_epoch(epoch)
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
        if self.floats != "fp16":  # whose scale is meant to overflow now and then: that step is left out
            require_finite("gradient", float(norm), step, rate)
        return norm

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        better = bool(super()._determine_best_metric(metrics, trial)) or self._equal_with_lower_loss(metrics)
        if better:
            self.state.best_global_step = self.state.global_step
            self._best = trained_weights(self.model)
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
        moment = Moment(
            self._sampler.rows,
            losses,
            self._globalstep_last_logged,
            self.seconds,
            self.ended,
            told=self._told.over_all(self.accelerator),
            precision=self.floats,
        )
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
            self._save_scaler(str(hidden))
            self._save_random_states(hidden)
            for part in [*self.callback_handler.callbacks, self.control]:
                if isinstance(part, ExportableState):
                    self.state.stateful_callbacks[type(part).__name__] = part.state()
            self.state.save_to_json(str(hidden / "trainer_state.json"))
            moment.write(hidden)
            if self._best:
                save_file(self._best, hidden / BEST)
            if start := start_of(self.model):
                save_file(start, hidden / START)
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

    def evaluation_loop(self, *args: Any, **options: Any) -> Any:
        """As the parent's, whose loss is the mean over batches; over tokens the perplexity knows it exactly."""
        found = super().evaluation_loop(*args, **options)
        exact = found.metrics.get("eval_perplexity")
        if exact:
            found.metrics["eval_loss"] = math.log(exact)
        return found
