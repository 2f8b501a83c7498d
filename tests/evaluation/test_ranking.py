"""Orders are judged as scikit-learn judges them, equal scores by all their orders, with intervals over queries."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from autotrain.errors import TrainingError
from autotrain.evaluation.baselines import Encoding
from autotrain.evaluation.ranking import (
    Ask,
    Bm25,
    bm25_baseline,
    cosines,
    gain_sentence,
    judged,
    ndcg,
    reciprocal_rank,
    scores_over_queries,
)
from tests.training.toy import save_encoder

PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=20).filter(
    lambda pairs: any(relevance for _, relevance in pairs)
)


@settings(max_examples=200, deadline=None)
@given(PAIRS)
def test_ndcg_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    scores, relevance = np.array(pairs, dtype=np.float64).T
    assert ndcg(scores, relevance) == pytest.approx(ndcg_score([relevance], [scores], k=10))


@settings(max_examples=100, deadline=None)
@given(PAIRS.filter(lambda pairs: len(pairs) <= 6))
def test_the_reciprocal_rank_is_the_mean_over_all_orders_of_equal_scores(pairs: list[tuple[int, int]]) -> None:
    ranks = []
    for order in permutations(range(len(pairs))):
        scores = [pairs[place][0] for place in order]
        if scores == sorted(scores, reverse=True):
            ranks.append(1 / (1 + next(rank for rank, place in enumerate(order) if pairs[place][1])))
    scores, relevance = np.array(pairs, dtype=np.float64).T
    assert reciprocal_rank(scores, relevance) == pytest.approx(np.mean(ranks))


def test_by_hand_and_with_intervals_over_queries() -> None:
    asks = [Ask("q", ("a", "b", "c"), (0.0, 1.0, 0.0)), Ask("r", ("a", "b"), (1.0, 0.0))]
    values = judged(asks, [np.array([3.0, 2.0, 1.0]), np.array([2.0, 1.0])])
    assert values == pytest.approx(np.array([[1 / np.log2(3), 0.5], [1, 1]]))
    first, second = scores_over_queries(values, seed=1)
    assert (first.name, second.name) == ("ndcg_at_10", "mrr")
    assert (second.value, second.low, second.high) == (0.75, 0.5, 1.0)
    with pytest.raises(TrainingError, match=r"1 of 2 test queries.*lower learning rate"):
        judged(asks, [np.array([np.nan, 2.0, 1.0]), np.array([2.0, 1.0])])


def test_bm25_is_its_formula() -> None:
    """Two passages of 2 and 4 words, 3 on average; `cat` is in one of two: idf = ln(1 + 1.5 / 1.5) = ln 2."""
    found = Bm25(["the cat", "the dog is here"])
    ask = Ask("Cat!", ("the cat", "the dog is here", "cat cat", ""), (1.0, 0.0, 0.0, 0.0))
    once, twice = (times * 2.2 / (times + 1.2 * (0.25 + 0.75 * 2 / 3)) for times in (1, 2))
    assert found.scores(ask) == pytest.approx(np.log(2) * np.array([once, 0, twice, 0]))
    baseline = bm25_baseline([ask], [ask], seed=1)
    assert baseline.name == "bm25" and baseline.scores[1].value == 0.5
    assert bm25_baseline([], [ask], seed=1).scores[1].value == 0.5, "also where no training row is left"


def test_the_untouched_base_finds_what_is_the_same(tmp_path: Path) -> None:
    model = save_encoder(["Nobody knows.", "Where is it?"], tmp_path)
    asks = [Ask("Where is it?", ("Nobody knows.", "Where is it?", ""), (0.0, 1.0, 0.0))]
    (found,) = cosines(model, asks, Encoding(max_length=32))
    assert found.argmax() == 1 and found[1] == pytest.approx(1)


def test_a_gain_is_claimed_only_where_the_queries_can_tell() -> None:
    random = np.random.default_rng(3)
    low, high = random.random(200) * 0.5, 0.5 + random.random(200) * 0.5
    assert gain_sentence(high, low, "the base model", 1).startswith("Fine-tuning gained")
    assert gain_sentence(low, high, "the base model", 1).startswith("Fine-tuning lost")
    assert "cannot tell the two apart" in gain_sentence(low, low, "the base model", 1)
