"""Text regression: a number for each text, or for each pair of texts.

text                                      target
A small flat under the roof with a view   650.5
A house with a garden by the sea          2400.25
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import ESTIMATOR, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of text regression."""

    loss: Literal["mse", "huber"] = Field(
        "mse",
        title="Loss",
        description="Squared error, or Huber's, which minds a few numbers that are far off less.",
    )


class TextRegression(Shaped):
    """A number for each text, learned by an encoder through a LoRA adapter."""

    name: ClassVar[str] = "text-regression"
    title: ClassVar[str] = "Text regression"
    description: ClassVar[str] = "Predict a number from a text: a rating, a price, how alike two texts are."
    pipeline_tag: ClassVar[str] = "text-classification"
    shapes: ClassVar[tuple[str, ...]] = ("regression",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = tuple(role for role in columns if role.role != "target")
    verb: ClassVar[str] = "Predict"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = ESTIMATOR

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on `text` and `target`, evaluate it on the test split, save both."""
        from autotrain.training.regression import RegressionLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return RegressionLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.regression import load_regressor

        return load_regressor(artifact, model)
