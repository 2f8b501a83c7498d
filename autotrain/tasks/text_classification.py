"""Text classification: one label for each text."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from autotrain.task import Column
from autotrain.task import Params as BaseParams


class Params(BaseParams):
    """Hyper-parameters of text classification."""

    num_train_epochs: float = Field(3, gt=0, le=100, title="Epochs", description="How often every row is seen.")
