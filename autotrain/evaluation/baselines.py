"""Something to compare with: the majority class, and a linear probe of the base model without fine-tuning."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import ModelError
from autotrain.evaluation.intervals import confusion_counts, scores_from_counts
from autotrain.evaluation.metrics import classification_figures
from autotrain.models.loading import load_tokenizer, longest_input
from autotrain.report import Baseline

Classes = NDArray[np.int64]
Features = NDArray[np.float32]

# From here on more rows move a linear probe's accuracy by less than its interval, and encoding them takes minutes.
PROBE_TRAIN_ROWS = 5000

# Inverse strength of the L2 penalty: two decades on each side of scikit-learn's default.
PROBE_STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True)
class Labelled:
    """Texts and the index of each one's class."""

    texts: Sequence[str]
    classes: Classes

    def take(self, rows: NDArray[np.int64]) -> Labelled:
        """The given rows, in that order."""
        return Labelled([self.texts[int(row)] for row in rows], self.classes[rows])


@dataclass(frozen=True)
class LinearProbe:
    """The linear probe's baseline, and its answers on the test split for a paired comparison."""

    baseline: Baseline
    predicted: Classes
    strength: float
    train_rows: int


@dataclass(frozen=True)
class Encoding:
    """How texts are encoded: as in the run that is compared."""

    max_length: int
    batch_size: int = 32
    device: str = "cpu"


def majority_baseline(
    train_classes: NDArray[Any], expected: NDArray[Any], labels: Sequence[str], seed: int
) -> Baseline:
    """Always answers the most frequent class of the training split; among equals the first label."""
    winner = int(np.bincount(np.asarray(train_classes, dtype=np.int64), minlength=len(labels)).argmax())
    answers = np.full(len(expected), winner, dtype=np.int64)
    counts = confusion_counts(np.asarray(expected, dtype=np.int64), answers, len(labels))
    return Baseline(
        name="majority",
        title="Majority class",
        explanation=f"Answers “{labels[winner][:60]}”, the most frequent training label, whatever the text.",
        scores=scores_from_counts(counts, seed),
        seconds=0.0,
    )


def linear_probe(
    model: Path,
    train: Labelled,
    validation: Labelled,
    test: Labelled,
    labels: Sequence[str],
    encoding: Encoding,
    seed: int,
) -> LinearProbe:
    """What the base model knows without fine-tuning: its frozen encoder and a logistic regression on top.

    Texts become the mean of the last layer's vectors over their tokens, standardised on the training rows. The
    strength of the regression's penalty is the one with the best macro-F1 on the validation split. Above 5,000
    training rows a stratified sample is used. The same input gives the same answer.

    Raises:
        ModelError: the folder holds no encoder that transformers can load from safetensors.
    """
    started = time.monotonic()
    if len(train.texts) > PROBE_TRAIN_ROWS:
        train = train.take(stratified_sample(train.classes, PROBE_TRAIN_ROWS, seed))
    texts = [*train.texts, *validation.texts, *test.texts]
    vectors = encode_texts(model, texts, encoding)
    first, second = len(train.texts), len(train.texts) + len(validation.texts)
    predicted, strength = _fit_and_answer(
        (vectors[:first], train.classes), (vectors[first:second], validation.classes), vectors[second:]
    )
    baseline = Baseline(
        name="linear-probe",
        title="Linear probe",
        explanation=(
            "The base model is left as it is and only a simple classifier on top of it is trained (logistic regression"
            f" on {len(train.texts):,} rows): what the model knows without fine-tuning."
        ),
        scores=scores_from_counts(confusion_counts(test.classes, predicted, len(labels)), seed),
        seconds=time.monotonic() - started,
    )
    return LinearProbe(baseline, predicted, strength, len(train.texts))


def stratified_sample(classes: Classes, rows: int, seed: int) -> NDArray[np.int64]:
    """Row numbers, ascending, of a sample in which each class keeps its share and every class at least one row."""
    rng = np.random.default_rng(seed)
    chosen = []
    for label in np.unique(classes):
        members = np.flatnonzero(classes == label)
        share = max(1, round(len(members) * rows / len(classes)))
        chosen.append(rng.permutation(members)[:share])
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def encode_texts(model: Path, texts: Sequence[str], encoding: Encoding) -> Features:
    """One vector (rows, hidden) for each text: the mean of the last layer over its tokens.

    Batches are made of texts of like length, so that hardly any padding is computed.
    """
    import torch

    with torch.random.fork_rng(), torch.inference_mode():
        tokenizer, encoder = load_tokenizer(model), _load_encoder(model, encoding.device)
        # The mean needs no side, but on the left padding would shift learned positions.
        tokenizer.padding_side = "right"
        ids = _token_ids(tokenizer, texts, min(encoding.max_length, longest_input(encoder, tokenizer)))
        # Longest first: a machine with too little memory fails at once and not at the end.
        order = sorted(range(len(texts)), key=lambda row: (-len(ids[row]), row))
        vectors: Features = np.zeros((len(texts), encoder.config.get_text_config().hidden_size), dtype=np.float32)
        for start in range(0, len(order), encoding.batch_size):
            rows = order[start : start + encoding.batch_size]
            batch = tokenizer.pad({"input_ids": [ids[row] for row in rows]}, return_tensors="pt").to(encoding.device)
            states = encoder(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
            mask = batch["attention_mask"].unsqueeze(-1).to(torch.float32)
            means = (states.to(torch.float32) * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
            vectors[rows] = means.cpu().numpy()
    return vectors


def _load_encoder(model: Path, device: str) -> Any:
    import torch
    from transformers import AutoModel

    try:
        encoder = AutoModel.from_pretrained(
            model, use_safetensors=True, dtype=torch.float32, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"The base model in {model} cannot be loaded for the linear probe ({error}). "
            "Choose a model folder with config.json and safetensors weights.",
            code="model-load",
        ) from error
    return encoder.to(device).eval()


def _token_ids(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Token ids of each text; a text without any token gets one, so that its vector is defined."""
    if not texts:
        return []
    encoded = tokenizer(list(texts), truncation=True, max_length=limit, padding=False)["input_ids"]
    return [ids or [tokenizer.pad_token_id] for ids in encoded]


def _fit_and_answer(
    train: tuple[Features, Classes], validation: tuple[Features, Classes], test: Features
) -> tuple[Classes, float]:
    """Answers on the test rows of the regression that did best on the validation rows, and its strength."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    vectors, classes = train
    if len(np.unique(classes)) < 2:  # logistic regression refuses a single class
        return np.full(len(test), int(classes[0]), dtype=np.int64), PROBE_STRENGTHS[0]
    scaler = StandardScaler().fit(vectors)
    ready, held_out, asked = (scaler.transform(part) if len(part) else part for part in (vectors, validation[0], test))
    best: tuple[float, float, Any] | None = None
    for strength in PROBE_STRENGTHS if len(held_out) else (1.0,):
        with warnings.catch_warnings():
            # A weak penalty may not converge in time; the validation split then prefers a stronger one.
            warnings.simplefilter("ignore", ConvergenceWarning)
            regression = LogisticRegression(C=strength, max_iter=300).fit(ready, classes)
        answers = regression.predict(held_out) if len(held_out) else np.zeros(0, dtype=np.int64)
        figure = classification_figures(answers, validation[1])["macro_f1"]
        if best is None or figure > best[0]:  # among equals the strongest penalty
            best = (figure, strength, regression)
    assert best is not None
    return np.asarray(best[2].predict(asked), dtype=np.int64), best[1]
