"""Training, evaluating and loading an encoder whose vectors of alike texts lie near each other."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Embedded, Similar
from autotrain.data.shapes.likeness import TEXTS
from autotrain.errors import DataError, ModelError
from autotrain.evaluation.classification import FEW_ROWS
from autotrain.evaluation.embeddings import Judge, Vectors, judge_of, shortened
from autotrain.events import Log
from autotrain.models.loading import load_encoder
from autotrain.models.vectors import pooled, pooling_of
from autotrain.report import Baseline, Example, Report, Shortened, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.classification import batches
from autotrain.training.contrast import Contrast, Known, collator, companions, numbered
from autotrain.training.fit import Objective, Rows
from autotrain.training.learner import Learner
from autotrain.training.rows import SplitRows

MOST_VALIDATION, MOST_TEST = 2_000, 5_000
"""Rows of a split that are judged: each text is compared with all others, and intervals are narrow enough by then."""
MOST_LINES = 100
"""Texts that are compared with each other at once: more make a table that nobody reads."""
SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
UNLIMITED = 10**9
NOTHING_TO_JUDGE = {
    "pairs": "fewer than two different texts that are near",
    "triplets": "fewer than two different texts that are near",
    "scored-pairs": "only one score",
    "classification": "no label with two texts beside another label",
}


class EmbeddingLearner(Learner):
    """Vectors that are near each other where the table says that texts are alike (Reimers and Gurevych, 2019,
    "Sentence-BERT", arXiv:1908.10084)."""

    kind = "FEATURE_EXTRACTION"

    def load(self) -> Any:
        """The encoder without a head. Its vectors are pooled as its folder says."""
        self.pooling = pooling_of(self.attempt.model)
        self.tokenizer.padding_side = "right"  # positions are learned from the first token on
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for name, rows in parts.items() if not self.known else [("test", self.test)]:
            if not judge_of(self.shape, self._chosen(rows, MOST_VALIDATION)[1]).asked:
                raise DataError(
                    f"The {name} rows have {NOTHING_TO_JUDGE[self.shape]}, so there is nothing to compare. "
                    "Add rows, or give this part a larger share of them.",
                    code="nothing-to-compare",
                )
        self.alike = self._all_alike() if self.shape in ("pairs", "triplets") and not self.known else None
        model = load_encoder(self.attempt.model)
        width = model.config.get_text_config().hidden_size * len(self.pooling)
        wished = self.known.get("sizes", sizes_of(getattr(self.params, "matryoshka_dims", "")))
        self.sizes = tuple(size for size in wished if size != width)
        if self.sizes and max(self.sizes) > width:
            raise ModelError(
                f"{self.attempt.model_name} gives vectors of {width} numbers, which cannot be shortened to "
                f"{max(self.sizes)}. Name only smaller Matryoshka dimensions.",
                code="matryoshka-dims",
            )
        return model

    def encode(self, rows: SplitRows) -> Rows:
        """Rows of several texts; of labelled texts, in training, each with another one of its label."""
        places, chosen = self._chosen(rows, len(rows) if rows is self.train else MOST_VALIDATION)
        made = [[list(text.input_ids) for text in texts] for _, texts in self.taught(rows)]
        items = [{"input_ids": made[at], "labels": place} for place, at in enumerate(places)]
        if self.alike is not None:
            numbers = self.alike.texts[: len(rows)] if rows is self.train else self.alike.texts[len(self.train) :]
            items = [{**item, "text": texts} for item, texts in zip(items, numbers, strict=True)]
        elif self.known:  # only what is left of the rows is asked
            return Rows(items)
        elif self.shape == "scored-pairs":
            items = [{**item, "score": row["score"]} for item, row in zip(items, chosen, strict=True)]
        else:
            self._with_companions(items, chosen, training=rows is self.train)
        return Rows(items, tokens=lambda item: sum(map(len, item["input_ids"])))

    def _with_companions(self, items: list[dict[str, Any]], rows: Sequence[Mapping[str, str]], training: bool) -> None:
        classes = {label: n for n, label in enumerate(dict.fromkeys(row["label"].strip() for row in rows))}
        own = [classes[row["label"].strip()] for row in rows]
        texts = [text for (text,) in numbered([[row["text"]] for row in rows])]
        other = companions(own, self.params.seed) if training else []
        ids = [item["input_ids"] for item in items]
        for place, item in enumerate(items):
            both = [place, *other[place : place + 1]]
            item["input_ids"] = [ids[at][0] for at in both]
            item.update({"class": own[place], "text": [texts[at] for at in both]})

    def objective(self) -> Objective:
        """The loss of the shape; how texts of the validation rows find each other decides."""
        params, attempt = self.params, self.attempt
        most = getattr(params, "mini_batch_size", 32)
        if attempt.team.size > 1:  # a part that is computed again would not be seen by the other devices
            attempt.sink.emit(Log(text="On several devices a batch goes through the model as a whole."))
            most = UNLIMITED
        self.contrast = Contrast(
            shape=self.shape,
            loss=getattr(params, "loss", "contrastive"),
            scale=getattr(params, "scale", 20.0),
            pooling=self.pooling,
            sizes=self.sizes,
            rows=params.per_device_train_batch_size,
            most=most,
        )
        judge = judge_of(self.shape, self._chosen(self.validation, MOST_VALIDATION)[1])
        collate = collator(self.tokenizer, attempt.device.name, self.alike)
        return Objective(
            collate, None, _metrics(judge), f"eval_{judge.metric}", step=self.contrast.step, by_tokens=True
        )

    def note(self) -> dict[str, Any]:
        """How vectors are made, and to which sizes they can be shortened."""
        return {"pooling": list(self.pooling), "sizes": list(self.sizes)}

    def report(self, training: Training) -> Report:
        """How the tuned vectors do beside those of the untouched base and shared words; the worst rows first."""
        seed, progressed = self.params.seed, self.evaluating()
        places, rows = self._chosen(self.test, MOST_TEST)
        judge = judge_of(self.shape, rows)
        tuned = self._vectors(rows)
        progressed(0.3)
        started = time.monotonic()
        with self.untouched():
            base = self._vectors(rows)
        untouched = Baseline(
            name="base",
            title="Base model",
            explanation="The vectors of the base model as it was before the training.",
            scores=judge.scores(base, seed),
            seconds=time.monotonic() - started,
        )
        progressed(0.6)
        examples = judge.examples(tuned, base, [self.test.numbers[at] for at in places])
        progressed(0.8)
        return self.measured(
            training,
            scores=judge.scores(tuned, seed),
            baselines=(untouched, *self._words(judge)),
            mistakes=tuple(one for one in examples[:SHOWN_MISTAKES] if (one.score or 0) < 1),
            examples=_spread(examples),
            shortened=self._shortened(judge, tuned, base),
            notes=(judge.gain(tuned, base, seed), *self._notes(judge, len(rows))),
        )

    def _words(self, judge: Judge) -> list[Baseline]:
        bm25 = self.shape != "scored-pairs"
        if bm25 and not len(self.train):  # which words are rare, is learned
            return []
        started = time.monotonic()
        scores = judge.by_words(self.train.rows, self.params.seed)
        how = "By the words that texts share, rare ones first" if bm25 else "By the share of words that two texts share"
        return [
            Baseline(
                name="bm25" if bm25 else "words",
                title="BM25" if bm25 else "Shared words",
                explanation=f"{how}, without any model.",
                scores=scores,
                seconds=time.monotonic() - started,
            )
        ]

    def _shortened(self, judge: Judge, tuned: Vectors, base: Vectors) -> tuple[Shortened, ...]:
        seed = self.params.seed
        found = []
        for size in self.sizes:
            after, before = (judge.scores(shortened(vectors, size), seed)[0] for vectors in (tuned, base))
            found.append(Shortened(size=size, score=after, untouched=before))
        return tuple(found)

    def _notes(self, judge: Judge, rows: int) -> list[str]:
        notes = []
        if rows < len(self.test):
            notes.append(f"{rows:,} of {len(self.test):,} test rows were judged, drawn by chance.")
        if judge.asked < FEW_ROWS:
            notes.append(f"The test split has only {judge.asked} to judge by. More rows give firmer figures.")
        if self.shape in ("pairs", "triplets"):
            different = len({" ".join(row["positive"].split()).casefold() for row in self.test.rows[:rows]})
            notes.append(f"Each text looks for its own among the {different:,} of the test rows. More would be harder.")
        return notes

    def _vectors(self, rows: Sequence[Mapping[str, Any]]) -> Vectors:
        """(rows, texts of a row, numbers) of the model as it is."""
        roles = TEXTS.get(self.shape, ("text",))
        texts = list(dict.fromkeys(row[role] for row in rows for role in roles))
        vectors = vectors_of(self.model, self.tokenizer, texts, self.max_length, self.pooling)
        place = {text: at for at, text in enumerate(texts)}
        return np.asarray(vectors[[[place[row[role]] for role in roles] for row in rows]], dtype=np.float32)

    def _all_alike(self) -> Known:
        """What belongs together in the training rows, and behind them in those validation rows that are used."""
        rows = (*self.train.rows, *self._chosen(self.validation, MOST_VALIDATION)[1])
        return Known([[row[role] for role in TEXTS[self.shape]] for row in rows])

    def _chosen(self, rows: SplitRows, most: int) -> tuple[list[int], list[Any]]:
        """Places and rows of a split that are used: all, or as many as are allowed, drawn by the seed."""
        places = np.arange(len(rows))
        if len(rows) > most:
            places = np.sort(np.random.default_rng(self.params.seed).permutation(len(rows))[:most])
        return places.tolist(), [rows.rows[int(at)] for at in places]


def sizes_of(dims: str) -> tuple[int, ...]:
    """The sizes in `256,128`, largest first."""
    return tuple(sorted({int(each) for each in dims.split(",") if each.strip()}, reverse=True))


def _spread(examples: Sequence[Example]) -> tuple[Example, ...]:
    """A few from the worst to the best."""
    at = np.linspace(0, len(examples) - 1, min(SHOWN_EXAMPLES, len(examples))).round().astype(int)
    return tuple(examples[int(place)] for place in at)


def _metrics(judge: Judge) -> Any:
    """What the loop calls with the vectors of the validation rows, in the order in which they came."""

    def compute(prediction: Any) -> dict[str, float]:
        answers, places = prediction.predictions, np.asarray(prediction.label_ids).reshape(-1)
        vectors = np.asarray(answers[0] if isinstance(answers, tuple) else answers, dtype=np.float32)
        return judge.figures(vectors[np.argsort(places)])

    return compute


def vectors_of(
    model: Any, tokenizer: Any, texts: Sequence[str], max_length: int, pooling: tuple[str, ...]
) -> NDArray[np.float32]:
    """(texts, numbers) vectors of length 1, in the order of the texts."""
    import torch

    width = model.config.get_text_config().hidden_size * len(pooling)
    vectors = np.zeros((len(texts), width), dtype=np.float32)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for part, batch in batches(tokenizer, texts, max_length, next(model.parameters()).device):
            ids, mask = batch["input_ids"], batch["attention_mask"]
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
            vectors[part] = pooled(states, mask, pooling).cpu().numpy()
    model.train(was_training)
    return vectors


class Embedder:
    """A finished adapter, loaded. Answers with how alike texts are, or with the vector of a text."""

    def __init__(self, model: Any, tokenizer: Any, max_length: int, pooling: tuple[str, ...]) -> None:
        self._model, self._tokenizer, self._max_length, self._pooling = model, tokenizer, max_length, pooling

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Similar | Embedded]:
        """For an input with `texts` the cosines of its lines with each other; for one with `text` its vector.

        Raises:
            DataError: an input has more than 100 lines.
        """
        asked = [_lines(item["texts"]) if "texts" in item else [item.get("text", "")] for item in inputs]
        every = list(dict.fromkeys(text for texts in asked for text in texts))
        if asking.untouched:
            if not hasattr(self._model, "disable_adapter"):
                raise DataError(
                    "This model was trained as a whole, so that there is no untouched one inside of it to compare "
                    "with. Ask its base in a run of its own.",
                    code="no-base-model",
                )
            with self._model.disable_adapter():
                vectors = self._of(every)
        else:
            vectors = self._of(every)
        place = {text: at for at, text in enumerate(every)}
        found: list[Similar | Embedded] = []
        for item, texts in zip(inputs, asked, strict=True):
            own = vectors[[place[text] for text in texts]].astype(np.float64)
            if "texts" in item:
                cosines = np.clip(own @ own.T, -1, 1).round(6)
                found.append(Similar(texts=tuple(texts), values=tuple(map(tuple, cosines.tolist()))))
            else:
                found.append(Embedded(vector=tuple(own[0].tolist())))
        return found

    def _of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors_of(self._model, self._tokenizer, texts, self._max_length, self._pooling)


def _lines(text: str) -> list[str]:
    """The texts, one for each line that is not blank; an empty one where there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if len(lines) > MOST_LINES:
        raise DataError(
            f"{len(lines):,} texts are too many to compare at once. Give at most {MOST_LINES}, one on each line.",
            code="too-many-texts",
        )
    return lines


def load_embedder(artifact: Path, model: Path) -> Embedder:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, note = load_adapter(artifact, model, lambda tokenizer, _: load_encoder(model))
    tokenizer.padding_side = "right"
    return Embedder(loaded, tokenizer, note["max_length"], tuple(note["pooling"]))
