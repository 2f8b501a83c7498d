"""Hyper-parameters that every task shares which tunes a model through a LoRA adapter with the Hugging Face loop."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from autotrain.task import Params

SCHEDULE: dict[str, Any] = {"group": "Schedule and stopping"}
ADAPTER: dict[str, Any] = {"group": "What is trained"}
MEMORY: dict[str, Any] = {"group": "Memory and precision"}
EVALUATION: dict[str, Any] = {"group": "Evaluation"}
"""What belongs together on the form, folded until somebody wants it; a field without a group is always shown."""


class AdapterParams(Params):
    """How long and how hard is learned, what is trained, and in what form the numbers are kept."""

    num_train_epochs: float = Field(
        4, gt=0, le=100, title="Epochs", description="How often every training row is seen."
    )
    max_steps: int = Field(
        0,
        ge=0,
        le=10_000_000,
        title="Most steps",
        description="Ends here even if epochs are left; 0 is no limit.",
        json_schema_extra=SCHEDULE,
    )
    learning_rate: float = Field(
        1e-3, gt=0, le=1, title="Learning rate", description="How far one step moves the adapter. Lower is steadier."
    )
    per_device_train_batch_size: int = Field(
        16, ge=1, le=1024, title="Batch size", description="Rows in one step on one device. Larger needs more memory."
    )
    gradient_accumulation_steps: int = Field(
        1,
        ge=1,
        le=256,
        title="Gradient accumulation",
        description="Batches that are added up before one update.",
        json_schema_extra=SCHEDULE,
    )
    max_length: int = Field(
        128, ge=8, le=8192, title="Longest text, in tokens", description="What is longer is cut off at this length."
    )
    training_method: Literal["lora", "full"] = Field(
        "lora",
        title="Adapter or whole model",
        description="lora: a small adapter beside the frozen model. full: every weight of a small model, which takes "
        "about five times its size in memory and a learning rate of about 2e-5.",
        json_schema_extra=ADAPTER,
    )
    lora_r: int = Field(
        16,
        ge=1,
        le=512,
        title="LoRA rank",
        description="Size of the adapter. Larger can learn more.",
        json_schema_extra=ADAPTER,
    )
    lora_alpha: int = Field(
        32,
        ge=1,
        le=1024,
        title="LoRA alpha",
        description="Strength of the adapter; twice the rank is usual.",
        json_schema_extra=ADAPTER,
    )
    lora_dropout: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="LoRA dropout",
        description="Share of the adapter's inputs left out at random.",
        json_schema_extra=ADAPTER,
    )
    lora_target_modules: Literal["attention", "all-linear", "custom"] = Field(
        "all-linear",
        title="LoRA layers",
        description="Which layers get an adapter: attention only, every linear one, or those named below.",
        json_schema_extra=ADAPTER,
    )
    lora_target_names: str = Field(
        "",
        max_length=1000,
        validate_default=True,
        title="Layers by name",
        description="With LoRA layers: custom. Ends of layers' names, separated by commas, such as q_proj, v_proj.",
        json_schema_extra=ADAPTER,
    )
    use_rslora: bool = Field(
        False,
        title="Rank-stabilised LoRA",
        description="Divides the strength by the root of the rank, so that a large rank learns as well as a small one.",
        json_schema_extra=ADAPTER,
    )
    use_dora: bool = Field(
        False,
        title="DoRA",
        description="Learns length and direction of the weights apart. Often a little better, and slower.",
        json_schema_extra=ADAPTER,
    )
    init_lora_weights: Literal["default", "pissa"] = Field(
        "default",
        title="Start of the adapter",
        description="default: with no effect. pissa: with the strongest directions of the weights, often quicker.",
        json_schema_extra=ADAPTER,
    )
    pissa_niter: int = Field(
        0,
        ge=0,
        le=64,
        title="PiSSA iterations",
        description="0 takes the exact directions; 16 is close to them and much quicker on a large model.",
        json_schema_extra=ADAPTER,
    )
    loraplus_lr_ratio: float = Field(
        1.0,
        ge=1,
        le=128,
        title="LoRA+ ratio",
        description="How many times faster the second half of the adapter learns: 1 is plain LoRA, 16 is usual.",
        json_schema_extra=ADAPTER,
    )
    warmup_ratio: float = Field(
        0.06,
        ge=0,
        lt=1,
        title="Warm-up",
        description="Share of all steps in which the learning rate rises from zero.",
        json_schema_extra=SCHEDULE,
    )
    lr_scheduler_type: Literal["linear", "cosine", "constant_with_warmup"] = Field(
        "linear",
        title="Learning rate schedule",
        description="How the learning rate goes after the warm-up.",
        json_schema_extra=SCHEDULE,
    )
    weight_decay: float = Field(
        0.01,
        ge=0,
        le=1,
        title="Weight decay",
        description="Pulls weights towards zero, against overfitting.",
        json_schema_extra=SCHEDULE,
    )
    max_grad_norm: float = Field(
        1.0,
        gt=0,
        le=1000,
        title="Largest gradient norm",
        description="Larger gradients are scaled down to this.",
        json_schema_extra=SCHEDULE,
    )
    evaluations_per_epoch: int = Field(
        2,
        ge=1,
        le=100,
        title="Evaluations per epoch",
        description="How often the validation rows are looked at.",
        json_schema_extra=SCHEDULE,
    )
    early_stopping_patience: int = Field(
        4,
        ge=0,
        le=1000,
        title="Patience",
        description="Evaluations without a better score before stopping; 0 is never.",
        json_schema_extra=SCHEDULE,
    )
    seed: int = Field(
        42,
        ge=0,
        lt=2**32,
        title="Seed",
        description="The same seed gives the same adapter.",
        json_schema_extra=SCHEDULE,
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        "auto",
        title="Precision",
        description="Numbers of 32 or 16 bits. Auto asks the device what it is quick and safe with.",
        json_schema_extra=MEMORY,
    )
    quantization: Literal["none", "8bit", "4bit"] = Field(
        "none",
        title="Quantised base",
        description="Keeps the frozen model in 8 or 4 bits, for one that does not fit the memory otherwise; a little "
        "less exact. Needs bitsandbytes.",
        json_schema_extra=MEMORY,
    )

    @field_validator("lora_target_names")
    @classmethod
    def _custom_has_names(cls, value: str, info: ValidationInfo) -> str:
        if info.data.get("lora_target_modules") == "custom" and not layer_names(value):
            raise ValueError(
                "LoRA layers is custom and names none: name layers such as q_proj, v_proj, or choose all-linear"
            )
        return value

    @field_validator("quantization")
    @classmethod
    def _quantised_stays_as_it_is(cls, value: str, info: ValidationInfo) -> str:
        if value != "none" and info.data.get("training_method") == "full":
            raise ValueError(
                "a quantised model cannot be trained as a whole: choose training_method lora, or quantization none"
            )
        if value != "none" and info.data.get("init_lora_weights") == "pissa":
            raise ValueError(
                "PiSSA cannot split quantised weights: choose init_lora_weights default, or quantization none"
            )
        return value


def layer_names(text: str) -> list[str]:
    """The names in a comma-separated field."""
    return [name.strip() for name in text.split(",") if name.strip()]
