"""The policy, state by state."""

from __future__ import annotations

import pytest

from autotrain.retention.policy import DAY, Policy
from autotrain.runs.state import RESTING, STATES, State
from autotrain.runs.store import Resting

POLICY = Policy(going_on=30 * DAY, finished=1 * DAY)


def let_go(state: State, days: float, *, has_result: bool = True) -> str | None:
    return POLICY.lets_go(Resting("r", "r", state, 1, days * DAY), has_result=has_result)


@pytest.mark.parametrize("state", sorted(set(STATES) - RESTING))
def test_what_waits_or_works_is_never_touched(state: State) -> None:
    assert let_go(state, 10_000) is None


@pytest.mark.parametrize("state", ["paused", "failed", "cancelled"])
def test_what_may_go_on_is_kept_for_its_days(state: State) -> None:
    assert let_go(state, 29.9, has_result=False) is None
    reason = let_go(state, 30, has_result=False)
    assert reason is not None and "30 days ago" in reason and "are kept for 30 days." in reason


def test_what_finished_is_kept_for_a_day_and_for_ever_without_its_result() -> None:
    assert let_go("succeeded", 0.9) is None
    assert let_go("succeeded", 1) == "It finished 1 day ago; its adapter and report are there."
    assert let_go("succeeded", 1_000, has_result=False) is None
