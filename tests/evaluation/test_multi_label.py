"""Several labels are judged as scikit-learn judges them, at thresholds that the validation rows chose."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, hamming_loss, roc_auc_score

from autotrain.errors import TrainingError
from autotrain.evaluation.multi_label import (
    OWN_ROWS,
    choose_thresholds,
    evaluate_labels,
    figures_of,
    frequent_set_baseline,
    label_scores,
)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(6, 30), st.integers(2, 5))
def test_the_same_as_scikit_learn(seed: int, rows: int, labels: int) -> None:
    random = np.random.default_rng(seed)
    truth = random.random((rows, labels)) < 0.5
    truth[0], truth[1] = True, False
    probabilities = np.round(random.random((rows, labels)), 1)  # with equal ones
    chosen = probabilities >= 0.5
    found = figures_of(probabilities, chosen, truth)(np.ones((1, rows)))[0]
    golden = [
        f1_score(truth, chosen, average="macro", zero_division=0),
        f1_score(truth, chosen, average="micro", zero_division=0),
        average_precision_score(truth, probabilities, average="macro"),
        roc_auc_score(truth, probabilities, average="macro"),
        accuracy_score(truth, chosen),
        hamming_loss(truth, chosen),
    ]
    assert found == pytest.approx(golden)


def test_a_row_that_counts_three_times_is_as_three_rows() -> None:
    random = np.random.default_rng(7)
    truth, probabilities = random.random((20, 3)) < 0.4, np.round(random.random((20, 3)), 1)
    times = random.integers(0, 4, 20)
    many = figures_of(
        np.repeat(probabilities, times, 0), np.repeat(probabilities >= 0.5, times, 0), np.repeat(truth, times, 0)
    )(np.ones((1, times.sum())))
    assert figures_of(probabilities, probabilities >= 0.5, truth)(times[None].astype(float)) == pytest.approx(many)


def test_a_label_that_no_row_has_or_every_row_has_is_left_out_of_the_means() -> None:
    truth = np.array([[True, False, True], [False, False, True]])
    probabilities = np.array([[0.9, 0.8, 0.7], [0.1, 0.2, 0.6]])
    macro, micro, precision, area, *_ = figures_of(probabilities, probabilities >= 0.5, truth)(np.ones((1, 2)))[0]
    assert (macro, precision, area) == (1.0, 1.0, 1.0)
    assert micro == pytest.approx(2 * 3 / (4 + 3))
    none = evaluate_labels(probabilities, probabilities >= 0.5, np.zeros((2, 3), dtype=bool), seed=1)
    assert [score.name for score in none] == ["micro_f1", "exact_match", "hamming_loss"]


def test_intervals_hold_their_value() -> None:
    random = np.random.default_rng(8)
    truth = random.random((80, 4)) < 0.3
    probabilities = np.clip(truth * 0.3 + random.random((80, 4)) * 0.7, 0, 1)
    for score in evaluate_labels(probabilities, probabilities >= 0.5, truth, seed=1):
        assert score.low is not None and score.high is not None and score.low <= score.value <= score.high
        assert score.low < score.high


def test_thresholds_are_where_f1_is_best_and_its_own_only_with_enough_rows() -> None:
    rows = 4 * OWN_ROWS
    truth = np.zeros((rows, 2), dtype=bool)
    truth[: 2 * OWN_ROWS, 0] = True
    truth[:5, 1] = True
    probabilities = np.where(truth, [0.35, 0.95], [0.15, 0.75])
    found = choose_thresholds(probabilities, truth, "auto")
    assert found.own.tolist() == [True, False]
    assert found.values[0] == pytest.approx(0.35, abs=0.011)
    assert found.values[1] == found.shared
    each = choose_thresholds(probabilities, truth, "each-label")
    assert each.own.all() and (each.chosen(probabilities) == truth).all()
    alone = choose_thresholds(probabilities, truth, "global")
    assert not alone.own.any() and len(set(alone.values)) == 1
    assert "1 of 2 labels" in found.sentence() and "One threshold" in alone.sentence()
    assert "Each label" in each.sentence()


def test_without_a_label_in_the_validation_rows_the_threshold_is_a_half() -> None:
    for wished in ("auto", "global", "each-label"):
        found = choose_thresholds(np.full((3, 2), 0.4), np.zeros((3, 2), dtype=bool), wished)
        assert found.values.tolist() == [0.5, 0.5]


def test_the_most_frequent_labels_may_be_none() -> None:
    none = np.zeros((3, 2), dtype=bool)
    truth = np.array([[True, False], [False, False]])
    baseline = frequent_set_baseline(none, truth, ["a", "b"], seed=1)
    assert "no label at all" in baseline.explanation
    values = {score.name: score.value for score in baseline.scores}
    assert values["exact_match"] == 0.5 and values["macro_f1"] == 0.0 and values["auroc"] == 0.5
    both = frequent_set_baseline(np.ones((2, 2), dtype=bool), truth, ["a", "b"], seed=1)
    assert "“a”, “b”" in both.explanation


def test_each_label_has_its_figures() -> None:
    truth = np.array([[True, False], [True, False], [False, True]])
    chosen = np.array([[True, False], [False, False], [True, False]])
    first, second = label_scores(chosen, truth, ["a", "b"])
    assert (first.precision, first.recall, first.f1, first.support) == (0.5, 0.5, 0.5, 2)
    assert (second.precision, second.recall, second.f1, second.support) == (0.0, 0.0, 0.0, 1)


def test_an_answer_that_is_no_number_is_said_with_a_remedy() -> None:
    broken = np.array([[np.nan, 0.5]])
    with pytest.raises(TrainingError, match=r"1 of 1 test rows.*lower learning rate"):
        evaluate_labels(broken, broken >= 0.5, np.array([[True, False]]), seed=1)
