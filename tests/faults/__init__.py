"""Faults on purpose: the protocol of claims, leases and fences as a model, the real record under storms, and real
installations whose processes are killed, stopped and starved.

`AUTOTRAIN_FAULTS=large pytest -n 0 tests/faults` explores more faults at once and longer histories, keeps the leases as
they are shipped, and writes what it measured into docs/reliability.md: hours instead of minutes.
`AUTOTRAIN_FAULTS_PERCENT=20` beside it takes a fifth of the full sizes.
"""

from __future__ import annotations

import os

import pytest

LARGE = os.environ.get("AUTOTRAIN_FAULTS", "") == "large"
PERCENT = int(os.environ.get("AUTOTRAIN_FAULTS_PERCENT", "100"))


def full_only(value: str, instead: str) -> object:
    """A parameter that the reduced size leaves out, because something else there comes close to it."""
    return pytest.param(value, marks=pytest.mark.skipif(not LARGE, reason=f"at full size; else {instead}"))


def size(full: int, reduced: int) -> int:
    """How often a fault happens: at full size, or in every run of the tests."""
    return max(reduced, full * PERCENT // 100) if LARGE else reduced
