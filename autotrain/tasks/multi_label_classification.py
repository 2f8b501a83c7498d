"""Multi-label classification: every label that fits a text, or none.

text                                       labels
The parcel came late and was damaged.      delivery|quality
Thank you!                                 praise
It rains.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import LABELLER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of multi-label classification."""

    threshold: Literal["auto", "global", "each-label"] = Field(
        "auto",
        title="Threshold",
        description="From which probability on a label is given, chosen on the validation rows: one for all labels, "
        "or one for each. Auto: one for each label that has enough rows.",
    )


class MultiLabelClassification(Shaped):
    """Any number of labels for each text, learned by an encoder through a LoRA adapter."""

    name: ClassVar[str] = "multi-label-classification"
    title: ClassVar[str] = "Multi-label classification"
    description: ClassVar[str] = "Give each text all labels that fit: topics, tags, what a review speaks of."
    pipeline_tag: ClassVar[str] = "text-classification"
    shapes: ClassVar[tuple[str, ...]] = ("multi-label",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = tuple(role for role in columns if role.role != "labels")
    verb: ClassVar[str] = "Label"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = LABELLER

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on `text` and `labels`, evaluate it on the test split, save both."""
        from autotrain.training.multi_label import MultiLabelLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return MultiLabelLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.multi_label import load_multi_label

        return load_multi_label(artifact, model)
