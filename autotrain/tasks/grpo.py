"""Learning by rewards (GRPO): a language model tries, and what can be checked about its answers is what it learns.

prompt                                                            answer
A shelf has 4 boards with 12 books each. How many books are there?   48
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from autotrain.evaluation.rewards import RewardParams
from autotrain.events import Finding
from autotrain.manuals import CHAT, Manual
from autotrain.params import MEMORY
from autotrain.shaped import Shaped, roles_of
from autotrain.table import Table
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams

OBJECTIVE: dict[str, Any] = {"group": "Loss and evaluation"}


class Params(RewardParams):
    """Hyper-parameters of learning by rewards."""

    num_train_epochs: float = Field(
        1, gt=0, le=100, title="Epochs", description="How often every prompt is asked, each time with new answers."
    )
    learning_rate: float = Field(
        1e-4, gt=0, le=1, title="Learning rate", description="How far one step moves the adapter. Lower is steadier."
    )
    per_device_train_batch_size: int = Field(
        2,
        ge=1,
        le=1024,
        title="Prompts in a batch",
        description="Prompts in one step on one device, each with all its answers. More need more memory.",
    )
    gradient_accumulation_steps: int = Field(
        4,
        ge=1,
        le=256,
        title="Gradient accumulation",
        description="Batches that are added up before one update.",
        json_schema_extra=MEMORY,
    )
    max_length: int = Field(
        512, ge=8, le=8192, title="Longest prompt, in tokens", description="Prompts that are longer are left out."
    )
    num_generations: int = Field(
        8,
        ge=2,
        le=256,
        title="Answers to each prompt",
        description="They are compared with each other. More is steadier.",
    )
    temperature: float = Field(
        1.0,
        gt=0,
        le=5,
        title="Temperature",
        description="How freely answers are tried. Higher finds more, and more amiss.",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        title="Top p",
        description="Only the likeliest words up to this share are tried; 1 is all.",
        json_schema_extra=OBJECTIVE,
    )
    beta: float = Field(
        0.0,
        ge=0,
        le=10,
        title="Pull to the base model (beta)",
        description="Keeps the answers near the base model's, by their KL distance. 0 is not at all, and faster.",
        json_schema_extra=OBJECTIVE,
    )
    scale_rewards: Literal["group", "none"] = Field(
        "group",
        title="Rewards scaled",
        description="By the spread among a prompt's answers as in GRPO, or not at all as in Dr. GRPO.",
        json_schema_extra=OBJECTIVE,
    )
    loss_type: Literal["dapo", "grpo", "dr_grpo"] = Field(
        "dapo",
        title="Loss",
        description="dapo: every token counts alike. grpo: every answer. dr_grpo: as if all were as long as may be.",
        json_schema_extra=OBJECTIVE,
    )
    mask_truncated: bool = Field(
        False,
        title="Nothing from cut answers",
        description="Learn nothing from answers that were cut off before their end.",
        json_schema_extra=OBJECTIVE,
    )
    validation_rows: int = Field(
        32,
        ge=1,
        le=10_000,
        title="Validation rows answered",
        description="So many are answered at each evaluation; the best moment is chosen by them.",
        json_schema_extra=OBJECTIVE,
    )
    written_rows: int = Field(
        64,
        ge=1,
        le=10_000,
        title="Test rows answered",
        description="So many are answered by the tuned and by the untouched model in the end.",
        json_schema_extra=OBJECTIVE,
    )


class Grpo(Shaped):
    """A language model learns from what its own answers earn, through a LoRA adapter."""

    name: ClassVar[str] = "grpo"
    title: ClassVar[str] = "Learning by rewards"
    description: ClassVar[str] = "Let a language model try, and reward answers that can be checked: GRPO."
    pipeline_tag: ClassVar[str] = "text-generation"
    shapes: ClassVar[tuple[str, ...]] = ("prompt-answer",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("prompt", "messages", "Conversation", "What is asked."),)
    verb: ClassVar[str] = "Answer"
    generates: ClassVar[bool] = True
    manual: ClassVar[Manual] = CHAT
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "decoder"
    params_class: ClassVar[type[BaseParams]] = Params

    def check(self, table: Table, columns: Mapping[str, str], params: BaseParams) -> list[Finding]:
        """What is wrong with the rows, and with the rewards that are chosen for them."""
        from autotrain.evaluation.rewarded_rows import row_findings

        assert isinstance(params, Params)
        found = super().check(table, columns, params)
        if any(finding.code in ("no-such-column", "same-column") for finding in found):
            return found
        return [*found, *row_findings(table, columns, params)]

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Each prompt is answered several times in every epoch; with a pull to it the base reads the answers too."""
        assert isinstance(params, Params)
        return Effort(
            forwards=2 if params.beta else 1,
            told=1.0,
            rereads=False,
            answers=params.num_generations,
            written_tokens=params.max_completion_length,
            written_rows=params.written_rows,
            validated_rows=params.validation_rows,
        )

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on what answers earn, evaluate it on the test split beside the untouched base, save both."""
        from autotrain.training.rewarding import GrpoLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return GrpoLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.writing import load_writer

        return load_writer(artifact, model)
