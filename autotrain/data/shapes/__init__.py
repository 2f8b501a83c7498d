"""The shapes a table can have, and which of them a table has."""

from __future__ import annotations

from dataclasses import dataclass

from autotrain.data.shapes.answering import QuestionAnswering
from autotrain.data.shapes.checkable import PromptAnswer
from autotrain.data.shapes.conversation import Chat, PromptCompletion
from autotrain.data.shapes.feedback import Feedback
from autotrain.data.shapes.likeness import Pairs, ScoredPairs, Triplets
from autotrain.data.shapes.multi_label import MultiLabel
from autotrain.data.shapes.numbers import Regression
from autotrain.data.shapes.pictures import AudioClassification, ImageClassification, ObjectDetection
from autotrain.data.shapes.preference import Preference
from autotrain.data.shapes.ranking import Ranking
from autotrain.data.shapes.shape import Shape
from autotrain.data.shapes.tagging import Spans, Tagging
from autotrain.data.shapes.texts import Classification, PlainText, TextPair, Translation
from autotrain.table import Profile, RoleGuess

SHAPES: dict[str, Shape] = {
    shape.name: shape
    for shape in (
        Classification(),
        Chat(),
        PromptCompletion(),
        Preference(),
        Feedback(),
        PromptAnswer(),
        Tagging(),
        Spans(),
        QuestionAnswering(),
        MultiLabel(),
        Ranking(),
        TextPair(),
        ScoredPairs(),
        Regression(),
        Triplets(),
        Pairs(),
        Translation(),
        ImageClassification(),
        ObjectDetection(),
        AudioClassification(),
        PlainText(),
    )
}
"""Every shape by name, the commonest first."""

FITS = 0.3
"""A shape with a lower score is not what the table is."""


@dataclass(frozen=True)
class Suggestion:
    """How well a table has a shape: `score` from 0 to 1, why, and which column plays which role."""

    shape: str
    title: str
    description: str
    fits: bool
    score: float
    reason: str
    mapping: tuple[RoleGuess, ...]


def suggestions(profile: Profile) -> list[Suggestion]:
    """Every shape, the likeliest first. One that explains more columns goes before one that explains fewer."""
    found = []
    for shape in SHAPES.values():
        fit = shape.suits(profile)
        missing = next((guess.reason for guess in fit.mapping if guess.column is None and _needed(shape, guess)), None)
        fits = missing is None and fit.score >= FITS
        reason = missing or fit.reason
        found.append(Suggestion(shape.name, shape.title, shape.description, fits, fit.score, reason, fit.mapping))
    return sorted(found, key=lambda each: (not each.fits, -round(each.score, 1), -_explained(each)))


def _needed(shape: Shape, guess: RoleGuess) -> bool:
    return any(role.role == guess.role and role.required for role in shape.roles)


def _explained(suggestion: Suggestion) -> int:
    return sum(guess.column is not None for guess in suggestion.mapping)
