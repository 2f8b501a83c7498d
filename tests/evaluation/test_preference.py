"""Scores of preferences against scikit-learn's, and what is said about a gain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from autotrain.evaluation.preference import (
    few_sentence,
    gain_sentence,
    length_baseline,
    length_direction,
    means,
    per_token,
    right,
    thumb_scores,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans()), min_size=2, max_size=30))
def test_thumbs_are_scored_as_by_scikit_learn_also_with_equal_rewards(rows: list[tuple[int, bool]]) -> None:
    values, liked = np.array([float(value) for value, _ in rows]), np.array([good for _, good in rows])
    if liked.all() or not liked.any():
        assert thumb_scores(values, liked, 0) == ()
        return
    area, gap = thumb_scores(values, liked, 0, margin=True)
    assert area.value == pytest.approx(roc_auc_score(liked, values))
    assert gap.value == pytest.approx(values[liked].mean() - values[~liked].mean())
    assert area.low is not None and area.high is not None and area.low <= area.value <= area.high


def test_equal_answers_are_half_right() -> None:
    hits = right(np.array([2.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    assert hits.tolist() == [1.0, 0.5, 0.0]
    (score,) = means(("preference_accuracy",), hits[:, None], 0)
    assert (score.value, score.unit) == (0.5, "share")
    assert means(("preference_accuracy",), np.zeros((0, 1)), 0) == ()


def test_a_distance_is_a_mean_over_tokens_and_not_over_answers() -> None:
    score = per_token(np.array([3.0, 1.0]), np.array([1.0, 9.0]), 0)
    assert score.value == pytest.approx(0.4) and not score.higher_is_better


def test_length_is_counted_the_way_that_training_rows_go() -> None:
    short, long = np.array([1.0, 2.0, 9.0]), np.array([5.0, 6.0, 7.0])
    assert (length_direction(long, short), length_direction(short, long)) == (1, -1)
    assert "longer" in length_baseline((), 1).explanation and "shorter" in length_baseline((), -1).explanation


def test_a_gain_is_claimed_only_where_the_pairs_show_it() -> None:
    hits, misses = np.ones(40), np.zeros(40)
    assert "gained 100.0 points" in gain_sentence(hits, misses, "the base", 0)
    assert "lost 100.0 points" in gain_sentence(misses, hits, "the base", 0)
    mixed = np.tile([0.0, 1.0], 20)
    assert "cannot tell" in gain_sentence(mixed, mixed[::-1].copy(), "the base", 0)
    assert few_sentence(200, "pairs") == () and "only 7 pairs" in few_sentence(7, "pairs")[0]
