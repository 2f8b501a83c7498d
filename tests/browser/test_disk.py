"""Settings says what takes the disk and frees what may go; a run that lost its checkpoints says so before Retry."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture, Web
from tests.retention.conftest import at_rest

pytestmark = pytest.mark.browser


def test_the_disk_is_shown_and_freed_by_one_press(page: Page, web: Web, picture: Picture) -> None:
    at_rest(web.settings, web.store, "old", "failed", days=31)
    page.goto(f"{web.address}/settings")
    page.get_by_text("1 run's checkpoints may go now").click()
    expect(page.get_by_text("31 days ago")).to_be_visible()
    picture(page, "settings-disk")
    page.get_by_role("button", name="Free 200 kB").click()
    expect(page.get_by_text("200 kB freed.")).to_be_visible()
    expect(page.get_by_role("button", name="Free")).to_have_count(0)
    page.goto(f"{web.address}/run?id=old")
    expect(page.get_by_role("button", name="Retry from the beginning")).to_be_visible()
    expect(page.get_by_text("Its checkpoints were deleted on")).to_be_visible()
    page.get_by_role("button", name="Retry from the beginning").click()
    expect(page.locator(".at-pill").first).to_contain_text("queue")
