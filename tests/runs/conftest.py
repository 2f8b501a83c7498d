"""Every test of the record runs on both databases."""

from __future__ import annotations

import pytest

from tests.postgres import DATABASES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Whatever uses a record uses each."""
    if "database_url" in metafunc.fixturenames:
        metafunc.parametrize("database_url", DATABASES, indirect=True)
