"""Hyper-parameters that every task shares which tunes a model through a LoRA adapter with the Hugging Face loop."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from autotrain.task import Params


class AdapterParams(Params):
    """How long and how hard is learned, and how large the adapter is."""

    num_train_epochs: float = Field(
        4, gt=0, le=100, title="Epochs", description="How often every training row is seen."
    )
    max_steps: int = Field(
        0, ge=0, le=10_000_000, title="Most steps", description="Ends here even if epochs are left; 0 is no limit."
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="How far one step moves the adapter. Lower is steadier."
    )
    per_device_train_batch_size: int = Field(
        16, ge=1, le=1024, title="Batch size", description="Rows in one step on one device. Larger needs more memory."
    )
    gradient_accumulation_steps: int = Field(
        1, ge=1, le=256, title="Gradient accumulation", description="Batches that are added up before one update."
    )
    max_length: int = Field(
        128, ge=8, le=8192, title="Longest text, in tokens", description="What is longer is cut off at this length."
    )
    lora_r: int = Field(16, ge=1, le=512, title="LoRA rank", description="Size of the adapter. Larger can learn more.")
    lora_alpha: int = Field(
        32, ge=1, le=1024, title="LoRA alpha", description="Strength of the adapter; twice the rank is usual."
    )
    lora_dropout: float = Field(
        0.0, ge=0, lt=1, title="LoRA dropout", description="Share of the adapter's inputs left out at random."
    )
    lora_target_modules: Literal["attention", "all-linear"] = Field(
        "all-linear",
        title="LoRA layers",
        description="Which layers get an adapter: attention only, or every linear one.",
    )
    warmup_ratio: float = Field(
        0.06, ge=0, lt=1, title="Warm-up", description="Share of all steps in which the learning rate rises from zero."
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = Field(
        "linear", title="Learning rate schedule", description="How the learning rate goes after the warm-up."
    )
    weight_decay: float = Field(
        0.01, ge=0, le=1, title="Weight decay", description="Pulls weights towards zero, against overfitting."
    )
    max_grad_norm: float = Field(
        1.0, gt=0, le=1000, title="Largest gradient norm", description="Larger gradients are scaled down to this."
    )
    evaluations_per_epoch: int = Field(
        2, ge=1, le=100, title="Evaluations per epoch", description="How often the validation rows are looked at."
    )
    early_stopping_patience: int = Field(
        4,
        ge=0,
        le=1000,
        title="Patience",
        description="Evaluations without a better score before stopping; 0 is never.",
    )
    seed: int = Field(42, ge=0, lt=2**32, title="Seed", description="The same seed gives the same adapter.")
