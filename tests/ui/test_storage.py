"""The disk over HTTP: what takes it, what may go and why, and what a run without its checkpoints says."""

from __future__ import annotations

from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.training.checkpoint import last_complete
from tests.page import World
from tests.retention.conftest import WEIGHTS, at_rest


def test_what_may_go_is_listed_and_goes_when_asked(world: World, settings: Settings, store: SqlStore) -> None:
    old = at_rest(settings, store, "old", "failed", days=31)
    young = at_rest(settings, store, "young", "failed", days=3)

    held = world.client.get("/api/storage").json()

    assert held["checkpoints"] == 4 * WEIGHTS and held["free"] > 0 and held["kept_days"] == 30
    (one,) = held["prunable"]
    assert (one["run_id"], one["size_bytes"]) == ("old", 2 * WEIGHTS) and "31 days ago" in one["reason"]
    assert last_complete(old) is not None
    freed = world.client.post("/api/storage/prune").json()
    assert freed["size_bytes"] == 2 * WEIGHTS and [each["run_id"] for each in freed["pruned"]] == ["old"]
    assert last_complete(old) is None and last_complete(young) is not None
    assert world.client.get("/api/storage").json()["checkpoints"] == 2 * WEIGHTS


def test_a_run_says_where_it_would_go_on_from(world: World, settings: Settings, store: SqlStore) -> None:
    at_rest(settings, store, "r", "paused", days=31)
    view = world.client.get("/api/runs/r").json()
    assert view["goes_on"] == "It goes on from its checkpoint at step 2." and view["pruned_at"] is None
    world.client.post("/api/storage/prune")
    resumed = world.client.post("/api/runs/r/wish", json={"wish": "run"}).json()
    assert resumed["state"] == "queued" and resumed["checkpoint_step"] is None
    assert "deleted on" in resumed["goes_on"] and "starts from the beginning" in resumed["goes_on"]
