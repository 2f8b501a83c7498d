"""The client that is made: whom it asks, as whom, and how long it waits."""

from __future__ import annotations

import pytest
from huggingface_hub import get_session

from autotrain.errors import HubUnreachable
from autotrain.hub.client import ANSWER_SECONDS, CONNECT_SECONDS, connect, endpoint, within
from tests.doubles import HubDouble


def test_the_address_is_read_at_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert endpoint() == "https://huggingface.co"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1/")
    assert connect(None).endpoint == endpoint() == "http://127.0.0.1:1"


def test_without_a_token_it_is_anonymous_even_when_the_environment_has_one(
    hub: HubDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add_model("alice/secret", {"config.json": b"{}"}, private=True)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert not connect(None).repo_exists("alice/secret")
    assert connect(hub.token).repo_exists("alice/secret")


def test_no_request_waits_for_ever() -> None:
    connect(None)
    timeout = get_session().timeout
    assert (timeout.connect, timeout.read, timeout.write) == (CONNECT_SECONDS, ANSWER_SECONDS, ANSWER_SECONDS)


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_offline_mode_forbids_every_request(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "true")
    with pytest.raises(HubUnreachable, match="Unset it and start again"):
        connect(None)


def test_a_call_in_time_answers_or_fails_as_it_would_have() -> None:
    assert within(5, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        within(5, lambda: 1 // 0)
