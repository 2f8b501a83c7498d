"""Pushing what cannot be pushed: the same sentence on the page and in a terminal, and the adapter is safe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.recipe import recipes_folder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.app import command
from tests.doubles import Fault, HubDouble, start_hub_double
from tests.page import World, open_page
from tests.ui.runs_on_record import finished

FAST = recipes_folder() / "text_classification" / "fast.yaml"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A Hub that this process talks to, without a token."""
    with start_hub_double(tmp_path) as double:
        for name, value in double.environment(tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield double


@pytest.fixture
def page(settings: Settings, store: SqlStore) -> Iterator[World]:
    with open_page(settings, store) as opened:
        finished(store, settings)
        yield opened


CASES = {
    "no token": (None, "alice/mine", ["token", "Settings"]),
    "a wrong token": ("hf_wrong", "alice/mine", ["token", "Settings"]),
    "a token that may only read": ("read", "alice/mine", ["may only read", "write"]),
    "a name that is none": ("write", "alice/no good", ["alice/no good", "letters"]),
    "a name of somebody else": ("write", "bob/mine", ["bob/mine", "alice"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_push_that_cannot_work_is_told_before_anything_is_sent(
    page: World, hub: HubDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    given, repository, words = CASES[case]
    token = {"read": hub.read_token, "write": hub.token}.get(given or "", given)
    environment = {"HF_TOKEN": token} if token else {}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    checked = page.client.post("/api/runs/run1/publications/check", json={"repository": repository}).json()
    (finding,) = checked["findings"]
    shown = f"{finding['message']} {finding['remedy']}"
    assert finding["severity"] == "error" and all(word in shown for word in words), shown
    environment |= hub.environment(tmp_path / "hf")
    done = command(page.settings.root, "push", "run1", repository, **environment)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    assert "The adapter is safe" in done.stderr
    assert (page.settings.runs / "run1" / "adapter" / "adapter_model.safetensors").exists()
    assert not hub.requests("/repos/create")


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_names_such_a_target_is_refused_before_it_starts(
    page: World, hub: HubDouble, tmp_path: Path, case: str
) -> None:
    given, repository, words = CASES[case]
    token = {"read": hub.read_token, "write": hub.token}.get(given or "", given)
    if token:
        assert page.client.put("/api/account", json={"token": token}).status_code == 200
    (shown,) = page.client.post("/api/drafts/target", json={"repository": repository}).json()["findings"]
    assert shown["severity"] == "error" and all(word in f"{shown['message']} {shown['remedy']}" for word in words)
    page.client.delete("/api/account")
    environment = hub.environment(tmp_path / "hf") | ({"HF_TOKEN": token} if token else {})
    sample = ["--data", "sample:language-identification"]
    done = command(page.settings.root, "train", FAST, *sample, "--publish", repository, **environment)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done.stderr
    assert [run.id for run in page.store.list()] == ["run1"]


def test_a_token_is_looked_at_where_it_is_saved(page: World, hub: HubDouble) -> None:
    def asked() -> str:
        answer = page.client.post("/api/account/identity")
        assert answer.status_code in (403, 503)
        return str(answer.json()["error"]["message"])

    assert "There is no Hub token" in asked()
    mistyped = page.client.put("/api/account", json={"token": "my token"})
    assert "it begins with hf_" in mistyped.json()["error"]["message"]
    page.client.put("/api/account", json={"token": "hf_" + "wrong" * 6})
    assert "does not accept the token" in asked() and "save it in Settings" in asked()
    page.client.put("/api/account", json={"token": hub.read_token})
    assert page.client.post("/api/account/identity").json()["can_write"] is False
    hub.fault(Fault("/whoami-v2", status=503))
    assert "try again in a minute" in asked()


def test_a_hub_that_is_down_is_told_and_a_later_check_finds_it_well_again(
    page: World, hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    hub.fault(Fault("/whoami-v2", status=500))
    down = page.client.post("/api/runs/run1/publications/check", json={"repository": "mine"})
    assert down.status_code == 200 and down.json()["account"] is None
    assert down.json()["findings"][0]["severity"] == "warning"
    well = page.client.post("/api/runs/run1/publications/check", json={"repository": "mine"}).json()
    assert (well["account"], well["findings"]) == ("alice", [])
