"""Near duplicates: long texts with a word changed are found, short and merely related ones are left apart."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.data.similar import LIKENESS, _shingles, alike, near_groups

WORDS = [f"word{n}" for n in range(300)]


def text(seed: int, length: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def changed(original: str, place: int) -> str:
    words = original.split()
    words[place] = "changed"
    return " ".join(words)


def test_a_long_text_with_a_word_changed_is_nearly_the_same() -> None:
    texts = [text(1), text(2), changed(text(1), 30), text(3), text(1).upper() + " !!"]
    groups = near_groups(texts)
    assert groups[0] == groups[2] == groups[4] >= 0
    assert groups[1] == groups[3] == -1


def test_short_texts_are_never_nearly_the_same() -> None:
    assert near_groups(["yes", "yes.", "no", "where is it", "where is he", ""]).tolist() == [-1] * 6


def test_texts_that_share_half_their_words_are_different() -> None:
    half = text(5, 30)
    assert near_groups([f"{half} {text(6, 30)}", f"{half} {text(7, 30)}"]).tolist() == [-1, -1]


def test_nothing_is_no_trouble() -> None:
    assert near_groups([]).tolist() == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 59)), min_size=2, max_size=25), st.randoms())
def test_every_pair_that_is_truly_alike_is_found_and_no_other(
    pairs: list[tuple[int, int]], chance: random.Random
) -> None:
    texts = [changed(text(seed), place) for seed, place in pairs]
    groups = near_groups(texts)
    for one in range(len(texts)):
        for other in range(one):
            together = bool(groups[one] == groups[other] >= 0)
            assert together == (pairs[one][0] == pairs[other][0]), (one, other)
            if together:
                assert alike(_shingles(texts[one]), _shingles(texts[other])) or LIKENESS > 0.5
