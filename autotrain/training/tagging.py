"""Training, evaluating and loading a tagger of words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autotrain.answers import PLAINLY, Asking, Mark, Marked
from autotrain.encoding.tags import Tagged, encode_tags, encode_words
from autotrain.errors import DataError
from autotrain.evaluation.classification import named
from autotrain.evaluation.tagging import OUTSIDE, evaluate_tags, is_bio, most_frequent_tag, places, tag_baseline
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.learner import Learner
from autotrain.training.replacing import Replacer, ReplacingCollator
from autotrain.training.rows import SplitRows

PREDICTION_BATCH = 32
SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
_WORD = re.compile(r"\S+")


class TaggingLearner(Learner):
    """A tag for each word, by the word's first token (Devlin et al., 2019, section 5.3)."""

    kind = "TOKEN_CLS"
    params: Any

    def load(self) -> Any:
        """The base with a head for every tag of the training rows."""
        seen = {tag for row in self.train.rows for tag in row["tags"]}
        self.tags = list(self.known.get("labels") or sorted(seen, key=lambda tag: (tag != OUTSIDE, tag)))
        return load_base(self.attempt.model, self.tags, self.tokenizer, each_token=True)

    def encode(self, rows: SplitRows) -> Rows:
        """The rows as the loop takes them; a tag that training never saw is passed over."""
        numbers: dict[str, int] = {tag: IGNORED for row in rows.rows for tag in row["tags"]}
        numbers |= {tag: place for place, tag in enumerate(self.tags)}
        key = self.params.replaced_places > 0 and rows is self.train
        return Rows(
            [
                _item(each) | ({"key": number} if key else {})
                for number, made in self.taught(rows, numbers)
                for each in made
                if isinstance(each, Tagged)
            ]
        )

    def objective(self) -> Objective:
        """Cross entropy over the first tokens of words; strict F1 decides."""
        from transformers import DataCollatorForTokenClassification

        pad = DataCollatorForTokenClassification(
            self.tokenizer, pad_to_multiple_of=None if self.attempt.device.kind == "cpu" else 8
        )
        judged = _metrics_for(self.tags)
        if not self.params.replaced_places:
            return Objective(pad, _cross_entropy, judged, "eval_f1")
        numbers = {tag: place for place, tag in enumerate(self.tags)}

        def encode(words: Sequence[str], tags: Sequence[str]) -> dict[str, Any]:
            return _item(encode_tags(self.tokenizer, words, tags, numbers, self.max_length))

        rows = {number: (row["tokens"], row["tags"]) for number, row in self.train.numbered()}
        collator = ReplacingCollator(Replacer(rows, self.params.replaced_places, self.params.seed), encode, pad)
        return Objective(collator, _cross_entropy, judged, "eval_f1", begin_epoch=collator.begin_epoch)

    def note(self) -> dict[str, Any]:
        """The tags in the order of the head."""
        return {"labels": self.tags}

    def leave_out(self) -> list[str]:
        """No row, but tags that were never learned are said: they can only be missed."""
        strange = sorted({tag for row in self.test.rows for tag in row["tags"]} - set(self.tags))
        if not strange:
            return []
        if not any(tag in self.tags for row in self.test.rows for tag in row["tags"]):
            raise DataError(
                f"The adapter knows none of the tags of these rows ({named(strange)}); it knows {named(self.tags)}. "
                "Choose the column that holds the tags, or write them as the training rows do.",
                code="unknown-labels",
            )
        return [f"The adapter never learned the tags {named(strange)}; their places count as missed."]

    def report(self, training: Training) -> Report:
        """Strict scores of marked places beside the most frequent tag of each word."""
        words = [row["tokens"] for row in self.test.rows]
        expected = [row["tags"] for row in self.test.rows]
        answers = Tagger(self.model, self.tokenizer, self.tags, self.max_length).tag(words)
        self.evaluating()(0.8)
        found = evaluate_tags(expected, [[tag for tag, _ in row] for row in answers], self.params.seed)
        seen = [row["tokens"] for row in self.train.rows], [row["tags"] for row in self.train.rows]
        usual = (tag_baseline(expected, most_frequent_tag(*seen, words), self.params.seed),) if len(self.train) else ()
        examples = [
            _example(number, row, answer)
            for number, row, answer in zip(self.test.numbers, self.test.rows, answers, strict=True)
        ]
        wrong = sorted(
            (one for one in examples if one.expected != one.predicted), key=lambda one: -(one.confidence or 0)
        )
        return self.measured(
            training,
            scores=found.scores,
            baselines=usual,
            per_class=found.per_class,
            mistakes=tuple(wrong[:SHOWN_MISTAKES]),
            examples=tuple(examples[:SHOWN_EXAMPLES]),
        )


class Tagger:
    """A tagger, loaded. Answers with a tag for each word and how sure it is."""

    def __init__(self, model: Any, tokenizer: Any, tags: Sequence[str], max_length: int) -> None:
        self._model, self._tokenizer, self._tags, self._max_length = model, tokenizer, list(tags), max_length

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Marked]:
        """The marked places of each input's text: words as a JSON list, or a text that is parted at white space."""
        texts = [_parted(next(iter(item.values()))) for item in inputs]
        answers = self.tag([[text[start:end] for start, end in words] for text, words in texts])
        bio = is_bio([self._tags])
        return [_marked(text, words, answer, bio) for (text, words), answer in zip(texts, answers, strict=True)]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[tuple[str, float]]]:
        """(tag, probability) of each word, in the order of the sentences; a long text is read in parts."""
        pieces = [
            (place, start, part)
            for place, words in enumerate(sentences)
            for start, part in _fitting(self._tokenizer, words, self._max_length)
        ]
        made: list[list[tuple[str, float]]] = [[(OUTSIDE, 0.0)] * len(words) for words in sentences]
        for (place, start, _), answer in zip(pieces, self._answers([part for _, _, part in pieces]), strict=True):
            made[place][start : start + len(answer)] = answer
        return made

    def _answers(self, sentences: Sequence[Sequence[str]]) -> list[list[tuple[str, float]]]:
        import torch

        made: list[list[tuple[str, float]]] = [[(OUTSIDE, 0.0)] * len(words) for words in sentences]
        device = next(self._model.parameters()).device
        was_training = self._model.training
        self._model.eval()
        order = sorted(range(len(sentences)), key=lambda place: -len(sentences[place]))
        with torch.inference_mode():
            for start in range(0, len(order), PREDICTION_BATCH):
                part = order[start : start + PREDICTION_BATCH]
                encoded = [
                    encode_words(self._tokenizer, sentences[place], truncation=True, max_length=self._max_length)
                    for place in part
                ]
                batch = self._tokenizer.pad(
                    {"input_ids": [each["input_ids"] for each in encoded]}, return_tensors="pt"
                ).to(device)
                sure = self._model(**batch).logits.double().softmax(-1).cpu().numpy()
                left = self._tokenizer.padding_side == "left"
                for row, place in enumerate(part):
                    offset = sure.shape[1] - len(encoded[row]["input_ids"]) if left else 0
                    for token, word in _first_tokens(encoded[row].word_ids()):
                        answer = sure[row, offset + token]
                        made[place][word] = (self._tags[int(answer.argmax())], float(answer.max()))
        self._model.train(was_training)
        return made


def load_tagger(artifact: Path, model: Path) -> Tagger:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""

    def base(tokenizer: Any, note: dict[str, Any]) -> Any:
        return load_base(model, note["labels"], tokenizer, each_token=True)

    loaded, tokenizer, note = load_adapter(artifact, model, base)
    return Tagger(loaded, tokenizer, note["labels"], note["max_length"])


def _item(tagged: Tagged) -> dict[str, Any]:
    return {"input_ids": list(tagged.input_ids), "labels": list(tagged.labels)}


def _cross_entropy(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Cross entropy over the first tokens of all words of all accumulated batches."""
    import torch

    logits = outputs["logits"].float()
    total = torch.nn.functional.cross_entropy(
        logits.view(-1, logits.shape[-1]), labels.view(-1), ignore_index=IGNORED, reduction="sum"
    )
    return total / (num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum().clamp(min=1))


def _metrics_for(tags: Sequence[str]) -> Any:
    """What the loop calls after each evaluation: strict F1 of marked places, and the share of right tags."""

    def compute(prediction: Any) -> dict[str, float]:
        answers = prediction.predictions
        chosen = np.asarray(answers[0] if isinstance(answers, tuple) else answers).argmax(-1)
        expected, predicted = [], []
        for row, labels in zip(chosen, np.asarray(prediction.label_ids), strict=True):
            learned = labels != IGNORED
            if learned.any():
                expected.append([tags[number] for number in labels[learned]])
                predicted.append([tags[number] for number in row[learned]])
        scores = {score.name: score.value for score in evaluate_tags(expected, predicted, seed=0).scores}
        return {"f1": scores["f1"], "accuracy": scores["accuracy"]}

    return compute


def _first_tokens(words: Sequence[int | None]) -> Iterator[tuple[int, int]]:
    """(token, word) for the first token of each word."""
    before = None
    for token, word in enumerate(words):
        if word is not None and word != before:
            yield token, word
        before = word


def _fitting(tokenizer: Any, words: Sequence[str], max_length: int) -> Iterator[tuple[int, Sequence[str]]]:
    """(first word, words) of the parts of a text that each fit into the model."""
    start = 0
    while start < len(words):
        seen = [
            word
            for word in encode_words(tokenizer, words[start:], truncation=True, max_length=max_length).word_ids()
            if word is not None
        ]
        end = start + max(seen, default=0) + 1
        yield start, words[start:end]
        start = end


def _parted(cell: str) -> tuple[str, list[tuple[int, int]]]:
    """The text of a cell, and where its words begin and end."""
    try:
        listed = json.loads(cell)
    except ValueError:
        listed = None
    if not isinstance(listed, list) or not all(isinstance(word, str) for word in listed):
        return cell, [found.span() for found in _WORD.finditer(cell)]
    text, words = "", []
    for word in listed:
        text += " " if text else ""
        words.append((len(text), len(text) + len(word)))
        text += word
    return text, words


def _marked(text: str, words: Sequence[tuple[int, int]], answer: Sequence[tuple[str, float]], bio: bool) -> Marked:
    tags = [tag for tag, _ in answer]
    marks = [
        Mark(
            start=words[place.start][0],
            end=words[place.end - 1][1],
            label=place.type,
            confidence=min(1.0, float(np.mean([sure for _, sure in answer[place.start : place.end]]))),
        )
        for place in sorted(places(tags, bio=bio), key=lambda place: place.start)
    ]
    sure = float(np.mean([sure for _, sure in answer])) if answer else 0.0
    return Marked(text=text, marks=tuple(marks), tags=tuple(tags), confidence=min(1.0, sure))


def _example(number: int, row: dict[str, list[str]], answer: Sequence[tuple[str, float]]) -> Example:
    return Example(
        row=number,
        inputs={"tokens": " ".join(row["tokens"])},
        expected=marked(row["tokens"], row["tags"]),
        predicted=marked(row["tokens"], [tag for tag, _ in answer]),
        confidence=min(1.0, float(np.mean([sure for _, sure in answer]))) if answer else 0.0,
    )


def marked(words: Sequence[str], tags: Sequence[str]) -> str:
    """Words with their tags, as people read them: `Anna [B-PER] lives in Rome [B-LOC]`."""
    return " ".join(word if tag == OUTSIDE else f"{word} [{tag}]" for word, tag in zip(words, tags, strict=True))
