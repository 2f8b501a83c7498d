"""The clock that leases live on where record and supervisors share a machine."""

from __future__ import annotations

import time


def clock() -> float:
    """Seconds that no change of the wall clock touches and that go on while the machine sleeps; anew at each boot."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
