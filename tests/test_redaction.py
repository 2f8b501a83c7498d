"""Tokens are blanked in any text; everything else is left as it is."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.redaction import BLANK, RedactingFilter, redact

ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@given(st.text(alphabet=ALPHABET, min_size=34, max_size=34), st.text(max_size=20), st.text(max_size=20))
def test_a_token_is_blanked_wherever_it_stands(secret: str, before: str, after: str) -> None:
    assert secret not in redact(f"{before} hf_{secret} {after}")


@pytest.mark.parametrize(
    "wrapped", ["'{}'", "Bearer {}", "https://user:{}@host/", "token={}&x=1", "{}\n", '{{"t":"{}"}}']
)
def test_a_token_is_blanked_inside_of_other_text(wrapped: str) -> None:
    for token in ("hf_" + "aB3" * 11 + "x", "hf_oauth_eyJhbGciOiJFZERTQSJ9.eyJzY29wZSI6.c2ln-bmF_0dXJl"):
        clean = redact(wrapped.format(token))
        assert token not in clean and BLANK in clean


@pytest.mark.parametrize(
    "text",
    [
        "hf_hub_download(repo_id)",
        "from hf_xet import x",
        "hf_request_event_hook",
        "hf-internal-testing/tiny",
        "half_" + "a" * 40,
    ],
)
def test_names_that_only_look_alike_stay(text: str) -> None:
    assert redact(text) == text


def test_a_filter_on_a_handler_blanks_what_libraries_log(caplog: pytest.LogCaptureFixture) -> None:
    token = "hf_" + "z" * 34
    caplog.handler.addFilter(RedactingFilter())
    logging.getLogger("some.library").warning("sent %s to %d hosts", token, 2)
    logging.getLogger("some.library").warning("100 %% of %s", "nothing")
    assert caplog.messages == [f"sent {BLANK} to 2 hosts", "100 % of nothing"]
