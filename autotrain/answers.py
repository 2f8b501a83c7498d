"""What a finished adapter is asked, and the kinds of answer it gives. Pure values: they travel as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Sampling(BaseModel):
    """How a text is written, token by token. A temperature of 0 takes the likeliest token each time."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_new_tokens: int = Field(256, ge=1, le=8192, title="Longest answer, in tokens")
    temperature: float = Field(0.0, ge=0, le=5, title="Temperature")
    top_p: float = Field(1.0, gt=0, le=1, title="Top p")
    repetition_penalty: float = Field(1.0, ge=1, le=3, title="Repetition penalty")
    seed: int = Field(0, ge=0, lt=2**32, title="Seed")


@dataclass(frozen=True)
class Asking:
    """How an adapter is asked.

    `untouched` asks the base model without the adapter, where it can answer at all. `said` is called with each piece of
    a text as it is written.
    """

    sampling: Sampling = Sampling()
    untouched: bool = False
    said: Callable[[str], None] | None = None


PLAINLY = Asking()


SHOWN_LABELS = 5
"""Of a classifier's answer in a terminal."""
SHOWN_NUMBERS = 6
"""Of a vector in a terminal."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def cells(self) -> dict[str, str]:
        """The columns that a table gets, in order; every answer of an adapter gives the same ones."""
        raise NotImplementedError

    def typed(self) -> Mapping[str, object]:
        """The same columns for a file that knows more than text."""
        return self.cells()

    def says(self) -> str:
        """The answer in one line of text."""
        return next(iter(self.cells().values()))

    def lines(self) -> list[str]:
        """The answer as a terminal shows it."""
        return [self.says()]

    def agrees(self, own: str) -> bool | None:
        """Whether it is what the table's own column says; None where the two cannot be compared."""
        return own.strip() == self.says().strip()


class Scores(_Answer):
    """A probability for each label. Without `chosen` the likeliest is the answer; with it, those named are."""

    kind: Literal["scores"] = "scores"
    scores: dict[str, float]
    chosen: tuple[str, ...] | None = None

    @property
    def winner(self) -> str:
        """The likeliest label."""
        return max(self.scores, key=self.scores.__getitem__)

    def cells(self) -> dict[str, str]:
        predicted = self.winner if self.chosen is None else "|".join(self.chosen)
        each = {f"score {label}": f"{value:.6f}" for label, value in self.scores.items()}
        sure = {"confidence": f"{self.scores[self.winner]:.6f}"} if self.chosen is None else {}
        return {"predicted": predicted} | sure | each

    def lines(self) -> list[str]:
        best = sorted(self.scores.items(), key=lambda item: -item[1])[:SHOWN_LABELS]
        chosen = () if self.chosen is None else self.chosen
        return [f"{value:6.1%}  {label}{' *' if label in chosen else ''}" for label, value in best]

    def agrees(self, own: str) -> bool | None:
        own = own.strip()
        if self.chosen is None:
            return own == self.winner if own in self.scores else None
        return None


class Number(_Answer):
    """A value on the scale of the training table."""

    kind: Literal["number"] = "number"
    value: float

    def cells(self) -> dict[str, str]:
        return {"predicted": f"{self.value:.6g}"}

    def agrees(self, own: str) -> bool | None:
        return None  # numbers are near or far, not equal


class Mark(BaseModel):
    """Characters `start` to `end` (exclusive) of the text are a `label`; `confidence` is from 0 to 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: int
    end: int
    label: str
    confidence: float


class Marked(_Answer):
    """A text with marked places, and the tag of each of its words."""

    kind: Literal["marked"] = "marked"
    text: str
    marks: tuple[Mark, ...]
    tags: tuple[str, ...]
    confidence: float

    def cells(self) -> dict[str, str]:
        return {
            "predicted": json.dumps(self.tags, ensure_ascii=False),
            "confidence": f"{self.confidence:.6f}",
            "marked": "; ".join(f"{self.text[mark.start : mark.end]} [{mark.label}]" for mark in self.marks),
        }

    def says(self) -> str:
        return self.cells()["marked"]

    def agrees(self, own: str) -> bool | None:
        try:
            return bool(list(self.tags) == json.loads(own))
        except ValueError:
            return None


class Found(_Answer):
    """A place in a text that answers a question; empty where the text does not say."""

    kind: Literal["found"] = "found"
    text: str
    start: int
    end: int
    confidence: float

    def cells(self) -> dict[str, str]:
        return {"predicted": self.text, "confidence": f"{self.confidence:.6f}", "start": str(self.start)}


class Guess(BaseModel):
    """A word and how likely it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str
    probability: float


class Filled(_Answer):
    """A text with its open places filled, and for each place in order the likeliest words, the best first."""

    kind: Literal["filled"] = "filled"
    text: str
    guesses: tuple[tuple[Guess, ...], ...]

    def cells(self) -> dict[str, str]:
        others = ("; ".join(f"{guess.word} {guess.probability:.4f}" for guess in place) for place in self.guesses)
        return {
            "predicted": "|".join(place[0].word for place in self.guesses),
            "confidence": "|".join(f"{place[0].probability:.6f}" for place in self.guesses),
            "words": " | ".join(others),
            "filled": self.text,
        }

    def lines(self) -> list[str]:
        return [
            f"{f'{number}. ' if len(self.guesses) > 1 else ''}{guess.probability:6.1%}  {guess.word}"
            for number, place in enumerate(self.guesses, 1)
            for guess in place[:SHOWN_LABELS]
        ]


class Written(_Answer):
    """A text that was written. `finished` is whether it came to its own end before the limit."""

    kind: Literal["written"] = "written"
    text: str
    finished: bool
    tokens: int

    def cells(self) -> dict[str, str]:
        return {"predicted": self.text}


class Ranked(_Answer):
    """Texts in the order of their scores, the best first."""

    kind: Literal["ranked"] = "ranked"
    texts: tuple[str, ...]
    scores: tuple[float, ...]

    def lines(self) -> list[str]:
        return [f"{score:8.3f}  {text}" for text, score in zip(self.texts, self.scores, strict=True)]

    def cells(self) -> dict[str, str]:
        return {"predicted": self.texts[0], "score": f"{self.scores[0]:.6f}"}


class Similar(_Answer):
    """How alike texts are: `values[i][j]` is the cosine of texts i and j, from -1 to 1."""

    kind: Literal["similar"] = "similar"
    texts: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]

    def cells(self) -> dict[str, str]:
        return {"similarity": f"{self.values[0][-1]:.6f}"}

    def lines(self) -> list[str]:
        rows = zip(self.texts, self.values, strict=True)
        return [f"{'  '.join(f'{value:5.2f}' for value in row)}  {text}" for text, row in rows]

    def agrees(self, own: str) -> bool | None:
        return None


class Embedded(_Answer):
    """The vector of a text, of length 1: the cosine of two texts is the sum of the products of their numbers."""

    kind: Literal["embedded"] = "embedded"
    vector: tuple[float, ...]

    def cells(self) -> dict[str, str]:
        return {"embedding": json.dumps([round(value, 6) for value in self.vector])}

    def typed(self) -> Mapping[str, object]:
        return {"embedding": list(self.vector)}

    def lines(self) -> list[str]:
        first = ", ".join(f"{value:.4f}" for value in self.vector[:SHOWN_NUMBERS])
        return [f"{len(self.vector)} numbers: {first}, …"]

    def agrees(self, own: str) -> bool | None:
        return None


AnyAnswer = Annotated[
    Scores | Number | Marked | Found | Filled | Written | Ranked | Similar | Embedded, Field(discriminator="kind")
]
