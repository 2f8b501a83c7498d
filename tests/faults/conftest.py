"""A finished run that is wished published, a Hub on this machine; at full size figures go into the documentation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.faults import LARGE
from tests.faults.results import Result, keep, write
from tests.jobs.test_publisher import hub, wished

__all__ = ["hub", "wished"]

WHOLE = {
    "test_hub": (
        "hub",
        "the Hub: storms of 5xx and 429, lost and cut answers; 412; a revoked token; workers killed and stopped",
        "training untouched; one repository, one commit; what had arrived was not sent again",
    ),
    "test_storms": (
        "sqlite-locked",
        "SQLite's write lock held by other processes",
        "the run trained on; every step and event told once",
    ),
    "test_postgres": (
        "postgresql",
        "PostgreSQL restarted and killed under a training, gone for long, frozen; its answers lost",
        "nothing lost, nothing twice; the curve has no hole; each of many runs was claimed once",
    ),
    "test_leases": (
        "clocks",
        "clocks set by 400 days both ways, other time zones; supervisors and trainers held up",
        "leases were unaffected; whoever was held up past its lease started nothing",
    ),
    "test_not_a_number": (
        "not-a-number",
        "losses that are no numbers; a learning rate of 1e6",
        "ended at that step with a rate to try; refused before anything was spent",
    ),
    "test_protocol": (
        "protocol",
        "every interleaving of claim, lease and fence with crashes, stops, lost and doubled messages, in a model",
        "no two owners wrote, no run was forgotten; each rule was shown to be needed",
    ),
}
"""Suites whose row says that all of their cases held."""

_outcomes: dict[str, Counter[str]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count how the cases of each suite ended."""
    if report.when == "call" or report.outcome != "passed":
        _outcomes.setdefault(Path(report.nodeid.partition("::")[0]).stem, Counter())[report.outcome] += 1


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table from what held."""
    if not LARGE or session.config.option.collectonly:
        return
    for suite, (name, fault, held) in WHOLE.items():
        counted = _outcomes.get(suite, Counter())
        if counted["passed"] and not counted["failed"]:
            keep(name, Result.of(fault, f"{counted['passed']} cases", held))
    write()
