"""A Hub that stumbles, refuses and forgets, and workers that die while they push: the training is never touched, and
what arrives is one repository with one commit, nothing twice.

The real client and publisher against the double. `tests/hub/test_publish.py` has each fault by itself; here they come
together, over the record, and with processes that are killed.
"""

from __future__ import annotations

import functools
import hashlib
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update

from autotrain.hub.account import Account
from autotrain.hub.publish import Publisher
from autotrain.runs import tables
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.runs.store import Publication, Run
from autotrain.settings import Settings
from jobs.publisher import publish
from tests.doubles import Fault, HubDouble
from tests.faults import LARGE
from tests.jobs.conftest import until

REPOSITORY = "alice/my-adapter"
STAGES = ("/whoami-v2", "/api/models/alice/my-adapter$", "/repos/create", "/commits/", "/preupload/", "/batch")
ALL_STAGES = (*STAGES, "/large-files/", "/commit/main")
STORMS, FAULTS_IN_ONE = (60, 8) if LARGE else (5, 4)
KILLS = (
    [(kind, path) for kind in ("hang", "stall") for path in ALL_STAGES]
    if LARGE
    else [("stall", "/repos/create"), ("hang", "/large-files/"), ("stall", "/large-files/"), ("stall", "/commit/main")]
)
at_once = functools.partial(Publisher, pauses=(0.0,))

PUSH = """
import os, signal, sys
from autotrain.hub import publish as room
from autotrain.runs.sql import open_store
from autotrain.settings import load_settings
from jobs.publisher import publish

look = room._is_there

def and_stop(*arguments):
    room._is_there = look
    found = look(*arguments)
    os.kill(os.getpid(), signal.SIGSTOP)
    return found

if "stop" in sys.argv:
    room._is_there = and_stop
settings = load_settings()
print(publish(sys.argv[1], open_store(settings.database), settings))
"""


@pytest.fixture(autouse=True)
def token(hub: HubDouble, settings: Settings, store: SqlStore) -> None:
    Account(store, settings).save(hub.token)


class Untouched:
    """The run before anything was pushed: its row, and every byte of its folder."""

    def __init__(self, store: SqlStore, settings: Settings) -> None:
        self._store, self._folder = store, RunFolder(settings.runs / "r1")
        self._before = self._now()

    def _now(self) -> tuple[Run, dict[Path, bytes]]:
        files = (path for path in self._folder.path.rglob("*") if path.is_file())
        return self._store.get("r1"), {path: path.read_bytes() for path in files}

    def check(self) -> None:
        assert self._now() == self._before


def arrived_once(hub: HubDouble) -> None:
    """One repository, one commit of ours, every file, and no large file sent again after it had arrived."""
    assert list(hub.hub.storage.repositories) == [REPOSITORY]
    found = hub.repository(REPOSITORY)
    assert found is not None and found.private
    titles = [commit.title for commit in found.commits[1:]]
    assert len(titles) == 1 and titles[0].startswith("Publish adapter (operation ")
    files = {"README.md", "adapter_config.json", "adapter_model.safetensors", "recipe.yaml", "report.json"}
    assert set(found.head.files) == {*files, ".gitattributes"}
    assert hub.content(REPOSITORY, "adapter_model.safetensors") == bytes(500_000)


def started(hub: HubDouble, settings: Settings, wished: Publication, *flags: str) -> subprocess.Popen[str]:
    """Another worker's process that publishes, with the real patience."""
    environment = {**os.environ, **hub.environment(settings.root / "hf"), "AUTOTRAIN_HOME": str(settings.root)}
    command = [sys.executable, "-c", PUSH, wished.id, *flags]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def let_lease_end(store: SqlStore) -> None:
    """A minute passes on the clock of leases."""
    with store._engine.begin() as connection:
        connection.execute(update(tables.publication).values(lease_expires_at=0.0))


def a_fault(chance: random.Random) -> Fault:
    kind = chance.choice(["refuse", "refuse", "cut", "lose"])
    path = chance.choice(ALL_STAGES)
    status = chance.choice([500, 502, 503, 429, 412 if path == "/commit/main" else 504])
    headers = {"Retry-After": chance.choice(["0", "1"])} if status == 429 else {}
    return Fault(path, kind=kind, status=status, headers=headers)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(STORMS))
def test_in_a_storm_it_is_retried_until_it_is_there_once(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(FAULTS_IN_ONE):
        hub.fault(a_fault(chance))
    untouched = Untouched(store, settings)
    for _ in range(FAULTS_IN_ONE + 1):
        if publish(wished.id, store, settings, at_once) == "published":
            break
        failed = store.publication(wished.id)
        assert failed.state == "failed" and failed.reason_code in {
            "hub-down",
            "hub-busy",
            "hub-unreachable",
            "conflict",
        }
        store.retry_publication(wished.id)
    assert store.publication(wished.id).url == f"{hub.endpoint}/{REPOSITORY}"
    arrived_once(hub)
    untouched.check()


def test_a_token_revoked_after_the_training_is_a_reason_and_another_one_goes_on_from_there(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    untouched = Untouched(store, settings)
    account = hub.hub.accounts[hub.token]
    hub.revoke(hub.token)
    assert publish(wished.id, store, settings, at_once) == "failed"
    failed = store.publication(wished.id)
    assert failed.reason_code == "token-wrong" and "Make a new one" in str(failed.reason)
    assert not hub.hub.storage.repositories
    untouched.check()
    hub.hub.accounts["hf_another"] = account
    Account(store, settings).save("hf_another")
    store.retry_publication(wished.id)
    assert publish(wished.id, store, settings, at_once) == "published"
    arrived_once(hub)


def test_others_who_commit_again_and_again_are_waited_for_and_then_named(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    untouched = Untouched(store, settings)
    hub.fault(Fault("/commit/main", status=412, times=3))
    patient = functools.partial(Publisher, pauses=(0.0, 0.0))
    assert publish(wished.id, store, settings, patient) == "failed"
    failed = store.publication(wished.id)
    assert failed.reason_code == "conflict" and "changed at the same moment" in str(failed.reason)
    store.retry_publication(wished.id)
    assert publish(wished.id, store, settings, patient) == "published"
    assert len(hub.requests("/large-files/", "PUT")) == 1, "what had arrived is not sent again"
    arrived_once(hub)
    untouched.check()


@pytest.mark.parametrize(("kind", "path"), KILLS)
def test_a_worker_killed_while_it_pushes_is_succeeded_by_another(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication, kind: str, path: str
) -> None:
    untouched = Untouched(store, settings)
    fault = Fault(path, kind=kind)  # type: ignore[arg-type]
    hub.fault(fault)
    worker = started(hub, settings, wished)
    until(lambda: fault.times == 0 and (kind == "hang" or done(hub, path)), 240)
    worker.kill()
    worker.wait()
    assert store.publication(wished.id).state == "uploading"
    assert publish(wished.id, store, settings, at_once) is None, "its lease still holds"
    let_lease_end(store)
    assert store.reconcile().publications == (wished.id,)
    sent = len(hub.requests("/large-files/", "PUT"))
    assert publish(wished.id, store, settings, at_once) == "published"
    again = len(hub.requests("/large-files/", "PUT")) - sent
    assert again == (0 if path == "/commit/main" or (kind, path) == ("stall", "/large-files/") else 1)
    arrived_once(hub)
    untouched.check()


def done(hub: HubDouble, path: str) -> bool:
    """Whether the work of a request that is never answered has been done."""
    found = hub.repository(REPOSITORY)
    match path:
        case "/repos/create":
            return found is not None
        case "/large-files/":
            return hub.hub.storage.blob(hashlib.sha256(bytes(500_000)).hexdigest()).is_file()
        case "/commit/main":
            return found is not None and len(found.commits) == 2
        case _:
            return True


def test_a_worker_that_was_stopped_right_before_its_commit_wakes_up_and_adds_nothing(
    hub: HubDouble, settings: Settings, store: SqlStore, wished: Publication
) -> None:
    worker = started(hub, settings, wished, "stop")
    try:
        until(lambda: psutil.Process(worker.pid).status() == psutil.STATUS_STOPPED, 240)
        let_lease_end(store)
        assert publish(wished.id, store, settings, at_once) == "published"
        published = store.publication(wished.id)
        os.kill(worker.pid, signal.SIGCONT)
        said, _ = worker.communicate(timeout=240)
    finally:
        worker.kill()
    assert said.strip() == "None", "it wrote nothing into the record"
    assert store.publication(wished.id) == published
    arrived_once(hub)
