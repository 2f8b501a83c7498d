"""Training from Python: the same record as the page, waiting for a device, and what is said when it went wrong."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from autotrain import api, submission
from autotrain.answers import Scores
from autotrain.errors import DataError, RecipeError, TrainingError
from autotrain.events import AnyEvent, Log
from autotrain.recipe import PublishTarget, Recipe
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from jobs.dispatcher import devices
from tests.doubles import start_hub_double
from tests.training.toy import recipe, save_encoder, sentences, write_table


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """A quick training of the toy."""
    folder = tmp_path_factory.mktemp("toy")
    rows = sentences(folder)
    model = save_encoder([text for text, _ in rows], folder / "tiny-encoder")
    made = recipe(write_table(folder / "table.csv", rows), num_train_epochs=0.5)
    return made.model_copy(update={"model": str(model)})


@pytest.mark.slow
def test_a_run_waits_for_the_device_of_one_whose_owner_was_killed_until_its_lease_has_ended(
    wanted: Recipe, settings: Settings, store: SqlStore
) -> None:
    host = socket.gethostname()
    store.register_devices(host, devices(), slots=settings.slots)
    lost = submission.submit(wanted, settings, store)
    assert store.claim(lost.id, "killed", host=host, lease=3) is not None
    said: list[AnyEvent] = []
    trained = api.train(wanted, settings=settings, on_event=said.append)
    assert said[0] == Log(text="Waits until a run under way ends: it is the next to start.")
    assert trained.run.state == "succeeded", trained.run.reason
    assert store.get(lost.id).state == "queued"
    assert trained.report.headline().name == "accuracy"
    (answer,) = trained.predict(["a text"])
    assert isinstance(answer, Scores) and sum(answer.scores.values()) == pytest.approx(1)


@pytest.mark.slow
def test_a_repository_that_the_recipe_names_is_pushed_to(
    wanted: Recipe, settings: Settings, store: SqlStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_hub_double(tmp_path) as hub:
        for name, value in {**hub.environment(tmp_path / "hf"), "HF_TOKEN": hub.token}.items():
            monkeypatch.setenv(name, value)
        target = PublishTarget(repository="alice/three", private=True)
        trained = api.train(wanted.model_copy(update={"publish": target}), settings=settings)
        (publication,) = store.publications(trained.run.id)
        assert (publication.state, publication.url) == ("published", f"{hub.endpoint}/alice/three")
        assert hub.content("alice/three", "adapter_model.safetensors")


def test_nothing_is_recorded_when_a_recipe_cannot_be_trained(
    wanted: Recipe, settings: Settings, store: SqlStore
) -> None:
    assert wanted.data is not None
    missing = wanted.data.model_copy(update={"columns": {"text": "text", "label": "colour"}})
    with pytest.raises(DataError, match="colour"):
        api.train(wanted.model_copy(update={"data": missing}), settings=settings)
    with pytest.raises((RecipeError, DataError), match="data"):
        api.train(wanted.model_copy(update={"data": None}), settings=settings)
    assert store.list() == []


def test_a_run_that_did_not_succeed_has_no_report_but_its_reason(
    wanted: Recipe, settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    run = submission.submit(wanted, settings, store)
    store.wish(run.id, "cancel")
    with pytest.raises(TrainingError, match="cancelled"):
        _ = api.TrainedRun(store.get(run.id), RunFolder(settings.runs / run.id), settings).report
