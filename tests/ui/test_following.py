"""Many open pages: they share answers, and ask less often the more they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.ui.following import FRESH_SECONDS, LATEST_SECONDS, MOST_A_SECOND, SOONEST_SECONDS, Crowd, Shared

T = TypeVar("T")


def run(asked: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives, in a thread of its own: in this one a browser test may have left its loop running."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, asked).result()


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def simulate(crowd: Crowd, clock: Clock, pages: int, seconds: float) -> float:
    """Pages that ask as often as they are told to; questions in a second at the end."""
    due = [clock.seconds + number / pages for number in range(pages)]
    while clock.seconds < seconds:
        page = min(range(pages), key=due.__getitem__)
        clock.seconds = due[page]
        crowd.came()
        due[page] += crowd.next_pause()
    return crowd.a_second


@given(pages=st.integers(1, int(MOST_A_SECOND)))
def test_few_pages_ask_every_second(pages: int) -> None:
    clock = Clock()
    crowd = Crowd(clock)
    simulate(crowd, clock, pages, 20)
    assert crowd.pause == pytest.approx(SOONEST_SECONDS, rel=0.1)


@pytest.mark.parametrize("pages", [80, 150, 190])
def test_many_pages_keep_to_so_many_questions_a_second_together(pages: int) -> None:
    clock = Clock()
    crowd = Crowd(clock)
    assert simulate(crowd, clock, pages, 60) == pytest.approx(MOST_A_SECOND, rel=0.15)
    assert crowd.pause == pytest.approx(pages / MOST_A_SECOND, rel=0.15)


def test_however_many_pages_none_waits_longer_than_a_person_would() -> None:
    clock = Clock()
    crowd = Crowd(clock)
    simulate(crowd, clock, 1000, 60)
    assert LATEST_SECONDS * 0.9 < crowd.pause <= LATEST_SECONDS


def test_when_most_have_gone_the_others_ask_every_second_again() -> None:
    clock = Clock()
    crowd = Crowd(clock)
    simulate(crowd, clock, 150, 60)
    simulate(crowd, clock, 1, clock.seconds + 60)
    assert crowd.pause == pytest.approx(SOONEST_SECONDS, rel=0.1)


class Work:
    """Counts how often it is done; may fail, and may be held up."""

    def __init__(self, *, fails: bool = False) -> None:
        self.done, self.fails, self.may_end = 0, fails, threading.Event()
        self.may_end.set()

    def __call__(self) -> bytes:
        self.may_end.wait(10)
        self.done += 1
        if self.fails:
            raise LookupError("no such run")
        return b"%d" % self.done


def busy(clock: Clock) -> Shared:
    """Where many ask at this moment."""
    shared = Shared(Crowd(clock), clock)
    for _ in range(100):
        shared.crowd.came()
    return shared


def test_where_few_ask_every_question_is_answered_anew() -> None:
    clock, work = Clock(), Work()
    shared = Shared(Crowd(clock), clock)

    async def ask() -> list[bytes]:
        return [await shared.answer("run", work) for _ in range(3)]

    assert run(ask()) == [b"1", b"2", b"3"]


def test_where_many_ask_an_answer_is_given_to_all_for_half_a_second() -> None:
    clock, work = Clock(), Work()
    shared = busy(clock)

    async def ask() -> list[bytes]:
        first = await asyncio.gather(*(shared.answer("run", work) for _ in range(20)))
        clock.seconds += FRESH_SECONDS - 0.01
        second = await shared.answer("run", work)
        clock.seconds += 0.01
        return [*first, second, await shared.answer("run", work)]

    assert run(ask()) == [b"1"] * 21 + [b"2"]


def test_other_questions_have_other_answers() -> None:
    shared, one, two = busy(Clock()), Work(), Work()

    async def ask() -> None:
        await shared.answer("one", one)
        await shared.answer("two", two)

    run(ask())
    assert (one.done, two.done) == (1, 1)


def test_a_refusal_reaches_everybody_who_asked() -> None:
    shared, work = busy(Clock()), Work(fails=True)

    async def ask() -> list[object]:
        asked = (shared.answer("run", work) for _ in range(5))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    refused = run(ask())
    assert [type(one) for one in refused] == [LookupError] * 5
    assert work.done == 1


def test_whoever_goes_away_does_not_take_the_answer_from_the_others() -> None:
    shared, work = busy(Clock()), Work()
    work.may_end.clear()

    async def ask() -> bytes:
        leaving, staying = (asyncio.create_task(shared.answer("run", work)) for _ in range(2))
        await asyncio.sleep(0)
        leaving.cancel()
        work.may_end.set()
        return await staying

    assert run(ask()) == b"1"


def test_answers_that_nobody_asks_for_any_more_are_forgotten() -> None:
    clock = Clock()
    shared = busy(clock)

    async def ask() -> None:
        for number in range(50):
            await shared.answer(number, Work())
            clock.seconds += FRESH_SECONDS

    run(ask())
    assert len(shared._answers) <= 2
