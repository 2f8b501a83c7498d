"""A real Chromium, real servers on free ports, and pictures of what was seen."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from autotrain.runs.sql import SqlStore, open_store
from autotrain.runs.state import OWNED
from autotrain.settings import Settings
from tests.app import free_port

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}

# Its five seconds are too few where other tests and their trainers use the same two cores.
expect.set_options(timeout=20_000)

# What a browser itself prints about an answer that a test provoked.
EXPECTED = re.compile(r"Failed to load resource|ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of its own; the test fails when a script on it failed or it asked another host for something."""
    troubles: list[str] = []

    def printed(message: ConsoleMessage) -> None:
        if message.type == "error" and not EXPECTED.search(message.text):
            troubles.append(message.text)

    context = browser.new_context(viewport=DESKTOP, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.on("console", printed)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on(
        "request",
        lambda request: None if _is_local(request.url) else troubles.append(f"asked {request.url}"),
    )
    yield page
    context.close()
    assert not troubles, troubles


def _is_local(url: str) -> bool:
    return re.match(r"(https?://(127\.0\.0\.1|localhost)[:/]|data:|blob:)", url) is not None


Picture = Callable[[Page, str], None]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Keep pictures of a page: desktop and phone, light and dark. No size may need sideways scrolling."""
    folder = Path(os.environ.get("AUTOTRAIN_ARTEFACTS", "artefacts"))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        was_dark = page.evaluate("document.body.classList.contains('dark')")
        for size, viewport in (("desktop", DESKTOP), ("phone", PHONE)):
            page.set_viewport_size(viewport)
            for mode in ("light", "dark"):
                page.evaluate(SET_MODE, mode == "dark")
                # As high as the page, so that bars fixed to the window's edge stay at the edge.
                height = page.evaluate("document.documentElement.scrollHeight")
                page.set_viewport_size({"width": viewport["width"], "height": max(viewport["height"], height)})
                page.wait_for_timeout(250)  # until charts have taken their new size
                page.screenshot(path=folder / f"{name}-{size}-{mode}.png")
                page.set_viewport_size(viewport)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"], (name, size)
        page.set_viewport_size(DESKTOP)
        page.evaluate(SET_MODE, was_dark)

    return take


SET_MODE = """(dark) => {
  document.body.classList.toggle("dark", dark);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  document.documentElement.style.background = "";
}"""


@dataclass
class Web:
    """The web app alone, in a thread, on a real record; it can be stopped and started again on the same port."""

    settings: Settings
    store: SqlStore
    port: int = field(default_factory=free_port)
    nudged: list[tuple[str, str]] = field(default_factory=list)
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve."""
        from autotrain.ui import build

        app = build(self.settings, self.store, lambda kind, ident: self.nudged.append((kind, ident)))
        config = uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 60
        while not self._server.started:
            assert time.monotonic() < deadline and self._thread.is_alive(), "the web app did not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop serving, as a restart of the web process does."""
        assert self._server is not None and self._thread is not None
        self._server.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="session")
def one_web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """One web app for all tests of the run pages: starting it takes longer than most of them."""
    settings = Settings(home=tmp_path_factory.mktemp("web") / "home", redis_url=None, database_url=None)
    settings.prepare_home()
    store = open_store(settings.database)
    made = Web(settings, store)
    made.start()
    yield made
    made.stop()
    store.close()


@pytest.fixture
def web(one_web: Web) -> Web:
    """The web app on an empty record. Nothing trains: tests write the record as a supervisor would."""
    for run in one_web.store.list():
        if run.state in OWNED:
            one_web.store.move(run.id, run.fence, run.state, "failed")
        one_web.store.delete(run.id)
        shutil.rmtree(one_web.settings.runs / run.id)
    one_web.nudged.clear()
    return one_web
