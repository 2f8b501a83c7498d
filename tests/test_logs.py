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


def test_a_thread_with_the_context_says_the_run_too() -> None:
    stream = io.StringIO()
    log_to(stream, "json")
    with about("r1", 1):
        thread = threading.Thread(target=copy_context().run, args=(logging.getLogger("a").info, "in a thread"))
        thread.start()
        thread.join()
    assert json.loads(stream.getvalue())["run"] == "r1"
