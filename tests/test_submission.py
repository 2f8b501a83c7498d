"""Submission: from a recipe to a frozen folder and a row, or a sentence and nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.errors import AutotrainError, DataError, HubError, RecipeError
from autotrain.recipe import PublishTarget, Recipe, Resources, load, presets
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.submission import prepare, submit
from tests.doubles import HubDouble, start_hub_double


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = [f"the number {index} is here,{'even' if index % 2 == 0 else 'odd'}" for index in range(60)]
    path = tmp_path / "numbers.csv"
    path.write_text("\n".join(["words,parity", *rows]), "utf-8")
    return path


@pytest.fixture
def recipe(table: Path) -> Recipe:
    return presets("text-classification")["fast"].with_data(table, text="words", label="parity")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    with start_hub_double(tmp_path / "hub") as double:
        for name, value in double.environment(tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        yield double


def nothing_left(settings: Settings, store: SqlStore) -> bool:
    return store.list() == [] and list(settings.runs.iterdir()) == []


def test_a_recipe_becomes_a_frozen_folder_and_a_queued_row(settings: Settings, store: SqlStore, recipe: Recipe) -> None:
    run = submit(recipe, settings, store)
    folder = RunFolder(settings.runs / run.id)
    frozen = load(folder.recipe)
    assert (run.state, run.name, run.dataset) == ("queued", "numbers · Fast", "numbers.csv")
    assert frozen.data is not None and frozen.data.columns == {"text": "words", "label": "parity"}
    assert frozen.typed_params() == recipe.typed_params()
    assert {path.name for path in folder.data.iterdir()} >= {"train.arrow", "validation.arrow", "test.arrow"}


def test_a_run_is_recorded_with_what_it_asks_of_a_machine(settings: Settings, store: SqlStore, recipe: Recipe) -> None:
    run = submit(recipe, settings, store)
    assert (run.priority, run.devices_wanted) == ("normal", 1)
    assert run.memory_needed is not None and 700_000_000 < run.memory_needed < 2_000_000_000
    larger = {"params": recipe.params | {"per_device_train_batch_size": 256}}
    asking = recipe.model_copy(update={**larger, "resources": Resources(devices=2, priority="low")})
    other = submit(asking, settings, store)
    assert (other.priority, other.devices_wanted) == ("low", 2)
    assert (other.memory_needed or 0) > run.memory_needed
    frozen = load(RunFolder(settings.runs / other.id).recipe)
    assert frozen.resources == asking.resources


def test_of_a_model_whose_size_nobody_knows_the_need_is_unknown(
    settings: Settings, store: SqlStore, recipe: Recipe
) -> None:
    assert submit(recipe.model_copy(update={"model": "someone/unheard-of"}), settings, store).memory_needed is None


def test_the_run_does_not_look_at_the_file_again(
    settings: Settings, store: SqlStore, recipe: Recipe, table: Path
) -> None:
    run = submit(recipe, settings, store)
    table.unlink()
    frozen = load(RunFolder(settings.runs / run.id).recipe)
    assert submit(frozen, settings, store).dataset == "numbers.csv"


def test_a_draft_is_left_to_its_maker(settings: Settings, store: SqlStore, recipe: Recipe) -> None:
    assert submit(recipe, settings, store, queue=False, name=" mine ").name == "mine"
    assert store.reconcile().queued == ()


def test_a_preset_alone_has_no_data(settings: Settings, store: SqlStore) -> None:
    with pytest.raises(RecipeError, match="has no data"):
        prepare(presets("text-classification")["fast"], settings, store)


def test_a_column_that_is_not_there_is_answered_with_those_that_are(
    settings: Settings, store: SqlStore, recipe: Recipe, table: Path
) -> None:
    with pytest.raises(DataError, match='no column "mood". Its columns are "words", "parity"'):
        submit(recipe.with_data(table, text="words", label="mood"), settings, store)
    assert nothing_left(settings, store)


def test_findings_that_stop_are_all_told_and_nothing_is_recorded(
    settings: Settings, store: SqlStore, recipe: Recipe, table: Path
) -> None:
    table.write_text("words,parity\n" + "\n".join(f"word {index},same" for index in range(40)), "utf-8")
    wrong = recipe.with_data(table, text="words", label="parity").model_copy(update={"model": str(table.parent / "no")})
    with pytest.raises(AutotrainError) as caught:
        submit(wrong, settings, store)
    assert "same" in caught.value.message and "no" in caught.value.message
    assert nothing_left(settings, store)


def test_a_repository_that_cannot_be_written_stops_the_run_before_it_starts(
    settings: Settings, store: SqlStore, recipe: Recipe, hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = recipe.model_copy(update={"publish": PublishTarget(repository="someone-else/model")})
    monkeypatch.setenv("HF_TOKEN", hub.token)
    with pytest.raises(HubError, match="someone-else"):
        submit(named, settings, store)
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    with pytest.raises(HubError, match="may only read|write permission"):
        submit(recipe.model_copy(update={"publish": PublishTarget(repository="mine")}), settings, store)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(HubError, match="no Hub token"):
        submit(recipe.model_copy(update={"publish": PublishTarget(repository="mine")}), settings, store)
    assert nothing_left(settings, store)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    target = PublishTarget(repository="mine")
    assert submit(recipe.model_copy(update={"publish": target}), settings, store).state == "queued"


def test_a_hub_that_does_not_answer_stops_no_training(
    settings: Settings, store: SqlStore, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "hf_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
    named = recipe.model_copy(update={"publish": PublishTarget(repository="mine")})
    assert submit(named, settings, store).state == "queued"
