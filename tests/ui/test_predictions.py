"""The playground gives memory back when a run needs it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.predictor import PredictorPool
from autotrain.runs.devices import Device
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.ui.predictions import LOOK_SECONDS, Predictions
from tests.predictor.conftest import answerer, artifact, model, program
from tests.ui.runs_on_record import queued

__all__ = ["answerer", "artifact", "model", "program"]


@pytest.fixture
def pool(answerer: tuple[str, ...], settings: Settings, store: SqlStore) -> Iterator[PredictorPool]:
    """The processes of a playground that is open."""
    made = PredictorPool(program=answerer)
    predictions = Predictions(settings, store, made)
    yield made
    predictions.close()


def test_a_run_that_begins_gets_the_memory_of_an_adapter_that_nobody_asks(
    pool: PredictorPool, settings: Settings, store: SqlStore, artifact: Path, model: Path
) -> None:
    pool.predict(artifact, model, [{"text": "one"}])
    queued(store, settings)
    store.register_devices("here", [Device("cpu:0")])
    time.sleep(3 * LOOK_SECONDS)
    assert pool.running == [artifact], "a run that waits needs no memory yet"
    assert store.claim("run1", "worker", host="here") is not None
    deadline = time.monotonic() + 60
    while pool.running and time.monotonic() < deadline:
        time.sleep(0.1)
    assert pool.running == []
