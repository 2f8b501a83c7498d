"""Answers found in texts against those of the rows: exact match and F1 as SQuAD's own script has them."""

from __future__ import annotations

import re
import string
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotrain.evaluation.bootstrap import samples, scores_of
from autotrain.evaluation.intervals import percentile_interval
from autotrain.report import Baseline, Score

Floats = NDArray[np.float64]
MEASURES = ("f1", "exact_match", "f1_with_answer", "exact_match_with_answer", "right_without_answer")
_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Lower case, without punctuation, the articles a, an, the, and white space but single spaces.

    As `normalize_answer` of SQuAD's evaluate-v2.0.py (Rajpurkar et al., 2018, arXiv:1806.03822).
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, reference: str) -> float:
    """1 if both are the same once they are normalised, else 0."""
    return float(normalised(answer) == normalised(reference))


def token_f1(answer: str, reference: str) -> float:
    """F1 of the words that two answers share; where either has none, 1 if both have none, else 0."""
    one, other = normalised(answer).split(), normalised(reference).split()
    if not one or not other:
        return float(one == other)
    common = (Counter(one) & Counter(other)).total()
    if not common:
        return 0.0
    precision, recall = common / len(one), common / len(other)
    return 2 * precision * recall / (precision + recall)


def judged(answer: str, references: Sequence[str]) -> tuple[float, float]:
    """(F1, exact match) of an answer: each the best over the references. An empty answer says that there is none.

    As in the script, a reference of articles and punctuation alone is left out, and a question without any other has
    no answer.
    """
    known = [text for text in references if normalised(text)] or [""]
    return max(token_f1(answer, text) for text in known), max(exact_match(answer, text) for text in known)


def answer_scores(answers: Sequence[str], references: Sequence[Sequence[str]], seed: int) -> tuple[Score, ...]:
    """F1 and exact match with 95 % bootstrap intervals over questions.

    Where some questions have no answer, also those of the questions with one, and how many without were left so (the
    script's HasAns_f1, HasAns_exact and NoAns_f1).
    """
    values = np.array([judged(*pair) for pair in zip(answers, references, strict=True)]).reshape(-1, 2)
    having = np.array([bool(texts) for texts in references])

    def figures(weights: Floats) -> Floats:
        columns = [_mean(weights, values[:, 0]), _mean(weights, values[:, 1])]
        if not having.all():
            columns += [_mean(weights * having, values[:, place]) for place in (0, 1)]
            columns.append(_mean(weights * ~having, values[:, 0]))
        return np.stack(columns, axis=1)

    return scores_of(MEASURES[: 2 if having.all() else 5], figures, len(values), seed) if len(values) else ()


def _mean(weights: Floats, values: Floats) -> Floats:
    """(samples,) weighted means; NaN where a sample has no such question."""
    total = weights.sum(axis=1)
    return np.where(total > 0, weights @ values / np.maximum(total, 1), np.nan)


def best_threshold(odds: Floats, with_answer: Floats, without: Floats) -> float:
    """The odds above which a question is best answered, by mean F1; of several the one nearest to 0.

    Args:
        odds: (questions,) of the best span against no answer.
        with_answer: (questions,) F1 if the span is answered.
        without: (questions,) F1 if nothing is: 1 where there is no answer.
    """
    if not len(odds) or without.all() or not without.any():
        return 0.0
    order = np.argsort(-odds, kind="stable")
    level = odds[order]
    gains = np.concatenate([[0.0], np.cumsum((with_answer - without)[order])])
    # Between two questions of the same odds no threshold can part them.
    open_places = np.flatnonzero(np.r_[True, level[1:] != level[:-1], True])
    best = open_places[gains[open_places] >= gains[open_places].max() - 1e-9]
    borders = [_border(level, int(place)) for place in best]
    return min(borders, key=abs)


def _border(level: Floats, answered: int) -> float:
    """A threshold that lets so many of the questions, in falling odds, be answered: the one nearest to 0."""
    high = float(level[answered - 1]) if answered else np.inf
    low = float(level[answered]) if answered < len(level) else -np.inf
    if low <= 0 < high:
        return 0.0
    middle = (high + low) / 2
    return middle if np.isfinite(middle) else (low + 1 if answered == 0 else high - 1)


def gain_sentence(tuned: Floats, rival: Floats, name: str, seed: int) -> str:
    """What the paired difference in F1 says about `tuned` against `rival`, (questions,) each."""
    gain = (tuned - rival)[:, None]
    drawn = samples(lambda weights: weights @ gain / weights.sum(axis=1, keepdims=True), len(gain), seed)[:, 0]
    value = float(gain.mean())
    low, high = percentile_interval(drawn, value)
    span = f"({low * 100:+.1f} to {high * 100:+.1f}, 95 % interval, paired on the same test questions)"
    if low > 0:
        return f"Fine-tuning gained {value * 100:.1f} points of F1 over {name} {span}."
    if high < 0:
        return f"Fine-tuning lost {-value * 100:.1f} points of F1 against {name} {span}."
    return (
        f"The difference in F1 from {name} is {value * 100:+.1f} points {span}: these test questions cannot tell the "
        "two apart."
    )


@dataclass(frozen=True)
class Rival:
    """What a baseline answers to each question."""

    name: str
    title: str
    explanation: str
    answers: Sequence[str]
    seconds: float = 0.0

    def scored(self, references: Sequence[Sequence[str]], seed: int) -> Baseline:
        """The baseline with its scores."""
        return Baseline(
            name=self.name,
            title=self.title,
            explanation=self.explanation,
            scores=answer_scores(self.answers, references, seed),
            seconds=self.seconds,
        )


def never_answering(questions: int) -> Rival:
    """Says of every question that the text has no answer."""
    return Rival("no-answer", "Never an answer", "Says each time that the text does not say.", [""] * questions)


def lexical(find: Callable[[str, str], str], asked: Sequence[tuple[str, str]]) -> Rival:
    """What shared words find, for (context, question) pairs."""
    started = time.monotonic()
    answers = [find(context, question) for context, question in asked]
    return Rival(
        "shared-words",
        "Shared words",
        "Takes the sentence that shares most with the question, rare words first, and of it the words nearest to the "
        "shared ones, as many as answers usually have. No model.",
        answers,
        time.monotonic() - started,
    )
