"""A result judged once more in a real browser: by a judge from Settings, and on another file."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from autotrain.report import Example
from autotrain.runs.folder import RunFolder
from tests.browser.conftest import Picture, Web
from tests.judge.double import KEY, MODEL, start_judge
from tests.ui.runs_on_record import finished

pytestmark = pytest.mark.browser


def test_a_judge_is_set_up_asked_and_quoted(page: Page, web: Web, picture: Picture) -> None:
    report = finished(web.store, web.settings)
    pairs = (("a <b>long</b> answer", "short"), ("no", "a better one"), ("equal", "equal"))
    written = tuple(
        Example(row=n, inputs={"prompt": "Why?"}, expected="", predicted=mine, untouched=theirs)
        for n, (mine, theirs) in enumerate(pairs, 2)
    )
    path = RunFolder(web.settings.runs / "run1").report
    path.write_text(report.model_copy(update={"written": written}).model_dump_json(), "utf-8")
    with start_judge() as judge:
        page.goto(f"{web.address}/run?id=run1#result")
        page.get_by_role("button", name="Ask the judge").click()
        expect(page.get_by_text("No judge is set up.")).to_be_visible()
        page.goto(f"{web.address}/settings")
        page.get_by_label("Address").fill("nonsense")
        page.get_by_label("Address").fill(judge.url)
        page.get_by_label("Model", exact=True).fill(MODEL)
        page.get_by_label("Key, if it wants one").fill(KEY)
        page.locator("form", has=page.get_by_label("Address")).get_by_role("button", name="Save").click()
        expect(page.get_by_text(f"{MODEL} at {judge.url}, with a key, saved here, encrypted.")).to_be_visible()
        assert KEY not in page.content()
        picture(page, "settings-judge")
        page.goto(f"{web.address}/run?id=run1#result")
        page.get_by_role("button", name="Ask the judge").click()
        expect(page.get_by_text("found the tuned answer better in 33.3% of 3 pairs")).to_be_visible()
        page.get_by_text("What it said of each pair").click()
        expect(page.get_by_text("A says more.").first).to_be_visible()
        picture(page, "run-judged")
        page.reload()
        expect(page.get_by_text("found the tuned answer better in 33.3% of 3 pairs")).to_be_visible()


def test_another_file_that_cannot_be_evaluated_is_answered_with_the_reason(page: Page, web: Web) -> None:
    finished(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1#result")
    table = {"name": "other.csv", "mimeType": "text/csv", "buffer": b"message,topic\nhello,good\n"}
    page.get_by_label("A file to evaluate on").set_input_files(table)
    expect(page.get_by_text("holds no finished adapter")).to_be_visible()
    expect(page.get_by_role("heading", name="Evaluate on another file")).to_be_visible()
    expect(page.get_by_role("button", name="Ask the judge")).to_have_count(0)
