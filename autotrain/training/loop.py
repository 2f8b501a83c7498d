"""The Hugging Face loop with our checkpoints, our order of rows, and the best weights kept beside the newest."""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import Trainer
from transformers.trainer_callback import ExportableState

from autotrain.events import Checkpoint
from autotrain.task import Attempt
from autotrain.training.checkpoint import building, prune
from autotrain.training.report import Reporter
from autotrain.training.sampler import LengthGroupedSampler

BEST = "best.safetensors"
FINISHED = "FINISHED"
"""In a checkpoint after which there is nothing left to train: a resume goes straight to the evaluation."""


class Loss(Protocol):
    """Loss of a batch: model output and labels in, a scalar out, scaled by the items of all accumulated batches."""

    def __call__(self, outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any: ...


class Loop(Trainer):  # type: ignore[misc]
    """`transformers.Trainer` with the parts that must not lose or repeat anything replaced."""

    def __init__(self, attempt: Attempt, reporter: Reporter, lengths: list[int], patience: int, **rest: Any) -> None:
        super().__init__(callbacks=[reporter], **rest)
        self._attempt, self._reporter, self._lengths, self._patience = attempt, reporter, lengths, patience
        self._best: dict[str, torch.Tensor] = {}
        self._out_of_patience = False

    def remember_best(self, checkpoint: Path) -> None:
        """Take the best weights so far from a checkpoint that is resumed."""
        if (checkpoint / BEST).exists():
            self._best = load_file(checkpoint / BEST)

    def restore_best(self) -> None:
        """Put the best weights back into the model; without an evaluation so far, the newest are the best."""
        if self._best:
            set_peft_model_state_dict(self.model, self._best)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        return LengthGroupedSampler(self._lengths, self.args.train_batch_size, self.args.seed)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        better = bool(super()._determine_best_metric(metrics, trial))
        if better:
            self._best = {name: part.detach().clone() for name, part in get_peft_model_state_dict(self.model).items()}
        best_step = self.state.best_global_step or 0
        since = {
            entry["step"] for entry in self.state.log_history if "eval_loss" in entry and entry["step"] > best_step
        }
        if self._patience and len(since) >= self._patience:
            self._out_of_patience = self.control.should_training_stop = True
        return better

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step, folder = self.state.global_step, self._attempt.workdir / "checkpoints"
        began = time.monotonic()
        with building(folder, step) as aside:
            self.save_model(str(aside), _internal_call=True)
            self._save_optimizer_and_scheduler(str(aside))
            self._save_rng_state(str(aside))
            for part in [*self.callback_handler.callbacks, self.control]:
                if isinstance(part, ExportableState):
                    self.state.stateful_callbacks[type(part).__name__] = part.state()
            self.state.save_to_json(str(aside / "trainer_state.json"))
            if self._best:
                save_file(self._best, aside / BEST)
            if step >= self.state.max_steps or self._out_of_patience or self._attempt.wishes.finish:
                (aside / FINISHED).touch()
        prune(folder)
        place = (folder / f"step-{step}").relative_to(self._attempt.workdir.parent)
        self._attempt.sink.emit(Checkpoint(step=step, path=str(place)))
        self._reporter.waited(time.monotonic() - began)

    def evaluate(self, *args: Any, **options: Any) -> dict[str, float]:
        """As the parent's; its time does not count as training."""
        began = time.monotonic()
        try:
            return dict(super().evaluate(*args, **options))
        finally:
            self._reporter.waited(time.monotonic() - began)
