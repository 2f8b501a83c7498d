"""The whole job in a real browser: `autotrain up`, a CSV, a training, its result, a try, a batch, a push, the link."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.app import autotrain_up
from tests.browser.conftest import Picture
from tests.doubles import HubDouble, start_hub_double

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

MINUTE = 60_000

PARTS = {
    "billing": (
        ["My invoice", "The bill", "A charge on my card", "Your payment reminder", "The refund"],
        ["is twice as high as agreed", "shows a fee I do not know", "was paid last week", "has the wrong address"],
    ),
    "technical": (
        ["The app", "Your website", "The login page", "The printer driver", "My tablet"],
        ["crashes when I start it", "shows a blank screen", "does not save my settings", "freezes after the update"],
    ),
    "praise": (
        ["Your team", "The delivery", "The new version", "The support by phone", "This shop"],
        ["was wonderful", "made me very happy", "is the best I have seen", "was quick and friendly"],
    ),
}
OPENINGS = ["", "Hello. ", "Dear team, to be short: "]
ENDINGS = ["", " today", ", once again", " since Monday", ", I must say", " as always", ", by the way", " this month"]


def write_messages(path: Path) -> None:
    """1,440 short messages of three kinds, as a spreadsheet would save them."""
    rows = [
        (f"{opening}{who} {what}{ending}.", kind)
        for kind, (subjects, verbs) in PARTS.items()
        for who in subjects
        for what in verbs
        for ending in ENDINGS
        for opening in OPENINGS
    ]
    random.Random(7).shuffle(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["message", "department"])
        writer.writerows(rows)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[HubDouble]:
    """A Hub on this machine that the real client talks to."""
    with start_hub_double(tmp_path) as double:
        yield double


def test_from_a_csv_to_an_adapter_on_the_hub(page: Page, hub: HubDouble, tmp_path: Path, picture: Picture) -> None:
    messages = tmp_path / "messages.csv"
    write_messages(messages)
    with autotrain_up(tmp_path / "home", hub) as address:
        start_a_run(page, address, messages, picture)
        watch_it_train(page, picture)
        see_the_result(page, picture)
        try_it(page, picture)
        classify_a_file(page, tmp_path, picture)
        push_it(page, hub, picture)


def start_a_run(page: Page, address: str, messages: Path, picture: Picture) -> None:
    """Drop the file, see the roles guessed, choose Fast, start."""
    page.goto(address)
    page.get_by_label("Data file").set_input_files(messages)
    expect(page.get_by_label("Role of column message")).to_have_value("text")
    expect(page.get_by_label("Role of column department")).to_have_value("label")
    picture(page, "story-1-data")
    page.get_by_text("Fast", exact=True).first.click()
    expect(page.get_by_role("radio", name="Fast")).to_be_checked()
    picture(page, "story-2-training")
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/run?id=*")


def watch_it_train(page: Page, picture: Picture) -> None:
    """The curve grows in the same document; a reload in the middle changes nothing."""
    chart = page.locator(".at-plot").first
    expect(page.locator("[data-state=running]")).to_be_visible(timeout=2 * MINUTE)
    page.evaluate("window.sameDocument = true")
    expect(chart).not_to_have_attribute("data-points", "0", timeout=2 * MINUTE)
    first = points(page)
    picture(page, "story-3-training")
    page.wait_for_function(
        "n => Number(document.querySelector('.at-plot').dataset.points) > n", arg=first, timeout=MINUTE
    )
    assert page.evaluate("window.sameDocument"), "the page was loaded anew"
    seen = points(page)
    page.reload()
    page.wait_for_function(
        "n => Number(document.querySelector('.at-plot')?.dataset.points) >= n", arg=seen, timeout=MINUTE
    )


def points(page: Page) -> int:
    """Points on the chart of the loss."""
    return int(page.locator(".at-plot").first.get_attribute("data-points") or 0)


def see_the_result(page: Page, picture: Picture) -> None:
    """The verdict, the scores beside both baselines, the classes and the mistakes."""
    expect(page.locator("[data-state=succeeded]")).to_be_visible(timeout=5 * MINUTE)
    expect(page.locator(".at-verdict")).to_contain_text("Accuracy")
    picture(page, "story-4-curves")
    page.get_by_role("tab", name="Result").click()
    expect(page.get_by_role("img", name="This adapter: Accuracy")).to_be_visible()
    expect(page.locator(".at-track")).to_have_count(6)
    for kind in PARTS:
        expect(page.get_by_role("rowheader", name=kind).first).to_be_visible()
    picture(page, "story-5-result")


def try_it(page: Page, picture: Picture) -> None:
    """A text of one's own gets the right class with most of the score."""
    page.get_by_role("tab", name="Try it").click()
    page.get_by_role("textbox", name="Text").fill("The app crashes and shows a blank screen.")
    page.get_by_role("button", name="Classify", exact=True).click()
    expect(page.locator(".at-bars > span").first).to_have_text("technical", timeout=2 * MINUTE)
    picture(page, "story-6-try")


def classify_a_file(page: Page, folder: Path, picture: Picture) -> None:
    """A file goes in, the same rows come back with predictions."""
    batch = folder / "new.csv"
    batch.write_text('id,message\n1,"My invoice has a wrong fee, again"\n2,Your team was wonderful\n', "utf-8")
    page.get_by_label("A file to answer").set_input_files(batch)
    expect(page.get_by_role("link", name="Download the CSV")).to_be_visible(timeout=MINUTE)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the CSV").click()
    assert download.value.suggested_filename == "new-predicted.csv"
    with Path(download.value.path()).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["predicted"]) for row in rows] == [("1", "billing"), ("2", "praise")]
    picture(page, "story-7-batch")


def push_it(page: Page, hub: HubDouble, picture: Picture) -> None:
    """The card is shown before, the link after; the repository holds adapter and card."""
    page.get_by_role("tab", name="Publish").click()
    page.get_by_label("Repository").fill("support-messages")
    expect(page.get_by_text("As alice. The token may write there.")).to_be_visible()
    expect(page.locator(".at-preview h1")).to_have_text("support-messages")
    page.get_by_role("button", name="Push to the Hub").click()
    link = page.get_by_role("link", name="Open on the Hub")
    expect(link).to_have_attribute("href", f"{hub.endpoint}/alice/support-messages", timeout=MINUTE)
    expect(page.get_by_role("heading", name="Three ways to use it")).to_be_visible()
    picture(page, "story-8-published")
    repository = hub.repository("alice/support-messages")
    assert repository is not None
    assert hub.content("alice/support-messages", "README.md").startswith(b"---\n")
    assert hub.content("alice/support-messages", "adapter_model.safetensors")
