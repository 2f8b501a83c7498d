"""Training, evaluating and loading a model that finds the answer to a question in a text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Found
from autotrain.encoding.answers import Window, encode_question
from autotrain.errors import DataError, TrainingError
from autotrain.evaluation.answering import (
    Rival,
    answer_scores,
    best_threshold,
    gain_sentence,
    judged,
    lexical,
    never_answering,
)
from autotrain.evaluation.classification import FEW_ROWS
from autotrain.evaluation.shared_words import SharedWords
from autotrain.models.loading import load_extractive
from autotrain.report import Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import Objective, Rows
from autotrain.training.learner import Learner
from autotrain.training.rows import SplitRows
from autotrain.training.spans import (
    LONGEST_ANSWER,
    PAD_MULTIPLE,
    Picked,
    WindowCollator,
    item_of,
    picked_of,
    picks,
    span_step,
)

SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
SHOWN_CHARACTERS = 1000
"""Of a context in a report: the part with the answer."""
Asked = tuple[str, str]
"""A text and a question on it."""


class QuestionAnsweringLearner(Learner):
    """The first and the last token of an answer (Devlin et al., 2019, sections 4.2 and 4.3)."""

    kind = "QUESTION_ANS"

    def load(self) -> Any:
        """The base with a head for spans."""
        model = load_extractive(self.attempt.model, self.tokenizer)
        if self.model is not None:  # once more, to compare with
            return model
        parts = {"training": self.train, "validation": self.validation, "test": self.test}
        for name, rows in parts.items() if not self.known else [("test", self.test)]:
            if not any(row["answers"] for row in rows.rows):
                raise DataError(
                    f"No {name} question has an answer in its text, so there is nothing to find or to judge by. "
                    "Add questions with answers, or give this part more rows.",
                    code="nothing-to-find",
                )
        lacking = not all(row["answers"] for row in self.train.rows)
        self.longest = int(self.known.get("longest_answer", LONGEST_ANSWER))
        self.threshold: float | None = self.known.get("threshold", 0.0 if lacking else None)
        self.optional = self.threshold is not None
        self.judge: _Judge | None = None
        self.new_head = bool(model.new_layers)
        return model

    def encode(self, rows: SplitRows) -> Rows:
        """The windows of all questions; of a validation question they are judged together."""
        by_number = dict(rows.numbered())
        windows: list[Window] = []
        asked: list[tuple[Mapping[str, Any], list[int]]] = []
        for number, made in self.taught(rows):
            own = [each for each in made if isinstance(each, Window)]
            asked.append((by_number[number], list(range(len(windows), len(windows) + len(own)))))
            windows += own
        if rows is self.train:
            lengths = (window.end - window.start + 1 for window in windows if window.answered)
            self.longest = max(LONGEST_ANSWER, *lengths, 1)
        else:
            self.judge = _Judge(windows, asked, optional=self.optional)
        return Rows([item_of(window, place) for place, window in enumerate(windows)])

    def objective(self) -> Objective:
        """Cross entropy on both ends; F1 of the validation questions decides."""
        multiple = 1 if self.attempt.device.kind == "cpu" else PAD_MULTIPLE
        collator = WindowCollator(self.tokenizer.pad_token_id, multiple=multiple)
        return Objective(collator, None, self.judge, "eval_f1", step=span_step(self.longest))

    def note(self) -> dict[str, Any]:
        """How long an answer may be, and from which odds on there is one; None is always."""
        return {"longest_answer": self.longest, "threshold": self.threshold}

    def report(self, training: Training) -> Report:
        """F1 and exact match beside the words that text and question share; the answers that are farthest off."""
        answerer = Answerer(self.model, self.tokenizer, self.note() | {"max_length": self.max_length})
        progressed = self.evaluating()
        if self.optional and not self.known:
            self.threshold = self._chosen_threshold(answerer)
            answerer.threshold = self.threshold
        progressed(0.3)
        asked, references = pairs_of(self.test), references_of(self.test)
        answers = answerer.answer(asked)
        progressed(0.6)
        values = np.array([judged(each.text, texts) for each, texts in zip(answers, references, strict=True)])
        rivals = self._rivals(asked, references)
        progressed(0.9)
        seed = self.params.seed
        baselines = [rival.scored(references, seed) for rival in rivals]
        found = zip(self.test.numbered(), answers, values[:, 0], strict=True)
        examples = [_example(number, row, answer, float(value)) for (number, row), answer, value in found]
        return self.measured(
            training,
            scores=answer_scores([each.text for each in answers], references, seed),
            baselines=tuple(baselines),
            mistakes=_worst(examples),
            examples=_spread(examples),
            notes=(*self._gained(values[:, 0], rivals, references), *self._notes()),
        )

    def _gained(
        self, values: NDArray[np.float64], rivals: Sequence[Rival], references: Sequence[Sequence[str]]
    ) -> list[str]:
        """What was gained over the best rival, where there is one, by the F1 of each answer."""
        found = [
            np.array([judged(text, refs)[0] for text, refs in zip(rival.answers, references, strict=True)])
            for rival in rivals
        ]
        if not found:
            return []
        best = max(range(len(rivals)), key=lambda place: float(found[place].mean()))
        return [gain_sentence(values, found[best], f"the baseline “{rivals[best].title}”", self.params.seed)]

    def _chosen_threshold(self, answerer: Answerer) -> float:
        """The odds from which on the validation questions are best answered."""
        found = answerer.find(pairs_of(self.validation))
        texts = references_of(self.validation)
        scored = [
            (picked.odds, judged(text, refs)[0], judged("", refs)[0])
            for (picked, text), refs in zip(_texts(found, pairs_of(self.validation)), texts, strict=True)
        ]
        return best_threshold(*np.array(scored).T)

    def _rivals(self, asked: Sequence[Asked], references: Sequence[Sequence[str]]) -> list[Rival]:
        rivals = []
        if len(self.train):  # how rare a word is and how long an answer, is learned
            train = [row["answers"][0][1] for row in self.train.rows if row["answers"]]
            rivals.append(lexical(SharedWords([row["context"] for row in self.train.rows], train).find, asked))
        if self.optional or not all(references):
            rivals.append(never_answering(len(asked)))
        if not self.new_head:  # the base was tuned on questions before
            started = time.monotonic()
            note = {**self.note(), "max_length": self.max_length, "threshold": 0.0 if self.optional else None}
            with self.untouched():
                untouched = Answerer(self.model, self.tokenizer, note)
                answers = [each.text for each in untouched.answer(asked)]
            rivals.append(
                Rival(
                    "base",
                    "Base model",
                    "The same model before this training, which was tuned on questions by others.",
                    answers,
                    time.monotonic() - started,
                )
            )
        return rivals

    def _notes(self) -> list[str]:
        notes = []
        if len(self.test) < FEW_ROWS:
            have = f"only {len(self.test)} questions" if len(self.test) > 1 else "only one question"
            notes.append(f"The test split has {have} to judge by. More questions give firmer figures.")
        if self.threshold is not None:
            notes.append(
                f"A question is answered where the odds of its best span against no answer are above "
                f"{self.threshold:+.2f} nats, chosen on the validation questions."
            )
        elif not all(row["answers"] for row in self.test.rows):
            notes.append("No training question is without an answer, so the model always gives one.")
        return notes


class _Judge:
    """What the loop calls after each evaluation: F1 and exact match of the validation questions."""

    def __init__(
        self, windows: Sequence[Window], asked: Sequence[tuple[Mapping[str, Any], list[int]]], *, optional: bool
    ) -> None:
        self._offsets = [window.offsets for window in windows]
        self._asked, self._optional = asked, optional

    def __call__(self, prediction: Any) -> dict[str, float]:
        rows = prediction.predictions
        rows = np.asarray(rows[0] if isinstance(rows, tuple) else rows, dtype=np.float64)
        found = {int(row[0]): picked_of(row[1:]) for row in rows}
        scored = []
        for row, places in self._asked:
            best = max((place for place in places if place in found), key=lambda place: found[place].odds)
            start, end = _characters(self._offsets[best], found[best])
            texts = [text for _, text in row["answers"]]
            scored.append((found[best].odds, *judged(row["context"][start:end], texts), judged("", texts)[0]))
        odds, f1, exact, without = np.array(scored).T
        answered = odds > best_threshold(odds, f1, without) if self._optional else np.ones(len(odds), dtype=bool)
        return {
            "f1": float(np.where(answered, f1, without).mean()),
            "exact_match": float(np.where(answered, exact, without).mean()),
        }


class Answerer:
    """A finished adapter, loaded. Answers with a place in the text, or says that the text has no answer.

    `threshold` is from which odds on a question is answered; None is always.
    """

    def __init__(self, model: Any, tokenizer: Any, note: Mapping[str, Any]) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._max_length, self._longest = int(note["max_length"]), int(note["longest_answer"])
        self.threshold: float | None = note["threshold"]

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Found]:
        """The answer to each input's `question` in its `context`, however long that is."""
        return self.answer([(item.get("context", ""), item.get("question", "")) for item in inputs])

    def answer(self, asked: Sequence[Asked]) -> list[Found]:
        """The answer to each question; an empty one where the text does not say."""
        made = []
        for (context, _), (picked, start, end, none) in zip(asked, self.find(asked), strict=True):
            text = context[start:end]
            if not text or (self.threshold is not None and picked.odds <= self.threshold):
                made.append(Found(text="", start=0, end=0, confidence=none))
            else:
                made.append(Found(text=text, start=start, end=end, confidence=picked.confidence))
        return made

    def find(self, asked: Sequence[Asked]) -> list[tuple[Picked, int, int, float]]:
        """For each question the best span of all its windows, its characters, and how likely none has an answer.

        Raises:
            TrainingError: the model answers with values that are not numbers.
        """
        windows: list[Window] = []
        owners: list[int] = []
        for place, (context, question) in enumerate(asked):
            own = encode_question(self._tokenizer, question, context, (), self._max_length)
            windows += own
            owners += [place] * len(own)
        best: dict[int, tuple[int, Picked]] = {}
        nones = np.ones(len(asked))
        for batch in picks(self._model, WindowCollator(self._tokenizer.pad_token_id), windows, self._longest):
            for window, picked in batch:
                owner = owners[window]
                nones[owner] = min(nones[owner], picked.none)
                if owner not in best or (picked.odds, -window) > (best[owner][1].odds, -best[owner][0]):
                    best[owner] = (window, picked)
        if not all(np.isfinite(picked.odds) for _, picked in best.values()):
            raise TrainingError(
                "The answers to some questions are not numbers. Train again with a lower learning rate.",
                code="nan",
            )
        chosen = [best[place] for place in range(len(asked))]
        return [
            (picked, *_characters(windows[window].offsets, picked), float(none))
            for (window, picked), none in zip(chosen, nones, strict=True)
        ]


def load_answerer(artifact: Path, model: Path) -> Answerer:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    return Answerer(*load_adapter(artifact, model, lambda tokenizer, _: load_extractive(model, tokenizer)))


def pairs_of(rows: SplitRows) -> list[Asked]:
    """(context, question) of each row."""
    return [(row["context"], row["question"]) for row in rows.rows]


def references_of(rows: SplitRows) -> list[list[str]]:
    """The texts of each row's answers; none where there is no answer."""
    return [[text for _, text in row["answers"]] for row in rows.rows]


def _characters(offsets: Sequence[tuple[int, int] | None], picked: Picked) -> tuple[int, int]:
    """Where a span begins and ends in the text; (0, 0) where the window holds nothing of it."""
    first, last = offsets[picked.start], offsets[picked.end]
    return (first[0], last[1]) if first is not None and last is not None else (0, 0)


def _texts(found: Sequence[tuple[Picked, int, int, float]], asked: Sequence[Asked]) -> list[tuple[Picked, str]]:
    return [(picked, context[start:end]) for (picked, start, end, _), (context, _) in zip(found, asked, strict=True)]


NO_ANSWER = "no answer"


def _example(number: int, row: Mapping[str, Any], answer: Found, value: float) -> Example:
    """One question as the report shows it, with the part of its text where the answer stands."""
    texts = list(dict.fromkeys(text for _, text in row["answers"]))
    around = row["answers"][0][0] if row["answers"] else answer.start
    return Example(
        row=number,
        inputs={"context": _part(row["context"], around), "question": row["question"][:SHOWN_CHARACTERS]},
        expected=" / ".join(texts) or NO_ANSWER,
        predicted=answer.text or NO_ANSWER,
        confidence=answer.confidence,
        score=value,
    )


def _part(context: str, around: int) -> str:
    if len(context) <= SHOWN_CHARACTERS:
        return context
    start = max(0, min(around - SHOWN_CHARACTERS // 2, len(context) - SHOWN_CHARACTERS))
    end = start + SHOWN_CHARACTERS
    return f"{'…' if start else ''}{context[start:end]}{'…' if end < len(context) else ''}"


def _worst(examples: Sequence[Example]) -> tuple[Example, ...]:
    """The answers farthest off; of those the ones the model was surest of."""
    wrong = [one for one in examples if (one.score or 0) < 1]
    return tuple(sorted(wrong, key=lambda one: (one.score or 0, -(one.confidence or 0)))[:SHOWN_MISTAKES])


def _spread(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Some of them, from the best to the worst."""
    order = sorted(examples, key=lambda one: -(one.score or 0))
    places = np.linspace(0, len(order) - 1, min(SHOWN_EXAMPLES, len(order))).round().astype(int)
    return tuple(order[place] for place in dict.fromkeys(places.tolist()))
