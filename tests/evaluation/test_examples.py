"""Mistakes worth looking at and examples worth trying."""

from __future__ import annotations

import numpy as np

from autotrain.evaluation.examples import CHARACTERS_SHOWN, Predictions, representative_examples, worst_mistakes

LABELS = ("cat", "dog")


def predictions(confident: list[tuple[int, float]], expected: list[int]) -> Predictions:
    """Rows from (predicted class, confidence); the first is row 2 of the file."""
    chances = np.array([[p, 1 - p] if winner == 0 else [1 - p, p] for winner, p in confident])
    rows = list(range(2, 2 + len(expected)))
    return Predictions(chances, np.array(expected), LABELS, rows, [{"text": f"text of row {row}"} for row in rows])


def test_mistakes_come_surest_first_with_their_rows_in_the_file() -> None:
    found = worst_mistakes(predictions([(0, 0.6), (1, 0.99), (0, 0.9), (1, 0.8)], [1, 0, 0, 0]))
    assert [(one.row, one.expected, one.predicted, round(one.confidence, 2)) for one in found] == [
        (3, "cat", "dog", 0.99),
        (5, "cat", "dog", 0.8),
        (2, "dog", "cat", 0.6),
    ]
    assert found[0].inputs == {"text": "text of row 3"}


def test_equally_sure_mistakes_keep_the_order_of_the_file_and_the_limit_holds() -> None:
    found = worst_mistakes(predictions([(0, 0.75)] * 30, [1] * 30), limit=3)
    assert [one.row for one in found] == [2, 3, 4]


def test_no_mistakes_are_none() -> None:
    assert worst_mistakes(predictions([(0, 0.9), (1, 0.9)], [0, 1])) == ()


def test_examples_have_a_typical_right_answer_of_each_class_and_some_mistakes() -> None:
    found = representative_examples(
        predictions([(0, 0.6), (0, 0.8), (0, 0.99), (1, 0.7), (0, 0.9), (0, 0.55)], [0, 0, 0, 1, 1, 1])
    )
    assert [(one.row, one.expected == one.predicted) for one in found] == [(3, True), (5, True), (7, False), (6, False)]


def test_a_very_long_text_is_shown_by_its_beginning() -> None:
    split = Predictions(np.array([[0.4, 0.6]]), np.array([0]), LABELS, [2], [{"text": "x" * 100_000}])
    shown = worst_mistakes(split)[0].inputs["text"]
    assert shown == "x" * CHARACTERS_SHOWN + "…"
