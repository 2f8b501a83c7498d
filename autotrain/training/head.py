"""A new classification head that starts with what the base model knows, not at random."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from autotrain.errors import TrainingError
from autotrain.evaluation.baselines import stratified_sample

Text = TypeVar("Text")

HEAD_ROWS, HEAD_WORK = 1000, 1e12
"""Most rows the head is fitted on, and most multiplications with weights on a CPU: a few seconds. With more it starts
hardly better."""
STRENGTH, ITERATIONS = 0.1, 60
"""Inverse strength of the L2 penalty and most iterations: a start that is not yet sure of itself."""

MOST_FITS = 200
"""Labels whose part of the head is fitted, some 20 a second; the others start with their share of the rows."""
RIDGES = (10.0, 100.0, 1e3, 1e4, 1e5)
"""Strengths of a ridge regression's penalty that are tried, on standardised values of a few hundred dimensions."""

SMALLEST_SPREAD = 0.1
"""Of the root mean square of all values; a trained encoder's spread is around half of it."""


def head_rows(model: Any, mean_tokens: float, device: str) -> int:
    """How many rows to fit the head on: fewer for a large model or long texts on a CPU, at least 4 for each class."""
    import torch

    if device != "cpu":
        return HEAD_ROWS
    weights = sum(part.weight.numel() for part in model.modules() if isinstance(part, torch.nn.Linear))
    affordable = HEAD_WORK / (weights * mean_tokens)
    return int(min(HEAD_ROWS, max(affordable, 4 * model.config.num_labels)))


def fit_head(
    model: Any,
    texts: Sequence[Text],
    classes: NDArray[np.int64],
    batches: Callable[[Sequence[Text]], Iterable[tuple[list[int], Any]]],
    most_rows: int,
    seed: int,
) -> bool:
    """Set the last linear layer of a new head to a logistic regression on what reaches it; False where there is none.

    A random head sends the adapter wrong gradients at first, which distorts what the base model knows, and a class of
    few rows never recovers from it: Kumar et al., 2022, "Fine-Tuning can Distort Pretrained Features and Underperform
    Out-of-Distribution" (arXiv:2202.10054).

    Args:
        model: a sequence classifier without adapter, with the names of its new layers in `new_layers`.
        texts: the training texts.
        classes: (texts,) their class numbers; every class has a row.
        batches: encodes texts and yields (places in the given texts, batch for the model) pairs.
        most_rows: a stratified sample of this many rows is used, in which every class has at least one.
        seed: of the sample.

    Raises:
        TrainingError: the model answers with values that are not numbers.
    """
    if last_layer(model) is None or len(np.unique(classes)) < 2:
        return False
    rows = stratified_sample(classes, most_rows, seed) if len(classes) > most_rows else np.arange(len(classes))
    return start_head(model, [texts[int(row)] for row in rows], batches, lambda seen: regression(seen, classes[rows]))


def start_head(
    model: Any,
    texts: Sequence[Text],
    batches: Callable[[Sequence[Text]], Iterable[tuple[list[int], Any]]],
    solve: Callable[[NDArray[np.float32]], tuple[NDArray[np.float32], NDArray[np.float32]]],
) -> bool:
    """Set the last linear layer of a new head to what `solve` makes of what reaches it; False where there is none.

    Args:
        model, batches: as for `fit_head`.
        texts: those to start from.
        solve: what reaches the layer (texts, hidden) to its weights (outputs, hidden) and biases (outputs,).

    Raises:
        TrainingError: the model answers with values that are not numbers.
    """
    import torch

    layer = last_layer(model)
    if layer is None:
        return False
    weight, bias = solve(_reaching(model, layer, texts, batches))
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(bias))
    return True


def _reaching(
    model: Any, layer: Any, texts: Sequence[Text], batches: Callable[[Sequence[Text]], Iterable[tuple[list[int], Any]]]
) -> NDArray[np.float32]:
    """(texts, hidden) of what reaches a layer."""
    import torch

    seen = np.zeros((len(texts), layer.in_features), dtype=np.float32)
    arriving: list[Any] = []
    hook = layer.register_forward_pre_hook(lambda _module, inputs: arriving.append(inputs[0]))
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for places, batch in batches(texts):
                arriving.clear()
                model(**batch)
                seen[places] = pooled(arriving[0], batch, model.config.pad_token_id).float().cpu().numpy()
    finally:
        hook.remove()
        model.train(was_training)
    if not np.isfinite(seen).all():
        raise TrainingError(
            "The base model answers with values that are not numbers: its weights are damaged. Download it again, or "
            "choose another base model.",
            code="nan",
        )
    return seen


def untouched_features(
    model: Any, texts: Sequence[Text], batches: Callable[[Sequence[Text]], Iterable[tuple[list[int], Any]]]
) -> NDArray[np.float32]:
    """(texts, hidden) of what reaches the head of a model with an adapter when the adapter is off.

    Args:
        model: of peft, on a base with a new linear layer.
        texts, batches: as for `start_head`.

    Raises:
        TrainingError: the model answers with values that are not numbers.
    """
    base = model.get_base_model()
    layers = [base.get_submodule(name) for name in base.new_layers]
    layer = [getattr(part, "original_module", part) for part in layers if _is_head(part, base.config.num_labels)][-1]
    with model.disable_adapter():
        return _reaching(model, layer, texts, batches)


def _is_head(part: Any, outputs: int) -> bool:
    import torch

    layer = getattr(part, "original_module", part)
    return isinstance(layer, torch.nn.Linear) and layer.out_features == outputs


def last_layer(model: Any) -> Any:
    """The new linear layer that gives the logits, or None."""
    import torch

    found = [
        part
        for name, part in model.named_modules()
        if name in model.new_layers
        and isinstance(part, torch.nn.Linear)
        and part.out_features == model.config.num_labels
    ]
    return found[-1] if found else None


def pooled(states: Any, batch: Any, pad_token_id: int | None) -> Any:
    """(rows, hidden) of what reaches the layer; a language model's head sees every token and answers at the last."""
    import torch

    if states.dim() == 2:
        return states
    ids = batch["input_ids"]
    places = torch.arange(ids.shape[-1], device=ids.device)
    last = (places * (ids != pad_token_id)).argmax(-1)
    return states[torch.arange(len(states), device=states.device), last]


def regression(
    seen: NDArray[np.float32], classes: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (classes, hidden) and biases (classes,) of a logistic regression on the rows as they are."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    mean, spread = _standard(seen)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is only where the training starts
        fitted = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS).fit((seen - mean) / spread, classes)
    weight, bias = fitted.coef_, fitted.intercept_
    if len(fitted.classes_) == 2:  # scikit-learn keeps one row for two classes; softmax wants both
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / spread
    return weight.astype(np.float32), (bias - weight @ mean).astype(np.float32)


def preferring(seen: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (1, hidden) and no bias of a logistic regression that tells better rows from worse ones by a number each.

    Args:
        seen: (2 · pairs, hidden), all better rows and then, in the same order, all worse ones.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    _, spread = _standard(seen)
    pairs = len(seen) // 2
    apart = (seen[:pairs] - seen[pairs:]) / spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it is only where the training starts
        model = LogisticRegression(C=STRENGTH, max_iter=ITERATIONS, fit_intercept=False)
        model.fit(np.concatenate([apart, -apart]), np.repeat([1, 0], pairs))
    return (model.coef_ / spread).astype(np.float32), np.zeros(1, dtype=np.float32)


def ridge(seen: NDArray[np.float32], targets: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (1, hidden) and bias (1,) of a ridge regression on the rows, its strength by leaving out each row once.

    Args:
        seen: (rows, hidden).
        targets: (rows,) numbers, scaled.
    """
    from sklearn.linear_model import RidgeCV

    mean, spread = _standard(seen)
    fitted = RidgeCV(alphas=RIDGES).fit(((seen - mean) / spread).astype(np.float64), targets)
    weight = fitted.coef_.reshape(1, -1) / spread
    bias = np.atleast_1d(fitted.intercept_) - weight @ mean
    return weight.astype(np.float32), bias.astype(np.float32)


def _standard(seen: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(hidden,) mean and spread to standardise by."""
    # What hardly differs from text to text gets no large weight: the adapter would shake the answers through it.
    return seen.mean(axis=0), np.maximum(seen.std(axis=0), SMALLEST_SPREAD * np.sqrt(np.square(seen).mean()) + 1e-6)


def each_label(seen: NDArray[np.float32], truth: NDArray[np.bool_]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (labels, hidden) and biases (labels,) of a logistic regression for each label by itself.

    A label that all or none of the rows have starts with no weight, and with their share as its probability.

    Args:
        seen: (rows, hidden).
        truth: (rows, labels) which labels each row has.
    """
    weights = np.zeros((truth.shape[1], seen.shape[1]), dtype=np.float32)
    share = (truth.sum(axis=0) + 0.5) / (len(truth) + 1)
    biases = np.log(share / (1 - share)).astype(np.float32)
    for place, column in enumerate(truth.T[:MOST_FITS]):
        if column.any() and not column.all():
            weight, bias = regression(seen, column.astype(np.int64))
            weights[place], biases[place] = weight[1] - weight[0], bias[1] - bias[0]
    return weights, biases
