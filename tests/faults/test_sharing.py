"""Real trainers side by side: two whose memory fits train at once, two whose memory does not one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import update

from autotrain.runs import tables
from autotrain.runs.store import Run
from autotrain.training.hardware import memory
from tests.faults.installation import Installation, installation, toy, until


def overlap(place: Installation, first: Run, second: Run) -> bool:
    """Whether a trainer of one lived while one of the other did."""
    return any(
        began < other_last and other_began < last
        for began, last in place.lives(first.id)
        for other_began, other_last in place.lives(second.id)
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_runs_train_at_once_where_their_memory_fits_and_wait_where_it_does_not(tmp_path: Path) -> None:
    made = toy("text-classification", tmp_path / "toys")
    with installation(tmp_path / "home", "broker", slots=2) as place:
        pair = [place.submit(made) for _ in range(2)]
        needed = [run.memory_needed or 0 for run in pair]
        assert all(400_000_000 < each < 2_000_000_000 for each in needed), needed
        place.start("worker")
        for run in pair:
            ended = place.until_state(run.id, "succeeded", "failed")
            assert (ended.state, ended.fence) == ("succeeded", 1), place.told(run.id)
        assert overlap(place, *pair)

        first, second = (place.submit(made) for _ in range(2))
        with place.store._engine.begin() as connection:
            both = tables.run.c.id.in_([first.id, second.id])
            connection.execute(update(tables.run).where(both).values(memory_needed=memory()[0]))
        until(
            lambda: "Waits for memory" in (place.store.queue().why(second.id) or ""), what=lambda: place.told(second.id)
        )
        for run in (first, second):
            ended = place.until_state(run.id, "succeeded", "failed")
            assert (ended.state, ended.fence) == ("succeeded", 1), place.told(run.id)
        assert not overlap(place, first, second)
        place.assert_nothing_left()
