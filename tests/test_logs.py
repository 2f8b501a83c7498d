"""Log lines: for people or JSON, with the run they are about, and without tokens."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextvars import copy_context

import pytest

from autotrain.logs import about, log_to

TOKEN = "hf_" + "a" * 34


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    """The root logger as it was."""
    logger = logging.getLogger()
    handlers, level = logger.handlers[:], logger.level
    logger.handlers = []  # else they would be closed
    yield
    logger.handlers = handlers
    logger.setLevel(level)


def test_lines_for_people_name_the_run_and_the_attempt() -> None:
    stream = io.StringIO()
    log_to(stream, "text")
    logging.getLogger("a").info("before")
    with about("r1", 2):
        logging.getLogger("a").info("within, %s", TOKEN)
    logging.getLogger("a").info("after")
    assert stream.getvalue().splitlines() == [
        "INFO a: before",
        "INFO a [run r1 attempt 2]: within, hf_…",
        "INFO a: after",
    ]


def test_json_lines_are_objects_without_tokens_in_traces_either() -> None:
    stream = io.StringIO()
    log_to(stream, "json")
    with about("r1", 2):
        try:
            raise ValueError(TOKEN)
        except ValueError:
            logging.getLogger("a").exception("failed\nwith %s", TOKEN)
    (line,) = stream.getvalue().splitlines()
    said = json.loads(line)
    assert (said["run"], said["attempt"], said["level"], said["logger"]) == ("r1", 2, "error", "a")
    assert said["message"] == "failed\nwith hf_…" and "ValueError: hf_…" in said["exception"]
    assert TOKEN not in line and said["at"].endswith("+00:00")


def test_the_same_warning_about_a_run_is_said_now_and_then_with_how_many_there_were(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, seconds = io.StringIO(), iter([0.0, 0.3, 0.6, 0.6, 0.6, 0.6, 10.0, 10.3])
    log_to(stream, "text")
    logger = logging.getLogger("a")
    monkeypatch.setattr("time.time_ns", lambda: int(1e9 * (1e9 + next(seconds))))
    monkeypatch.setattr("time.time", lambda: 1e9 + next(seconds))
    with about("r1", 1):
        for waiting in range(3):
            logger.warning("run %s: %s events wait", "r1", waiting)
        logger.error("run %s: %s events wait", "r1", 3)
        logger.warning("run %s: %s events wait", "r9", 3)
    with about("r2", 1):
        logger.warning("run %s: %s events wait", "r2", 4)
    with about("r1", 1):
        logger.warning("run %s: %s events wait", "r1", 5)
        logger.warning("run %s: %s events wait", "r1", 6)
    assert stream.getvalue().splitlines() == [
        "WARNING a [run r1 attempt 1]: run r1: 0 events wait",
        "ERROR a [run r1 attempt 1]: run r1: 3 events wait",
        "WARNING a [run r1 attempt 1]: run r9: 3 events wait",
        "WARNING a [run r2 attempt 1]: run r2: 4 events wait",
        "WARNING a [run r1 attempt 1]: run r1: 5 events wait (2 more like it)",
    ]


def test_a_thread_with_the_context_says_the_run_too() -> None:
    stream = io.StringIO()
    log_to(stream, "json")
    with about("r1", 1):
        thread = threading.Thread(target=copy_context().run, args=(logging.getLogger("a").info, "in a thread"))
        thread.start()
        thread.join()
    assert json.loads(stream.getvalue())["run"] == "r1"
