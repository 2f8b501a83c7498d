"""What text classification says about itself and about a table, before a second of training."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from autotrain.data.store import Dataset, DatasetStore
from autotrain.recipe import presets
from autotrain.settings import Settings
from autotrain.tasks import TASKS
from autotrain.tasks.text_classification import Params

TASK = TASKS["text-classification"]
ROWS = [(f"The parcel number {n} came late", "complaint") for n in range(30)]
ROWS += [(f"Do you ship to town number {n}?", "question") for n in range(30)]


@pytest.fixture
def dataset(settings: Settings, tmp_path: Path) -> Dataset:
    path = tmp_path / "table.csv"
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in ROWS), "utf-8")
    return DatasetStore(settings).add(path)


def test_it_finds_its_columns(dataset: Dataset) -> None:
    fit = TASK.suits(dataset.profile)
    assert {guess.role: guess.column for guess in fit.mapping} == {"text": "text", "label": "label"}
    assert fit.score > 0.5


def test_a_good_table_has_no_error_and_one_column_for_both_roles_is_one(dataset: Dataset) -> None:
    good = TASK.check(dataset.table(), {"text": "text", "label": "label"}, Params())
    assert not [finding for finding in good if finding.severity == "error"]
    same = TASK.check(dataset.table(), {"text": "text", "label": "text"}, Params())
    assert [(finding.code, finding.severity) for finding in same] == [("same-column", "error")]


def test_every_parameter_has_a_title_a_description_and_is_checked_against_its_bounds() -> None:
    for name, field in Params.model_fields.items():
        assert field.title and field.description, name
    for wrong in ({"learning_rate": 0}, {"lora_dropout": 1}, {"max_length": 4}, {"lora_target_modules": "some"}):
        with pytest.raises(ValidationError):
            Params.model_validate(wrong)


def test_presets_differ_in_effort() -> None:
    epochs = [preset.typed_params().model_dump()["num_train_epochs"] for preset in presets(TASK.name).values()]
    assert epochs == sorted(epochs) and len(set(epochs)) == len(epochs)
