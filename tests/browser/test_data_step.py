"""The data step in a real browser: what is found is said with its rows, and one click mends it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture, Web

pytestmark = pytest.mark.browser


def messy(path: Path) -> Path:
    """Texts with all that people do to a column of labels."""
    rows = [
        f"the parcel number {n} came {('late again', 'right on time')[n % 2]},{('bad', 'good')[n % 2]}"
        for n in range(80)
    ]
    odd = ["what a day,Good", "What a  day,bad", "no label here,", " a padded text ,good", "one of a kind,rare"]
    path.write_text("\n".join(["comment,grade", *rows, *odd, ""]), "utf-8")
    return path


def test_a_finding_is_mended_by_one_click_and_the_click_is_taken_back(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    page.goto(web.address)
    page.get_by_label("Data file").set_input_files(messy(tmp_path / "messy.csv"))
    fix = page.get_by_role("button", name='Write all as "good"')
    expect(fix).to_be_visible()
    picture(page, "data-findings")
    fix.click()
    expect(page.get_by_text('is written "Good" as "good"')).to_be_visible()
    expect(fix).to_have_count(0)
    page.get_by_role("button", name="Leave out texts with two labels").click()
    expect(page.locator(".at-done li")).to_have_count(2)
    picture(page, "data-mended")

    page.reload()
    expect(page.locator(".at-done li")).to_have_count(2)
    page.get_by_role("button", name="Undo from here").click()
    expect(page.locator(".at-done")).to_have_count(0)
    expect(fix).to_be_visible()
