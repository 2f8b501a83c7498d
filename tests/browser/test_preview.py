"""What the model will see, in a real browser: tags of another scheme, tools, and rows that would teach nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Picture, Web
from tests.browser.test_data_step import SLOW, first_batch, shown

pytestmark = pytest.mark.browser


def test_a_conll_file_in_another_scheme_is_converted_with_one_click(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    sentence = "Anna NNP S-PER\nlives VBZ O\nin IN O\nNew NNP B-LOC\nYork NNP E-LOC\n"
    path = tmp_path / "train.conll"
    path.write_text("\n".join(sentence.replace("Anna", name) for name in ("Anna", "Bo", "Cleo", "Dan")), "utf-8")
    shown(page, web, path)
    first_batch(page, "token-classification")
    expect(page.get_by_text("are in BIOES")).to_be_visible(timeout=SLOW)
    picture(page, "preview-scheme")
    page.get_by_role("button", name="Convert BIOES to BIO").click()
    expect(page.get_by_text("are in BIOES")).to_have_count(0, timeout=SLOW)
    expect(page.locator(".at-token-chip", has_text="I-LOC").first).to_contain_text("york", timeout=SLOW)


def test_calls_are_shown_as_learned_and_a_conversation_that_teaches_nothing_is_named(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}
    called = [
        {"role": "user", "content": "How warm is it in Rome?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "31 degrees"},
        {"role": "assistant", "content": "It is warm."},
    ]
    long = [{"role": "user", "content": "word " * 900}, {"role": "assistant", "content": "Yes."}]
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    path = tmp_path / "tools.jsonl"
    rows = [*[{"messages": called, "tools": tools}] * 6, {"messages": long, "tools": []}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    shown(page, web, path)
    first_batch(page, "supervised-fine-tuning", "all-MiniLM-L6-v2")
    expect(page.get_by_text("1 of 7 conversations would teach nothing")).to_be_visible(timeout=SLOW)
    expect(page.locator(".at-learned").get_by_text("call", exact=True).first).to_be_visible()
    picture(page, "preview-tools")
