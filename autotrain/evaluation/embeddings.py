"""How good vectors of texts are, for each kind of table they were learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from autotrain.data.check import text_key
from autotrain.errors import TrainingError
from autotrain.evaluation.bootstrap import Figures, Ordered, samples, scores_of
from autotrain.evaluation.examples import shown
from autotrain.evaluation.intervals import percentile_interval
from autotrain.evaluation.ranking import Bm25, gain_sentence, words_of
from autotrain.evaluation.retrieval import Search, cosine_rows, label_search, means, pair_search
from autotrain.report import Example, Score

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
"""(rows, texts of a row, numbers), each of length 1."""
ALIKE = ("spearman", "pearson")


class Judge(Protocol):
    """Says how good vectors of some rows are."""

    metric: str
    """The name of the score that decides which moment of the training is best."""
    asked: int
    """Texts, or pairs, that the scores are means over; 0 where nothing can be judged."""

    def scores(self, vectors: Vectors, seed: int) -> tuple[Score, ...]:
        """The scores with intervals, the headline first."""
        ...

    def figures(self, vectors: Vectors) -> dict[str, float]:
        """The same without intervals."""
        ...

    def gain(self, tuned: Vectors, base: Vectors, seed: int) -> str:
        """What the paired difference to the untouched base says."""
        ...

    def by_words(self, known: Sequence[Mapping[str, Any]], seed: int) -> tuple[Score, ...]:
        """The scores without any model, by the words that texts share; `known` are the training rows."""
        ...

    def examples(self, vectors: Vectors, base: Vectors, numbers: Sequence[int]) -> list[Example]:
        """What the report shows, the worst first; `numbers` are those of the rows in the file."""
        ...


def judge_of(shape: str, rows: Sequence[Mapping[str, Any]]) -> Judge:
    """The judge for rows of a shape."""
    if shape == "scored-pairs":
        return ByScore(rows)
    return BySearch(rows, label_search(rows) if shape == "classification" else pair_search(rows))


def shortened(vectors: Vectors, size: int) -> Vectors:
    """The first numbers of each vector, again of length 1."""
    cut = vectors[..., :size]
    return np.asarray(cut / np.maximum(np.linalg.norm(cut, axis=-1, keepdims=True), 1e-12), dtype=np.float32)


def require_numbers(vectors: Vectors) -> None:
    """Raise TrainingError when a vector is not one of numbers."""
    broken = int((~np.isfinite(vectors)).any(axis=(1, 2)).sum())
    if broken:
        raise TrainingError(
            f"The trained model's vector is not a number for {broken} of {len(vectors)} test rows. "
            "Train again with a lower learning rate.",
            code="nan",
        )


class BySearch:
    """Texts look for those that should be near them; of triplets also which of the two others is nearer."""

    metric = "ndcg_at_10"

    def __init__(self, rows: Sequence[Mapping[str, str]], search: Search) -> None:
        self.rows, self.search = rows, search
        self.asked = len(search.queries)
        self._triplets = "negative" in (rows[0] if rows else {})

    def scores(self, vectors: Vectors, seed: int) -> tuple[Score, ...]:
        require_numbers(vectors)
        values, _ = self._values(vectors)
        found = self.search.scores(values, seed)
        sides = means(("triplet_accuracy",), right_side(vectors)[:, None], seed) if self._triplets else ()
        return (*found, *sides)

    def figures(self, vectors: Vectors) -> dict[str, float]:
        values, _ = self._values(vectors)
        found = dict(zip(self.search.measures, values.mean(axis=0).tolist(), strict=True))
        return found | ({"triplet_accuracy": float(right_side(vectors).mean())} if self._triplets else {})

    def gain(self, tuned: Vectors, base: Vectors, seed: int) -> str:
        after, before = self._values(tuned)[0][:, 0], self._values(base)[0][:, 0]
        return gain_sentence(after, before, "the base model", seed)

    def by_words(self, known: Sequence[Mapping[str, Any]], seed: int) -> tuple[Score, ...]:
        """By BM25, whose rare words are those of the training rows."""
        asking, looked = self.search.texts
        words = Bm25([row[looked] for row in known])
        scores = words.searching([self.rows[row][looked] for row in self.search.documents])
        values, _ = self.search.values(scores(self.rows[row][asking]) for row in self.search.queries)
        found = self.search.scores(values, seed)
        if not self._triplets:
            return found
        sides = []
        for row in self.rows:
            near, far = words.searching([row["positive"], row["negative"]])(row["anchor"])
            sides.append(0.5 * ((near > far) + (near >= far)))
        return (*found, *means(("triplet_accuracy",), np.array(sides)[:, None], seed))

    def examples(self, vectors: Vectors, base: Vectors, numbers: Sequence[int]) -> list[Example]:
        values, first = self._values(vectors)
        _, before = self._values(base)
        made = [self._example(at, first[at], before[at], float(values[at, 0]), numbers) for at in range(self.asked)]
        return [made[int(at)] for at in np.argsort(values[:, 0], kind="stable")]

    def _values(self, vectors: Vectors) -> tuple[Floats, NDArray[np.int64]]:
        documents = vectors[list(self.search.documents), 0 if self.search.texts[1] == "text" else 1]
        return self.search.values(cosine_rows(vectors[list(self.search.queries), 0], documents))

    def _example(self, at: int, first: int, before: int, value: float, numbers: Sequence[int]) -> Example:
        asking, looked = self.search.texts
        row = self.rows[self.search.queries[at]]
        after, untouched = (self.rows[self.search.documents[place]] for place in (first, before))
        labelled = looked == "text"
        found, base = (each["label"] if labelled else each[looked] for each in (after, untouched))
        lines = [row[asking], after[looked]] if labelled else [row["anchor"], row["positive"], after["positive"]]
        lines += [row["negative"]] if self._triplets else []
        return Example(
            row=numbers[self.search.queries[at]],
            inputs={"texts": _lines(lines)},
            expected=shown(row["label"] if labelled else row["positive"]),
            predicted=shown(found),
            untouched=shown(base),
            score=value,
        )


class ByScore:
    """Cosines of pairs against their scores: whether what is more alike is nearer."""

    metric = "spearman"

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.expected = np.array([row["score"] for row in rows], dtype=np.float64)
        self.asked = len(rows) if len(set(self.expected.tolist())) > 1 else 0

    def scores(self, vectors: Vectors, seed: int) -> tuple[Score, ...]:
        require_numbers(vectors)
        return scores_of(ALIKE, correlations(self.expected, pair_cosines(vectors)), len(self.rows), seed, cost=8)

    def figures(self, vectors: Vectors) -> dict[str, float]:
        values = correlations(self.expected, pair_cosines(vectors))(np.ones((1, len(self.rows))))[0]
        return dict(zip(ALIKE, values.tolist(), strict=True))

    def gain(self, tuned: Vectors, base: Vectors, seed: int) -> str:
        both = [correlations(self.expected, pair_cosines(vectors)) for vectors in (tuned, base)]

        def difference(weights: Floats) -> Floats:
            return both[0](weights)[:, :1] - both[1](weights)[:, :1]

        value = float(difference(np.ones((1, len(self.rows))))[0, 0])
        drawn = samples(difference, len(self.rows), seed, cost=16)[:, 0]
        low, high = percentile_interval(drawn[np.isfinite(drawn)], value)
        span = f"({low:+.3f} to {high:+.3f}, 95 % interval, paired on the same test rows)"
        if low > 0:
            return f"Fine-tuning raised Spearman's correlation of the base model by {value:.3f} {span}."
        if high < 0:
            return f"Fine-tuning lowered Spearman's correlation of the base model by {-value:.3f} {span}."
        return (
            f"Spearman's correlation differs from that of the base model by {value:+.3f} {span}: "
            "these test rows cannot tell the two apart."
        )

    def by_words(self, known: Sequence[Mapping[str, Any]], seed: int) -> tuple[Score, ...]:
        """By the share of words that two texts have in common, of all that they have."""
        share = []
        for row in self.rows:
            first, second = (set(words_of(row[role])) for role in ("sentence1", "sentence2"))
            share.append(len(first & second) / max(1, len(first | second)))
        return scores_of(ALIKE, correlations(self.expected, np.array(share)), len(self.rows), seed, cost=8)

    def examples(self, vectors: Vectors, base: Vectors, numbers: Sequence[int]) -> list[Example]:
        """The pairs whose rank by cosine is furthest from that by score come first."""
        after, before = pair_cosines(vectors), pair_cosines(base)
        off = np.abs(rankdata(after) - rankdata(self.expected)) / max(1, len(after) - 1)
        made = [
            Example(
                row=numbers[at],
                inputs={"texts": _lines([row["sentence1"], row["sentence2"]])},
                expected=f"{row['score']:g}",
                predicted=f"{after[at]:.2f}",
                untouched=f"{before[at]:.2f}",
                score=float(1 - off[at]),
            )
            for at, row in enumerate(self.rows)
        ]
        return [made[int(at)] for at in np.argsort(-off, kind="stable")]


def right_side(vectors: Vectors) -> Floats:
    """For each triplet 1 where the near text is nearer than the far one, 0 where it is not, a half where both are."""
    near, far = ((vectors[:, 0] * vectors[:, other]).sum(axis=-1) for other in (1, 2))
    return np.asarray(0.5 * ((near > far).astype(np.float64) + (near >= far)))


def pair_cosines(vectors: Vectors) -> Floats:
    """(rows,) cosine of the two texts of each row."""
    return np.asarray((vectors[:, 0] * vectors[:, 1]).sum(axis=-1), dtype=np.float64)


def correlations(expected: Floats, said: Floats) -> Figures:
    """Spearman's and Pearson's correlation under any weights; 0 where what is said never changes."""
    true, given = Ordered(expected), Ordered(said)

    def of(weights: Floats) -> Floats:
        middle = (weights.sum(axis=1, keepdims=True) + 1) / 2
        ranked = _correlation(weights, true.ranks(weights) - middle, given.ranks(weights) - middle)
        mean = [weights @ each / weights.sum(axis=1) for each in (expected, said)]
        plain = _correlation(weights, expected - mean[0][:, None], said - mean[1][:, None])
        return np.stack([ranked, plain], axis=1)

    return of


def _correlation(weights: Floats, first: Floats, second: Floats) -> Floats:
    """Of (samples, rows) deviations from the mean. NaN where the first never changes."""
    together = (weights * first * second).sum(axis=1)
    own, other = ((weights * np.square(each)).sum(axis=1) for each in (first, second))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(other > 1e-18, together / np.sqrt(own * other), 0.0)
    return np.where(own > 1e-18, found, np.nan)


def _lines(texts: Sequence[str]) -> str:
    """Each text on a line of its own, each once."""
    lines = {text_key(text): " ".join(text.split()) for text in reversed(texts)}
    return "\n".join(dict.fromkeys(lines[text_key(text)] for text in texts))
