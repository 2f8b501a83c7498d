"""Marked places change with others of their type; everything else stays, and the same draw comes back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.evaluation.tagging import places
from autotrain.training.fit import IGNORED
from autotrain.training.replacing import Replacer, ReplacingCollator

ROWS = {
    2: (["12", "Oak", "St,", "Rome"], ["NUMBER", "STREET", "STREET", "PLACE"]),
    3: (["7", "Long", "Elm", "Road", "New", "York"], ["NUMBER", "STREET", "STREET", "STREET", "PLACE", "PLACE"]),
    4: (["near", "Paris,", "France"], ["O", "PLACE", "LAND"]),
}
BIO = {
    1: (["Anna", "Lee", "saw", "Rome"], ["B-PER", "I-PER", "O", "B-LOC"]),
    2: (["Bob", "saw", "New", "York"], ["B-PER", "O", "B-LOC", "I-LOC"]),
}


def kinds(tags: list[str], *, bio: bool) -> list[str]:
    return [place.type for place in sorted(places(tags, bio=bio), key=lambda place: place.start)]


@given(epoch=st.integers(0, 10_000), share=st.floats(0, 1), seed=st.integers(0, 2**31))
@pytest.mark.parametrize(("rows", "bio"), [(ROWS, False), (BIO, True)])
def test_the_order_of_things_and_what_is_outside_stays(
    rows: dict[int, Any], bio: bool, epoch: int, share: float, seed: int
) -> None:
    replacer = Replacer(rows, share, seed)
    known = {
        (place.type, tuple(word.rstrip(",;") for word in words[place.start : place.end]))
        for words, tags in rows.values()
        for place in places(tags, bio=bio)
    }
    for key, (words, tags) in rows.items():
        new_words, new_tags = replacer.row(key, epoch)
        assert len(new_words) == len(new_tags)
        assert kinds(new_tags, bio=bio) == kinds(tags, bio=bio)
        outside = [word for word, tag in zip(words, tags, strict=True) if tag == "O"]
        assert [word for word, tag in zip(new_words, new_tags, strict=True) if tag == "O"] == outside
        for place in places(new_tags, bio=bio):
            found = tuple(word.rstrip(",;") for word in new_words[place.start : place.end])
            assert (place.type, found) in known
        assert (new_words, new_tags) == Replacer(rows, share, seed).row(key, epoch), "a resumed training sees the same"


def test_separators_stay_where_they_were() -> None:
    seen = {" ".join(Replacer(ROWS, 1, 0).row(2, epoch)[0]) for epoch in range(60)}
    assert "7 Long Elm Road, New York" in seen and "12 Oak St, Rome" in seen
    assert all(text.count(",") == 1 and not text.endswith(",") for text in seen)


def test_half_of_the_epochs_see_a_row_as_it_is_and_nothing_changes_at_a_share_of_zero() -> None:
    same = sum(Replacer(ROWS, 1, 0).row(3, epoch)[0] == ROWS[3][0] for epoch in range(400))
    assert 200 <= same <= 280, "half, and where chance draws the same things again"
    assert all(Replacer(ROWS, 0, 0).row(key, 5) == (list(row[0]), list(row[1])) for key, row in ROWS.items())


def test_only_rows_with_a_key_that_teach_something_are_drawn_anew() -> None:
    def encode(words: Any, tags: Any) -> dict[str, Any]:
        return {"input_ids": words, "labels": tags}

    collator = ReplacingCollator(Replacer(ROWS, 1, 0), encode, list)
    fixed = {"input_ids": [1], "labels": [1]}
    blank = {"input_ids": [1], "labels": [IGNORED], "key": 2}
    batches = []
    for epoch in range(20):
        collator.begin_epoch(epoch)
        drawn, one, filler = collator([{"input_ids": [1], "labels": [1], "key": 2}, fixed, blank])
        assert one == fixed and filler == {"input_ids": [1], "labels": [IGNORED]}
        batches.append(" ".join(drawn["input_ids"]))
    assert len(set(batches)) > 1
