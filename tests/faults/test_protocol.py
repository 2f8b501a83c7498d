"""Every state of the protocol keeps its promises, and each rule of it is needed."""

from __future__ import annotations

import pytest

from autotrain.runs.store import ATTEMPTS_WITHOUT_PROGRESS, LEASE_SECONDS, RENEW_SECONDS
from jobs.lease import Pace
from tests.faults import LARGE
from tests.faults.protocol import DRIFT, KILL, LEASE, Broken, Faults, Rules, explore

MUTANTS = [
    (Rules(fence_is_checked=False), "At most one owner may write."),
    (Rules(lost_leases_are_not_renewed=False), "A run has at most one trainer."),
    (Rules(kill=LEASE + 1), "A run has at most one trainer."),
    (Rules(drift=LEASE - KILL), "A run has at most one trainer."),
    (Rules(trainer_knows_the_lease=False), "A run has at most one trainer."),
    (Rules(lease_counts_from_before_the_claim=False), "A run has at most one trainer."),
    (Rules(ended_leases_are_taken_up=False), "An accepted run can still come to its end."),
    (Rules(waiting_runs_are_nudged_again=False), "An accepted run can still come to its end."),
]
SMALL = [Faults(1, 1, 0, 0), Faults(0, 1, 1, 0), Faults(1, 0, 0, 1)]
LARGER = [Faults(1, 1, 0, 1, ATTEMPTS_WITHOUT_PROGRESS), Faults(2, 1, 1, 0, ATTEMPTS_WITHOUT_PROGRESS)]
"""The small ones visit 168,000 states in 8 s of one core, the larger ones some two million in a few minutes."""


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("faults", [*SMALL, *(LARGER if LARGE else [])], ids=str)
def test_every_reachable_state_keeps_every_promise(faults: Faults) -> None:
    explored = explore(Rules(), faults)
    print(explored)
    assert explored.states > 20_000


@pytest.mark.parametrize(("rules", "promise"), MUTANTS, ids=[str(number) for number in range(len(MUTANTS))])
def test_each_rule_is_needed(rules: Rules, promise: str) -> None:
    with pytest.raises(Broken) as found:
        explore(rules, Faults(1, 1))
    assert found.value.promise == promise
    assert len(found.value.history) > 1


def test_the_model_has_the_proportions_of_the_product() -> None:
    pace = Pace()
    dead_after = pace.self_fence + pace.fence_grace
    assert RENEW_SECONDS < pace.self_fence < dead_after < LEASE_SECONDS == pace.lease
    assert KILL + DRIFT < LEASE
