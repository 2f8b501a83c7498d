"""What many open pages ask again and again: answered once for all of them, and less often the more they are.

A page of a run asks what is new every second. With a hundred pages open that would take a core from what trains beside
it, and nearly all of them ask the same.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Hashable

FRESH_SECONDS = 0.5
"""How old an answer may be that is given to others, where many ask."""

MANY_A_SECOND = 8.0
"""Up to so many questions in a second each is answered anew."""

MOST_A_SECOND = 40.0
"""Questions in a second that pages are asked to keep to, all together."""

SOONEST_SECONDS, LATEST_SECONDS = 1.0, 5.0
"""Between two questions of one page."""

WINDOW_SECONDS = 4.0
SETTLED_SECONDS = 10.0
"""Time within which two thirds of a change are made."""


class Crowd:
    """How many ask, and how long each should wait. `now` is a clock in seconds that never goes back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._changed = now, now()
        self._asked = deque[tuple[float, float]]()
        self.pause = SOONEST_SECONDS

    def came(self) -> None:
        """One more question."""
        now = self._now()
        self._asked.append((now, self.pause))
        while self._asked[0][0] < now - WINDOW_SECONDS:
            self._asked.popleft()

    @property
    def a_second(self) -> float:
        """Questions in a second, of late."""
        return len(self._asked) / WINDOW_SECONDS

    @property
    def many(self) -> bool:
        """Whether answers should be shared."""
        return self.a_second > MANY_A_SECOND

    def next_pause(self) -> float:
        """Seconds that a page should wait. Moves slowly, since pages keep to it only after they have waited."""
        now = self._now()
        pages = sum(pause for _, pause in self._asked) / WINDOW_SECONDS
        wished = min(LATEST_SECONDS, max(SOONEST_SECONDS, pages / MOST_A_SECOND))
        self.pause += (wished - self.pause) * (1 - math.exp((self._changed - now) / SETTLED_SECONDS))
        self._changed = now
        return self.pause


class Shared:
    """Answers by their question: where many ask, an answer is given to all who ask the same within FRESH_SECONDS."""

    def __init__(self, crowd: Crowd, now: Callable[[], float] = time.monotonic) -> None:
        self.crowd, self._now = crowd, now
        self._answers: dict[Hashable, tuple[float, asyncio.Task[bytes]]] = {}

    async def answer(self, question: Hashable, work: Callable[[], bytes]) -> bytes:
        """The answer to a question; `work` finds it, in a thread. Raises what it raises, for all who wait for it."""
        self.crowd.came()
        now = self._now()
        began, task = self._answers.get(question, (-FRESH_SECONDS, None))
        if task is None or not self.crowd.many or now - began >= FRESH_SECONDS:
            self._forget(now)
            task = asyncio.create_task(asyncio.to_thread(work))
            self._answers[question] = now, task
        # Whoever goes away must not take the answer from the others.
        return await asyncio.shield(task)

    def _forget(self, now: float) -> None:
        old = [asked for asked, (began, task) in self._answers.items() if task.done() and now - began >= FRESH_SECONDS]
        for asked in old:
            del self._answers[asked]
