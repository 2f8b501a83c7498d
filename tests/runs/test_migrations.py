"""A record with runs under way is migrated in place, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import create_engine, inspect, text

from autotrain.runs import engine
from autotrain.runs.devices import Device
from autotrain.runs.sql import open_store
from tests.postgres import Server

BEFORE_TURNS = "0003"
RUN = (
    "insert into run (id, name, owner, task, model, dataset, recipe, state, desired_state, fence, last_seq, "
    "attempts_without_progress, claimed_checkpoint_step, created_at, queued_at, started_at, device, lease_expires_at) "
    "values (:id, 'old', 'local', 't', 'm', 'd', '', :state, 'run', :fence, 0, 0, 0, 1, :queued, :started, :device, "
    ":ends)"
)
WAITS = {"state": "queued", "fence": 0, "started": None, "device": None, "ends": None}
WORKS = {"state": "running", "fence": 2, "queued": 5, "started": 6, "ends": 1e12}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'record.sqlite'}"
    server: Server = request.getfixturevalue("postgres")
    return server.database(migrated=False)


def test_runs_under_way_keep_their_devices_and_waiting_ones_their_place(url: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(engine.__file__).parent / "migrations"))
    made = create_engine(url)
    with made.connect() as connection:
        config.attributes["connection"] = connection
        upgrade(config, BEFORE_TURNS)
        for run in (
            {"id": "late", "queued": 9} | WAITS,
            {"id": "early", "queued": 8} | WAITS,
            {"id": "never queued", "queued": None} | WAITS,
            {"id": "cores", "device": "cpu:1"} | WORKS,
            {"id": "cards", "device": "cuda:0+cuda:1"} | WORKS,
        ):
            connection.execute(text(RUN), run)
        for host, device, run_id in (("a", "cpu:0", None), ("a", "cpu:1", "cores"), ("b", "cuda:0+cuda:1", "cards")):
            connection.execute(
                text(
                    "insert into slot (host, device, retired, run_id, fence) values (:host, :device, :no, :run_id, 2)"
                ),
                {"host": host, "device": device, "no": False, "run_id": run_id},
            )
        connection.commit()
    made.dispose()

    store = open_store(url)
    assert store.schema_fits() and not inspect(store._engine).has_table("slot")
    assert [run.run_id for run in store.queue().waiting] == ["never queued", "early", "late"]
    waiting = store.get("early")
    assert (waiting.priority, waiting.devices_wanted, waiting.memory_needed) == ("normal", 1, None)
    store.register_devices("a", [Device("cpu", 10**10)], slots=2)
    store.register_devices("b", [Device(f"cuda:{number}", 10**10) for number in range(3)], slots=2)
    places = {
        place.device: [run.run_id for run in place.runs] for each in store.queue().machines for place in each.places
    }
    assert places == {"cpu": ["cores"], "cuda:0": ["cards"], "cuda:1": ["cards"], "cuda:2": []}
    assert store.claim_next("w", host="a") is None, "nothing was promised of memory, so the processor is taken"
    assert store.claim_next("w", host="b") == ("never queued", 1)
    assert store.get("never queued").device == "cuda:2"
    assert store.move("cards", 2, "running", "succeeded") and store.move("cores", 2, "running", "failed")
    assert store.claim_next("w", host="a") == ("early", 1)
    store.close()
