"""A publication from wish to link: the real publisher, the real client, a Hub on this machine."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.hub.account import Account
from autotrain.hub.publish import Publisher
from autotrain.runs.devices import Device
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import NewRun, Publication
from autotrain.settings import Settings
from jobs.publisher import publish
from tests.doubles import Fault, HubDouble, start_hub_double
from tests.hub.test_card import PROFILE, REPORT

RECIPE = """\
version: 1
task: text-classification
title: Fast
model: tiny
data:
  source: 0123456789abcdef
  columns: {text: message, label: topic}
"""
impatient = functools.partial(Publisher, pauses=())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A running Hub that this process talks to, without a token of the developer's own."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with start_hub_double(tmp_path) as double:
        monkeypatch.setenv("HF_ENDPOINT", double.endpoint)
        yield double


@pytest.fixture
def wished(settings: Settings, store: SqlStore) -> Publication:
    """A finished run that someone wants published."""
    model = settings.models / "tiny"
    model.mkdir()
    (model / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}))
    (model / "model.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    folder = RunFolder(settings.runs / "r1")
    folder.data.mkdir(parents=True)
    folder.adapter.mkdir()
    (folder.adapter / "adapter_model.safetensors").write_bytes(bytes(500_000))
    (folder.adapter / "adapter_config.json").write_text('{"peft_type": "LORA"}')
    folder.report.write_text(REPORT.model_dump_json())
    folder.recipe.write_text(RECIPE)
    (folder.data / "profile.json").write_text(PROFILE.model_dump_json())
    store.register_devices("here", [Device("cpu:0")])
    store.create(NewRun("r1", "r1", "text-classification", str(model), "data.csv", RECIPE))
    fence = store.claim("r1", "test", host="here")
    assert fence is not None
    store.move("r1", fence, "starting", "running")
    store.move("r1", fence, "running", "succeeded")
    return store.request_publication("r1", "my-adapter", private=True)


def test_a_publication_ends_with_its_link(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    Account(store, settings).save(hub.token)
    assert publish(wished.id, store, settings, impatient) == "published"
    done = store.publication(wished.id)
    assert (done.state, done.url) == ("published", f"{hub.endpoint}/alice/my-adapter")
    assert done.uploaded_bytes == done.total_bytes >= 500_000
    card = hub.content("alice/my-adapter", "README.md").decode()
    assert "data.csv" in card and "0123456789abcdef" not in card


def test_a_second_message_publishes_nothing(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    Account(store, settings).save(hub.token)
    publish(wished.id, store, settings, impatient)
    assert publish(wished.id, store, settings, impatient) is None
    assert store.publication(wished.id).state == "published"


def test_without_a_token_the_reason_says_what_to_do_and_the_run_stays_a_success(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    assert publish(wished.id, store, settings, impatient) == "failed"
    failed = store.publication(wished.id)
    assert failed.reason_code == "token-missing"
    assert "Settings" in str(failed.reason)
    assert store.get("r1").state == "succeeded"


def test_a_failed_one_succeeds_when_it_is_tried_again(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    Account(store, settings).save(hub.token)
    hub.fault(Fault("/commit/", status=500))
    assert publish(wished.id, store, settings, impatient) == "failed"
    store.retry_publication(wished.id)
    assert publish(wished.id, store, settings, impatient) == "published"


def test_whoever_lost_a_publication_writes_nothing(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    Account(store, settings).save(hub.token)

    class Overtaken(Publisher):
        """Another worker takes over while this one uploads."""

        def resolve(self, repository: str) -> str:
            with store._engine.begin() as connection:
                connection.exec_driver_sql("update publication set fence = fence + 1")
            return super().resolve(repository)

    assert publish(wished.id, store, settings, Overtaken) is None
    assert store.publication(wished.id).state == "uploading"


def test_an_unfinished_folder_is_a_reason_and_no_crash(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    Account(store, settings).save(hub.token)
    RunFolder(settings.runs / "r1").report.unlink()
    assert publish(wished.id, store, settings, impatient) == "failed"
    assert store.publication(wished.id).reason_code == "nothing-to-publish"
