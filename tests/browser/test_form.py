"""The form does not frighten: what decides most stands open, the rest is folded up and says what was changed in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture, Web
from tests.browser.test_data_step import SLOW, shown

pytestmark = pytest.mark.browser


def test_settings_are_folded_up_and_one_that_is_wrong_is_seen(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    path = tmp_path / "table.csv"
    rows = [f"text number {number},{'even' if number % 2 == 0 else 'odd'}" for number in range(60)]
    path.write_text("\n".join(["text,label", *rows]), "utf-8")
    shown(page, web, path)
    page.get_by_text("Advanced: every setting").click()
    expect(page.locator(".at-group")).to_have_count(4, timeout=SLOW)
    expect(page.locator("#setting-learning_rate")).to_be_visible()
    expect(page.locator("#setting-use_dora")).to_be_hidden()
    group = page.locator(".at-group summary", has_text="What is trained")
    group.click()
    page.locator("#setting-use_dora").check()
    expect(group).to_contain_text("1 changed", timeout=SLOW)
    page.locator("#setting-lora_target_modules").select_option("custom")
    group.click()
    names = page.locator("#setting-lora_target_names")
    expect(names).to_have_attribute("aria-invalid", "true", timeout=SLOW)
    expect(names).to_be_visible()
    picture(page, "form-groups")
    names.fill("no_such_layer")
    expect(page.get_by_text("has no layer named 'no_such_layer'").first).to_be_visible(timeout=SLOW)
    names.fill("query, value")
    expect(page.get_by_text("has no layer named")).to_have_count(0, timeout=SLOW)
