"""Training, evaluating and loading a model that gives a text every label that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Scores
from autotrain.errors import DataError
from autotrain.evaluation.baselines import Encoding
from autotrain.evaluation.classification import FEW_ROWS, calibration_bins, calibration_error, named
from autotrain.evaluation.examples import shown
from autotrain.evaluation.multi_label import (
    MEASURES,
    Tagged,
    Thresholds,
    choose_thresholds,
    evaluate_labels,
    figures_of,
    frequent_set_baseline,
    label_scores,
    linear_probe,
)
from autotrain.events import Phase
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Baseline, Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.classification import collator, texts_of
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.head import each_label, head_rows, start_head
from autotrain.training.learner import Learner
from autotrain.training.reading import asked_texts, batches_for, outputs_of
from autotrain.training.rows import SplitRows

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]
SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
KEPT_THRESHOLDS = "The thresholds are those that the adapter keeps, chosen on the validation rows of its training."


class MultiLabelLearner(Learner):
    """Any number of labels for each text, each one learned by itself."""

    kind = "SEQ_CLS"

    def load(self) -> Any:
        """The base with an output for every label of the training rows."""
        seen = {label for row in self.train.rows for label in row["labels"]}
        self.labels = list(self.known.get("labels") or sorted(seen))
        self.thresholds: Thresholds | None = None
        if not self.labels:
            raise DataError(
                "None of the training rows has a label. Fill in labels, or choose the column that holds them.",
                code="no-labels",
            )
        return load_base(self.attempt.model, self.labels, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """Tokens, and 1 or 0 for each label; a label that training never saw is passed over."""
        truth = truth_of(rows, self.labels).astype(int).tolist()
        ids = [list(made[0].input_ids) for _, made in self.taught(rows)]
        return Rows([{"input_ids": row, "labels": labels} for row, labels in zip(ids, truth, strict=True)])

    def begin(self, train: Rows) -> None:
        """Fit the new head on what the base knows, label by label."""
        self.attempt.sink.emit(Phase(name="train", fraction=0.0))
        device = self.attempt.device.name
        self.model.to(device)
        most = head_rows(self.model, float(np.mean(train.lengths)), device)
        rows = np.sort(np.random.default_rng(self.params.seed).permutation(len(self.train))[:most])
        texts, truth = texts_of(self.train.rows), truth_of(self.train, self.labels)[rows]
        batches = batches_for(self.attempt, self.model, self.tokenizer, self.max_length)
        start_head(self.model, [texts[int(row)] for row in rows], batches, lambda seen: each_label(seen, truth))

    def objective(self) -> Objective:
        """Binary cross entropy of every label; average precision decides, which needs no threshold."""
        collate = collator(self.tokenizer, self.attempt.device.name)
        return Objective(collate, binary_cross_entropy, _metrics, "eval_average_precision")

    def note(self) -> dict[str, Any]:
        """The labels in the order of the head, and from which probability on each is given."""
        assert self.thresholds is not None
        return {"labels": self.labels, "thresholds": self.thresholds.values.tolist()}

    def leave_out(self) -> tuple[str, ...]:
        """No row; but rows none of whose labels was ever learned are those of something else."""
        seen = sorted({label for row in self.test.rows for label in row["labels"]})
        if seen and not set(seen) & set(self.labels):
            raise DataError(
                f"The adapter knows none of the labels of these rows ({named(seen)}); it knows {named(self.labels)}. "
                "Choose the column that holds the labels, or write them as the training rows do.",
                code="unknown-labels",
            )
        return ()

    def report(self, training: Training) -> Report:
        """Scores at thresholds of the validation rows, beside the most frequent labels and a linear probe."""
        seed, truth = self.params.seed, truth_of(self.test, self.labels)
        wished = getattr(self.params, "threshold", "auto")
        probabilities = self._probabilities(self.test)
        self.thresholds = self._thresholds(wished)
        chosen = self.thresholds.chosen(probabilities)
        scores = evaluate_labels(probabilities, chosen, truth, seed)
        bins = calibration_bins(
            np.maximum(probabilities, 1 - probabilities).ravel(), ((probabilities >= 0.5) == truth).ravel()
        )
        progressed = self.evaluating()
        progressed(0.3)
        baselines = self._baselines(truth, wished) if len(self.train) else ()
        progressed(1.0)
        examples, badness = self._examples(chosen, truth), _badness(probabilities, chosen, truth)
        worst = [place for place in np.argsort(-badness, kind="stable") if (chosen[place] != truth[place]).any()]
        typical = np.argsort(badness, kind="stable")
        places = np.linspace(0, len(typical) - 1, min(SHOWN_EXAMPLES, len(typical))).round().astype(int)
        return self.measured(
            training,
            scores=(*scores, calibration_error(bins)) if len(truth) >= FEW_ROWS else scores,
            baselines=baselines,
            per_class=label_scores(chosen, truth, self.labels),
            calibration=bins if len(truth) >= FEW_ROWS else (),
            mistakes=tuple(examples[int(place)] for place in worst[:SHOWN_MISTAKES]),
            examples=tuple(examples[int(typical[place])] for place in dict.fromkeys(places.tolist())),
            notes=(KEPT_THRESHOLDS if self.known else self.thresholds.sentence(), *self._notes(chosen, truth)),
        )

    def _thresholds(self, wished: str) -> Thresholds:
        """The best ones on the validation rows; those that a finished adapter has."""
        if self.known:
            values = np.asarray(self.known["thresholds"], dtype=np.float64)
            return Thresholds(values, np.ones(len(values), dtype=bool), 0.5)
        held_out = self._probabilities(self.validation)
        return choose_thresholds(held_out, truth_of(self.validation, self.labels), wished)

    def _baselines(self, truth: Truth, wished: str) -> tuple[Baseline, ...]:
        """The most frequent set of labels, and a linear probe of the base."""
        seed, encoding = self.params.seed, Encoding(max_length=self.max_length, device=self.attempt.device.name)
        train, validation, test = (self._tagged(rows) for rows in (self.train, self.validation, self.test))
        probe = linear_probe(self.attempt.model, train, validation, test, wished, encoding, seed)
        return frequent_set_baseline(train.truth, truth, self.labels, seed), probe

    def _probabilities(self, rows: SplitRows) -> Floats:
        return sigmoid(outputs_of(self.model, self.tokenizer, texts_of(rows.rows), self.max_length))

    def _tagged(self, rows: SplitRows) -> Tagged:
        return Tagged([row["text"] for row in rows.rows], truth_of(rows, self.labels))

    def _examples(self, chosen: Truth, truth: Truth) -> list[Example]:
        return [
            Example(
                row=number,
                inputs={"text": shown(row["text"])},
                expected=self._said(true),
                predicted=self._said(said),
                score=float(2 * (said & true).sum() / (said.sum() + true.sum())) if (said | true).any() else 1.0,
            )
            for number, row, said, true in zip(self.test.numbers, self.test.rows, chosen, truth, strict=True)
        ]

    def _said(self, there: Any) -> str:
        return " | ".join(label for label, given in zip(self.labels, there, strict=True) if given) or "no label"

    def _notes(self, chosen: Truth, truth: Truth) -> list[str]:
        notes = []
        if len(truth) < FEW_ROWS:
            size = f"only {len(truth)} rows" if len(truth) > 1 else "only one row"
            notes.append(f"The test split has {size}: a single row moves all scores. More rows give firmer figures.")
        absent = [label for place, label in enumerate(self.labels) if not truth[:, place].any()]
        if absent:
            notes.append(
                f"{len(absent)} of {len(self.labels)} labels are on no test row ({named(absent)}), so nothing is known "
                "about them but how often they are given in vain."
            )
        unknown = sorted({label for row in self.test.rows for label in row["labels"]} - set(self.labels))
        if unknown:
            notes.append(f"Labels that are on no training row cannot be learned and do not count: {named(unknown)}.")
        if len(chosen) > 1 and (chosen == chosen[0]).all() and not (truth == truth[0]).all():
            notes.append(
                "It gives every text the same labels: it has not learned to tell texts apart. Train longer or with "
                "more rows."
            )
        return notes


def truth_of(rows: SplitRows, labels: Sequence[str]) -> Truth:
    """(rows, labels) which labels each row has."""
    index = {label: place for place, label in enumerate(labels)}
    truth = np.zeros((len(rows), len(labels)), dtype=bool)
    for place, row in enumerate(rows.rows):
        truth[place, [index[label] for label in row["labels"] if label in index]] = True
    return truth


def sigmoid(values: Floats) -> Floats:
    """Probabilities of outputs, each by itself."""
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -500, 500))))


def binary_cross_entropy(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Binary cross entropy over every label of the rows of all accumulated batches."""
    import torch

    learned = labels != IGNORED
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        outputs["logits"].float(), labels.float(), reduction="none"
    )
    total = torch.where(learned, each, torch.zeros_like(each)).sum()
    return total / (num_items_in_batch if num_items_in_batch is not None else learned.sum().clamp(min=1))


def _metrics(prediction: Any) -> dict[str, float]:
    """Average precision, and F1 at the best single threshold, of the validation rows."""
    answers = prediction.predictions
    outputs = np.asarray(answers[0] if isinstance(answers, tuple) else answers, dtype=np.float64)
    probabilities, truth = sigmoid(outputs), np.asarray(prediction.label_ids) == 1
    chosen = choose_thresholds(probabilities, truth, "global").chosen(probabilities)
    values = figures_of(probabilities, chosen, truth)(np.ones((1, len(truth))))[0]
    found = dict(zip(MEASURES, values.tolist(), strict=True))
    return {name: float(np.nan_to_num(found[name])) for name in ("average_precision", "macro_f1", "micro_f1")}


def _badness(probabilities: Floats, chosen: Truth, truth: Truth) -> Floats:
    """(rows,) wrong labels of each row, and among equals how sure of the wrong side the model was."""
    doubt = np.abs(probabilities - truth)
    return np.asarray((chosen != truth).sum(axis=1) + doubt.max(axis=1) / 2, dtype=np.float64)


class Tagger:
    """A finished adapter, loaded. Answers with the probability of every label and those that are given."""

    def __init__(self, model: Any, tokenizer: Any, note: Mapping[str, Any]) -> None:
        self._model, self._tokenizer, self._max_length = model, tokenizer, note["max_length"]
        self._labels: list[str] = list(note["labels"])
        self._thresholds: list[float] = list(note["thresholds"])

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Scores]:
        """The probability of each label for each input's `text`; `chosen` are those at or above their threshold."""
        outputs = outputs_of(self._model, self._tokenizer, asked_texts(inputs, pair=False), self._max_length)
        return [self._answer(row) for row in sigmoid(outputs).tolist()]

    def _answer(self, row: Sequence[float]) -> Scores:
        chosen = [
            label for label, sure, least in zip(self._labels, row, self._thresholds, strict=True) if sure >= least
        ]
        return Scores(scores=dict(zip(self._labels, row, strict=True)), chosen=tuple(chosen))


def load_multi_label(artifact: Path, model: Path) -> Tagger:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""

    def base(tokenizer: Any, note: dict[str, Any]) -> Any:
        return load_base(model, note["labels"], tokenizer)

    loaded, tokenizer, note = load_adapter(artifact, model, base)
    return Tagger(loaded, tokenizer, note)
