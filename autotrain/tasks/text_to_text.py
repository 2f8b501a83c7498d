"""Text to text: an encoder-decoder learns to write a text for a text, as a translation, a summary or a correction.

source                                  target
Where is the station?                   Où est la gare ?
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import REWRITER, Manual
from autotrain.params import EVALUATION, AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of text to text."""

    max_length: int = Field(
        512, ge=8, le=16384, title="Longest source, in tokens", description="What is longer is cut off at this length."
    )
    max_target_length: int = Field(
        128,
        ge=4,
        le=8192,
        title="Longest target, in tokens",
        description="What is longer is cut off there, in learning and in writing.",
    )
    source_prefix: str = Field(
        "",
        max_length=500,
        title="Put before every source",
        description='What the base was taught to be asked with, such as "summarize: " for T5; nothing for BART.',
    )
    source_language: str = Field(
        "",
        max_length=40,
        title="Language of the sources",
        description="For models of many languages only, as they name it: de_DE for mBART, deu_Latn for NLLB.",
    )
    target_language: str = Field(
        "",
        max_length=40,
        title="Language of the targets",
        description="For models of many languages only, as they name it: fr_XX for mBART, fra_Latn for NLLB.",
    )
    label_smoothing: float = Field(
        0.0,
        ge=0,
        lt=1,
        title="Label smoothing",
        description="Share of each target token spread evenly over all, against being too sure. 0.1 is usual.",
    )
    num_beams: int = Field(
        1,
        ge=1,
        le=16,
        title="Beams",
        description="Texts that are followed at once while one is written; more write slower and often better.",
    )
    decides: Literal["loss", "rouge_l", "chrf"] = Field(
        "loss",
        title="Decides which moment is best",
        description="The loss of the validation rows, or how good the texts written for some of them are: slower.",
        json_schema_extra=EVALUATION,
    )
    validated_rows: int = Field(
        64,
        ge=1,
        le=10_000,
        title="Texts written in a validation",
        description="For so many validation rows, where what is written decides.",
        json_schema_extra=EVALUATION,
    )
    written_rows: int = Field(
        500,
        ge=1,
        le=100_000,
        title="Texts written in the evaluation",
        description="For so many test rows the tuned and the untouched model write a text.",
        json_schema_extra=EVALUATION,
    )


class TextToText(Shaped):
    """A text for a text, written by an encoder-decoder through a LoRA adapter."""

    name: ClassVar[str] = "text-to-text"
    title: ClassVar[str] = "Text to text"
    description: ClassVar[str] = "Write a text for a text: translate, summarise, correct, simplify."
    pipeline_tag: ClassVar[str] = "text2text-generation"
    shapes: ClassVar[tuple[str, ...]] = ("text-to-text",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("source", "text", "Source", "What is read."),)
    verb: ClassVar[str] = "Write"
    generates: ClassVar[bool] = True
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder-decoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = REWRITER

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Texts are written to some test rows, and in each validation where what is written decides."""
        assert isinstance(params, Params)
        return Effort(
            told=0.5,  # of a source and a target the target, which is seldom the longer one
            rereads=False,
            written_tokens=params.max_target_length,
            written_rows=params.written_rows,
            validated_rows=params.validated_rows if params.decides != "loss" else 0,
            beams=params.num_beams,
        )

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on sources and targets, evaluate it on the test split beside the base, save both."""
        from autotrain.training.text_to_text import TextToTextLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return TextToTextLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.rewriting import load_rewriter

        return load_rewriter(artifact, model)
