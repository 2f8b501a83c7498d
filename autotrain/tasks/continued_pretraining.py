"""Continued pre-training: a language model reads on in documents of a field, a style or a language.

text
The stratum corneum consists of flattened cells without a nucleus. …
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import CONTINUER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of continued pre-training."""

    packing: bool = Field(
        True,
        title="Packing",
        description="Put several short documents into one row, without letting one see another.",
    )


class ContinuedPretraining(Shaped):
    """A language model reads on, through a LoRA adapter."""

    name: ClassVar[str] = "continued-pretraining"
    title: ClassVar[str] = "Continued pre-training"
    description: ClassVar[str] = "Let a language model read on in texts of your field, style or language."
    pipeline_tag: ClassVar[str] = "text-generation"
    shapes: ClassVar[tuple[str, ...]] = ("plain-text",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("text", "text", "Beginning", "The model goes on with it."),)
    verb: ClassVar[str] = "Go on"
    generates: ClassVar[bool] = True
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "decoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = CONTINUER

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Every token of a document is learned."""
        return Effort(told=1.0, rereads=False, laid_out=True)

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on whole documents, evaluate it on new ones beside the untouched base, save both."""
        from autotrain.training.pretraining import PretrainingLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return PretrainingLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.writing import load_writer

        return load_writer(artifact, model, chat=False)
