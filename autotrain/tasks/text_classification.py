"""Text classification: one label for each text, or for each pair of texts.

text                                   label
The parcel came late and damaged.      complaint
Do you ship to Norway?                 question
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import CLASSIFIER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of text classification."""

    label_smoothing: float = Field(
        0.0, ge=0, lt=1, title="Label smoothing", description="How much the model may doubt each label."
    )
    class_weights: Literal["auto", "none", "balanced"] = Field(
        "auto",
        title="Class weights",
        description="How much more a row of a rare class counts. Auto: moderately, when the classes are uneven.",
    )


class TextClassification(Shaped):
    """One label for each text, learned by an encoder, or a language model with a head, through a LoRA adapter."""

    name: ClassVar[str] = "text-classification"
    title: ClassVar[str] = "Text classification"
    description: ClassVar[str] = "Sort texts into classes: topic, language, sentiment, intent."
    pipeline_tag: ClassVar[str] = "text-classification"
    shapes: ClassVar[tuple[str, ...]] = ("classification", "text-pair")
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = tuple(role for role in columns if role.role != "label")
    verb: ClassVar[str] = "Classify"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = CLASSIFIER

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on `text` and `label`, evaluate it on the test split, save both."""
        from autotrain.training.classification import ClassificationLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return ClassificationLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.classification import load_classifier

        return load_classifier(artifact, model)
