"""How good an order of passages is: nDCG@10 and MRR with intervals over queries, and what to compare them with."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import TrainingError
from autotrain.evaluation.baselines import Encoding, encode_texts
from autotrain.evaluation.bootstrap import samples, scores_of
from autotrain.evaluation.intervals import percentile_interval
from autotrain.report import Baseline, Score

Floats = NDArray[np.float64]
MEASURES = ("ndcg_at_10", "mrr")
LOOKED_AT = 10
"""Passages that nDCG looks at: what people see on a first page."""
K1, B = 1.2, 0.75
"""BM25's usual weights: how soon more of a word counts no more, and how much a long passage is held against it."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Ask:
    """One query, its passages and their relevance, 0 for what is not relevant."""

    query: str
    passages: tuple[str, ...]
    relevance: tuple[float, ...]

    @property
    def orderable(self) -> bool:
        """Whether one order of its passages is better than another."""
        return len(set(self.relevance)) > 1


def ndcg(scores: Floats, relevance: Floats, looked_at: int = LOOKED_AT) -> float:
    """Normalised discounted cumulative gain of the first passages: gain is the relevance, discount 1 / log2(rank + 1).

    Passages with equal scores count as the mean over their orders, as in scikit-learn's `ndcg_score` (McSherry and
    Najork, 2008): a model that gives all the same score must not profit from the order of the file.

    Args:
        scores, relevance: (passages,), relevance from 0, at least one above it.
    """
    discount = 1 / np.log2(np.arange(len(scores)) + 2)
    discount[looked_at:] = 0
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    gain = np.bincount(group, weights=relevance) / sizes
    reached = np.add.reduceat(discount, np.r_[0, np.cumsum(sizes)[:-1]])
    best = float(np.sort(relevance)[::-1] @ discount)
    return float(gain @ reached) / best


def reciprocal_rank(scores: Floats, relevance: Floats) -> float:
    """1 / rank of the first relevant passage; of equal scores the mean over their orders.

    Among t passages with equal scores, k of them relevant, the first relevant one stands at place i of the t with the
    probability C(t - i, k - 1) / C(t, k).
    """
    best = scores[relevance > 0].max()
    before = int((scores > best).sum())
    tied, right = int((scores == best).sum()), int(((scores == best) & (relevance > 0)).sum())
    orders = math.comb(tied, right)
    return sum(math.comb(tied - place, right - 1) / orders / (before + place) for place in range(1, tied - right + 2))


def judged(asks: Sequence[Ask], scores: Sequence[Floats]) -> Floats:
    """(queries, measures) of queries that are orderable, in the order of `MEASURES`.

    Raises:
        TrainingError: the model answered something that is not a number.
    """
    broken = sum(not np.isfinite(each).all() for each in scores)
    if broken:
        raise TrainingError(
            f"The trained model's answer is not a number for {broken} of {len(asks)} test queries. "
            "Train again with a lower learning rate.",
            code="nan",
        )
    pairs = [(each, np.asarray(ask.relevance)) for ask, each in zip(asks, scores, strict=True)]
    return np.array([[ndcg(*pair), reciprocal_rank(*pair)] for pair in pairs]).reshape(-1, len(MEASURES))


def scores_over_queries(values: Floats, seed: int) -> tuple[Score, ...]:
    """The means over queries with bootstrap intervals: queries are drawn again, each with all its passages."""
    return scores_of(MEASURES, lambda weights: weights @ values / weights.sum(axis=1, keepdims=True), len(values), seed)


def gain_sentence(tuned: Floats, rival: Floats, name: str, seed: int) -> str:
    """What the paired difference in nDCG@10 says about `tuned` against `rival`, (queries,) each."""
    gain = (tuned - rival)[:, None]
    drawn = samples(lambda weights: weights @ gain / weights.sum(axis=1, keepdims=True), len(gain), seed)[:, 0]
    value = float(gain.mean())
    low, high = percentile_interval(drawn, value)
    span = f"({low * 100:+.1f} to {high * 100:+.1f}, 95 % interval, paired on the same test queries)"
    if low > 0:
        return f"Fine-tuning gained {value * 100:.1f} points of nDCG@10 over {name} {span}."
    if high < 0:
        return f"Fine-tuning lost {-value * 100:.1f} points of nDCG@10 against {name} {span}."
    return (
        f"The difference in nDCG@10 from {name} is {value * 100:+.1f} points {span}: "
        "these test queries cannot tell the two apart."
    )


def cosines(model: Path, asks: Sequence[Ask], encoding: Encoding) -> list[Floats]:
    """For each query the cosines of its passages: means of the untouched base's last vectors over the tokens.

    Raises:
        ModelError: the folder holds no encoder that transformers can load from safetensors.
    """
    texts = list(dict.fromkeys(text for ask in asks for text in (ask.query, *ask.passages)))
    vectors = encode_texts(model, texts, encoding).astype(np.float64)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    place = {text: number for number, text in enumerate(texts)}
    return [vectors[[place[text] for text in ask.passages]] @ vectors[place[ask.query]] for ask in asks]


def words_of(text: str) -> list[str]:
    """Words in lower case."""
    return _WORD.findall(text.casefold())


class Bm25:
    """Okapi BM25 (Robertson and Zaragoza, 2009, "The Probabilistic Relevance Framework", formula 3.15).

    How rare a word is, and how long passages are, is known from the different passages of the training rows.
    """

    def __init__(self, passages: Sequence[str]) -> None:
        known = [words_of(text) for text in dict.fromkeys(passages)]
        self._passages = len(known)
        self._in = Counter(word for words in known for word in set(words))
        self._mean = sum(map(len, known)) / max(1, len(known)) or 1.0

    def scores(self, ask: Ask) -> Floats:
        """(passages,) of one query."""
        rare = {word: self._rarity(word) for word in words_of(ask.query)}
        return np.array([self._score(rare, Counter(words_of(text))) for text in ask.passages])

    def searching(self, documents: Sequence[str]) -> Callable[[str], Floats]:
        """What gives a query's (documents,) scores; words are looked up instead of compared one document at a time."""
        found: dict[str, tuple[list[int], list[float]]] = {}
        for place, text in enumerate(documents):
            words = Counter(words_of(text))
            for word in words:
                places, weights = found.setdefault(word, ([], []))
                places.append(place)
                weights.append(self._score({word: self._rarity(word)}, words))

        def scores(query: str) -> Floats:
            total = np.zeros(len(documents))
            for word in dict.fromkeys(words_of(query)):
                if word in found:
                    places, weights = found[word]
                    total[places] += weights
            return total

        return scores

    def _rarity(self, word: str) -> float:
        having = self._in[word]
        return math.log(1 + (self._passages - having + 0.5) / (having + 0.5))

    def _score(self, rare: dict[str, float], words: Counter[str]) -> float:
        length = K1 * (1 - B + B * words.total() / self._mean)
        return sum(rarity * words[word] * (K1 + 1) / (words[word] + length) for word, rarity in rare.items())


def base_baseline(values: Floats, seconds: float, seed: int) -> Baseline:
    """The untouched base's baseline from its (queries, measures)."""
    return Baseline(
        name="base",
        title="Base model",
        explanation="The base model is left as it is: passages are ordered by the cosine of their mean vector with "
        "that of the query.",
        scores=scores_over_queries(values, seed),
        seconds=seconds,
    )


def bm25_baseline(train: Sequence[Ask], asks: Sequence[Ask], seed: int) -> Baseline:
    """Orders passages by the words that they share with the query."""
    started = time.monotonic()
    found = Bm25([text for ask in train for text in ask.passages])
    values = judged(asks, [found.scores(ask) for ask in asks])
    return Baseline(
        name="bm25",
        title="BM25",
        explanation="Orders passages by the words that they share with the query, rare ones first, without any model.",
        scores=scores_over_queries(values, seed),
        seconds=time.monotonic() - started,
    )
