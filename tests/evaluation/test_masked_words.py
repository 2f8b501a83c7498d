"""What the frequency of words tells of masked ones, against counting by hand."""

from __future__ import annotations

import math

import pytest

from autotrain.evaluation.masked_words import frequencies, frequency_baseline, told_by_frequency


def test_frequencies_are_counts_with_one_more_for_each_word() -> None:
    found = frequencies([[0, 1, 1], [1]], 4)
    assert found.tolist() == pytest.approx([2 / 8, 4 / 8, 1 / 8, 1 / 8])


def test_the_perplexity_of_frequency_is_that_of_its_probabilities() -> None:
    told = told_by_frequency(frequencies([[0, 1, 1], [1]], 4), [[1, 3], [0], []])
    assert told.loss.tolist() == pytest.approx([math.log(2) + math.log(8), math.log(4), 0])
    assert told.right.tolist() == [1, 0, 0] and told.tokens.tolist() == [2, 1, 0]
    perplexity, right = frequency_baseline(told, seed=1).scores
    assert perplexity.value == pytest.approx((2 * 8 * 4) ** (1 / 3))
    assert right.value == pytest.approx(1 / 3) and perplexity.low is not None
