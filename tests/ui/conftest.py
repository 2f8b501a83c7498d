"""A page on a record of its own, and what its errors look like."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.page import World, open_page


@pytest.fixture
def world(settings: Settings, store: SqlStore) -> Iterator[World]:
    with open_page(settings, store) as page:
        yield page


def problem(answer) -> tuple[str, str]:
    """The error of an answer, asserting the one shape."""
    body = answer.json()
    assert set(body) == {"error"} and set(body["error"]) == {"code", "message"}
    assert body["error"]["code"] and body["error"]["message"].strip()
    return body["error"]["code"], body["error"]["message"]
