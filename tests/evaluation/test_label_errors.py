"""Labels that are probably wrong are found by a quick model, and named with the row and the label that is likely."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from autotrain.data.samples import write_sample
from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.evaluation.label_errors import label_errors, likely_errors
from autotrain.models.catalogue import starter_folder
from autotrain.settings import Settings
from tests.data.conftest import Importer, as_csv


@pytest.fixture(scope="module")
def model() -> Path:
    folder = starter_folder()
    assert folder is not None
    return folder


@pytest.fixture
def imported(settings: Settings) -> Importer:
    return lambda content: DatasetStore(settings).add_text(str(content))


def sentences(settings: Settings, tmp_path: Path, each: int) -> list[tuple[str, str]]:
    """`each` sentences of every language of the built-in sample."""
    write_sample("language-identification", tmp_path / "sample.csv")
    rows = DatasetStore(settings).add(tmp_path / "sample.csv").table().rows
    kept: dict[str, list[str]] = {}
    for text, label in zip(rows["text"].to_pylist(), rows["label"].to_pylist(), strict=True):
        kept.setdefault(label, []).append(text)
    return [(text, label) for label, texts in kept.items() for text in texts[:each]]


def test_flipped_labels_are_found(settings: Settings, tmp_path: Path, imported: Importer, model: Path) -> None:
    rows = sentences(settings, tmp_path, 60)
    chance = random.Random(3)
    chance.shuffle(rows)
    languages = sorted({label for _, label in rows})
    flipped = {
        place: chance.choice([other for other in languages if other != rows[place][1]])
        for place in range(0, len(rows), 20)
    }
    wrong = [(text, flipped.get(place, label)) for place, (text, label) in enumerate(rows)]
    dataset = imported(as_csv([("text", "label"), *wrong]))

    found = label_errors(dataset.table(), "text", "label", model)

    assert found.judged == found.of == len(rows)
    right = {place + 2: rows[place][1] for place in flipped}
    hit = [error for error in found.errors if error.row in right]
    assert len(hit) >= 0.7 * len(flipped), "most of the flipped labels are found"
    assert len(hit) >= 0.7 * len(found.errors), "and most of what is found was flipped"
    assert sum(error.suggested == right[error.row] for error in hit) >= 0.8 * len(hit)
    assert [error.confidence for error in found.errors[:3]] and all(
        error.given != error.suggested for error in found.errors
    )
    (finding,) = found.findings
    assert finding.code == "label-errors" and finding.count == len(found.errors)
    assert f"row {found.errors[0].row}" in finding.message


def test_too_few_rows_are_refused_with_the_reason(imported: Importer, model: Path) -> None:
    dataset = imported(as_csv([("text", "label"), *[(f"text {n}", "ab"[n % 2]) for n in range(8)]]))
    with pytest.raises(DataError, match='"label" has fewer than two labels with at least 5 texts'):
        label_errors(dataset.table(), "text", "label", model)


def test_what_the_child_refuses_reaches_the_asker_as_a_sentence(imported: Importer, tmp_path: Path) -> None:
    (tmp_path / "no-model").mkdir()
    dataset = imported(as_csv([("text", "label"), *[(f"text {n}", "ab"[n % 2]) for n in range(40)]]))
    with pytest.raises(DataError, match="no-model"):
        label_errors(dataset.table(), "text", "label", tmp_path / "no-model")


def test_a_row_is_doubted_when_another_class_is_as_sure_as_its_own_rows_are() -> None:
    """By hand: rows of class 0 have it with 0.9 on average without the odd one, rows of class 1 with 0.8."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.15, 0.85], [0.2, 0.8], [0.2, 0.8], [0.45, 0.55]])
    given = np.array([0, 0, 0, 1, 1, 1])
    # Class 0: (0.9 + 0.9 + 0.15) / 3 = 0.65; class 1: (0.8 + 0.8 + 0.55) / 3 = 0.72. Only the third row passes.
    assert likely_errors(probabilities, given) == [(2, 1, 0.85)]
