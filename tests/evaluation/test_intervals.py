"""Scores from counts against scikit-learn, and bootstrap intervals against binomial theory and a bootstrap by rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from autotrain.evaluation.intervals import (
    accuracy,
    class_f1,
    confusion_counts,
    macro_f1,
    paired_difference,
    resamples,
    scores_from_counts,
    tally,
)

pairs = st.integers(2, 6).flatmap(
    lambda classes: st.lists(
        st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60
    ).map(lambda rows: (classes, np.array(rows)))
)


@given(pairs)
def test_the_figures_are_scikit_learns(drawn: tuple[int, np.ndarray]) -> None:
    classes, rows = drawn
    expected, predicted = rows[:, 0], rows[:, 1]
    counts = confusion_counts(expected, predicted, classes)
    assert (counts == confusion_matrix(expected, predicted, labels=range(classes))).all()
    assert accuracy(tally(counts)) == pytest.approx(accuracy_score(expected, predicted))
    present = np.unique(expected)
    wanted = f1_score(expected, predicted, labels=present, average="macro", zero_division=0)
    assert macro_f1(tally(counts)) == pytest.approx(wanted)
    each = f1_score(expected, predicted, labels=range(classes), average=None, zero_division=0)
    assert class_f1(tally(counts)) == pytest.approx(each)


@settings(max_examples=30)
@given(pairs)
def test_every_resample_has_as_many_rows_and_adds_up(drawn: tuple[int, np.ndarray]) -> None:
    classes, rows = drawn
    counts = confusion_counts(rows[:, 0], rows[:, 1], classes)
    for sample in resamples(counts, seed=3, number=20):
        assert (sample.support.sum(axis=1) == len(rows)).all()
        assert (sample.predicted.sum(axis=1) == len(rows)).all()
        assert (sample.right <= np.minimum(sample.support, sample.predicted)).all()
        assert not sample.support[:, counts.sum(axis=1) == 0].any()


def test_the_interval_of_an_accuracy_is_the_binomial_one() -> None:
    # 400 rows, 80 % right: the standard error is sqrt(0.8 * 0.2 / 400) = 0.02, so 95 % is 0.8 ± 0.0392.
    counts = np.array([[160, 40], [40, 160]])
    score, _ = scores_from_counts(counts, seed=0)
    assert score.value == 0.8
    assert score.low == pytest.approx(0.7608, abs=0.005)
    assert score.high == pytest.approx(0.8392, abs=0.005)


def test_the_intervals_are_those_of_resampling_the_rows_one_by_one() -> None:
    rng = np.random.default_rng(5)
    expected = rng.choice(4, size=300, p=[0.6, 0.25, 0.1, 0.05])
    predicted = np.where(rng.random(300) < 0.75, expected, rng.integers(0, 4, 300))
    found = scores_from_counts(confusion_counts(expected, predicted, 4), seed=1)
    slow = np.array(
        [
            (
                accuracy_score(expected[rows], predicted[rows]),
                f1_score(
                    expected[rows], predicted[rows], labels=np.unique(expected[rows]), average="macro", zero_division=0
                ),
            )
            for rows in (rng.integers(0, 300, 300) for _ in range(1000))
        ]
    )
    low, high = np.percentile(slow, [2.5, 97.5], axis=0)
    for index, score in enumerate(found):
        # Two bootstraps of 1,000 differ at their ends by about a fifth of a standard error, here 0.006.
        assert score.low == pytest.approx(low[index], abs=0.012)
        assert score.high == pytest.approx(high[index], abs=0.012)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    counts = np.array([[30, 7], [9, 21]])
    assert scores_from_counts(counts, seed=4) == scores_from_counts(counts, seed=4)
    assert scores_from_counts(counts, seed=4) != scores_from_counts(counts, seed=5)


@given(pairs)
def test_an_interval_holds_its_value(drawn: tuple[int, np.ndarray]) -> None:
    classes, rows = drawn
    for score in scores_from_counts(confusion_counts(rows[:, 0], rows[:, 1], classes), seed=0):
        assert score.low is not None
        assert score.high is not None
        assert 0 <= score.low <= score.value <= score.high <= 1


def test_five_hundred_classes_are_drawn_in_chunks_that_agree_with_the_whole() -> None:
    rng = np.random.default_rng(0)
    expected = rng.integers(0, 500, 20_000)
    predicted = np.where(rng.random(20_000) < 0.5, expected, rng.integers(0, 500, 20_000))
    counts = confusion_counts(expected, predicted, 500)
    chunks = list(resamples(counts, seed=0))
    assert len(chunks) > 1
    assert sum(len(chunk.right) for chunk in chunks) == 1000
    score, _ = scores_from_counts(counts, seed=0)
    assert score.low is not None
    assert score.low < (expected == predicted).mean() < (score.high or 0)


def test_a_paired_difference_is_that_of_discordant_rows() -> None:
    # 200 rows: both right 120, tuned alone right 50, rival alone right 10, both wrong 20.
    expected = np.zeros(200, dtype=np.int64)
    tuned = np.array([0] * 120 + [0] * 50 + [1] * 10 + [1] * 20)
    rival = np.array([0] * 120 + [1] * 50 + [0] * 10 + [1] * 20)
    found = paired_difference(expected, tuned, rival, seed=0)
    assert found.value == pytest.approx(0.2)
    # Standard error by hand: sqrt((60 / 200 - 0.2 ** 2) / 200) = 0.0361.
    assert found.low == pytest.approx(0.2 - 1.96 * 0.0361, abs=0.012)
    assert found.high == pytest.approx(0.2 + 1.96 * 0.0361, abs=0.012)
    assert found.sentence("the linear probe").startswith("Fine-tuning gained 20.0 points of accuracy over the linear")
    other = paired_difference(expected, rival, tuned, seed=0)
    assert other.sentence("the linear probe").startswith("Fine-tuning lost 20.0 points")


def test_a_difference_that_may_be_luck_is_said_to_be_one() -> None:
    expected = np.zeros(20, dtype=np.int64)
    tuned, rival = expected.copy(), expected.copy()
    rival[0] = 1
    assert "cannot tell the two apart" in paired_difference(expected, tuned, rival, seed=0).sentence("the linear probe")
