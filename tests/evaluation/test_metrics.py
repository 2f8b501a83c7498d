"""Metrics while training: right, quick to call again, and without a network or a trace in the home folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score
from transformers import EvalPrediction

from autotrain.evaluation.metrics import compute_metrics


def test_accuracy_and_macro_f1_are_scikit_learns_call_after_call() -> None:
    rng = np.random.default_rng(0)
    for rows in (1, 7, 500):
        logits, expected = rng.normal(size=(rows, 4)).astype(np.float32), rng.integers(0, 4, rows)
        found = compute_metrics(EvalPrediction(predictions=logits, label_ids=expected))
        predicted = logits.argmax(1)
        macro = f1_score(expected, predicted, labels=np.unique(expected), average="macro", zero_division=0)
        assert found == {
            "accuracy": pytest.approx(accuracy_score(expected, predicted)),
            "macro_f1": pytest.approx(macro),
        }


def test_a_model_that_answers_more_than_logits() -> None:
    logits = np.array([[2.0, 1.0], [0.0, 1.0]])
    found = compute_metrics(EvalPrediction(predictions=(logits, np.zeros((2, 3, 4))), label_ids=np.array([0, 1])))
    assert found == {"accuracy": 1.0, "macro_f1": 1.0}


def test_nothing_is_written_to_the_home_folder_and_no_socket_is_opened(tmp_path: Path) -> None:
    code = """
import socket
class NoNetwork(socket.socket):
    def connect(self, *_): raise SystemExit("a connection was tried")
socket.socket = NoNetwork
import numpy as np
from types import SimpleNamespace
from autotrain.evaluation.metrics import compute_metrics
print(compute_metrics(SimpleNamespace(predictions=np.eye(3), label_ids=np.arange(3))))
"""
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.stdout.strip() == "{'accuracy': 1.0, 'macro_f1': 1.0}", result.stderr
    assert [path for path in home.rglob("*") if path.is_file()] == []
