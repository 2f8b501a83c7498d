"""Training, evaluating, saving and loading a classifier of texts: what every task with one label for each text does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from autotrain.data.freeze import read_split
from autotrain.encoding.texts import encode_texts
from autotrain.errors import ModelError
from autotrain.evaluation.baselines import Encoding, Labelled, linear_probe, majority_baseline
from autotrain.evaluation.classification import evaluate_classification
from autotrain.evaluation.examples import Predictions, representative_examples, worst_mistakes
from autotrain.evaluation.intervals import paired_difference
from autotrain.evaluation.metrics import compute_metrics
from autotrain.events import Outcome, Phase
from autotrain.models.check import require_usable
from autotrain.models.loading import load_classifier as load_base
from autotrain.models.loading import load_tokenizer, longest_input
from autotrain.models.lora import add_lora
from autotrain.report import Report, Split, Training
from autotrain.runs.folder import write_atomically
from autotrain.table import ROW_COLUMN
from autotrain.task import Attempt, Result
from autotrain.training.checkpoint import aside, flush
from autotrain.training.fit import Objective, Rows, fit
from autotrain.training.head import fit_head, head_rows
from autotrain.training.wishes import stop_if_wished, undisturbed

ADAPTER_NOTE = "autotrain.json"
ROWS_AT_ONCE = 1000
PREDICTION_BATCH = 32
ASKS, HEAVIEST = 4, 10
"""The balance asks for class weights when one class has more than 4 times the rows of another."""


class SplitRows:
    """One split in memory: texts, class numbers, row numbers of the original file."""

    def __init__(self, data: Path, name: str, labels: Sequence[str] | None = None) -> None:
        table = read_split(data, name)
        self.texts: list[str] = table["text"].to_pylist()
        self.names: list[str] = table["label"].to_pylist()
        self.rows: list[int] = table[ROW_COLUMN].to_pylist()
        self.labels = list(labels) if labels is not None else sorted(set(self.names))
        index = {label: number for number, label in enumerate(self.labels)}
        self.classes = np.asarray([index[name] for name in self.names], dtype=np.int64)

    def labelled(self) -> Labelled:
        """As the baselines take it."""
        return Labelled(self.texts, self.classes)


def train_classifier(attempt: Attempt, params: Any, *, task: str) -> Result:
    """Load, encode, train, evaluate, save. Raises ModelError, TrainingError or Stopped."""
    import torch

    torch.set_num_threads(attempt.device.threads)
    attempt.sink.emit(Phase(name="load"))
    require_usable(attempt.model, attempt.model_name, task)
    from transformers import set_seed

    train = SplitRows(attempt.data, "train")
    validation = SplitRows(attempt.data, "validation", train.labels)
    test = SplitRows(attempt.data, "test", train.labels)
    tokenizer = load_tokenizer(attempt.model)
    set_seed(params.seed)
    base = load_base(attempt.model, train.labels, tokenizer)
    max_length = min(params.max_length, longest_input(base, tokenizer))
    encoded = _encode_all(attempt, tokenizer, max_length, train, validation)
    if attempt.resume_from is None:  # a checkpoint has the head
        _start_head(attempt, base, tokenizer, train, encoded[0].lengths, max_length, params.seed)
    model = add_lora(
        base,
        r=params.lora_r,
        lora_alpha=params.lora_alpha,
        lora_dropout=params.lora_dropout,
        target_modules=params.lora_target_modules,
    )
    training = fit(
        attempt,
        params,
        model,
        *encoded,
        Objective(
            collator(tokenizer, attempt.device.name), cross_entropy(train, params), compute_metrics, "eval_macro_f1"
        ),
    )
    stop_if_wished(attempt.wishes)
    attempt.sink.emit(Phase(name="evaluate"))
    probabilities = class_probabilities(model, tokenizer, test.texts, max_length)
    encoding = Encoding(max_length=max_length, device=attempt.device.name)
    report = _report(attempt, (train, validation, test), probabilities, training, encoding, task=task, seed=params.seed)
    attempt.sink.emit(Phase(name="save"))
    note = {
        "task": task,
        "labels": train.labels,
        "base_model": attempt.model_name,
        "max_length": max_length,
        "columns": dict(attempt.columns),
    }
    stop_if_wished(attempt.wishes)
    with undisturbed(attempt.wishes):  # a moment, and then it is done
        save_adapter(model, tokenizer, note, attempt.artifact)
        write_atomically(attempt.artifact.parent / "report.json", report.model_dump_json(indent=1))
        attempt.sink.emit(outcome(report))
    return Result(attempt.artifact, report)


def _encode_all(
    attempt: Attempt, tokenizer: Any, max_length: int, train: SplitRows, validation: SplitRows
) -> tuple[Rows, Rows]:
    total, done = len(train.texts) + len(validation.texts), 0
    encoded: list[Rows] = []
    for split in (train, validation):
        items: list[dict[str, Any]] = []
        for start in range(0, len(split.texts), ROWS_AT_ONCE):
            stop_if_wished(attempt.wishes)
            attempt.sink.emit(Phase(name="tokenise", fraction=done / total))
            part = split.texts[start : start + ROWS_AT_ONCE]
            ids = encode_texts(tokenizer, part, max_length)
            classes = split.classes[start : start + ROWS_AT_ONCE].tolist()
            items += [{"input_ids": row, "labels": label} for row, label in zip(ids, classes, strict=True)]
            done += len(part)
        encoded.append(Rows(items))
    return encoded[0], encoded[1]


def _start_head(
    attempt: Attempt,
    base: Any,
    tokenizer: Any,
    train: SplitRows,
    lengths: Sequence[int],
    max_length: int,
    seed: int,
) -> None:
    attempt.sink.emit(Phase(name="train", fraction=0.0))
    base.to(attempt.device.name)
    rows = head_rows(base, float(np.mean(lengths)), attempt.device.name)

    def encoded(texts: Sequence[str]) -> Iterator[tuple[list[int], Any]]:
        for part in batches(tokenizer, texts, max_length, base.device):
            stop_if_wished(attempt.wishes)
            yield part

    fit_head(base, train.texts, train.classes, encoded, rows, seed)


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


def cross_entropy(train: SplitRows, params: Any) -> Any:
    """Cross entropy over the items of all accumulated batches, with label smoothing and class weights as wished."""
    import torch

    heavy = class_weights(np.bincount(train.classes, minlength=len(train.labels)), params.class_weights)
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


def batches(tokenizer: Any, texts: Sequence[str], max_length: int, device: Any) -> Iterator[tuple[list[int], Any]]:
    """(places in `texts`, batch for a model) pairs, longest first: texts of like length share a batch."""
    ids = encode_texts(tokenizer, texts, max_length) if texts else []
    order = sorted(range(len(ids)), key=lambda index: -len(ids[index]))
    pad = collator(tokenizer, device.type)
    for start in range(0, len(order), PREDICTION_BATCH):
        part = order[start : start + PREDICTION_BATCH]
        yield part, pad([{"input_ids": ids[index]} for index in part]).to(device)


def class_probabilities(model: Any, tokenizer: Any, texts: Sequence[str], max_length: int) -> np.ndarray[Any, Any]:
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


def _report(
    attempt: Attempt,
    splits: tuple[SplitRows, SplitRows, SplitRows],
    probabilities: np.ndarray[Any, Any],
    training: Training,
    encoding: Encoding,
    *,
    task: str,
    seed: int,
) -> Report:
    train, validation, test = splits
    result = evaluate_classification(probabilities, test.classes, train.labels, seed)
    attempt.sink.emit(Phase(name="evaluate", fraction=0.3))
    probe = linear_probe(
        attempt.model, train.labelled(), validation.labelled(), test.labelled(), train.labels, encoding, seed
    )
    attempt.sink.emit(Phase(name="evaluate", fraction=1.0))
    gain = paired_difference(test.classes, result.predicted, probe.predicted, seed)
    inputs = [{"text": text} for text in test.texts]
    predictions = Predictions(probabilities, test.classes, train.labels, test.rows, inputs)
    return Report(
        task=task,
        scores=result.scores,
        baselines=(majority_baseline(train.classes, test.classes, train.labels, seed), probe.baseline),
        per_class=result.per_class,
        confusion=result.confusion,
        calibration=result.calibration,
        mistakes=worst_mistakes(predictions),
        examples=representative_examples(predictions),
        split=Split(train=len(train.texts), validation=len(validation.texts), test=len(test.texts)),
        training=training,
        notes=(gain.sentence("the linear probe"), *filter(None, [training.early_end()]), *result.notes),
    )


def outcome(report: Report) -> Outcome:
    """The headline figures for the list of runs."""
    return Outcome(
        scores={score.name: score.value for score in report.scores},
        baselines={rival.name: {score.name: score.value for score in rival.scores} for rival in report.baselines},
    )


def save_adapter(model: Any, tokenizer: Any, note: Mapping[str, Any], artifact: Path) -> None:
    """Write adapter, tokenizer and note aside, flush, and make them real by one rename.

    The adapter names its base model by its public name: a folder of this machine would mean nothing elsewhere.
    """
    hidden = artifact.with_name(f".{artifact.name}")
    with aside(hidden):
        model.save_pretrained(hidden)
        config = json.loads((hidden / "adapter_config.json").read_text("utf-8"))
        config["base_model_name_or_path"] = note["base_model"]
        (hidden / "adapter_config.json").write_text(json.dumps(config, indent=1, sort_keys=True), "utf-8")
        (hidden / "README.md").unlink(missing_ok=True)  # peft's is a form to fill in; the model card is ours
        tokenizer.save_pretrained(hidden)
        (hidden / ADAPTER_NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False), "utf-8")
        for path in hidden.rglob("*"):
            flush(path)
    shutil.rmtree(artifact, ignore_errors=True)
    hidden.rename(artifact)
    flush(artifact.parent)


class Classifier:
    """A finished adapter, loaded. Answers with the probability of every label."""

    def __init__(self, model: Any, tokenizer: Any, labels: Sequence[str], max_length: int) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._labels, self._max_length = list(labels), max_length

    def predict(self, inputs: Sequence[Mapping[str, str]]) -> list[dict[str, float]]:
        """The probability of each label for each input's `text`, in the order of the inputs."""
        texts = [item["text"] for item in inputs]
        rows = class_probabilities(self._model, self._tokenizer, texts, self._max_length)
        return [dict(zip(self._labels, map(float, row), strict=True)) for row in rows]


def load_classifier(artifact: Path, model: Path) -> Classifier:
    """A finished adapter on its base model. Raises ModelError when either is missing or damaged."""
    from peft import PeftModel

    try:
        note = json.loads((artifact / ADAPTER_NOTE).read_text("utf-8"))
        tokenizer = load_tokenizer(artifact)
        base = load_base(model, note["labels"], tokenizer)
        loaded = PeftModel.from_pretrained(base, artifact)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The adapter in {artifact} cannot be loaded on {model} ({str(error).splitlines()[0][:200]}). "
            "It needs the base model it was trained on; train again if its files are damaged.",
            code="adapter-load",
        ) from error
    return Classifier(loaded, tokenizer, note["labels"], note["max_length"])
