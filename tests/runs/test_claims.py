"""The claim decides who starts next, whoever is nudged and however often, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import update

from autotrain.errors import ImpossibleTransition, UnknownRun
from autotrain.events import Progress
from autotrain.runs import tables
from autotrain.runs.devices import Device
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import Priority
from autotrain.runs.store import NewRun
from autotrain.runs.turns import PATIENCE_SECONDS

HOST = "here"
GB = 10**9


def put(
    store: SqlStore,
    name: str,
    memory: float | None = 1,
    *,
    owner: str = "local",
    priority: Priority = "normal",
    devices: int = 1,
    queue: bool = True,
) -> None:
    needed = None if memory is None else int(memory * GB)
    new = NewRun(name, name, "t", "m", "d", "r", owner, None, priority, devices, needed)
    store.create(new, queue=queue)


def offer(store: SqlStore, *memory: float, slots: int = 4) -> None:
    """A processor, or several cards, with so many gigabytes."""
    names = ["cpu"] if len(memory) == 1 else [f"cuda:{number}" for number in range(len(memory))]
    store.register_devices(
        HOST, [Device(name, int(each * GB)) for name, each in zip(names, memory, strict=True)], slots=slots
    )


def started(store: SqlStore, most: int = 9, free: float | None = None) -> list[str]:
    """Whatever starts when nudge after nudge comes."""
    found: list[str] = []
    for _ in range(most):
        taken = store.claim_next("w", host=HOST, free=None if free is None else int(free * GB))
        if taken is None:
            break
        found.append(taken[0])
    return found


def end(store: SqlStore, *names: str) -> None:
    for name in names:
        run = store.get(name)
        assert store.move(name, run.fence, run.state, "failed")


def wait(store: SqlStore, seconds: float) -> None:
    """So much time passes for those that were passed over."""
    with store._engine.begin() as connection:
        connection.execute(update(tables.run).values(unfit_at=tables.run.c.unfit_at - seconds))


def test_a_message_for_a_run_behind_others_takes_nobodys_turn(store: SqlStore) -> None:
    offer(store, 8, slots=1)
    for name in ("a", "b", "c"):
        put(store, name)
    assert [store.claim(name, "w", host=HOST) for name in ("c", "b", "a", "c")] == [None, None, 1, None]
    end(store, "a")
    assert [store.claim(name, "w", host=HOST) for name in ("c", "b")] == [None, 1]


def test_priority_goes_before_fairness_and_fairness_before_the_order_of_coming(store: SqlStore) -> None:
    offer(store, 100, slots=5)
    for name in ("a1", "a2", "a3"):
        put(store, name, owner="anna")
    for name in ("b1", "b2"):
        put(store, name, owner="ben")
    put(store, "low", owner="carl", priority="low")
    put(store, "high", owner="anna", priority="high")
    assert started(store) == ["high", "b1", "a1", "b2", "a2"]
    end(store, "high", "b1", "a1", "b2", "a2")
    assert started(store) == ["a3", "low"]


def test_with_one_run_at_once_owners_take_turns(store: SqlStore) -> None:
    offer(store, 8, slots=1)
    for name in ("a1", "a2", "a3"):
        put(store, name, owner="anna")
    for name in ("b1", "b2"):
        put(store, name, owner="ben")
    order = []
    while taken := started(store):
        order += taken
        end(store, *taken)
    assert order == ["a1", "b1", "a2", "b2", "a3"]


def test_what_was_interrupted_goes_on_first_and_what_a_person_resumed_last(store: SqlStore) -> None:
    offer(store, 8, slots=1)
    for name, owner in (("a", "anna"), ("b", "ben"), ("c", "carl")):
        put(store, name, owner=owner)
    assert started(store) == ["a"]
    store.move("a", 1, "starting", "queued", reason="The worker was lost.", code="worker-lost")
    assert [run.run_id for run in store.queue().waiting] == ["a", "b", "c"], "although she was served last"
    assert started(store) == ["a"]
    store.move("a", 2, "starting", "paused")
    store.wish("a", "run")
    assert [run.run_id for run in store.queue().waiting] == ["b", "c", "a"]
    assert started(store) == ["b"]
    store.renew("b", 1, lease=-1)
    assert store.reconcile().queued == ("b", "c", "a"), "a lost worker is no wish of hers either"


def test_runs_share_a_device_as_far_as_its_memory_goes(store: SqlStore) -> None:
    offer(store, 8)
    for name, memory in (("five", 5.0), ("two", 2.0), ("one", 1.0), ("more", 1.0)):
        put(store, name, memory)
    assert started(store) == ["five", "two", "one"]
    assert store.queue().why("more") == (
        "Waits for memory: needs about 1.0 GB, 0.0 GB are free beside 'five', 'two' and 1 more."
    )
    end(store, "five")
    put(store, "unknown", None)
    assert started(store) == ["more"], "what nothing is known of wants a device to itself"
    end(store, "two", "one", "more")
    assert started(store) == ["unknown"]
    assert store.get("unknown").memory_needed is None


def test_on_the_processor_counts_what_is_free_now(store: SqlStore) -> None:
    offer(store, 8)
    put(store, "a", 3)
    put(store, "b", 3)
    assert started(store, free=3.5) == ["a"], "alone it may start; what it will fill is no longer free"
    fence = store.get("a").fence
    store.append("a", fence, [Progress(step=1, total_steps=9, epoch=0, memory_bytes=3 * GB)])
    assert started(store, free=2.9) == []
    assert "2.9 GB are free beside 'a'" in (store.queue().why("b") or "")
    assert started(store, free=3.0) == ["b"]


def test_a_run_takes_as_many_cards_as_it_asks_for(store: SqlStore) -> None:
    offer(store, 8, 8, 8)
    put(store, "two", 5, devices=2)
    put(store, "also two", 5, devices=2)
    put(store, "one", 3)
    put(store, "four", 1, devices=4)
    assert started(store) == ["two", "one"]
    assert (store.get("two").device, store.get("one").device) == ("cuda:0+cuda:1", "cuda:2")
    assert "needs 2 with about 5.0 GB on each, and 1 of 3 can take it" in (store.queue().why("also two") or "")
    assert "no machine has more than 3" in (store.queue().why("four") or "")
    end(store, "two")
    assert started(store) == ["also two"]


def test_a_large_run_is_overtaken_for_a_while_and_not_for_ever(store: SqlStore) -> None:
    offer(store, 8)
    put(store, "first", 2)
    assert started(store) == ["first"]
    put(store, "large", 7)
    put(store, "small 1", 2)
    assert started(store) == ["small 1"]
    wait(store, PATIENCE_SECONDS - 60)
    put(store, "small 2", 2)
    assert started(store) == ["small 2"]
    wait(store, 60)
    put(store, "small 3", 1)
    assert started(store) == [] and store.claim("small 3", "w", host=HOST) is None
    assert "'large' has waited for room too long" in (store.queue().why("small 3") or "")
    end(store, "first", "small 1")
    assert started(store) == []
    end(store, "small 2")
    assert started(store) == ["large", "small 3"]


def test_whoever_is_resumed_is_overtaken_anew(store: SqlStore) -> None:
    offer(store, 8)
    put(store, "first", 2)
    put(store, "large", 7)
    assert started(store) == ["first"]
    wait(store, PATIENCE_SECONDS)
    store.wish("large", "pause")
    store.wish("large", "run")
    put(store, "small", 1)
    assert started(store) == ["small"]


def test_a_draft_waits_behind_others_only_where_a_worker_serves_them(store: SqlStore) -> None:
    offer(store, 8, slots=1)
    put(store, "queued")
    put(store, "mine", queue=False)
    assert [run.run_id for run in store.queue().waiting] == ["queued"]
    assert store.queue(beside="mine").why("mine") == "Waits for its turn: 1 run before it."
    store.seen(HOST)
    assert store.claim("mine", "me", host=HOST, states={"draft", "queued"}) is None
    with store._engine.begin() as connection:
        connection.execute(update(tables.worker).values(seen_at=0))
    assert store.claim("mine", "me", host=HOST, states={"draft", "queued"}) == 1


def test_the_priority_of_a_run_is_changed_while_it_waits(store: SqlStore) -> None:
    offer(store, 8, slots=1)
    put(store, "a")
    put(store, "b")
    assert store.prioritise("b", "high").priority == "high"
    assert started(store) == ["b"]
    with pytest.raises(ImpossibleTransition, match="'b' is in the state 'Starting'"):
        store.prioritise("b", "low")
    with pytest.raises(UnknownRun):
        store.prioritise("nope", "low")


def test_of_many_nudges_at_once_each_takes_another_run_and_no_promise_is_broken(store: SqlStore) -> None:
    offer(store, 5, slots=8)
    for number in range(8):
        put(store, f"r{number}", 1)
    taken: list[tuple[str, int] | None] = []
    threads = [threading.Thread(target=lambda: taken.append(store.claim_next("w", host=HOST))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run_id for run_id, _ in filter(None, taken)) == [f"r{number}" for number in range(5)]
    assert promised(store) == [GB] * 5


def promised(store: SqlStore) -> Sequence[int]:
    with store._engine.connect() as connection:
        return [row.memory for row in connection.execute(tables.allocation.select())]


def test_a_machine_that_registered_nothing_takes_nothing(store: SqlStore) -> None:
    put(store, "a")
    assert store.claim("a", "w", host=HOST) is None and store.claim_next("w", host=HOST) is None
    assert (store.queue().why("a") or "").startswith("Waits for a worker")
