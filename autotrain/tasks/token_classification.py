"""Token classification: a tag for each word, such as names, parts of speech, parts of an address.

tokens                      tags
["Anna", "likes", "Rome"]   ["B-PER", "O", "B-LOC"]
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import TAGGER, Manual
from autotrain.params import SCHEDULE, AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of token classification."""

    replaced_places: float = Field(
        0.0,
        ge=0,
        le=1,
        title="Places replaced",
        description="In every other pass each marked place changes, with this chance, with another of its type from "
        "the training rows. Helps small tables; 0 leaves all rows as they are.",
        json_schema_extra=SCHEDULE,
    )


class TokenClassification(Shaped):
    """A tag for each word, learned by an encoder through a LoRA adapter."""

    name: ClassVar[str] = "token-classification"
    title: ClassVar[str] = "Token classification"
    description: ClassVar[str] = "Mark words in texts: names, parts of speech, parts of an address."
    pipeline_tag: ClassVar[str] = "token-classification"
    shapes: ClassVar[tuple[str, ...]] = ("tagging", "spans")
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("tokens", "text", "Text", "What is read."),)
    verb: ClassVar[str] = "Mark"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = TAGGER

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on words and tags, evaluate it on the test split, save both."""
        from autotrain.training.tagging import TaggingLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return TaggingLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.tagging import load_tagger

        return load_tagger(artifact, model)
