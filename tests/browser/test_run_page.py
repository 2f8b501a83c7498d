"""The run pages in a real browser: curves grow by themselves, wishes are asked for twice, nobody's text is markup."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from autotrain.runs.devices import Device
from autotrain.runs.state import WORDS
from tests.browser.conftest import PHONE, Picture, Web
from tests.ui.runs_on_record import finished, queued, running, train

pytestmark = pytest.mark.browser

LOSS = ".at-plot >> nth=0"


def test_curves_grow_without_a_reload_and_survive_one(page: Page, web: Web, picture: Picture) -> None:
    fence = running(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1")
    expect(page.locator(LOSS)).to_have_attribute("data-points", "11")
    page.evaluate("window.sameDocument = true")
    before = page.locator("[data-curve=loss] path").first.element_handle()
    train(web.store, "run1", fence, 11, 20)
    expect(page.locator(LOSS)).to_have_attribute("data-points", "22")
    expect(page.locator(".at-tiles")).to_contain_text("20 / 100")
    assert page.evaluate("window.sameDocument") and before is not None and before.evaluate("path => path.isConnected")
    picture(page, "run-curves")
    page.reload()
    expect(page.locator(LOSS)).to_have_attribute("data-points", "22")


def test_a_cancel_is_explained_and_can_be_taken_back(page: Page, web: Web, picture: Picture) -> None:
    running(web.store, web.settings)
    page.set_viewport_size(PHONE)
    page.goto(f"{web.address}/run?id=run1")
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("no adapter and no result")
    picture(page, "run-cancel")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert web.store.get("run1").desired_state == "run"
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
    expect(page.locator(".at-pill").first).to_have_text("Cancelling")
    assert web.store.get("run1").desired_state == "cancel"


def test_the_bar_that_compares_stays_in_sight_on_a_phone(page: Page, web: Web) -> None:
    for number in range(9):
        finished(web.store, web.settings, f"run{number}")
    page.set_viewport_size(PHONE)
    page.goto(f"{web.address}/runs")
    for number in (0, 1):
        page.locator("input[type=checkbox]").nth(number).check()
    expect(page.get_by_text("2 runs chosen")).to_be_in_viewport()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="What differs")).to_be_visible()


def test_pause_and_resume(page: Page, web: Web) -> None:
    fence = running(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    expect(page.locator(".at-pill").first).to_have_text("Pausing after this step")
    web.store.move("run1", fence, "running", "pausing")
    web.store.move("run1", fence, "pausing", "paused", reason="Paused at step 10.")
    expect(page.locator(".at-pill").first).to_have_text(WORDS["paused"])
    page.get_by_role("button", name="Resume from step 10").click()
    expect(page.locator(".at-pill").first).to_have_text("Next in the queue")
    assert web.nudged == [("run", "run1")]


def test_a_waiting_run_says_why_and_is_made_urgent(page: Page, web: Web, picture: Picture) -> None:
    running(web.store, web.settings)
    web.store.register_devices("here", [Device("cpu:0", 8_000_000_000)])
    queued(web.store, web.settings, "run2", "other")
    queued(web.store, web.settings, "run3", "mine")
    page.goto(f"{web.address}/run?id=run3")
    expect(page.get_by_text("Waits for its turn: 1 run before it.")).to_be_visible()
    picture(page, "run-waiting")
    page.get_by_label("Priority").select_option("high")
    expect(page.locator(".at-pill").first).to_have_text("Next in the queue")
    expect(page.get_by_text("Waits until a run under way ends: it is the next to start.")).to_be_visible()
    assert web.nudged == [("run", "run3")] and web.store.get("run3").priority == "high"


def test_the_page_follows_again_when_the_web_process_is_back(page: Page, web: Web) -> None:
    fence = running(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1")
    expect(page.locator(LOSS)).to_have_attribute("data-points", "11")
    page.evaluate("window.sameDocument = true")
    web.stop()
    expect(page.get_by_text("The run itself goes on")).to_be_visible()
    train(web.store, "run1", fence, 11, 15)
    web.start()
    expect(page.locator(LOSS)).to_have_attribute("data-points", "17")
    expect(page.get_by_text("The run itself goes on")).to_be_hidden()
    assert page.evaluate("window.sameDocument")


def test_a_result_shows_scores_beside_baselines_and_users_text_as_text(page: Page, web: Web, picture: Picture) -> None:
    report = finished(web.store, web.settings)
    web.store.rename("run1", "<img src=x onerror=document.title=1>")
    page.goto(f"{web.address}/run?id=run1")
    expect(page.get_by_text(report.verdict())).to_be_visible()
    expect(page.get_by_role("img", name="This adapter: Accuracy 90.0 %")).to_be_visible()
    expect(page.get_by_role("img", name="Majority class: Accuracy 50.0 %")).to_be_visible()
    expect(page.get_by_role("rowheader", name="<b>bad</b>").first).to_be_visible()
    expect(page.locator(".at-mistakes")).to_contain_text("<script>")
    expect(page.get_by_role("heading", level=1)).to_have_text("<img src=x onerror=document.title=1>")
    assert page.locator("img[src=x]").count() == 0
    picture(page, "run-result")


def test_a_failure_says_why_and_offers_a_retry(page: Page, web: Web, picture: Picture) -> None:
    fence = running(web.store, web.settings)
    web.store.move("run1", fence, "running", "failed", reason="The loss became infinite at step 10.", code="nan")
    page.goto(f"{web.address}/run?id=run1")
    expect(page.get_by_role("alert")).to_contain_text("The loss became infinite at step 10.")
    picture(page, "run-failed")
    page.get_by_role("button", name="Retry from step 10").click()
    expect(page.locator(".at-pill").first).to_have_text("Next in the queue")


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(page: Page, web: Web, picture: Picture) -> None:
    fence = running(web.store, web.settings)
    reason = "The disk is full (3 MB free). Free some space, then press Resume: the training goes on."
    web.store.move("run1", fence, "running", "paused", reason=reason, code="disk")
    page.goto(f"{web.address}/run?id=run1")
    expect(page.locator(".at-pill").first).to_have_text(WORDS["paused"])
    expect(page.get_by_text(reason)).to_be_visible()
    picture(page, "run-disk-full")
    page.get_by_role("button", name="Resume from step 10").click()
    expect(page.locator(".at-pill").first).to_have_text("Next in the queue")
    expect(page.get_by_text(reason)).to_have_count(0)


def test_tabs_are_reached_by_keyboard_and_kept_in_the_address(page: Page, web: Web) -> None:
    finished(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1")
    page.get_by_role("tab", name="Result").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Try it")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("End")
    expect(page.get_by_role("tabpanel", name="Files and log")).to_be_visible()
    assert page.url.endswith("#files")
    page.reload()
    expect(page.get_by_role("tabpanel", name="Files and log")).to_be_visible()
    expect(page.get_by_role("link", name="adapter.zip")).to_be_visible()


def test_the_log_is_searched(page: Page, web: Web, picture: Picture) -> None:
    finished(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1#files")
    expect(page.get_by_role("log")).to_contain_text("last line")
    page.get_by_role("searchbox", name="Search the log").fill("FIRST")
    expect(page.get_by_role("log").locator("mark")).to_have_text("first")
    expect(page.get_by_role("log")).not_to_contain_text("last line")
    picture(page, "run-files")


def test_runs_are_found_chosen_and_compared(page: Page, web: Web, picture: Picture) -> None:
    finished(web.store, web.settings, "run1")
    finished(web.store, web.settings, "run2")
    queued(web.store, web.settings, "run3", "later <b>one</b>")
    page.goto(f"{web.address}/runs")
    expect(page.locator("[data-run]")).to_have_count(3)
    picture(page, "runs")
    page.get_by_role("searchbox").fill("later")
    expect(page.locator("[data-run]")).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    page.get_by_role("button", name="Finished").click()
    expect(page.locator("[data-run]")).to_have_count(2)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_role("heading", name="What differs")).to_be_visible()
    expect(page.locator(".at-plot").first).to_have_attribute("data-points", "20")
    picture(page, "compare")


def test_an_unknown_run_leads_back_to_the_list(page: Page, web: Web) -> None:
    page.goto(f"{web.address}/run?id=nothing")
    expect(page.get_by_role("alert")).to_contain_text("There is no run")
    page.get_by_role("link", name="Show all runs").click()
    expect(page.get_by_text("No runs yet.")).to_be_visible()


def test_a_chart_is_read_with_the_keyboard(page: Page, web: Web) -> None:
    running(web.store, web.settings)
    page.goto(f"{web.address}/run?id=run1")
    expect(page.locator(LOSS)).to_have_attribute("data-points", "11")
    page.locator(LOSS).focus()
    page.keyboard.press("Home")
    expect(page.locator(".at-place").first).to_have_text("step 1")
    expect(page.locator(".at-legend").first).to_contain_text("1.0000")
    page.keyboard.press("ArrowRight")
    expect(page.locator(LOSS)).to_have_attribute(
        "aria-label", "Loss. Training 0.5000. Validation 0.5000. Left and right arrow keys read earlier points."
    )
