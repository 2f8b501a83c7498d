"""Sentence embeddings: a vector for each text, near that of another where the two are alike.

anchor                    positive
How do I reset my phone?  Hold both buttons for ten seconds.
When are you open?        The shop opens at nine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from autotrain.events import Finding
from autotrain.manuals import EMBEDDER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.table import Table
from autotrain.task import Attempt, Column, Effort, Predictor, Result
from autotrain.task import Params as BaseParams

_DIMS = re.compile(r"\s*([1-9]\d{0,4}\s*(,\s*[1-9]\d{0,4}\s*)*)?")


class Params(AdapterParams):
    """Hyper-parameters of sentence embeddings."""

    per_device_train_batch_size: int = Field(
        64,
        ge=2,
        le=4096,
        title="Batch size",
        description="Rows in one step on one device. Each text is told from all others of its batch: larger is better.",
    )
    mini_batch_size: int = Field(
        32,
        ge=1,
        le=4096,
        title="Texts at once",
        description="Texts in memory together. A larger batch is computed in parts, twice, so that it fits.",
    )
    loss: Literal["contrastive", "margin"] = Field(
        "contrastive",
        title="Loss",
        description="Each text told from all others, or by a margin from the hardest one (triplets and labels only).",
    )
    scale: float = Field(
        20.0,
        gt=0,
        le=200,
        title="Scale",
        description="How much the nearest wrong text counts: cosines are multiplied by it (one over the temperature).",
    )
    matryoshka_dims: str = Field(
        "",
        max_length=200,
        title="Matryoshka dimensions",
        description="Shorter vectors that are to be good as well, such as 256,128,64; empty for none.",
    )

    @field_validator("matryoshka_dims")
    @classmethod
    def _numbers(cls, given: str) -> str:
        if not _DIMS.fullmatch(given):
            raise ValueError("write whole numbers parted by commas, such as 256,128,64")
        return given


class SentenceEmbeddings(Shaped):
    """Vectors of texts, learned by an encoder through a LoRA adapter from texts that are alike."""

    name: ClassVar[str] = "sentence-embeddings"
    title: ClassVar[str] = "Sentence embeddings"
    description: ClassVar[str] = "Turn texts into vectors for search and comparison: near where texts are alike."
    pipeline_tag: ClassVar[str] = "sentence-similarity"
    shapes: ClassVar[tuple[str, ...]] = ("pairs", "triplets", "scored-pairs", "classification")
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (Column("texts", "text", "Texts", "Two texts or more, one on each line."),)
    verb: ClassVar[str] = "Compare"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = EMBEDDER

    def reads(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """One text of each row of a table, which becomes a vector."""
        learned = (columns[role] for role in ("text", "anchor", "sentence1") if role in columns)
        return {"text": next(learned, "")}

    def check(self, table: Table, columns: Mapping[str, str], params: BaseParams) -> list[Finding]:
        """What the shape says, and whether the loss can be had."""
        found = super().check(table, columns, params)
        shape = self.shape_for(columns)
        if getattr(params, "loss", "") == "margin" and shape in ("pairs", "scored-pairs"):
            what = "pairs without a far text" if shape == "pairs" else "pairs with a score"
            said = Finding(
                severity="error",
                code="no-margin",
                message=f"The loss is margin, which {what} do not have.",
                remedy="Choose the contrastive loss, or a column of texts that are far.",
            )
            found.append(said)
        return found

    def effort(self, params: BaseParams, columns: Mapping[str, str]) -> Effort:
        """Each text of a row by itself, some of a batch at once; of labelled texts each has another of its label."""
        assert isinstance(params, Params)
        texts = 3 if self.shape_for(columns) == "triplets" else 2
        return Effort(texts=texts, at_once=params.mini_batch_size, rereads=False)

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on texts that are alike, evaluate it on the test split, save both."""
        from autotrain.training.embeddings import EmbeddingLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return EmbeddingLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.embeddings import load_embedder

        return load_embedder(artifact, model)
