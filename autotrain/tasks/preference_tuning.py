"""Preference tuning: a language model learns from pairs of answers which one people prefer, or from thumbs.

prompt                          chosen               rejected
What is the capital of Italy?   Rome, since 1871.    I do not care.

prompt                          completion           label
What is the capital of Italy?   Rome, since 1871.    👍
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.events import Finding
from autotrain.manuals import CHAT, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.table import Table
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of preference tuning."""

    learning_rate: float = Field(
        1e-4, gt=0, le=1, title="Learning rate", description="How far one step moves the adapter. Lower is steadier."
    )
    per_device_train_batch_size: int = Field(
        4, ge=1, le=1024, title="Batch size", description="Rows in one step on one device, of two answers each."
    )
    loss: Literal["auto", "sigmoid", "sigmoid_norm", "ipo", "robust", "simpo", "orpo", "kto"] = Field(
        "auto",
        title="Loss",
        description="auto is DPO (sigmoid) for pairs and KTO for thumbs. sigmoid_norm and simpo do not favour long "
        "answers; robust expects some pairs the wrong way round; simpo and orpo need no base beside them.",
    )
    beta: float = Field(
        0,
        ge=0,
        le=1000,
        title="Beta",
        description="How near to the base model it stays: larger is nearer. 0 is what is usual for the loss.",
    )
    label_smoothing: float = Field(
        0.1,
        ge=0,
        lt=0.5,
        title="Wrong pairs",
        description="Share of pairs that are the wrong way round, for the loss robust.",
    )
    target_margin: float = Field(
        0.5, ge=0, le=100, title="Target margin", description="By how much the better answer should lead, for simpo."
    )
    liked_weight: float = Field(
        1.0, gt=0, le=1000, title="Weight of thumbs up", description="How much a liked answer counts, for kto."
    )
    disliked_weight: float = Field(
        1.0, gt=0, le=1000, title="Weight of thumbs down", description="How much another answer counts, for kto."
    )
    written_rows: int = Field(
        8,
        ge=0,
        le=1000,
        title="Answers written in the evaluation",
        description="To so many test prompts the tuned and the untouched model write an answer.",
    )
    written_tokens: int = Field(
        128, ge=1, le=4096, title="Longest written answer, in tokens", description="Longer answers are cut off there."
    )


class PreferenceTuning(Shaped):
    """A language model learns which answers are preferred, through a LoRA adapter."""

    name: ClassVar[str] = "preference-tuning"
    title: ClassVar[str] = "Preference tuning"
    description: ClassVar[str] = "Teach a language model which of two answers is better, or which ones people like."
    pipeline_tag: ClassVar[str] = "text-generation"
    shapes: ClassVar[tuple[str, ...]] = ("preference", "feedback")
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("prompt", "messages", "Conversation", "What is asked."),)
    verb: ClassVar[str] = "Answer"
    generates: ClassVar[bool] = True
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "decoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = CHAT

    def check(self, table: Table, columns: Mapping[str, str], params: BaseParams) -> list[Finding]:
        """What is wrong or worth knowing about the rows, and whether the loss can learn from them."""
        found = super().check(table, columns, params)
        loss = getattr(params, "loss", "auto")
        if self.shape_for(columns) == "feedback" and loss not in ("auto", "kto"):
            message = f"The loss {loss} compares two answers, and these rows have one with a thumb."
            remedy = "Choose auto or kto, or a table with a better and a worse answer in each row."
            found.append(Finding(severity="error", code="loss-needs-pairs", message=message, remedy=remedy))
        return found

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """The base reads all answers once; both write to some test prompts."""
        assert isinstance(params, Params)
        return Effort(told=1.0, written_rows=params.written_rows, written_tokens=params.written_tokens)

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on the preferences, evaluate it on the test split beside the untouched base, save both."""
        from autotrain.training.preference import PreferenceLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return PreferenceLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.writing import load_writer

        return load_writer(artifact, model)
