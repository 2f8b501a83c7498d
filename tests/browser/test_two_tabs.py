"""One draft in two tabs: what one has saved the other never overwrites unseen, and a person says which stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture, Web

pytestmark = pytest.mark.browser

STALE = "changed in another tab at"


@pytest.fixture
def other(page: Page) -> Iterator[Page]:
    """A second tab of the same browser."""
    tab = page.context.new_page()
    tab.set_default_timeout(20_000)
    yield tab
    tab.close()


def named(page: Page, web: Web) -> str:
    """The name in the draft that this browser keeps."""
    return str(page.evaluate("(JSON.parse(localStorage.getItem('studio-draft')) || {}).name"))


def opened(web: Web, *tabs: Page) -> None:
    for tab in tabs:
        tab.goto(web.address)
        expect(tab.get_by_label("Run name")).to_be_visible()


def test_a_second_tab_is_told_and_loads_the_newer_one(page: Page, other: Page, web: Web, picture: Picture) -> None:
    opened(web, page, other)
    expect(page.get_by_text(STALE)).to_have_count(0)
    page.get_by_label("Run name").fill("from the first")
    expect(other.get_by_text(STALE)).to_be_visible()
    other.get_by_label("Run name").fill("from the second")
    assert named(other, web) == "from the first", "what is typed into an old tab overwrites nothing"
    picture(other, "draft-in-two-tabs")
    other.get_by_role("button", name="Load the newer one").click()
    expect(other.get_by_label("Run name")).to_have_value("from the first")
    expect(other.get_by_text(STALE)).to_have_count(0)
    other.get_by_label("Run name").fill("and on")
    assert named(other, web) == "and on"
    expect(page.get_by_text(STALE)).to_be_visible()


def test_a_second_tab_may_keep_its_own(page: Page, other: Page, web: Web) -> None:
    opened(web, page, other)
    page.get_by_label("Run name").fill("from the first")
    other.get_by_label("Run name").fill("from the second")
    other.get_by_role("button", name="Keep this one").click()
    expect(other.get_by_text(STALE)).to_have_count(0)
    assert named(other, web) == "from the second"
    expect(page.get_by_text(STALE)).to_be_visible()
    page.get_by_label("Run name").fill("late")
    assert named(page, web) == "from the second"


def test_opening_the_same_draft_again_is_no_change_of_it(page: Page, other: Page, web: Web, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = [f"text number {number},{'even' if number % 2 == 0 else 'odd'}" for number in range(60)]
    path.write_text("\n".join(["text,label", *rows]), "utf-8")
    page.goto(web.address)
    page.get_by_label("Data file").set_input_files(path)
    expect(page.get_by_label("First rows")).to_be_visible(timeout=60_000)
    opened(web, other)
    expect(other.get_by_label("First rows")).to_be_visible(timeout=60_000)
    other.get_by_label("Run name").fill("one more")
    expect(page.get_by_text(STALE)).to_be_visible()
    page.get_by_role("button", name="Load the newer one").click()
    expect(page.get_by_label("Run name")).to_have_value("one more")
    expect(other.get_by_text(STALE)).to_have_count(0)


def test_starting_over_in_one_tab_is_said_in_the_other(page: Page, other: Page, web: Web) -> None:
    opened(web, page, other)
    page.get_by_label("Run name").fill("kept here")
    other.reload()
    expect(other.get_by_label("Run name")).to_have_value("kept here")
    page.get_by_role("button", name="Start over").click()
    page.get_by_role("dialog").get_by_role("button", name="Start over").click()
    expect(other.get_by_text("another tab")).to_be_visible()
    other.get_by_role("button", name="Keep this one").click()
    assert named(other, web) == "kept here"
