"""A nudge carries an id and nothing else, and never makes anyone wait."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from autotrain.settings import Settings
from jobs import broker
from jobs.nudge import nudge
from tests.jobs.conftest import until


@pytest.fixture
def queue(settings: Settings) -> Iterator[redis.Redis]:
    """The real broker, with nobody listening."""
    server = subprocess.Popen(broker.command_for(settings))
    until(lambda: broker.answers(settings))
    with redis.Redis(unix_socket_path=str(settings.broker_socket)) as client:
        yield client
    server.terminate()
    server.wait()


def test_a_message_is_the_id_in_json(settings: Settings, queue: redis.Redis) -> None:
    nudge(settings)("run", "abc")
    until(lambda: queue.llen("autotrain"))
    message = json.loads(queue.lrange("autotrain", 0, -1)[0])  # type: ignore[index]
    assert message["content-type"] == "application/json"
    assert message["headers"]["task"] == "run_attempt"
    arguments, named, _ = json.loads(base64.b64decode(message["body"]))
    assert (arguments, named) == (["abc"], {})
    assert message["headers"]["ignore_result"] is True


def test_no_broker_is_no_error_however_many_nudges_wait(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("jobs.nudge.WAITING", 2)  # each is tried for seconds, long after this test
    tell = nudge(settings)
    for number in range(20):
        tell("run", str(number))
    assert "too many nudges wait for the broker" in caplog.text


def test_a_broker_that_never_answers_keeps_nobody_waiting(tmp_path: Path) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(1)
        settings = Settings(home=tmp_path, redis_url=f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        tell = nudge(settings)
        tell("publication", "p1")
        tell("run", "r1")
        assert not broker.answers(settings, seconds=0.2)


def test_an_unknown_kind_is_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="run, publication"):
        nudge(settings)("dataset", "d1")
