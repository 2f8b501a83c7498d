"""Exact match and F1 against SQuAD's own script, its rules written out again; thresholds; the words two texts share."""

from __future__ import annotations

import collections
import re
import string

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.evaluation.answering import (
    answer_scores,
    best_threshold,
    judged,
    lexical,
    never_answering,
    normalised,
)
from autotrain.evaluation.shared_words import SharedWords

TEXTS = st.lists(
    st.sampled_from(["the", "a", "An", "Rome", "rome,", "42", "-", "U.S.", "éa", "…", "人"]), max_size=5
).map(" ".join)


class Official:
    """The functions of evaluate-v2.0.py, as published with SQuAD 2.0."""

    @staticmethod
    def normalize_answer(s: str) -> str:
        def remove_articles(text: str) -> str:
            return re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", text)

        def remove_punc(text: str) -> str:
            exclude = set(string.punctuation)
            return "".join(ch for ch in text if ch not in exclude)

        return " ".join(remove_articles(remove_punc(s.lower())).split())

    @classmethod
    def get_tokens(cls, s: str) -> list[str]:
        return cls.normalize_answer(s).split() if s else []

    @classmethod
    def compute_exact(cls, a_gold: str, a_pred: str) -> int:
        return int(cls.normalize_answer(a_gold) == cls.normalize_answer(a_pred))

    @classmethod
    def compute_f1(cls, a_gold: str, a_pred: str) -> float:
        gold_toks, pred_toks = cls.get_tokens(a_gold), cls.get_tokens(a_pred)
        common = collections.Counter(gold_toks) & collections.Counter(pred_toks)
        num_same = sum(common.values())
        if len(gold_toks) == 0 or len(pred_toks) == 0:
            return int(gold_toks == pred_toks)
        if num_same == 0:
            return 0
        precision, recall = 1.0 * num_same / len(pred_toks), 1.0 * num_same / len(gold_toks)
        return (2 * precision * recall) / (precision + recall)

    @classmethod
    def raw(cls, prediction: str, answers: list[str]) -> tuple[float, float]:
        gold_answers = [text for text in answers if cls.normalize_answer(text)] or [""]
        return (
            max(cls.compute_f1(a, prediction) for a in gold_answers),
            max(cls.compute_exact(a, prediction) for a in gold_answers),
        )


@given(TEXTS, st.lists(TEXTS, max_size=3))
def test_every_answer_is_judged_as_by_the_official_script(answer: str, references: list[str]) -> None:
    assert judged(answer, references) == pytest.approx(Official.raw(answer, references))


@pytest.mark.parametrize(
    ("answer", "references", "f1", "exact"),
    [
        ("The Eiffel Tower!", ["eiffel tower"], 1, 1),
        ("in the year 1912", ["1912"], 0.5, 0),  # precision 1/3, recall 1
        ("north of Rome", ["Rome", "to the north of Rome", "Italy"], 6 / 7, 0),  # precision 1, recall 3/4
        ("1,000", ["1000"], 1, 1),
        ("co-op", ["co op"], 0, 0),  # punctuation leaves no space behind
        ("", [], 1, 1),
        ("Rome", [], 0, 0),
        ("", ["Rome"], 0, 0),
        ("one one", ["one"], 2 / 3, 0),
    ],
)
def test_golden_values(answer: str, references: list[str], f1: float, exact: float) -> None:
    assert judged(answer, references) == pytest.approx((f1, exact))


def test_articles_go_only_as_whole_words() -> None:
    assert normalised("A  theatre, an   antheap and THE end") == "theatre antheap and end"


def test_scores_are_parted_where_some_questions_have_no_answer() -> None:
    answers, references = ["Rome", "in Rome", "", "Paris"], [["Rome"], ["Rome", "Roma"], [], []]
    scores = {score.name: score for score in answer_scores(answers, references, seed=1)}
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {
            "f1": (1 + 2 / 3 + 1 + 0) / 4,
            "exact_match": 0.5,
            "f1_with_answer": (1 + 2 / 3) / 2,
            "exact_match_with_answer": 0.5,
            "right_without_answer": 0.5,
        }
    )
    assert all(score.low is not None and score.low <= score.value <= (score.high or 0) for score in scores.values())
    assert [score.name for score in answer_scores(["Rome"], [["Rome"]], seed=1)] == ["f1", "exact_match"]


@given(
    st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=12)
)
def test_no_other_threshold_answers_better(rows: list[tuple[int, float, bool]]) -> None:
    odds, f1, without = np.array([(o, 0.0 if none else f, float(none)) for o, f, none in rows]).T
    chosen = best_threshold(odds, f1, without)

    def mean(threshold: float) -> float:
        return float(np.where(odds > threshold, f1, without).mean())

    if 0 < without.sum() < len(without):
        assert mean(chosen) == pytest.approx(max(mean(border / 2) for border in range(-12, 13)))
    else:
        assert chosen == 0.0


def test_shared_words_find_what_stands_beside_them() -> None:
    context = "The old bridge was built by Anna Rossi. The harbour opened in 1912. Many people live there."
    words = SharedWords(
        [context, "People live in the town.", "The town was old."], ["Anna Rossi", "the town", "1912 x"]
    )
    assert "1912" in words.find(context, "Harbour opened when?")
    assert words.find("…", "Who?") == "" and words.find("", "") == ""
    rival = lexical(words.find, [(context, "Harbour opened when?")])
    assert rival.scored([["in 1912"]], seed=0).scores[0].value == 1.0
    assert never_answering(2).scored([["x"], []], seed=0).scores[0].value == 0.5
