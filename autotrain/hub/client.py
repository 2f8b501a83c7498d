"""The one place that makes a client of the Hub: its address, its patience, and whether it may be asked at all."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, TypeVar

from autotrain.errors import HubUnreachable

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

CONNECT_SECONDS = 10.0
"""How long to wait for a connection. A healthy one takes well under a second."""

ANSWER_SECONDS = 60.0
"""How long to wait for the next byte. The client's own default is for ever; a large commit takes the Hub some 20 s."""

_configured = threading.Event()
_Answer = TypeVar("_Answer")


def endpoint() -> str:
    """The Hub's address. Read at each call, because huggingface_hub reads it once, when it is imported."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def offline() -> bool:
    """Whether the person has forbidden any request to the Hub."""
    value = os.environ.get("HF_HUB_OFFLINE") or os.environ.get("TRANSFORMERS_OFFLINE") or ""
    return value.upper() in {"1", "ON", "YES", "TRUE"}


def connect(token: str | None) -> HfApi:
    """A client that acts with `token`, or anonymously: never with a token found elsewhere.

    Raises:
        HubUnreachable: the Hub must not be asked.
    """
    if offline():
        raise HubUnreachable(
            "The Hub is not asked because HF_HUB_OFFLINE is set. Unset it and start again to use the Hub.",
            code="offline",
        )
    from huggingface_hub import HfApi, set_client_factory

    if not _configured.is_set():
        _configured.set()
        set_client_factory(_patient_session)
    return HfApi(endpoint=endpoint(), token=token or False, library_name="autotrain-studio")


def within(seconds: float, call: Callable[[], _Answer]) -> _Answer:
    """The answer of a call, if it comes in time: names that do not resolve are outside of any HTTP timeout.

    Raises:
        HubUnreachable: it took longer. The call is left behind in a thread of its own.
    """
    answer: Future[_Answer] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, name="hub-call", daemon=True).start()
    try:
        return answer.result(seconds)
    except FutureTimeoutError:
        raise HubUnreachable(
            f"The Hub at {endpoint()} did not answer within {seconds:g} seconds. "
            "Check the internet connection, or go on with what is on this machine."
        ) from None


def _patient_session() -> httpx2.Client:
    """The HTTP client that huggingface_hub shares between its calls, with timeouts."""
    import httpx2
    from huggingface_hub.utils._http import default_client_factory

    session = default_client_factory()
    session.timeout = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    return session
