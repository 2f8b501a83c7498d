"""A finished run that is wished published, a Hub on this machine; at full size figures go into the documentation."""

from __future__ import annotations

import pytest

from tests.faults import LARGE
from tests.faults.results import write
from tests.jobs.test_publisher import hub, wished

__all__ = ["hub", "wished"]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table from what held."""
    if LARGE and not session.config.option.collectonly:
        write()
