"""Stand-ins that several rooms share. They are real servers that the real clients talk to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.hub.double import Fault, HubDouble, start

__all__ = ["Fault", "HubDouble", "start_hub_double"]


@contextmanager
def start_hub_double(folder: Path) -> Iterator[HubDouble]:
    """A Hugging Face Hub on a free loopback port, with its bytes in `folder`.

    Give another process `double.environment(home)` and one of `double.token` (may write as `alice`),
    `double.read_token`, `double.other_token` (`bob`). In this process, set `HF_ENDPOINT` to `double.endpoint`.

    Example:
        with start_hub_double(tmp_path / "hub") as hub:
            environment = {**os.environ, **hub.environment(tmp_path / "hf"), "HF_TOKEN": hub.token}
            hub.fault(Fault("/commit/", status=500))
            ...
            hub.content("alice/my-model", "README.md")
    """
    with start(folder / "hub-double") as double, _client_that_may_ask():
        yield double


@contextmanager
def _client_that_may_ask() -> Iterator[None]:
    """This process's client speaks plain HTTP and is online, whatever its environment was when it was imported."""
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_XET, constants.HF_HUB_OFFLINE
    constants.HF_HUB_DISABLE_XET, constants.HF_HUB_OFFLINE = True, False
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET, constants.HF_HUB_OFFLINE = before
