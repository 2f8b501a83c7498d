"""Baselines: by hand, and the linear probe on a real encoder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from autotrain.errors import ModelError
from autotrain.evaluation.baselines import (
    PROBE_TRAIN_ROWS,
    Encoding,
    Labelled,
    encode_texts,
    linear_probe,
    majority_baseline,
    stratified_sample,
)
from tests.evaluation.conftest import COLOURS, NUMBERS
from tests.training.causal import save_causal

LABELS = ("colour", "number")
ENCODING = Encoding(max_length=16, batch_size=8)


def labelled(rows: int, seed: int) -> Labelled:
    """Texts about colours (class 0) and numbers (class 1)."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, rows)
    texts = [f"the {rng.choice((COLOURS, NUMBERS)[label])} is a {rng.choice(('the', 'a'))}" for label in classes]
    return Labelled(texts, classes)


def test_the_majority_class_of_the_training_rows_answers_for_every_test_row() -> None:
    found = majority_baseline(np.array([1, 1, 1, 0, 0, 2]), np.array([0, 1, 1, 2]), ["a", "b", "c"], seed=0)
    scores = {score.name: score for score in found.scores}
    assert scores["accuracy"].value == 0.5
    # Class b: precision 2/4, recall 1, F1 2/3; the other two 0.
    assert scores["macro_f1"].value == pytest.approx(2 / 9)
    assert scores["accuracy"].low is not None
    assert "“b”" in found.explanation


def test_the_probe_learns_what_the_encoder_can_tell_apart(tiny_encoder: Path) -> None:
    test = labelled(60, seed=3)
    found = linear_probe(tiny_encoder, labelled(80, 1), labelled(30, 2), test, LABELS, ENCODING, seed=0)
    accuracy = found.baseline.scores[0]
    assert accuracy.value == (found.predicted == test.classes).mean()
    assert accuracy.value > 0.95
    assert "80 rows" in found.baseline.explanation
    assert found.baseline.seconds is not None


def test_the_probe_answers_alike_every_time_and_leaves_the_random_numbers_alone(tiny_encoder: Path) -> None:
    splits = labelled(40, 1), labelled(20, 2), labelled(20, 3)
    torch.manual_seed(9)
    first = linear_probe(tiny_encoder, *splits, LABELS, ENCODING, seed=0)
    after = torch.rand(1)
    again = linear_probe(tiny_encoder, *splits, LABELS, ENCODING, seed=0)
    assert (first.predicted == again.predicted).all()
    assert first.baseline.scores == again.baseline.scores
    torch.manual_seed(9)
    assert torch.rand(1) == after


def test_a_vector_is_the_mean_over_its_own_tokens_whatever_the_batch(tiny_encoder: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    texts = ["red", "the number is three", "a blue colour is the one", ""]
    found = encode_texts(tiny_encoder, texts, ENCODING)
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_encoder), AutoModel.from_pretrained(tiny_encoder).eval()
    for text, vector in zip(texts, found, strict=True):
        with torch.no_grad():
            states = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        assert vector == pytest.approx(states.mean(dim=0).numpy(), abs=1e-5)


def test_a_text_of_a_hundred_thousand_characters_is_cut_at_what_the_model_can_read(tiny_encoder: Path) -> None:
    vectors = encode_texts(tiny_encoder, ["red " * 25_000], Encoding(max_length=8192))
    assert vectors.shape == (1, 32)
    assert np.isfinite(vectors).all()


def test_a_language_model_without_a_padding_token_is_probed_too(tmp_path: Path) -> None:
    save_causal(labelled(60, 1).texts, tmp_path, words=True, pad="none")
    test = labelled(40, 3)
    found = linear_probe(tmp_path, labelled(60, 1), labelled(20, 2), test, LABELS, ENCODING, seed=0)
    assert (found.predicted == test.classes).mean() > 0.9


def test_large_training_splits_are_sampled_with_every_class_kept() -> None:
    classes = np.array([0] * 90_000 + [1] * 9_990 + [2] * 10)
    rows = stratified_sample(classes, PROBE_TRAIN_ROWS, seed=0)
    assert (np.diff(rows) > 0).all()
    assert np.bincount(classes[rows]).tolist() == [4500, 500, 1]
    assert (rows == stratified_sample(classes, PROBE_TRAIN_ROWS, seed=0)).all()


def test_one_class_in_the_training_rows_is_answered_and_not_a_crash(tiny_encoder: Path) -> None:
    train = Labelled(["red", "blue"], np.array([1, 1]))
    found = linear_probe(tiny_encoder, train, train, labelled(10, 0), LABELS, ENCODING, seed=0)
    assert found.predicted.tolist() == [1] * 10


def test_a_folder_without_safetensors_is_refused_with_a_sentence(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "no-weights"
    shutil.copytree(tiny_encoder, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"no-weights cannot be loaded for the linear probe"):
        encode_texts(folder, ["red"], ENCODING)
