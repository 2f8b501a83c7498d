"""Every task in a real browser: a table goes in, a result comes out, and the adapter is tried.

The tables are small and the trainings short: what is asked here is that the way is open from one end to the other.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.app import autotrain_up
from tests.browser.conftest import Picture
from tests.doubles import start_hub_double
from tests.training.causal import save_causal
from tests.training.rewriters import save_rewriter

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]

MINUTE = 60_000
MINILM = "all-MiniLM-L6-v2"

CITIES = ["Rome", "Oslo", "Lima", "Cairo", "Paris", "Quito", "Delhi", "Kyoto", "Berne", "Accra"]
NAMES = ["Anna", "Bo", "Cleo", "Dan", "Eva", "Finn", "Gita", "Hugo", "Iris", "Jan"]
THINGS = {"lamp": "bright", "chair": "soft", "table": "heavy", "clock": "loud", "vase": "thin"}

Row = dict[str, Any]


@dataclass(frozen=True)
class Story:
    """One task's table and model, what its result shows and how its adapter is tried."""

    task: str
    rows: Callable[[], Sequence[Row]]
    score: str
    verb: str
    asked: dict[str, str]
    answer: str
    """A selector of what an answer shows."""
    model: str = MINILM
    """What `models` calls it, or MiniLM."""


def tagged() -> list[Row]:
    return [
        {"tokens": [name, "lives", "in", city], "tags": ["B-PER", "O", "O", "B-LOC"]}
        for name in NAMES
        for city in CITIES[:6]
    ]


def labelled() -> list[Row]:
    rows = []
    for thing, quality in THINGS.items():
        for name in NAMES:
            rows.append({"text": f"{name} bought a {thing}.", "labels": thing})
            rows.append({"text": f"{name} says it is {quality}.", "labels": quality})
            rows.append({"text": f"{name} has a {quality} {thing}.", "labels": f"{thing}|{quality}"})
    return rows


def numbered() -> list[Row]:
    return [
        {"text": f"{name} waits {'very ' * much}long in {city}.", "hours": much + 0.5}
        for name in NAMES
        for city in CITIES[:3]
        for much in range(3)
    ]


def ranked() -> list[Row]:
    return [
        {"query": f"Where does {name} live?", "passage": f"{other} lives in {city}.", "relevance": int(name == other)}
        for name, city in zip(NAMES * 2, CITIES * 2, strict=True)
        for other in (name, *random.Random(name).sample([one for one in NAMES if one != name], 3))
    ]


def asked_and_told() -> list[Row]:
    return [
        {"anchor": f"Where does {name} go in month {month}?", "positive": f"In month {month} {name} travels to {city}."}
        for month in range(1, 9)
        for name, city in zip(NAMES, CITIES, strict=True)
    ]


def asked_about() -> list[Row]:
    return [
        {
            "question": f"Where does {name} live?",
            "context": f"{other} lives in {CITIES[place - 1]}. {name} lives in {CITIES[place]}.",
            "answers": {
                "text": [CITIES[place]],
                "answer_start": [len(f"{other} lives in {CITIES[place - 1]}. {name} lives in ")],
            },
        }
        for place, name in enumerate(NAMES)
        for other in NAMES[:5]
        if other != name
    ]


def documents() -> list[Row]:
    return [{"text": f"{name} lives in {city} and likes it there."} for name in NAMES for city in CITIES[:5]]


def alike() -> list[Row]:
    return [
        {"anchor": f"Where does {name} live, in {city}?", "positive": f"{name} is at home in {city}."}
        for name in NAMES
        for city in CITIES[:5]
    ]


def rewritten() -> list[Row]:
    return [{"source": f"{name} lives in {city}", "target": f"{city}: {name}"} for name in NAMES for city in CITIES[:5]]


def answered() -> list[Row]:
    return [
        {"prompt": f"Where does {name} live in {year}?", "completion": f"In {city}."}
        for name, city in zip(NAMES, CITIES, strict=True)
        for year in range(1990, 1995)
    ]


def preferred() -> list[Row]:
    return [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": "I do not know, and I do not want to know."}
        for row in answered()
    ]


def checked() -> list[Row]:
    return [
        {"problem": f"What is {one} plus {two}?", "solution": str(one + two)} for one in range(7) for two in range(7)
    ]


CHAT, SAID = {"Message": "Where does Anna live?"}, ".at-turn-assistant p:not(:text-is('…'))"
STORIES = (
    Story("multi-label-classification", labelled, "Macro F1", "Label", {"Text": "Bo has a loud clock."}, ".at-bars"),
    Story("text-regression", numbered, "Root mean squared", "Predict", {"Text": "Bo waits long."}, ".at-big-number"),
    Story("token-classification", tagged, "F1", "Mark", {"Text": "Anna lives in Oslo"}, ".at-marked"),
    Story(
        "question-answering",
        asked_about,
        "F1",
        "Answer",
        {"Question": "Where does Bo live?", "Text": "Anna lives in Rome. Bo lives in Oslo."},
        ".at-found, .at-marked",
    ),
    Story("masked-language-modeling", documents, "erplexity", "Fill in", {"Text": "Anna ___ in Oslo."}, ".at-bars"),
    Story("sentence-embeddings", alike, "nDCG", "Compare", {"Texts": "Bo is here.\nBo lives here."}, ".at-heat td"),
    Story(
        "reranking",
        ranked,
        "nDCG",
        "Rank",
        {"Query": "Where does Bo live?", "Passages": "Bo lives in Oslo.\nThe lamp is bright."},
        ".at-ranked li",
    ),
    Story("text-to-text", rewritten, "ROUGE", "Write", {"Source": "Anna lives in Oslo"}, ".at-side", "rewriter"),
    Story("supervised-fine-tuning", answered, "Perplexity", "Send", CHAT, SAID, "talker"),
    Story("preference-tuning", preferred, "Prefers", "Send", CHAT, SAID, "talker"),
    Story(
        "reward-modeling",
        preferred,
        "Prefers",
        "Judge",
        {"Conversation": "Where does Anna live?", "Answers": "In Rome.\nI do not know."},
        ".at-ranked li",
        "talker",
    ),
    Story("continued-pretraining", documents, "Perplexity", "Go on", {"Beginning": "Anna lives"}, ".at-side", "talker"),
    Story("grpo", checked, "Pass@1", "Send", CHAT, SAID, "talker"),
)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Tiny models with random weights that know the words of the tables."""
    folder = tmp_path_factory.mktemp("models")
    texts = [
        str(value)
        for rows in (documents(), answered(), checked(), rewritten())
        for row in rows
        for value in row.values()
    ]
    return {
        "talker": save_causal(texts, folder / "tiny-talker"),
        "rewriter": save_rewriter("t5", texts, folder / "tiny-rewriter"),
    }


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The whole app on a data home of its own."""
    folder = tmp_path_factory.mktemp("tasks")
    with start_hub_double(folder) as hub, autotrain_up(folder / "home", hub) as address:
        yield address


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.task)
def test_a_table_becomes_an_adapter_that_answers(
    page: Page, studio: str, models: dict[str, Path], story: Story, tmp_path: Path, picture: Picture
) -> None:
    table = tmp_path / f"{story.task}.jsonl"
    table.write_text("".join(json.dumps(row) + "\n" for row in story.rows()), "utf-8")
    start(page, studio, table, story, str(models.get(story.model, story.model)))
    expect(page.locator("[data-state=succeeded]")).to_be_visible(timeout=5 * MINUTE)
    page.get_by_role("tab", name="Result").click()
    expect(page.locator(".at-verdict")).to_contain_text(story.score)
    expect(page.locator(".at-track").nth(1)).to_be_visible()
    picture(page, f"task-{story.task}-result")
    page.get_by_role("tab", name="Try it").click()
    for field, text in story.asked.items():
        page.get_by_role("textbox", name=field).first.fill(text)
    page.get_by_role("button", name=story.verb, exact=True).click()
    expect(page.locator(story.answer).last).to_be_visible(timeout=2 * MINUTE)
    expect(page.get_by_role("button", name=story.verb, exact=True)).to_be_visible(timeout=2 * MINUTE)
    picture(page, f"task-{story.task}-try")


def start(page: Page, address: str, table: Path, story: Story, base: str) -> None:
    """Drop the table, choose what to learn, the model and Fast, and start."""
    page.goto(address)
    page.get_by_label("Data file").set_input_files(table)
    page.get_by_label("What to learn").select_option(story.task, timeout=MINUTE)
    model = page.get_by_role("combobox", name="Base model", exact=True)
    if base != MINILM:
        model.fill(base)
        model.press("Enter")
    expect(page.locator(".at-summary")).to_contain_text(Path(base).name)
    page.get_by_text("Fast", exact=True).first.click()
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/run?id=*", timeout=MINUTE)
