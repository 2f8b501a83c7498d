"""Texts found by their vectors: the figures against other implementations, ties, and what counts as near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import ndcg_score

from autotrain.evaluation.embeddings import correlations, judge_of, right_side, shortened
from autotrain.evaluation.ranking import Ask, Bm25
from autotrain.evaluation.retrieval import found_among, label_search, pair_search


def unit(*shape: int, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(size=shape)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=-1, keepdims=True), dtype=np.float32)


def test_figures_are_those_of_sklearn_and_of_counting() -> None:
    rows = [{"anchor": f"question {n % 17}", "positive": f"answer {n}"} for n in range(40)]
    vectors, judge = unit(40, 2, 8), judge_of("pairs", rows)
    figures = judge.figures(vectors)
    cosines = vectors[:17, 0] @ vectors[:, 1].T
    near = np.array([[d % 17 == q for d in range(40)] for q in range(17)], dtype=float)
    assert figures["ndcg_at_10"] == pytest.approx(ndcg_score(near, cosines, k=10))
    order = np.take_along_axis(near, np.argsort(-cosines, axis=1), axis=1)
    assert figures["mrr"] == pytest.approx(float(np.mean(1 / (order.argmax(axis=1) + 1))))
    for first in (1, 10):
        expected = (order[:, :first].sum(axis=1) / order.sum(axis=1)).mean()
        assert figures[f"recall_at_{first}"] == pytest.approx(float(expected))
    scores = {score.name: score for score in judge.scores(vectors, 0)}
    assert {name: score.value for name, score in scores.items()} == pytest.approx(figures)
    assert all(score.low is not None and score.low <= score.value for score in scores.values())


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=7),
    st.integers(1, 8),
)
def test_equal_scores_count_as_the_mean_over_their_orders(rows: list[tuple[int, bool]], first: int) -> None:
    scores, relevance = np.array([score for score, _ in rows], float), np.array([right for _, right in rows], float)
    chance = np.random.default_rng(0)
    counts = [relevance[np.lexsort((chance.random(len(rows)), -scores))][:first].sum() for _ in range(400)]
    assert found_among(scores, relevance, first) == pytest.approx(float(np.mean(counts)), abs=0.25)


def test_a_model_that_gives_all_texts_the_same_vector_finds_no_more_than_chance() -> None:
    rows = [{"anchor": f"question {n}", "positive": f"answer {n}"} for n in range(50)]
    figures = judge_of("pairs", rows).figures(np.ones((50, 2, 4), dtype=np.float32) / 2)
    assert figures["recall_at_1"] == pytest.approx(1 / 50) and figures["recall_at_10"] == pytest.approx(0.2)


def test_a_text_does_not_find_itself_and_equal_texts_are_one() -> None:
    rows = [("a", "b"), ("A ", "c"), ("b", "d"), ("d", "e")]
    search = pair_search([{"anchor": anchor, "positive": positive} for anchor, positive in rows])
    assert (search.queries, search.documents) == ((0, 2, 3), (0, 1, 2, 3))
    assert [near.tolist() for near in search.near] == [[0, 1], [2], [3]]
    assert search.self_at == (-1, 0, 2)
    labelled = label_search([{"text": text, "label": label} for text, label in zip("abcd", "xxyz", strict=True)])
    assert labelled.queries == (0, 1) and labelled.self_at == (0, 1)  # c and d have nobody to find
    values, first = labelled.values(np.array([[9.0, 1, 0, 0], [1, 9, 2, 0]]))
    assert first.tolist() == [1, 2] and values[:, 1].tolist() == [1.0, 0.0]


def test_a_triplet_is_right_when_the_near_text_is_nearer() -> None:
    near, far = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
    assert right_side(np.array([[near, near, far], [near, far, near], [near, far, far]])).tolist() == [1, 0, 0.5]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.floats(-1, 1, width=16)), min_size=3, max_size=30))
def test_correlations_are_those_of_scipy(rows: list[tuple[int, float]]) -> None:
    expected, said = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    ranked, plain = correlations(expected, said)(np.ones((1, len(rows))))[0]
    if len(set(expected)) == 1:
        assert np.isnan(ranked) and np.isnan(plain)
    elif len(set(said)) == 1:
        assert ranked == plain == 0.0
    else:
        assert ranked == pytest.approx(spearmanr(expected, said).statistic, abs=1e-9)
        if said.std() > 1e-3:
            assert plain == pytest.approx(pearsonr(expected, said).statistic, abs=1e-6)


def test_words_are_looked_up_with_the_scores_of_comparing_one_by_one() -> None:
    known = ["the parcel is late", "the shop opens at nine", "late at night"]
    documents = ["late late parcel", "nothing here", "the night shop"]
    words = Bm25(known)
    for query in ("late parcel", "the the shop", "unknown", ""):
        ask = Ask(query, tuple(documents), (0.0,) * 3)
        assert words.searching(documents)(query) == pytest.approx(words.scores(ask))


def test_shorter_vectors_are_of_length_one_again() -> None:
    assert np.linalg.norm(shortened(unit(5, 2, 16), 4), axis=-1) == pytest.approx(np.ones((5, 2)), abs=1e-6)


def test_examples_begin_with_what_is_furthest_from_right() -> None:
    rows = [{"sentence1": f"one {n}", "sentence2": f"two {n}", "score": float(n)} for n in range(9)]
    vectors = np.stack([[[1, 0], [np.cos(n), np.sin(n)]] for n in np.linspace(0, 3, 9)]).astype(np.float32)
    judge = judge_of("scored-pairs", rows)
    assert judge.figures(vectors)["spearman"] == pytest.approx(-1)
    examples = judge.examples(vectors, vectors[::-1], list(range(2, 11)))
    assert examples[0].row in (2, 10) and examples[-1].row == 6 and examples[-1].score == 1
    assert judge_of("scored-pairs", [row | {"score": 1.0} for row in rows]).asked == 0
    assert "lowered" in judge.gain(vectors, vectors[::-1], 0)
