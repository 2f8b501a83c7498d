"""Reward modelling: a number that says how good an answer is, learned from pairs of which one is better.

prompt                          chosen               rejected
What is the capital of Italy?   Rome, since 1871.    I do not care.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import JUDGE, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of reward modelling."""

    learning_rate: float = Field(
        2e-4, gt=0, le=1, title="Learning rate", description="How far one step moves the adapter. Lower is steadier."
    )
    per_device_train_batch_size: int = Field(
        4, ge=1, le=1024, title="Batch size", description="Pairs in one step on one device."
    )
    margin: float = Field(
        0.0, ge=0, le=100, title="Margin", description="By how much a better answer's reward should lead at least."
    )
    centering: float = Field(
        0.01,
        ge=0,
        le=10,
        title="Centring",
        description="How strongly rewards are kept around zero; 0 lets them wander.",
    )


class RewardModeling(Shaped):
    """A reward for each answer, learned through a LoRA adapter and a new head."""

    name: ClassVar[str] = "reward-modeling"
    title: ClassVar[str] = "Reward modelling"
    description: ClassVar[str] = "Judge answers: give each a number, the larger the better."
    pipeline_tag: ClassVar[str] = "text-classification"
    shapes: ClassVar[tuple[str, ...]] = ("preference",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (
        Column("prompt", "messages", "Conversation", "What is asked, or a conversation that ends with an answer."),
        Column("answers", "text", "Answers", "One on each line, or a JSON list; they are ranked."),
    )
    verb: ClassVar[str] = "Judge"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "decoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = JUDGE

    def reads(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """A prompt and one answer of each row of a table."""
        return {"prompt": columns.get("prompt", ""), "answers": columns.get("chosen", "")}

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter and a head on pairs of answers, evaluate them on the test split, save both."""
        from autotrain.training.reward import RewardLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return RewardLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.reward import load_reward_model

        return load_reward_model(artifact, model)
