"""Training, evaluating and loading a classifier of texts: one label for each text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Scores
from autotrain.encoding.texts import encode_texts
from autotrain.errors import DataError
from autotrain.evaluation.baselines import Encoding, Labelled, linear_probe, majority_baseline
from autotrain.evaluation.classification import evaluate_classification, named
from autotrain.evaluation.examples import Predictions, representative_examples, worst_mistakes
from autotrain.evaluation.intervals import paired_difference
from autotrain.evaluation.metrics import compute_metrics
from autotrain.events import Phase
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Baseline, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.fit import Objective, Rows
from autotrain.training.head import fit_head, head_rows
from autotrain.training.learner import Learner
from autotrain.training.rows import SplitRows
from autotrain.training.wishes import stop_if_wished

PREDICTION_BATCH = 32
ASKS, HEAVIEST = 4, 10
"""The balance asks for class weights when one class has more than 4 times the rows of another."""


class ClassificationLearner(Learner):
    """One label for each text, or for each pair of texts."""

    kind = "SEQ_CLS"

    def load(self) -> Any:
        """The base with a head for every label of the training rows."""
        self.labels = list(self.known.get("labels") or sorted({row["label"] for row in self.train.rows}))
        return load_base(self.attempt.model, self.labels, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """Tokens and class numbers."""
        classes = classes_of(rows, self.labels).tolist()
        ids = [list(made[0].input_ids) for _, made in self.taught(rows)]
        return Rows([{"input_ids": row, "labels": label} for row, label in zip(ids, classes, strict=True)])

    def begin(self, train: Rows) -> None:
        """Fit the new head on what the base knows."""
        self.attempt.sink.emit(Phase(name="train", fraction=0.0))
        self.model.to(self.attempt.device.name)
        rows = head_rows(self.model, float(np.mean(train.lengths)), self.attempt.device.name)

        def encoded(texts: Sequence[Text]) -> Iterator[tuple[list[int], Any]]:
            for part in batches(self.tokenizer, texts, self.max_length, self.model.device):
                stop_if_wished(self.attempt.wishes)
                yield part

        classes = classes_of(self.train, self.labels)
        fit_head(self.model, texts_of(self.train.rows), classes, encoded, rows, self.params.seed)

    def objective(self) -> Objective:
        """Cross entropy with smoothing and class weights as wished; macro-F1 decides."""
        counts = np.bincount(classes_of(self.train, self.labels), minlength=len(self.labels))
        loss = cross_entropy(counts, self.params)
        return Objective(collator(self.tokenizer, self.attempt.device.name), loss, compute_metrics, "eval_macro_f1")

    def note(self) -> dict[str, Any]:
        """The labels in the order of the head."""
        return {"labels": self.labels}

    def leave_out(self) -> list[str]:
        """Rows of labels that were never learned."""
        return without_unknown(self.test, self.labels)

    def report(self, training: Training) -> Report:
        """Scores beside the majority class and a linear probe of the base, classes, calibration, mistakes."""
        seed, expected = self.params.seed, classes_of(self.test, self.labels)
        texts = texts_of(self.test.rows)
        probabilities = class_probabilities(self.model, self.tokenizer, texts, self.max_length)
        result = evaluate_classification(probabilities, expected, self.labels, seed)
        progressed = self.evaluating()
        progressed(0.3)
        baselines, gain = self._baselines(expected, result.predicted) if len(self.train) else ((), ())
        progressed(1.0)
        inputs = [{role: row[role] for role in ("text", "text_pair") if role in row} for row in self.test.rows]
        predictions = Predictions(probabilities, expected, self.labels, self.test.numbers, inputs)
        return self.measured(
            training,
            scores=result.scores,
            baselines=baselines,
            per_class=result.per_class,
            confusion=result.confusion,
            calibration=result.calibration,
            mistakes=worst_mistakes(predictions),
            examples=representative_examples(predictions),
            notes=(*gain, *result.notes),
        )

    def _baselines(self, expected: Any, predicted: Any) -> tuple[tuple[Baseline, ...], tuple[str, ...]]:
        """The majority class and a linear probe of the base, and what fine-tuning gained over the probe."""
        seed, encoding = self.params.seed, Encoding(max_length=self.max_length, device=self.attempt.device.name)
        train, validation, test = (self._labelled(rows) for rows in (self.train, self.validation, self.test))
        probe = linear_probe(self.attempt.model, train, validation, test, self.labels, encoding, seed)
        gain = paired_difference(expected, predicted, probe.predicted, seed)
        majority = majority_baseline(train.classes, expected, self.labels, seed)
        return (majority, probe.baseline), (gain.sentence("the linear probe"),)

    def _labelled(self, rows: SplitRows) -> Labelled:
        joined = [text if isinstance(text, str) else "\n".join(text) for text in texts_of(rows.rows)]
        return Labelled(joined, classes_of(rows, self.labels))


Text = str | tuple[str, str]
"""What is read: a text, or two."""


def texts_of(rows: Sequence[Mapping[str, str]]) -> list[Text]:
    """What is read of each row."""
    return [(row["text"], row["text_pair"]) if "text_pair" in row else row["text"] for row in rows]


def without_unknown(rows: SplitRows, labels: Sequence[str]) -> list[str]:
    """Leave out rows whose label is none of these; says how many and which labels.

    Raises:
        DataError: no row is left.
    """
    known = set(labels)
    out = rows.keep(lambda row: row["label"] in known)
    strange = named(sorted({row["label"] for row in out}))
    if out and not len(rows):
        raise DataError(
            f"The adapter knows none of the labels of these rows ({strange}); it knows {named(labels)}. "
            "Choose the column that holds the labels, or write them as the training rows do.",
            code="unknown-labels",
        )
    if not out:
        return []
    have = "1 row has a label" if len(out) == 1 else f"{len(out):,} rows have labels"
    return [f"{have} the adapter never learned ({strange}) and cannot be judged by."]


def classes_of(rows: SplitRows, labels: Sequence[str]) -> NDArray[np.int64]:
    """(rows,) class numbers in the order of the labels."""
    index = {label: number for number, label in enumerate(labels)}
    return np.asarray([index[row["label"]] for row in rows.rows], dtype=np.int64)


def collator(tokenizer: Any, device: str) -> Any:
    """Pads a batch to its own longest row; on a GPU in steps of 8 tokens, which its kernels like.

    On a CPU those steps cost 15 % of the rows per second on short texts and bring nothing.
    """
    from transformers import DataCollatorWithPadding

    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=None if device == "cpu" else 8)


def class_weights(counts: np.ndarray[Any, Any], wished: str) -> np.ndarray[Any, Any] | None:
    """What a row of each class counts in the loss, 1 on average over the rows; None when all count alike.

    Args:
        counts: (classes,) training rows of each class, each at least 1.
        wished: "balanced" is n / (k * n_class), as scikit-learn's; "auto" is proportional to 1 / sqrt(n_class), at most
            HEAVIEST times the lightest, and nothing at all unless the largest class has ASKS times the rows of the
            smallest; "none" is None. The square root is the compromise of Mahajan et al., 2018 (arXiv:1805.00932): a
            class of a single row must not outweigh everything else.
    """
    if wished == "none" or (wished == "auto" and counts.max() <= ASKS * counts.min()):
        return None
    raw = 1 / counts if wished == "balanced" else np.minimum(1 / np.sqrt(counts), HEAVIEST / np.sqrt(counts.max()))
    return np.asarray(raw * counts.sum() / (raw * counts).sum())


def cross_entropy(counts: NDArray[np.int64], params: Any) -> Any:
    """Cross entropy over the items of all accumulated batches, with label smoothing and class weights as wished.

    `counts` are the (classes,) training rows of each class.
    """
    import torch

    heavy = class_weights(counts, params.class_weights)
    weights = None if heavy is None else torch.tensor(heavy, dtype=torch.float32)

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        total = torch.nn.functional.cross_entropy(
            outputs["logits"].float(),
            labels,
            weight=weights.to(labels.device) if weights is not None else None,
            label_smoothing=params.label_smoothing,
            reduction="sum",
        )
        return total / (num_items_in_batch if num_items_in_batch is not None else len(labels))

    return loss


def batches(tokenizer: Any, texts: Sequence[Text], max_length: int, device: Any) -> Iterator[tuple[list[int], Any]]:
    """(places in `texts`, batch for a model) pairs, longest first: texts of like length share a batch."""
    ids = encoded_texts(tokenizer, texts, max_length)
    order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
    pad = collator(tokenizer, device.type)
    for start in range(0, len(order), PREDICTION_BATCH):
        part = order[start : start + PREDICTION_BATCH]
        yield part, pad([{"input_ids": ids[index]} for index in part]).to(device)


def encoded_texts(tokenizer: Any, texts: Sequence[Text], max_length: int) -> list[list[int]]:
    """Token ids of each text, or of both texts of a pair."""
    if not texts:
        return []
    if isinstance(texts[0], str):
        return list(encode_texts(tokenizer, [str(text) for text in texts], max_length))
    firsts, seconds = zip(*texts, strict=True)
    return list(encode_texts(tokenizer, list(firsts), max_length, list(seconds)))


def class_probabilities(model: Any, tokenizer: Any, texts: Sequence[Text], max_length: int) -> np.ndarray[Any, Any]:
    """(texts, classes) probabilities, in the order of the texts."""
    import torch

    answers = np.zeros((len(texts), model.config.num_labels), dtype=np.float64)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for part, batch in batches(tokenizer, texts, max_length, next(model.parameters()).device):
            answers[part] = model(**batch).logits.double().softmax(-1).cpu().numpy()
    model.train(was_training)
    return answers


class Classifier:
    """A finished adapter, loaded. Answers with the probability of every label."""

    def __init__(self, model: Any, tokenizer: Any, labels: Sequence[str], max_length: int) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._labels, self._max_length = list(labels), max_length

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Scores]:
        """The probability of each label for each input's `text` and `text_pair`, in the order of the inputs."""
        rows = class_probabilities(self._model, self._tokenizer, texts_of(inputs), self._max_length)
        return [Scores(scores=dict(zip(self._labels, map(float, row), strict=True))) for row in rows]


def load_classifier(artifact: Path, model: Path) -> Classifier:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""

    def base(tokenizer: Any, note: dict[str, Any]) -> Any:
        return load_base(model, note["labels"], tokenizer)

    loaded, tokenizer, note = load_adapter(artifact, model, base)
    return Classifier(loaded, tokenizer, note["labels"], note["max_length"])
