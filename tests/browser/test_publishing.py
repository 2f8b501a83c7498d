"""Pushing from the run's page when the Hub fails: the reason, and a retry that sends only what is missing."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Response, expect

from autotrain.hub.publish import Publisher
from jobs.publisher import publish
from tests.browser.conftest import Picture, Web
from tests.doubles import Fault, HubDouble, start_hub_double
from tests.ui.runs_on_record import finished

pytestmark = pytest.mark.browser

impatient = functools.partial(Publisher, pauses=())


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubDouble]:
    """A Hub on this machine that web app and publisher talk to as alice."""
    with start_hub_double(tmp_path) as double:
        for name, value in double.environment(tmp_path / "hf").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HF_TOKEN", double.token)
        yield double


def work(web: Web) -> None:
    """Do what a worker does with the newest nudge."""
    kind, publication = web.nudged[-1]
    assert kind == "publication"
    publish(publication, web.store, web.settings, impatient)


def test_a_failed_push_says_why_and_a_retry_sends_only_what_is_missing(
    page: Page, web: Web, hub: HubDouble, picture: Picture
) -> None:
    finished(web.store, web.settings)
    hub.fault(Fault("/commit/", status=500))
    page.goto(f"{web.address}/run?id=run1#publish")
    page.get_by_label("Repository").fill("messages")
    expect(page.get_by_text("As alice. The token may write there.")).to_be_visible()
    page.get_by_role("button", name="Push to the Hub").click()
    expect(page.get_by_text("Waiting to push messages")).to_be_visible()
    work(web)
    problem = page.get_by_role("alert").filter(has_text="The adapter is safe on this machine.")
    expect(problem).to_contain_text("messages (private): The Hub")
    assert (web.settings.runs / "run1" / "adapter" / "adapter_model.safetensors").read_bytes() == b"weights"
    picture(page, "publish-failed")
    sent = len(hub.requests("large-files", "PUT"))

    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Waiting to push messages")).to_be_visible()
    expect(problem).to_have_count(0)
    work(web)
    link = page.get_by_role("link", name="Open on the Hub")
    expect(link).to_have_attribute("href", f"{hub.endpoint}/alice/messages")
    assert len(web.store.publications("run1")) == 1
    assert sent == len(hub.requests("large-files", "PUT")) == 1
    assert hub.content("alice/messages", "adapter_model.safetensors") == b"weights"
    page.reload()
    expect(link).to_be_visible()


def asks_for_messages(answer: Response) -> bool:
    """Whether this is the page's last check of the token: a later one would meet the fault before the push does."""
    return answer.url.endswith("/publications/check") and '"messages"' in (answer.request.post_data or "")


def test_a_push_refused_for_its_token_succeeds_once_the_token_is_right(page: Page, web: Web, hub: HubDouble) -> None:
    finished(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1#publish")
    with page.expect_response(asks_for_messages):
        page.get_by_label("Repository").fill("messages")
    expect(page.get_by_text("As alice. The token may write there.")).to_be_visible()
    hub.fault(Fault("/whoami-v2", status=401))
    page.get_by_role("button", name="Push to the Hub").click()
    expect(page.get_by_text("Waiting to push messages")).to_be_visible()
    work(web)
    expect(page.get_by_role("alert").filter(has_text="messages (private)")).to_contain_text("token")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Waiting to push messages")).to_be_visible()
    work(web)
    expect(page.get_by_role("link", name="Open on the Hub")).to_be_visible()
