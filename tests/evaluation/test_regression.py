"""Predicted numbers are judged as scikit-learn and SciPy judge them, with intervals, beside honest baselines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from autotrain.errors import TrainingError
from autotrain.evaluation.bootstrap import samples
from autotrain.evaluation.regression import _figures, evaluate_numbers, gain_sentence, mean_baseline

NUMBER = st.integers(-40, 40).map(lambda number: number / 4)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=2, max_size=30))
def test_the_same_as_scikit_learn_and_scipy(pairs: list[tuple[float, float]]) -> None:
    true, said = np.asarray(pairs, dtype=np.float64).T
    found = {score.name: score.value for score in evaluate_numbers(true, said, seed=1)}
    assert found["rmse"] == pytest.approx(root_mean_squared_error(true, said))
    assert found["mae"] == pytest.approx(mean_absolute_error(true, said))
    if len(set(true)) > 1:
        assert found["r2"] == pytest.approx(r2_score(true, said), abs=1e-9)
    if len(set(true)) > 1 and len(set(said)) > 1:
        assert found["spearman"] == pytest.approx(spearmanr(true, said).statistic, abs=1e-9)


def test_a_row_that_counts_three_times_is_as_three_rows() -> None:
    random = np.random.default_rng(3)
    true, said = random.integers(0, 5, 12).astype(float), random.integers(0, 5, 12).astype(float)
    times = random.integers(0, 4, 12)
    repeated = _figures(np.repeat(true, times), np.repeat(said, times))(np.ones((1, times.sum())))
    assert _figures(true, said)(times[None].astype(float)) == pytest.approx(repeated)


def test_intervals_hold_their_value_and_shrink_with_the_rows() -> None:
    random = np.random.default_rng(4)
    true = random.normal(size=2000)
    said = true + random.normal(size=2000)
    widths = []
    for rows in (50, 2000):
        for score in evaluate_numbers(true[:rows], said[:rows], seed=1):
            assert score.low is not None and score.high is not None and score.low <= score.value <= score.high
        first = evaluate_numbers(true[:rows], said[:rows], seed=1)[0]
        widths.append((first.high or 0) - (first.low or 0))
    assert widths[1] < widths[0] / 3
    few = samples(_figures(true, said), 2000, seed=1)
    assert np.array_equal(few, samples(_figures(true, said), 2000, seed=1)), "the same seed, the same samples"


def test_what_has_no_value_is_left_out() -> None:
    names = [score.name for score in evaluate_numbers(np.array([2.0, 2.0]), np.array([1.0, 3.0]), seed=1)]
    assert names == ["rmse", "mae"]
    assert [score.name for score in evaluate_numbers(np.array([2.0]), np.array([1.0]), seed=1)] == ["rmse", "mae"]


def test_an_answer_that_is_no_number_is_said_with_a_remedy() -> None:
    with pytest.raises(TrainingError, match=r"1 of 2 test rows.*lower learning rate"):
        evaluate_numbers(np.array([1.0, 2.0]), np.array([np.nan, 2.0]), seed=1)


def test_the_mean_of_the_training_rows_explains_nothing() -> None:
    baseline = mean_baseline(np.array([1.0, 3.0]), np.array([0.0, 4.0]), seed=1)
    assert {score.name: score.value for score in baseline.scores} == {"rmse": 2.0, "r2": 0.0, "mae": 2.0}


def test_a_gain_is_claimed_only_where_the_rows_can_tell() -> None:
    random = np.random.default_rng(5)
    true = random.normal(size=300)
    good, bad = true + 0.1 * random.normal(size=300), true + random.normal(size=300)
    assert gain_sentence(true, good, bad, "the probe", 1).startswith("Fine-tuning lowered")
    assert "above that of the probe" in gain_sentence(true, bad, good, "the probe", 1)
    assert "cannot tell the two apart" in gain_sentence(true, bad, bad + 1e-9, "the probe", 1)
