"""Whose turn it is, on which devices, and what a run that waits is told. No record: values in, values out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from autotrain.runs.devices import Machine, Place, Tenant
from autotrain.runs.turns import PATIENCE_SECONDS, Queue, Waiting, in_order, turn

GB = 10**9
NOW = 10_000.0


def tenant(name: str, promised: float | None, held: float = 0) -> Tenant:
    return Tenant(name, name, None if promised is None else int(promised * GB), int(held * GB))


def machine(*places: Place, slots: int = 4) -> Machine:
    return Machine("here", slots, places)


def processor(*runs: Tenant, memory: float = 8, free: float | None = 8, slots: int = 4) -> Machine:
    return machine(Place("cpu", int(memory * GB), None if free is None else int(free * GB), runs=runs), slots=slots)


def cards(*runs: tuple[Tenant, ...], memory: float = 8) -> Machine:
    return machine(*(Place(f"cuda:{number}", int(memory * GB), runs=each) for number, each in enumerate(runs)))


def waiting(name: str, memory: float | None = 1, devices: int = 1) -> Waiting:
    return Waiting(name, name, devices=devices, memory=None if memory is None else int(memory * GB))


@pytest.mark.parametrize(
    ("there", "needed", "starts"),
    [
        (processor(), 100, True),  # the estimate warns, it does not forbid
        (processor(), None, True),
        (processor(tenant("a", 5)), 3, True),
        (processor(tenant("a", 5)), 3.1, False),
        (processor(tenant("a", 5)), None, False),
        (processor(tenant("a", None)), 0.1, False),
        (processor(tenant("a", 5), free=4), 3, False),  # what is free now is still to be filled by the run that began
        (processor(tenant("a", 5, held=5), free=3), 3, True),
        (processor(tenant("a", 5, held=6), free=2), 3, False),  # others, or the run itself, took more than was said
        (processor(tenant("a", 1), slots=1), 1, False),
        (machine(Place("cpu")), 1, True),
        (machine(Place("cpu", runs=(tenant("a", 1),))), 1, False),
        (machine(Place("cpu", 8 * GB, retired=True)), 1, False),
    ],
)
def test_a_run_starts_where_its_memory_fits_beside_what_was_promised(
    there: Machine, needed: float | None, starts: bool
) -> None:
    assert (turn([waiting("r", needed)], there, NOW).run_id == "r") is starts


def test_a_run_gets_idle_cards_first_and_shares_one_only_where_both_fit() -> None:
    both = cards((tenant("a", 6),), ())
    assert turn([waiting("r", 1)], both, NOW).devices == ("cuda:1",)
    assert turn([waiting("r", 2, devices=2)], both, NOW).devices == ("cuda:1", "cuda:0")
    assert turn([waiting("r", 3, devices=2)], both, NOW).run_id is None
    assert turn([waiting("r", 1, devices=3)], both, NOW) == turn([], both, NOW), "it can never start here"
    assert turn([waiting("r", 1, devices=3)], processor(), NOW).devices == ("cpu",)
    ten = cards(*[()] * 11)
    assert turn([waiting("r", 1, devices=11)], ten, NOW).devices[-2:] == ("cuda:9", "cuda:10")


def test_first_what_is_urgent_then_what_was_interrupted_then_who_has_least_then_who_came_first() -> None:
    plain = waiting("z")
    ordered = [
        replace(plain, run_id="urgent", priority="high", in_line_at=9),
        replace(plain, run_id="overdue", unfit_at=NOW - PATIENCE_SECONDS, others=3, in_line_at=8),
        replace(plain, run_id="interrupted", interrupted=True, others=2, in_line_at=7),
        replace(plain, run_id="nobody's", in_line_at=6),
        replace(plain, run_id="not served lately", served_at=1, in_line_at=5),
        replace(plain, run_id="first", served_at=2, in_line_at=1, unfit_at=NOW - PATIENCE_SECONDS + 1),
        replace(plain, run_id="second", served_at=2, in_line_at=2),
        replace(plain, run_id="owner has one", others=1),
        replace(plain, run_id="not urgent", priority="low", unfit_at=0),
    ]
    assert [run.run_id for run in in_order(ordered[::-1], NOW)] == [run.run_id for run in ordered]


def test_a_run_that_does_not_fit_is_passed_over_for_a_while_and_then_waited_for() -> None:
    there = processor(tenant("a", 5))
    large, small = waiting("large", 4), waiting("small", 1)
    found = turn([large, small], there, NOW)
    assert (found.run_id, found.passed) == ("small", ("large",))
    patient = replace(large, unfit_at=NOW - PATIENCE_SECONDS + 1)
    assert turn([patient, small], there, NOW).run_id == "small"
    overdue = replace(large, unfit_at=NOW - PATIENCE_SECONDS)
    assert turn([overdue, small], there, NOW).run_id is None
    assert turn([overdue, small], processor(), NOW).run_id == "large"
    nowhere = replace(waiting("four cards", 1, devices=4), unfit_at=0)
    assert turn([nowhere, small], cards((), ()), NOW).run_id == "small", "for what can never fit nobody waits"


ONE_AHEAD = (waiting("first", 1), waiting("r", 5.8))


@pytest.mark.parametrize(
    ("queue", "machines", "said"),
    [
        ((waiting("r"),), (), "Waits for a worker: none has begun to work yet. `autotrain up` starts one."),
        ((waiting("r"),), (processor(),), "Starts within seconds."),
        (ONE_AHEAD, (processor(),), "Waits for its turn: 1 run before it."),
        (
            (waiting("r"),),
            (processor(tenant("a", 1), slots=1),),
            "Waits until a run under way ends: it is the next to start.",
        ),
        (ONE_AHEAD, (processor(tenant("a", 1), slots=1),), "Waits for its turn: 1 run before it."),
        (
            (waiting("r", 5.8),),
            (processor(tenant("chat run", 4.9)),),
            "Waits for memory: needs about 5.8 GB, 3.1 GB are free beside 'chat run'.",
        ),
        (
            ONE_AHEAD,
            (processor(tenant("a", 1), tenant("b", 1), tenant("c", 1), free=4.5),),
            "Waits for memory: needs about 5.8 GB, 1.5 GB are free beside 'a', 'b' and 1 more. 1 run before it.",
        ),
        (
            (waiting("r", None),),
            (processor(tenant("a", 1), tenant("b", 1)),),
            "Waits for a device to itself, because nobody knows how much memory it needs. On it now: 'a' and 'b'.",
        ),
        ((waiting("r"),), (processor(tenant("a", None)),), "Waits for 'a', which has the device to itself."),
        (
            (waiting("r", 5.8, 2),),
            (cards((tenant("a", 6),), (), (tenant("b", 2),)),),
            None,
        ),
        (
            (waiting("r", 5.8, 2),),
            (cards((tenant("a", 6),), ()),),
            "Waits for devices: needs 2 with about 5.8 GB on each, and 1 of 2 can take it.",
        ),
        (
            (waiting("r", 1, 4),),
            (cards((), ()),),
            "Waits for 4 devices, and no machine has more than 2. Start it again with fewer.",
        ),
        (
            (replace(waiting("large", 8), unfit_at=0), waiting("r")),
            (processor(tenant("a", 1)),),
            "Waits for its turn: 'large' has waited for room too long, and nothing starts before it now.",
        ),
    ],
)
def test_a_run_is_told_why_it_waits(
    queue: tuple[Waiting, ...], machines: tuple[Machine, ...], said: str | None
) -> None:
    found = Queue(queue, machines, NOW).why("r")
    assert found == said or (said is None and found == "Starts within seconds.")


def test_a_run_that_does_not_wait_is_told_nothing() -> None:
    assert Queue((waiting("r"),)).why("other") is None and Queue((waiting("r"),)).ahead("other") is None
    assert Queue((waiting("a"), waiting("r"))).ahead("r") == 1
