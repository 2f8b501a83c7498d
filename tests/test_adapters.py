"""The adapter of a finished run, as page, command line and Python find it."""

from __future__ import annotations

import pytest

from autotrain.adapters import finished_adapter
from autotrain.errors import ModelError
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.ui import runs_on_record


def test_a_finished_adapter_knows_its_base_model_and_the_columns_it_reads(settings: Settings, store: SqlStore) -> None:
    runs_on_record.finished(store, settings)
    found = finished_adapter(store.get("run1"), settings)
    assert found.artifact == RunFolder(settings.runs / "run1").adapter
    assert found.model == settings.models / "none"
    assert found.columns == {"text": "message", "label": "topic"}
    assert found.inputs == {"text": "message"}


def test_a_run_under_way_has_no_adapter_yet(settings: Settings, store: SqlStore) -> None:
    runs_on_record.running(store, settings)
    with pytest.raises(ModelError, match="It is there when the run is finished") as caught:
        finished_adapter(store.get("run1"), settings)
    assert caught.value.code == "no-adapter"
