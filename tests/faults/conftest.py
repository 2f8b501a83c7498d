"""At full size the figures go into the documentation when the suites are over."""

from __future__ import annotations

import pytest

from tests.faults import LARGE
from tests.faults.results import write


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the table from what held."""
    if LARGE and not session.config.option.collectonly:
        write()
