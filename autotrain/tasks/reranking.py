"""Reranking: the passages found for a query in a better order, the relevant ones first.

query                  passage                               relevance
how to reset my phone  Hold both buttons for ten seconds.    1
how to reset my phone  Our shop opens at nine.               0
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import RERANKER, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of reranking."""

    per_device_train_batch_size: int = Field(
        4,
        ge=1,
        le=1024,
        title="Queries in a batch",
        description="Queries in one step on one device, each with its passages. More need more memory.",
    )
    passages_per_query: int = Field(
        8,
        ge=2,
        le=256,
        title="Passages at once",
        description="Of one query in one step; those of a longer list are learned in several.",
    )
    loss: Literal["bce", "listwise"] = Field(
        "bce",
        title="Loss",
        description="Each pair by itself, or all passages of a query against each other.",
    )


class Reranking(Shaped):
    """The relevance of a passage for a query, learned by an encoder that reads both through a LoRA adapter."""

    name: ClassVar[str] = "reranking"
    title: ClassVar[str] = "Reranking"
    description: ClassVar[str] = "Put the passages found for a query in order: the relevant ones first."
    pipeline_tag: ClassVar[str] = "text-ranking"
    shapes: ClassVar[tuple[str, ...]] = ("ranking",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = (
        Column("query", "text", "Query", "What is looked for."),
        Column("passages", "text", "Passages", "What was found: one passage on each line."),
    )
    verb: ClassVar[str] = "Rank"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = RERANKER

    def reads(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """A query and one passage of each row of a table."""
        return {"query": columns.get("query", ""), "passage": columns.get("passage", "")}

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on queries and passages, evaluate it on the test split, save both."""
        from autotrain.training.reranking import RerankingLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return RerankingLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.reranking import load_reranker

        return load_reranker(artifact, model)
