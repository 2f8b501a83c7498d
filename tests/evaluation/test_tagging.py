"""Tags are judged by the places they mark, exactly as seqeval's strict mode for IOB2 does; without prefixes by runs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotrain.evaluation.tagging import Span, evaluate_tags, most_frequent_tag, places, tag_baseline

TRUE = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-ORG", "O"], ["B-PER", "O"]]
SAID = [["B-PER", "I-PER", "O", "B-ORG"], ["O", "B-ORG", "I-ORG"], ["B-PER", "O"]]


def test_places_are_found_by_their_tags() -> None:
    assert places(["B-PER", "I-PER", "B-PER", "O", "B-LOC"], bio=True) == {
        Span("PER", 0, 2),
        Span("PER", 2, 3),
        Span("LOC", 4, 5),
    }
    assert places(["I-PER", "B-PER", "I-LOC", "O"], bio=True) == {Span("PER", 1, 2)}
    assert places(["Number", "Street", "Street", "O", "City"], bio=False) == {
        Span("Number", 0, 1),
        Span("Street", 1, 3),
        Span("City", 4, 5),
    }


def test_scores_by_hand() -> None:
    """Right are both PER: 2 of 4 said and 2 of 4 true. Of 9 words 7 have their tag."""
    found = evaluate_tags(TRUE, SAID, seed=1)
    values = {score.name: score.value for score in found.scores}
    assert values == {"f1": 0.5, "precision": 0.5, "recall": 0.5, "accuracy": pytest.approx(7 / 9)}
    assert all(score.low <= score.value <= score.high for score in found.scores)  # type: ignore[operator]
    per = {score.label: (score.precision, score.recall, score.support) for score in found.per_class}
    assert per == {"LOC": (0.0, 0.0, 1), "ORG": (0.0, 0.0, 1), "PER": (1.0, 1.0, 2)}


TAG = st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B"])


@hypothesis_settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=8), min_size=1, max_size=5))
def test_the_same_as_seqeval(rows: list[list[tuple[str, str]]]) -> None:
    from seqeval.metrics import f1_score, precision_score, recall_score
    from seqeval.scheme import IOB2

    true, said = ([[pair[place] for pair in row] for row in rows] for place in (0, 1))
    if not any(tag.startswith("B-") for row in true for tag in row):
        return  # seqeval has no scheme for rows without a single thing
    ours = {score.name: score.value for score in evaluate_tags(true, said, seed=0).scores}
    for name, measure in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        theirs = measure(true, said, mode="strict", scheme=IOB2, zero_division=0)
        assert ours[name] == pytest.approx(theirs), name


def test_the_most_frequent_tag_of_each_word() -> None:
    tokens = [["Rome", "is", "old"], ["Rome", "wins"], ["Rome", "is"]]
    tags = [["B-LOC", "O", "O"], ["B-ORG", "O"], ["B-LOC", "O"]]
    answers = most_frequent_tag(tokens, tags, [["Rome", "was", "old"]])
    assert answers == [["B-LOC", "O", "O"]]
    assert tag_baseline([["B-LOC", "O", "O"]], answers, seed=1).scores[0].value == 1.0
    assert most_frequent_tag([], [], [["a"]]) == [["O"]]
