"""Training, evaluating and loading a model that answers with a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.answers import PLAINLY, Asking, Number
from autotrain.data.numbers import number_of
from autotrain.evaluation.baselines import Encoding
from autotrain.evaluation.classification import FEW_ROWS
from autotrain.evaluation.examples import shown
from autotrain.evaluation.regression import Numbered, evaluate_numbers, gain_sentence, mean_baseline, ridge_probe
from autotrain.events import Phase
from autotrain.models.loading import load_classifier as load_base
from autotrain.report import Baseline, Example, Report, Training
from autotrain.training.adapter import load_adapter
from autotrain.training.classification import collator, texts_of
from autotrain.training.fit import IGNORED, Objective, Rows
from autotrain.training.head import head_rows, ridge, start_head
from autotrain.training.learner import Learner
from autotrain.training.reading import asked_texts, batches_for, outputs_of
from autotrain.training.rows import SplitRows

Floats = NDArray[np.float64]
OUTPUT = ("value",)
"""What the head's only output is called."""
SHOWN_MISTAKES, SHOWN_EXAMPLES = 20, 8
HUBER = 1.0
"""Standard deviations of the target from where on an error counts linearly: errors of most rows stay below."""


class RegressionLearner(Learner):
    """A number for each text, or for each pair of texts."""

    kind = "SEQ_CLS"

    def load(self) -> Any:
        """The base with a head of one output; what it learns has mean 0 and standard deviation 1."""
        if self.known:
            self.mean, self.std = self.known["scale"]["mean"], self.known["scale"]["std"]
        else:
            numbers = numbers_of(self.train)
            self.mean, self.std = float(numbers.mean()), float(numbers.std()) or 1.0
        return load_base(self.attempt.model, OUTPUT, self.tokenizer)

    def encode(self, rows: SplitRows) -> Rows:
        """Tokens and scaled numbers."""
        scaled = ((numbers_of(rows) - self.mean) / self.std).tolist()
        ids = [list(made[0].input_ids) for _, made in self.taught(rows)]
        return Rows([{"input_ids": row, "labels": value} for row, value in zip(ids, scaled, strict=True)])

    def begin(self, train: Rows) -> None:
        """Fit the new head on what the base knows."""
        self.attempt.sink.emit(Phase(name="train", fraction=0.0))
        device = self.attempt.device.name
        self.model.to(device)
        most = head_rows(self.model, float(np.mean(train.lengths)), device)
        rows = np.sort(np.random.default_rng(self.params.seed).permutation(len(self.train))[:most])
        texts, scaled = texts_of(self.train.rows), (numbers_of(self.train) - self.mean) / self.std
        batches = batches_for(self.attempt, self.model, self.tokenizer, self.max_length)
        start_head(self.model, [texts[int(row)] for row in rows], batches, lambda seen: ridge(seen, scaled[rows]))

    def objective(self) -> Objective:
        """The wished loss on scaled numbers; the root mean squared error on the table's scale decides."""
        collate = collator(self.tokenizer, self.attempt.device.name)
        return Objective(collate, loss_of(getattr(self.params, "loss", "mse")), self._metrics, "eval_rmse")

    def note(self) -> dict[str, Any]:
        """The scale of the answers, and whether they are about pairs."""
        return {"scale": {"mean": self.mean, "std": self.std}, "pair": "text_pair" in self.attempt.columns}

    def report(self, training: Training) -> Report:
        """Errors beside the mean of the training rows and a ridge probe of the base; the largest errors."""
        seed, expected = self.params.seed, numbers_of(self.test)
        outputs = outputs_of(self.model, self.tokenizer, texts_of(self.test.rows), self.max_length)
        predicted = outputs[:, 0] * self.std + self.mean
        scores = evaluate_numbers(expected, predicted, seed)
        progressed = self.evaluating()
        progressed(0.3)
        baselines, gain = self._baselines(expected, predicted) if len(self.train) else ((), ())
        progressed(1.0)
        examples = self._examples(expected, predicted)
        largest = np.argsort(-np.abs(predicted - expected), kind="stable")[:SHOWN_MISTAKES]
        return self.measured(
            training,
            scores=scores,
            baselines=baselines,
            mistakes=tuple(examples[int(place)] for place in largest if predicted[place] != expected[place]),
            examples=tuple(examples[place] for place in spread(expected, SHOWN_EXAMPLES)),
            notes=(*gain, *notes_on(expected, predicted, self.std)),
        )

    def _baselines(self, expected: Floats, predicted: Floats) -> tuple[tuple[Baseline, ...], tuple[str, ...]]:
        """The mean of the training rows and a ridge probe of the base, and what fine-tuning gained over the probe."""
        seed, encoding = self.params.seed, Encoding(max_length=self.max_length, device=self.attempt.device.name)
        train, held_out, test = (
            Numbered(joined(rows), numbers_of(rows)) for rows in (self.train, self.validation, self.test)
        )
        probe = ridge_probe(self.attempt.model, train, held_out, test, encoding, seed)
        gain = gain_sentence(expected, predicted, probe.predicted, "the ridge probe", seed)
        return (mean_baseline(numbers_of(self.train), expected, seed), probe.baseline), (gain,)

    def _metrics(self, prediction: Any) -> dict[str, float]:
        """RMSE, MAE and R² of the validation rows, on the table's scale."""
        answers = prediction.predictions
        said = np.asarray(answers[0] if isinstance(answers, tuple) else answers, dtype=np.float64).reshape(-1)
        error = (said - np.asarray(prediction.label_ids, dtype=np.float64).reshape(-1)) * self.std
        spread_of = float(np.var(np.asarray(prediction.label_ids, dtype=np.float64))) * self.std**2
        squared = float(np.square(error).mean())
        r2 = {"r2": 1 - squared / spread_of} if spread_of > 0 else {}
        return {"rmse": float(np.sqrt(squared)), "mae": float(np.abs(error).mean()), **r2}

    def _examples(self, expected: Floats, predicted: Floats) -> list[Example]:
        rows = zip(self.test.numbers, self.test.rows, expected, predicted, strict=True)
        return [
            Example(
                row=number,
                inputs={role: shown(row[role]) for role in ("text", "text_pair") if role in row},
                expected=f"{true:.6g}",
                predicted=f"{said:.6g}",
            )
            for number, row, true, said in rows
        ]


def numbers_of(rows: SplitRows) -> Floats:
    """(rows,) numbers on the table's scale."""
    return np.asarray([number_of(row["target"]) for row in rows.rows], dtype=np.float64)


def joined(rows: SplitRows) -> list[str]:
    """The text of each row; the two of a pair under each other."""
    return [text if isinstance(text, str) else "\n".join(text) for text in texts_of(rows.rows)]


def loss_of(name: str) -> Any:
    """Squared error, or Huber's loss, over the rows of all accumulated batches.

    Huber, 1964, "Robust Estimation of a Location Parameter": squared below `HUBER`, linear above it, so that a few
    wrong numbers do not outweigh all others.

    Args:
        name: "mse" or "huber".
    """
    import torch

    def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        said, true = outputs["logits"].float().view(-1), labels.float().view(-1)
        learned = true != IGNORED
        if name == "huber":
            each = torch.nn.functional.huber_loss(said, true, reduction="none", delta=HUBER)
        else:
            each = torch.nn.functional.mse_loss(said, true, reduction="none")
        total = torch.where(learned, each, torch.zeros_like(each)).sum()
        return total / (num_items_in_batch if num_items_in_batch is not None else learned.sum().clamp(min=1))

    return loss


def spread(expected: Floats, number: int) -> list[int]:
    """Places of rows from the smallest to the largest expected number, evenly by rank, each once."""
    order = np.argsort(expected, kind="stable")
    ranks = np.linspace(0, len(order) - 1, min(number, len(order))).round().astype(int)
    return [int(order[rank]) for rank in dict.fromkeys(ranks.tolist())]


def notes_on(expected: Floats, predicted: Floats, std: float) -> list[str]:
    """What a reader must know of the scores."""
    notes = []
    if len(expected) < FEW_ROWS:
        size = f"only {len(expected)} rows" if len(expected) > 1 else "only one row"
        notes.append(
            f"The test split has {size}: a single large error moves all scores. More rows give firmer figures."
        )
    if len(expected) > 1 and predicted.std() < 0.01 * std:
        notes.append(
            f"It gives every text nearly the same number, {predicted.mean():.4g}: it has not learned to tell texts "
            "apart. Train longer or with more rows."
        )
    return notes


class Regressor:
    """A finished adapter, loaded. Answers with a number on the scale of the training table."""

    def __init__(self, model: Any, tokenizer: Any, note: Mapping[str, Any]) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._mean, self._std = note["scale"]["mean"], note["scale"]["std"]
        self._pair, self._max_length = bool(note.get("pair")), note["max_length"]

    def predict(self, inputs: Sequence[Mapping[str, str]], asking: Asking = PLAINLY) -> list[Number]:
        """The number of each input's `text`, and `text_pair` where it learned from pairs."""
        texts = asked_texts(inputs, self._pair)
        outputs = outputs_of(self._model, self._tokenizer, texts, self._max_length)
        return [Number(value=float(value)) for value in outputs[:, 0] * self._std + self._mean]


def load_regressor(artifact: Path, model: Path) -> Regressor:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    loaded, tokenizer, note = load_adapter(artifact, model, lambda tokenizer, _: load_base(model, OUTPUT, tokenizer))
    return Regressor(loaded, tokenizer, note)
