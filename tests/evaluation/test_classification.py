"""The whole evaluation: golden numbers by hand and by scikit-learn, notes on small and lopsided test splits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from autotrain.errors import TrainingError
from autotrain.evaluation.classification import ClassificationResult, calibration_bins, evaluate_classification


def answered(predicted: list[int], classes: int, confidence: float = 0.9) -> np.ndarray:
    """Probabilities whose likeliest class is the given one."""
    rest = (1 - confidence) / (classes - 1)
    return np.where(np.eye(classes, dtype=bool)[predicted], confidence, rest)


@pytest.fixture
def documented() -> ClassificationResult:
    """The example in scikit-learn's documentation of `classification_report`.

    Precision, recall and F1 there: class 0: 0.50, 1.00, 0.67 (1 row); class 1: 0, 0, 0 (1 row);
    class 2: 1.00, 0.67, 0.80 (3 rows); accuracy 0.60, macro F1 0.49.
    """
    return evaluate_classification(
        answered([0, 0, 2, 2, 1], 3), np.array([0, 1, 2, 2, 2]), ["class 0", "class 1", "class 2"], seed=0
    )


def test_a_published_example(documented: ClassificationResult) -> None:
    figures = [
        (round(one.precision, 2), round(one.recall, 2), round(one.f1, 2), one.support) for one in documented.per_class
    ]
    assert figures == [(0.5, 1.0, 0.67, 1), (0.0, 0.0, 0.0, 1), (1.0, 0.67, 0.8, 3)]
    assert {score.name: round(score.value, 2) for score in documented.scores} == {"accuracy": 0.6, "macro_f1": 0.49}
    assert documented.confusion.counts == ((1, 0, 0), (1, 0, 0), (0, 1, 2))


def test_every_class_is_as_scikit_learn_has_it() -> None:
    rng = np.random.default_rng(0)
    expected = rng.integers(0, 5, 400)
    probabilities = rng.dirichlet(np.ones(5), 400)
    probabilities[np.arange(400), expected] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    found = evaluate_classification(probabilities, expected, list("abcde"), seed=0)
    precision, recall, f1, support = precision_recall_fscore_support(expected, probabilities.argmax(1))
    assert [one.precision for one in found.per_class] == pytest.approx(precision)
    assert [one.recall for one in found.per_class] == pytest.approx(recall)
    assert [one.f1 for one in found.per_class] == pytest.approx(f1)
    assert [one.support for one in found.per_class] == list(support)


def test_a_class_without_a_test_row_is_named_and_left_out_of_the_average() -> None:
    expected = np.array([0] * 60 + [1] * 60)
    found = evaluate_classification(answered([0] * 60 + [1] * 30 + [2] * 30, 3), expected, ["x", "y", "z"], seed=0)
    macro = next(score for score in found.scores if score.name == "macro_f1")
    assert macro.value == pytest.approx((1 + 2 / 3) / 2)
    assert found.per_class[2].support == 0
    assert found.notes == (
        "1 of 3 classes has no row in the test split (“z”), so nothing is known about it and macro-F1 leaves it out.",
    )


def test_few_rows_are_said_with_what_one_row_weighs() -> None:
    found = evaluate_classification(answered([0] * 6 + [1] * 6, 2), np.array([0] * 7 + [1] * 5), ["x", "y"], seed=0)
    assert found.notes[0].startswith(
        "The test split has only 12 rows, so a single row changes the accuracy by 8.3 points."
    )
    assert found.calibration == ()
    assert [score.name for score in found.scores] == ["accuracy", "macro_f1"]


def test_one_answer_for_every_text_is_said() -> None:
    found = evaluate_classification(answered([1] * 6, 3), np.array([0, 1, 2] * 2), ["a", "earn", "c"], seed=0)
    assert any("every text the same answer, “earn”" in note for note in found.notes)
    alone = evaluate_classification(answered([1] * 6, 3), np.array([1] * 6), ["a", "earn", "c"], seed=0)
    assert not any("same answer" in note for note in alone.notes)


def test_all_right_is_not_taken_for_certainty() -> None:
    labels = np.array([0, 1] * 50)
    found = evaluate_classification(answered(labels.tolist(), 2), labels, ["x", "y"], seed=0)
    # Exact binomial bound by hand: 0.05 ** (1 / 100) = 0.9705.
    assert any("at least 97.0% with 95 % confidence" in note for note in found.notes)


def test_calibration_by_hand() -> None:
    # 60 rows at 0.95 of which 57 are right (0.95), 40 rows at 0.75 of which 20 are right (0.50).
    confidence = np.array([0.95] * 60 + [0.75] * 40)
    right = np.array([True] * 57 + [False] * 3 + [True] * 20 + [False] * 20)
    bins = calibration_bins(confidence, right)
    assert [(part.count, round(part.confidence, 2), round(part.accuracy, 2)) for part in bins] == [
        (40, 0.75, 0.5),
        (60, 0.95, 0.95),
    ]
    probabilities = np.stack([confidence, 1 - confidence], axis=1)
    found = evaluate_classification(probabilities, np.where(right, 0, 1), ["x", "y"], seed=0)
    error = next(score for score in found.scores if score.name == "expected_calibration_error")
    assert error.value == pytest.approx(0.4 * 0.25)
    assert not error.higher_is_better


def test_bins_are_closed_above_and_every_row_is_in_one() -> None:
    bins = calibration_bins(np.array([0.0, 0.1, 0.9, 0.9000001, 1.0000001]), np.ones(5, dtype=bool))
    assert [part.count for part in bins] == [2, 1, 2]


def test_answers_that_are_not_numbers_are_refused_with_a_remedy() -> None:
    probabilities = answered([0, 1], 2)
    probabilities[1] = np.nan
    with pytest.raises(TrainingError, match=r"not a number for 1 of 2 test rows.*lower learning rate"):
        evaluate_classification(probabilities, np.array([0, 1]), ["x", "y"], seed=0)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"probabilities are \(1, 2\); expected \(2, 2\)"):
        evaluate_classification(answered([0], 2), np.array([0, 1]), ["x", "y"], seed=0)


def test_half_precision_answers_and_the_result_as_json(documented: ClassificationResult) -> None:
    found = evaluate_classification(
        answered([0, 0, 2, 2, 1], 3).astype(np.float32), np.array([0, 1, 2, 2, 2]), ["class 0", "class 1", "class 2"], 0
    )
    assert found.confusion == documented.confusion
    assert json.loads(found.confusion.model_dump_json())["counts"] == [[1, 0, 0], [1, 0, 0], [0, 1, 2]]
