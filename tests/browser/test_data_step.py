"""The data step in a real browser: what is found is said with its rows, and one click mends it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pytest
import soundfile
from PIL import Image
from playwright.sync_api import Page, expect
from sklearn.datasets import load_sample_images

from tests.browser.conftest import Picture, Web
from tests.doubles import start_hub_double

pytestmark = pytest.mark.browser

SLOW = 60_000
"""Milliseconds for what a child process does first: it loads a tokenizer's libraries."""


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


def shown(page: Page, web: Web, path: Path) -> None:
    page.goto(web.address)
    page.evaluate("localStorage.clear()")
    page.goto(web.address)
    page.get_by_label("Data file").set_input_files(path)


def first_batch(page: Page, task: str, model: str = "") -> None:
    """The task is chosen by itself; a model of any kind shows how it cuts the rows into tokens."""
    expect(page.get_by_label("What to learn")).to_have_value(task, timeout=SLOW)
    if model:
        page.get_by_label("Base model").click()
        page.get_by_role("option", name=model).first.click()
    page.get_by_text("What the model will see").click()


def test_texts_with_labels_are_shown_as_tokens(page: Page, web: Web, tmp_path: Path, picture: Picture) -> None:
    shown(page, web, messy(tmp_path / "messy.csv"))
    page.get_by_text("What the model will see").click()
    expect(page.locator(".at-encoded").first).to_contain_text("[CLS]", timeout=SLOW)
    expect(page.locator(".at-encoded").first).to_contain_text("bad")
    page.get_by_text("Look deeper").click()
    expect(page.get_by_text("Lengths of “comment” in characters")).to_be_visible(timeout=SLOW)
    picture(page, "preview-classification")


def test_doubted_labels_are_shown_and_changed_by_choice(page: Page, web: Web, tmp_path: Path, picture: Picture) -> None:
    says = {
        "weather": "The rain falls on the hills of town {n} while clouds and wind bring a storm to the coast.",
        "cooking": "Fry onion number {n} in butter, add salt and flour, and bake the bread in a hot oven.",
    }
    rows = [(says[label].format(n=n), label) for n in range(40) for label in says]
    rows[6], rows[31] = (rows[6][0], "cooking"), (rows[31][0], "weather")
    path = tmp_path / "doubtful.csv"
    path.write_text("text,label\n" + "".join(f'"{text}",{label}\n' for text, label in rows), "utf-8")
    shown(page, web, path)
    page.get_by_text("Look deeper").click()
    page.get_by_role("button", name="Look for wrong labels").click()
    table = page.get_by_label("Doubted labels")
    expect(table.locator("tbody tr")).to_have_count(2, timeout=2 * SLOW)
    expect(table).to_contain_text("33")
    table.scroll_into_view_if_needed()
    picture(page, "doubted-labels")
    table.get_by_label("Choose row 8", exact=True).check()
    page.get_by_role("button", name="Use the suggested label (1)").click()
    expect(page.get_by_text('is written by hand row 8 as "weather"')).to_be_visible()


def test_another_sheet_of_a_workbook_is_chosen(page: Page, web: Web, tmp_path: Path, picture: Picture) -> None:
    book = openpyxl.Workbook()
    for sheet, word in ((book.active, "first"), (book.create_sheet("Answers"), "other")):
        for row in (["comment", "grade"], *[[f"the {word} text number {n}", "ab"[n % 2]] for n in range(30)]):
            sheet.append(row)
    book.create_sheet("Empty")
    book.save(tmp_path / "book.xlsx")
    shown(page, web, tmp_path / "book.xlsx")
    expect(page.get_by_text("the first text number 0")).to_be_visible()
    sheets = page.get_by_label("Sheet", exact=True)
    sheets.select_option("Answers")
    expect(page.get_by_text("the other text number 0")).to_be_visible()
    expect(page.locator(".at-picked")).to_contain_text("book.xlsx (Answers)")
    picture(page, "sheet-choice")
    sheets.select_option("Empty")
    expect(page.get_by_text("does not have names in one row")).to_be_visible()
    expect(sheets).to_have_value("Answers")


def test_a_large_file_shows_its_first_rows_at_once_and_can_be_cancelled(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    path = tmp_path / "large.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("comment,grade\n")
        for start in range(0, 2_000_000, 100_000):
            file.writelines(
                f"a comment about number {n},{'good' if n % 2 else 'bad'}\n" for n in range(start, start + 100_000)
            )
    shown(page, web, path)
    expect(page.get_by_text("a comment about number 7")).to_be_visible()
    expect(page.get_by_text("Reading large.csv")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Drop a table here")).to_be_visible()
    page.wait_for_timeout(1_500)
    expect(page.get_by_text("Drop a table here")).to_be_visible()
    expect(page.get_by_role("button", name="large.csv")).to_have_count(0)
    page.get_by_label("Data file").set_input_files(path)
    expect(page.get_by_text("The first rows")).to_be_visible()
    picture(page, "import-under-way")
    expect(page.get_by_text("2,000,000 rows").first).to_be_visible(timeout=SLOW)


def test_a_dataset_of_the_hub_is_found_looked_at_and_taken(
    page: Page, web: Web, tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    rows = {
        part: "".join(f"a comment number {n} for {part},{'good' if n % 2 else 'bad'}\n" for n in range(60))
        for part in ("train", "test")
    }
    files = {f"{part}.csv": f"comment,grade\n{lines}".encode() for part, lines in rows.items()}
    with start_hub_double(tmp_path) as hub:
        for key, value in hub.environment(tmp_path / "hf").items():
            monkeypatch.setenv(key, value)
        hub.add_dataset("alice/comments", files, downloads=12_000)
        hub.add_dataset("lab/comments-gated", files, gated=True)
        page.goto(web.address)
        page.get_by_text("Take a dataset of the Hugging Face Hub").click()
        page.get_by_label("Dataset of the Hub").fill("comments")
        page.locator("[data-hub='lab/comments-gated']").click()
        expect(page.get_by_text("its owner decides who may download it")).to_be_visible(timeout=SLOW)
        page.get_by_label("Dataset of the Hub").fill("comments")
        page.locator("[data-hub='alice/comments']").click()
        expect(page.get_by_label("First rows of the dataset")).to_contain_text(
            "a comment number 3 for train", timeout=SLOW
        )
        page.get_by_label("Split", exact=True).select_option("test")
        expect(page.get_by_label("First rows of the dataset")).to_contain_text("number 3 for test", timeout=SLOW)
        picture(page, "hub-dataset")
        page.get_by_label("Split", exact=True).select_option("")
        page.get_by_role("button", name="Use this dataset").click()
        expect(page.get_by_text("120 rows").first).to_be_visible(timeout=SLOW)
        expect(page.locator(".at-picked")).to_contain_text("alice/comments")
        expect(page.get_by_text("60 for the test")).to_be_visible()


def test_images_boxes_and_sounds_are_shown_as_the_model_gets_them(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    flower, temple = (Image.fromarray(image).resize((320, 214)) for image in load_sample_images().images[::-1])
    with zipfile.ZipFile(tmp_path / "boxes.zip", "w") as archive:
        for number, image in enumerate((flower, temple) * 3):
            image.save(tmp_path / "image.jpg")
            archive.write(tmp_path / "image.jpg", f"images/{number}.jpg")
            archive.writestr(
                f"labels/{number}.txt", "0 0.5 0.45 0.5 0.6\n" if image is flower else "1 0.5 0.6 0.7 0.5\n"
            )
        archive.writestr("classes.txt", "flower\ntemple\n")
    shown(page, web, tmp_path / "boxes.zip")
    expect(page.get_by_text("This table looks like images with boxes")).to_be_visible()
    expect(page.locator(".at-media img")).to_have_count(4, timeout=SLOW)
    expect(page.locator(".at-media")).to_contain_text("temple")
    picture(page, "preview-boxes")

    with zipfile.ZipFile(tmp_path / "sounds.zip", "w") as archive:
        for number in range(8):
            wave = np.sin(np.arange(8_000) * 0.05 * (1 + number % 2)) * np.hanning(8_000)
            soundfile.write(tmp_path / "sound.wav", wave, 8_000)
            archive.write(tmp_path / "sound.wav", f"{('low', 'high')[number % 2]}/{number}.wav")
    shown(page, web, tmp_path / "sounds.zip")
    expect(page.get_by_text("This table looks like sounds with a label")).to_be_visible()
    expect(page.locator(".at-media figure").first).to_contain_text("1.0 s at 8,000 Hz", timeout=SLOW)
    picture(page, "preview-sounds")


def test_conversations_are_recognised_and_what_is_learned_is_marked(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    turns = [("user", "Where is Paris?"), ("assistant", "In France, on the river Seine."), ("user", "And Rome?")]
    good = [*turns, ("assistant", "In Italy.")]
    rows = [{"messages": [{"role": role, "content": text} for role, text in said]} for said in [good] * 12 + [turns]]
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    shown(page, web, path)
    expect(page.locator("[data-addable]").get_by_role("button", name="Add SmolLM2")).to_be_visible(timeout=SLOW)
    expect(page.locator(".at-start")).to_contain_text("Add the model SmolLM2")
    first_batch(page, "supervised-fine-tuning", "all-MiniLM-L6-v2")
    expect(page.get_by_text("a last turn that is not the assistant's")).to_be_visible(timeout=SLOW)
    expect(page.locator(".at-learned").get_by_text("italy")).not_to_have_count(0, timeout=SLOW)
    picture(page, "preview-chat")
    page.get_by_role("button", name="Leave out this row").click()
    expect(page.get_by_text("a last turn that is not the assistant's")).to_have_count(0, timeout=SLOW)


def test_words_with_tags_are_recognised_and_shown_with_their_tags(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    row = {"tokens": ["Anna", "lives", "in", "New", "York"], "tags": ["B-PER", "O", "O", "B-LOC", "I-LOC"]}
    other = {"tokens": ["It", "rains", "in", "Edinburgh"], "tags": ["O", "O", "O", "B-LOC"]}
    path = tmp_path / "names.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in [row, other] * 20), "utf-8")
    shown(page, web, path)
    first_batch(page, "token-classification")
    expect(page.locator(".at-token-chip", has_text="B-PER").first).to_contain_text("anna", timeout=SLOW)
    picture(page, "preview-tagging")


def test_files_for_training_and_test_are_one_table_that_is_split_as_they_say(
    page: Page, web: Web, tmp_path: Path, picture: Picture
) -> None:
    paths = []
    for name, rows in (("train", 60), ("test", 20)):
        path = tmp_path / f"{name}.csv"
        lines = [
            f"the {name} parcel number {n} came {('late', 'on time')[n % 2]},{('bad', 'good')[n % 2]}"
            for n in range(rows)
        ]
        path.write_text("\n".join(["comment,grade", *lines, ""]), "utf-8")
        paths.append(path)
    page.goto(web.address)
    page.evaluate("localStorage.clear()")
    page.goto(web.address)
    page.get_by_label("Data file").set_input_files(paths)
    expect(page.get_by_text("2 files are one table")).to_be_visible()
    page.get_by_text("Split: training, validation, test").click()
    expect(page.get_by_label("How the rows are divided")).to_have_value("given")
    expect(page.locator(".at-split-counts tbody tr").first).to_have_text("All54620")
    picture(page, "data-split")
