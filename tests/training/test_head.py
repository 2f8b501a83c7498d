"""A new head that starts as a logistic regression: equal answers, on every kind of base, and only where it is new."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from autotrain.models.catalogue import Catalogue
from autotrain.models.loading import load_classifier, load_tokenizer
from autotrain.settings import Settings
from autotrain.training.classification import batches, class_probabilities, classes_of, texts_of
from autotrain.training.head import HEAD_ROWS, fit_head, head_rows, pooled, regression
from autotrain.training.rows import SplitRows


class Train:
    """The toy's training rows."""

    def __init__(self, frozen: Path) -> None:
        rows = SplitRows(frozen, "train", "classification")
        self.labels = sorted({row["label"] for row in rows.rows})
        self.texts, self.classes = texts_of(rows.rows), classes_of(rows, self.labels)


@pytest.fixture(scope="module")
def train(frozen: Path) -> Train:
    return Train(frozen)


def started(folder: Path, train: Train, rows: int = HEAD_ROWS) -> tuple[Any, Any, bool]:
    """A classifier of the toy's languages whose head has been started."""
    tokenizer = load_tokenizer(folder)
    model = load_classifier(folder, train.labels, tokenizer)

    def encoded(texts: Sequence[Any]) -> Iterator[tuple[list[int], Any]]:
        return batches(tokenizer, texts, 32, torch.device("cpu"))

    return model, tokenizer, fit_head(model, train.texts, train.classes, encoded, rows, seed=1)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_weights_answer_as_the_regression_on_standardised_rows(classes: int) -> None:
    random = np.random.default_rng(5)
    expected = np.arange(200) % classes
    seen = (random.normal(size=(200, 6)) * [1, 5, 1, 1, 1, 2] + expected[:, None]).astype(np.float32)
    weight, bias = regression(seen, expected)
    ready = (seen - seen.mean(0)) / (seen.std(0) + 1e-6)
    golden = LogisticRegression(C=0.1, max_iter=60).fit(ready, expected).predict_proba(ready)
    assert weight.shape == (classes, 6) and bias.shape == (classes,)
    found = torch.softmax(torch.from_numpy(seen @ weight.T + bias), -1).numpy()
    assert found == pytest.approx(golden, abs=1e-4)


def test_a_real_encoder_knows_most_before_the_first_step(train: Train, settings: Settings) -> None:
    classifier, tokenizer, done = started(Catalogue(settings).folder("all-minilm-l6-v2"), train)
    assert done
    answers = class_probabilities(classifier, tokenizer, train.texts, 32).argmax(-1)
    assert (answers == train.classes).mean() > 0.9


def test_what_hardly_differs_from_text_to_text_gets_no_large_weight() -> None:
    random = np.random.default_rng(5)
    expected = np.arange(200) % 2
    seen = np.stack([1 + 1e-5 * expected, random.normal(size=200)], axis=1).astype(np.float32)
    weight, _ = regression(seen, expected)
    assert abs(weight).max() < 10


def test_the_same_seed_gives_the_same_head(model: Path, train: Train) -> None:
    first, second = started(model, train, rows=60)[0], started(model, train, rows=60)[0]
    assert torch.equal(first.classifier.weight, second.classifier.weight)


def test_a_head_that_sees_every_token_is_fitted_on_the_last_one_before_the_padding() -> None:
    states = torch.arange(30.0).reshape(2, 5, 3)
    batch = {"input_ids": torch.tensor([[7, 8, 9, 0, 0], [7, 0, 8, 9, 6]])}
    assert torch.equal(pooled(states, batch, pad_token_id=0), torch.stack([states[0, 2], states[1, 4]]))
    assert torch.equal(pooled(states[:, 0], batch, pad_token_id=0), states[:, 0]), "nothing to choose from"


def test_a_base_that_is_a_classifier_of_these_labels_keeps_its_head(model: Path, train: Train, tmp_path: Path) -> None:
    classifier, tokenizer, _ = started(model, train)
    classifier.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again, _, done = started(tmp_path, train)
    assert not done
    assert torch.equal(again.classifier.weight, classifier.classifier.weight)


def test_a_large_model_or_long_texts_get_fewer_rows_but_every_class_some(model: Path, train: Train) -> None:
    classifier = load_classifier(model, train.labels, load_tokenizer(model))
    assert head_rows(classifier, 20, "cpu") == HEAD_ROWS
    assert head_rows(classifier, 1e9, "cpu") == 4 * len(train.labels)
    assert head_rows(classifier, 1e9, "cuda:0") == HEAD_ROWS
