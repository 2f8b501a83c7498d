"""How well texts are found by their vectors: each is looked for among all others of its kind in a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autotrain.data.check import text_key
from autotrain.evaluation.bootstrap import scores_of
from autotrain.evaluation.ranking import ndcg, reciprocal_rank
from autotrain.report import Score

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
PAIRED = ("ndcg_at_10", "mrr", "recall_at_1", "recall_at_10")
"""Of a text that looks for the one or few that belong to it."""
LABELLED = ("ndcg_at_10", "nearest_accuracy", "mrr")
"""Of a text that looks for the many of its own label."""
AT_ONCE = 256
"""Queries whose cosines are in memory together."""


@dataclass(frozen=True)
class Search:
    """Texts that look for others. Equal texts are one, whatever their case and spacing.

    `queries` and `documents` are places of rows; `near` are for each query the documents that should be found,
    `self_at` the document that is the query itself and is passed over, or -1.
    """

    texts: tuple[str, str]
    """The roles of queries and documents."""
    queries: tuple[int, ...]
    documents: tuple[int, ...]
    near: tuple[Places, ...]
    self_at: tuple[int, ...]
    measures: tuple[str, ...]

    def values(self, scores: Iterable[Floats]) -> tuple[Floats, Places]:
        """(queries, measures), and the document that comes first for each query.

        Of documents with equal scores the mean over their orders counts, so that a model that gives all texts the same
        vector does not profit from the order of the file.

        Args:
            scores: for each query the (documents,) scores.
        """
        values, first = np.zeros((len(self.queries), len(self.measures))), np.zeros(len(self.queries), dtype=np.int64)
        for place, row in enumerate(scores):
            relevance = np.zeros(len(row))
            relevance[self.near[place]] = 1
            keep = np.arange(len(row)) != self.self_at[place]
            kept, wanted = row[keep], relevance[keep]
            first[place] = np.flatnonzero(keep)[kept.argmax()]
            values[place] = [_OF[name](kept, wanted) for name in self.measures]
        return values, first

    def scores(self, values: Floats, seed: int) -> tuple[Score, ...]:
        """Means over the queries with bootstrap intervals."""
        return means(self.measures, values, seed)


def found_among(scores: Floats, relevance: Floats, first: int) -> float:
    """How many relevant ones are among the `first`; of equal scores the mean over their orders."""
    if first >= len(scores):
        return float(relevance.sum())
    last = np.partition(scores, -first)[-first]
    above, tied = scores > last, scores == last
    return float(relevance[above].sum() + (first - above.sum()) * relevance[tied].mean())


_OF: Mapping[str, Callable[[Floats, Floats], float]] = {
    "ndcg_at_10": ndcg,
    "mrr": reciprocal_rank,
    "recall_at_1": lambda scores, relevance: found_among(scores, relevance, 1) / float(relevance.sum()),
    "recall_at_10": lambda scores, relevance: found_among(scores, relevance, 10) / float(relevance.sum()),
    "nearest_accuracy": lambda scores, relevance: found_among(scores, relevance, 1),
}


def cosine_rows(queries: NDArray[np.float32], documents: NDArray[np.float32]) -> Iterator[Floats]:
    """For each query vector its cosines with all document vectors; both of length 1."""
    for start in range(0, len(queries), AT_ONCE):
        yield from np.asarray(queries[start : start + AT_ONCE] @ documents.T, dtype=np.float64)


def pair_search(rows: Sequence[Mapping[str, str]]) -> Search:
    """Each different `anchor` looks for its `positive` texts among those of all rows."""
    queries, documents = _first_of(rows, "anchor"), _first_of(rows, "positive")
    place = {key: number for number, key in enumerate(documents)}
    near: dict[bytes, set[int]] = {key: set() for key in queries}
    for row in rows:
        near[text_key(row["anchor"])].add(place[text_key(row["positive"])])
    asked = [key for key in queries if place.get(key) not in near[key] and len(near[key]) < len(documents)]
    return Search(
        texts=("anchor", "positive"),
        queries=tuple(queries[key] for key in asked),
        documents=tuple(documents.values()),
        near=tuple(np.array(sorted(near[key]), dtype=np.int64) for key in asked),
        self_at=tuple(place.get(key, -1) for key in asked),
        measures=PAIRED,
    )


def label_search(rows: Sequence[Mapping[str, str]]) -> Search:
    """Each different `text` looks for those of its own `label` among all others, where there are both."""
    documents = _first_of(rows, "text")
    labels = [rows[row]["label"].strip() for row in documents.values()]
    members = {label: np.array([n for n, own in enumerate(labels) if own == label]) for label in dict.fromkeys(labels)}
    asked = [n for n, own in enumerate(labels) if 1 < len(members[own]) < len(labels)]
    rows_of = tuple(documents.values())
    return Search(
        texts=("text", "text"),
        queries=tuple(rows_of[n] for n in asked),
        documents=rows_of,
        near=tuple(members[labels[n]] for n in asked),
        self_at=tuple(asked),
        measures=LABELLED,
    )


def _first_of(rows: Sequence[Mapping[str, str]], role: str) -> dict[bytes, int]:
    """The different texts of a role, each with the first row that has it."""
    found: dict[bytes, int] = {}
    for place, row in enumerate(rows):
        found.setdefault(text_key(row[role]), place)
    return found


def means(names: Sequence[str], values: Floats, seed: int) -> tuple[Score, ...]:
    """Means over rows of (rows, measures) with bootstrap intervals."""
    return scores_of(names, lambda weights: weights @ values / weights.sum(axis=1, keepdims=True), len(values), seed)
