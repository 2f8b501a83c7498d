"""Masked language modeling: an encoder reads on in texts of a field by telling words that are hidden from it.

text
The stratum corneum consists of flattened cells without a nucleus. …
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from autotrain.manuals import FILLER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Effort, Masking, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of masked language modeling."""

    max_length: int = Field(
        256,
        ge=8,
        le=8192,
        title="Longest block, in tokens",
        description="A longer document is read in several blocks; nothing is cut off.",
    )
    mlm_probability: float = Field(
        0.15,
        gt=0,
        le=0.5,
        title="Share of masked words",
        description="So many of the tokens are hidden and learned, other ones in each epoch.",
    )


class MaskedLanguageModeling(Shaped):
    """An encoder reads on, through a LoRA adapter."""

    name: ClassVar[str] = "masked-language-modeling"
    title: ClassVar[str] = "Masked language modeling"
    description: ClassVar[str] = "Let an encoder read on in texts of your field, before it learns a task there."
    pipeline_tag: ClassVar[str] = "fill-mask"
    shapes: ClassVar[tuple[str, ...]] = ("plain-text",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", "Text", "Write [MASK] or ___ where a word is missing."),
    )
    verb: ClassVar[str] = "Fill in"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = FILLER

    def masking(self, params: Mapping[str, Any]) -> Masking:
        """As the first epoch masks."""
        fields = Params.model_fields
        share, seed = (params.get(name) or fields[name].default for name in ("mlm_probability", "seed"))
        return Masking(float(share), int(seed))

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Only words under a mask are told."""
        assert isinstance(params, Params)
        return Effort(told=params.mlm_probability, rereads=False)

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on masked words, evaluate it on new texts beside the untouched base, save both."""
        from autotrain.training.masked_language import MaskedLanguageLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return MaskedLanguageLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.masked_language import load_filler

        return load_filler(artifact, model)
