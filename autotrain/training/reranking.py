"""Training, evaluating and loading a cross-encoder: it reads a query with a passage and says how relevant it is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Ranked
from autotrain.errors import DataError
from autotrain.evaluation.baselines import Encoding
from autotrain.evaluation.classification import FEW_ROWS
from autotrain.evaluation.examples import shown
from autotrain.evaluation.ranking import (
    Ask,
    base_baseline,
    bm25_baseline,
    cosines,
    gain_sentence,
    judged,
    ndcg,
    reciprocal_rank,
    scores_over_queries,
)
from autotrain.events import Phase
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.groups import collator, items_of, loss_step
from autotrain.training.head import each_label, head_rows, start_head
from autotrain.training.learner import Learner
from autotrain.training.multi_label import sigmoid
from autotrain.training.reading import batches_for, outputs_of
from autotrain.training.rows import SplitRows

Floats = NDArray[np.float64]
OUTPUT = ("relevance",)
"""What the head's only output is called."""
SHOWN_MISTAKES, SHOWN_EXAMPLES, SHOWN_PASSAGES = 20, 8, 20


class RerankingLearner(Learner):
    """The relevance of a passage for a query (Nogueira and Cho, 2019, arXiv:1901.04085)."""

    kind = "SEQ_CLS"

    def load(self) -> Any:
        """The base with a head of one output."""
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for name, rows in parts.items() if not self.known else [("test", self.test)]:
            if not any(ask.orderable for ask, _ in asks_of(rows)):
                raise DataError(
                    f"No {name} query has both a relevant passage and one that is less relevant, so there is no order "
                    "to learn or to judge. Add such passages, or give this part more queries.",
                    code="nothing-to-order",
                )
        self.top = max(row["relevance"] for row in self.train.rows or self.test.rows)
        self.loss = getattr(self.params, "loss", "bce")
        return load_base(self.attempt.model, OUTPUT, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """Queries with some of their passages each; only in training is a list completed with a relevant one."""
        ids = [list(made[0].input_ids) for _, made in self.taught(rows)]
        relevance = [min(1.0, row["relevance"] / self.top) for row in rows.rows]
        most = getattr(self.params, "passages_per_query", 8)
        groups = [places for _, places in asks_of(rows)]
        return items_of(groups, ids, relevance, most, self.loss, training=rows is self.train)

    def begin(self, train: Rows) -> None:
        """Fit the new head on what the base knows."""
        self.attempt.sink.emit(Phase(name="train", fraction=0.0))
        device = self.attempt.device.name
        self.model.to(device)
        pairs = pairs_of(self.train)
        tokens = sum(train.lengths) / max(1, sum(len(item["input_ids"]) for item in train.items))
        most = head_rows(self.model, tokens, device)
        rows = np.sort(np.random.default_rng(self.params.seed).permutation(len(pairs))[:most])
        truth = np.array([[self.train.rows[int(row)]["relevance"] > 0] for row in rows])
        batches = batches_for(self.attempt, self.model, self.tokenizer, self.max_length)
        start_head(self.model, [pairs[int(row)] for row in rows], batches, lambda seen: each_label(seen, truth))

    def objective(self) -> Objective:
        """The wished loss; nDCG@10 of the validation queries decides."""
        collate = collator(self.tokenizer, self.attempt.device.name)
        return Objective(collate, None, _metrics, "eval_ndcg_at_10", step=loss_step(self.loss))

    def report(self, training: Training) -> Report:
        """nDCG and MRR beside the untouched base and BM25; the queries whose order is worst."""
        seed, pairs = self.params.seed, pairs_of(self.test)
        outputs = outputs_of(self.model, self.tokenizer, pairs, self.max_length)[:, 0]
        found = [(ask, places) for ask, places in asks_of(self.test) if ask.orderable]
        asks, scores = [ask for ask, _ in found], [outputs[places] for _, places in found]
        values = judged(asks, scores)
        progressed = self.evaluating()
        progressed(0.5)
        started = time.monotonic()
        base = cosines(self.attempt.model, asks, Encoding(self.max_length, device=self.attempt.device.name))
        untouched = judged(asks, base)
        baseline = base_baseline(untouched, time.monotonic() - started, seed)
        progressed(0.9)
        seen = [ask for ask, _ in asks_of(self.train)]
        bm25 = (bm25_baseline(seen, asks, seed),) if seen else ()
        rows = [self.test.numbers[places[0]] for _, places in found]
        examples = [
            example(row, ask, score, other, float(value))
            for row, ask, score, other, value in zip(rows, asks, scores, base, values[:, 0], strict=True)
        ]
        worst = np.argsort(values[:, 0], kind="stable")
        places = np.linspace(0, len(worst) - 1, min(SHOWN_EXAMPLES, len(worst))).round().astype(int)
        gain = gain_sentence(values[:, 0], untouched[:, 0], "the base model", seed)
        return self.measured(
            training,
            scores=scores_over_queries(values, seed),
            baselines=(baseline, *bm25),
            mistakes=tuple(examples[int(place)] for place in worst[:SHOWN_MISTAKES] if values[place, 0] < 1),
            examples=tuple(examples[int(worst[place])] for place in dict.fromkeys(places.tolist())),
            notes=(gain, *self._notes(len(asks))),
        )

    def _notes(self, queries: int) -> list[str]:
        notes = []
        if queries < FEW_ROWS:
            have = f"only {queries} queries" if queries > 1 else "only one query"
            notes.append(f"The test split has {have} to judge by. More queries give firmer figures.")
        level = sum(not ask.orderable for ask, _ in asks_of(self.test))
        if level:
            have = "1 test query was" if level == 1 else f"{level:,} test queries were"
            notes.append(f"{have} left out of the scores: all their passages are equally relevant.")
        return notes


def asks_of(rows: SplitRows) -> list[tuple[Ask, list[int]]]:
    """The queries in the order of their first rows, each with the places of its rows; case and space make no other."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows.rows):
        places.setdefault(" ".join(row["query"].split()).casefold(), []).append(place)
    return [
        (
            Ask(
                rows.rows[of[0]]["query"],
                tuple(rows.rows[place]["passage"] for place in of),
                tuple(float(rows.rows[place]["relevance"]) for place in of),
            ),
            of,
        )
        for of in places.values()
    ]


def pairs_of(rows: SplitRows) -> list[Any]:
    """(query, passage) of each row."""
    return [(row["query"], row["passage"]) for row in rows.rows]


def example(row: int, ask: Ask, scores: Floats, base: Floats, value: float) -> Example:
    """One query as the report shows it: what should come first, what came first, and what the base puts first."""
    lines = [" ".join(text.split()) for text in ask.passages]
    right = [line for line, relevance in zip(lines, ask.relevance, strict=True) if relevance == max(ask.relevance)]
    return Example(
        row=row,
        inputs={"query": shown(ask.query), "passages": "\n".join(shown(line) for line in lines[:SHOWN_PASSAGES])},
        expected=shown(right[0]),
        predicted=shown(lines[int(scores.argmax())]),
        untouched=shown(lines[int(base.argmax())]),
        score=value,
    )


def _metrics(prediction: Any) -> dict[str, float]:
    """nDCG@10 and MRR of the validation queries, whose passages may have come in several lists."""
    answers = prediction.predictions
    rows = np.asarray(answers[0] if isinstance(answers, tuple) else answers, dtype=np.float64)
    score, relevance, query = rows[rows[..., 1] != IGNORED].T
    values = []
    for one in np.unique(query):
        mine = query == one
        if len(set(relevance[mine].tolist())) > 1:
            values.append((ndcg(score[mine], relevance[mine]), reciprocal_rank(score[mine], relevance[mine])))
    means = np.mean(values, axis=0) if values else np.zeros(2)
    return {"ndcg_at_10": float(means[0]), "mrr": float(means[1])}


class Reranker:
    """A finished adapter, loaded. Answers with the passages in the order of their relevance."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int) -> None:
        self._model, self._tokenizer, self._max_length = model, tokenizer, max_length

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Ranked]:
        """The lines of each input's `passages` (or its one `passage`) for its `query`, the best first.

        Scores are from 0 to 1; those of an adapter that learned whole lists say which is better, not how sure that is.
        """
        asked = [(item.get("query", ""), _lines(item)) for item in inputs]
        pairs: list[Any] = [(query, line) for query, lines in asked for line in lines]
        outputs = sigmoid(outputs_of(self._model, self._tokenizer, pairs, self._max_length)[:, 0]).tolist()
        rest = iter(outputs)
        return [_ranked([(line, next(rest)) for line in lines]) for _, lines in asked]


def _lines(item: Mapping[str, str]) -> list[str]:
    """The passages, one for each line that is not blank; an empty one where there is none."""
    if "passages" not in item:
        return [item.get("passage", "")]
    return [line.strip() for line in item["passages"].splitlines() if line.strip()] or [""]


def _ranked(scored: list[tuple[str, float]]) -> Ranked:
    texts, scores = zip(*sorted(scored, key=lambda pair: -pair[1]), strict=True)
    return Ranked(texts=texts, scores=scores)


def load_reranker(artifact: Path, model: Path) -> Reranker:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, note = load_adapter(artifact, model, lambda tokenizer, _: load_base(model, OUTPUT, tokenizer))
    return Reranker(loaded, tokenizer, note["max_length"])
