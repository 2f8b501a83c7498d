"""Publishing over HTTP: what is checked before, and what is recorded."""

from __future__ import annotations

import pytest

from autotrain.hub.account import KEY_FILE, Account
from tests.page import World
from tests.ui.conftest import problem
from tests.ui.runs_on_record import finished, running


def test_the_card_is_shown_as_it_will_look_without_anyones_markup(world: World) -> None:
    finished(world.store, world.settings)
    card = world.client.get("/api/runs/run1/card", params={"repository": "alice/messages"}).json()
    assert card["markdown"].startswith("---\n") and "messages.csv" in card["markdown"]
    assert "<h1>" in card["html"] and "<table>" in card["html"]
    assert "<b>bad" not in card["html"] and "<script" not in card["html"]
    assert "alice/messages" in card["python"]


@pytest.mark.parametrize("path", ["/api/drafts/target", "/api/runs/run1/publications/check"])
def test_a_saved_token_that_cannot_be_read_is_a_finding_before_and_after_the_run(world: World, path: str) -> None:
    finished(world.store, world.settings)
    Account(world.store, world.settings).save("hf_something")
    (world.settings.root / KEY_FILE).unlink()
    checked = world.client.post(path, json={"repository": "messages"}).json()
    assert [finding["code"] for finding in checked["findings"]] == ["token-unreadable"]
    assert "Save the token again in Settings" in checked["findings"][0]["remedy"]


def test_publishing_without_a_token_is_checked_and_said(world: World) -> None:
    finished(world.store, world.settings)
    checked = world.client.post("/api/runs/run1/publications/check", json={"repository": "messages"}).json()
    assert checked["account"] is None
    assert checked["findings"][0]["severity"] == "error" and "token" in checked["findings"][0]["message"].lower()


def test_a_publication_is_recorded_nudged_and_shown_with_the_run(world: World) -> None:
    finished(world.store, world.settings)
    answer = world.client.post("/api/runs/run1/publish", json={"repository": "alice/messages", "private": True})
    assert answer.status_code == 202
    assert world.nudged == [("publication", answer.json()["id"])]
    shown = world.client.get("/api/runs/run1").json()["publications"]
    assert [(one["repository"], one["state"]) for one in shown] == [("alice/messages", "pending")]
    fence = world.store.claim_publication(answer.json()["id"])
    assert fence is not None
    world.store.end_publication(answer.json()["id"], fence, reason="The Hub is down.", code="hub-unreachable")
    again = world.client.post(f"/api/publications/{answer.json()['id']}/retry")
    assert (again.status_code, again.json()["state"]) == (202, "pending")


def test_an_unfinished_run_is_not_published(world: World) -> None:
    running(world.store, world.settings)
    answer = world.client.post("/api/runs/run1/publish", json={"repository": "messages"})
    assert answer.status_code == 409
    problem(answer)
