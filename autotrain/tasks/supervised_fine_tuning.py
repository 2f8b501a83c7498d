"""Supervised fine-tuning: a language model learns to answer as the conversations or prompts of a table do.

prompt                          completion
What is the capital of Italy?   Rome, since 1871.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import CHAT, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of supervised fine-tuning."""

    train_on: Literal["answers", "everything"] = Field(
        "answers",
        title="Learned from",
        description="Only what the assistant says, or the questions as well.",
    )
    packing: bool = Field(
        False,
        title="Packing",
        description="Put several short rows into one, without letting one see another. Saves padding on a GPU; on a "
        "processor there is none to save.",
    )
    written_rows: int = Field(
        32,
        ge=0,
        le=1000,
        title="Answers written in the evaluation",
        description="To so many test rows the tuned and the untouched model write an answer.",
    )
    written_tokens: int = Field(
        128, ge=1, le=4096, title="Longest written answer, in tokens", description="Longer answers are cut off there."
    )


class SupervisedFineTuning(Shaped):
    """A language model learns to answer, through a LoRA adapter."""

    name: ClassVar[str] = "supervised-fine-tuning"
    title: ClassVar[str] = "Chat and instruction tuning"
    description: ClassVar[str] = "Teach a language model to answer as these conversations or prompts do."
    pipeline_tag: ClassVar[str] = "text-generation"
    shapes: ClassVar[tuple[str, ...]] = ("chat", "prompt-completion")
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("prompt", "messages", "Conversation", "What is asked."),)
    verb: ClassVar[str] = "Answer"
    generates: ClassVar[bool] = True
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "decoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = CHAT

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Answers are written to some test rows, by the tuned model and by the base."""
        assert isinstance(params, Params)
        rows, tokens = params.written_rows, params.written_tokens
        told = 0.5 if params.train_on == "answers" else 1.0  # questions and the template are seldom the shorter half
        return Effort(told=told, rereads=False, written_rows=rows, written_tokens=tokens, laid_out=True)

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on the answers, evaluate it on the test split beside the untouched base, save both."""
        from autotrain.training.chat import ChatLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return ChatLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.writing import load_writer

        return load_writer(artifact, model)
