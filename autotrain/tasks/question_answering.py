"""Question answering: the place in a text that answers a question, or that there is none.

context                            question                 answers
Rome lies on the Tiber.            Where does Rome lie?     {"text": ["on the Tiber"], "answer_start": [10]}
Rome lies on the Tiber.            Who founded Rome?        {"text": [], "answer_start": []}
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from autotrain.manuals import EXTRACTOR, Manual
from autotrain.params import AdapterParams
from autotrain.shaped import Shaped, roles_of
from autotrain.task import Attempt, Column, Predictor, Result
from autotrain.task import Params as BaseParams


class Params(AdapterParams):
    """Hyper-parameters of question answering."""

    max_length: int = Field(
        384,
        ge=32,
        le=8192,
        title="Longest window, in tokens",
        description="Of question and text together. A longer text is read in several windows that overlap.",
    )


class QuestionAnswering(Shaped):
    """The span of a text that answers a question, learned by an encoder through a LoRA adapter."""

    name: ClassVar[str] = "question-answering"
    title: ClassVar[str] = "Question answering"
    description: ClassVar[str] = "Find the answer to a question in a text, and say where the text has none."
    pipeline_tag: ClassVar[str] = "question-answering"
    shapes: ClassVar[tuple[str, ...]] = ("question-answering",)
    columns: ClassVar[tuple[Column, ...]] = roles_of(*shapes)
    asks: ClassVar[tuple[Column, ...]] = tuple(role for role in columns if role.role != "answers")
    verb: ClassVar[str] = "Answer"
    generates: ClassVar[bool] = False
    base: ClassVar[Literal["encoder", "decoder", "encoder-decoder"]] = "encoder"
    params_class: ClassVar[type[BaseParams]] = Params
    manual: ClassVar[Manual] = EXTRACTOR

    def train(self, attempt: Attempt) -> Result:
        """Train an adapter on questions and the places of their answers, evaluate it on the test split, save both."""
        from autotrain.training.question_answering import QuestionAnsweringLearner

        assert isinstance(attempt.params, Params)
        shape = self.shape_for(attempt.columns)
        return QuestionAnsweringLearner(attempt, attempt.params, task=self.name, shape=shape).run()

    def load(self, artifact: Path, model: Path) -> Predictor:
        """The finished adapter on its base model."""
        from autotrain.training.question_answering import load_answerer

        return load_answerer(artifact, model)
