"""Every wrong table a person may bring: on the page and in a terminal the same plain sentence, and nothing lost."""

from __future__ import annotations

import codecs
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from autotrain.recipe import recipes_folder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.app import command
from tests.page import World, open_page

BALANCED = recipes_folder() / "text_classification" / "balanced.yaml"
PICTURE = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + zlib.compress(b"\x00" * 500)


def table(*rows: str, header: str = "text,label") -> bytes:
    return "\n".join([header, *rows, ""]).encode()


def rows(count: int = 200, labels: int = 2) -> list[str]:
    return [f"this is the text with number {number},class {number % labels}" for number in range(count)]


def packed() -> bytes:
    """A ZIP archive with a picture in it."""
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as archive:
        archive.writestr("picture.png", PICTURE)
    return into.getvalue()


REFUSED = {
    "a picture": (PICTURE, ["mine.csv is a PNG image", "saved as CSV"]),
    "a PDF": (b"%PDF-1.7\n" + bytes(200), ["a PDF document", "spreadsheet"]),
    "a ZIP archive": (packed(), ["No image can be read", "picture.png"]),
    "noise": (bytes(range(256)) * 20, ["not text", "saved as CSV"]),
    "nothing": (b"", ["mine.csv is empty", "column names in its first row"]),
    "only white space": (b"\n \n\t\n", ["is empty"]),
    "only a header": (b"text,label\n", ["no rows below", "Add at least one row"]),
    "ragged": (table("a,b,c", "d,e,f", "g,h,i"), ["Row 1 of mine.csv has 2 cells, but 3 rows have 3", "quotes"]),
    "a quote left open": (table(*rows(3), '"never, closed,b', *rows(4)), ["Row 5", "quote", "Close the quote"]),
}
STOPPED = {
    "one column": (b"text\n" + b"".join(b"text number %d\n" % n for n in range(40)), ["one column"]),
    "one class": (table(*rows(labels=1)), ['"label" has the same label, "class 0"', "choose another label column"]),
    "labels that are numbers": (
        table(*(f"this is text {number},{number * 7 % 41 / 8}" for number in range(1, 80))),
        ['"label" holds', "regression", "ranges"],
    ),
    "500 classes in as many rows": (table(*rows(500, 500)), ["500", "rows"]),
    "no label at all": (
        table(*(f"this is text number {number}," for number in range(40))),
        ['No row has a label in "label"', "fill it in"],
    ),
}
WARNED = {
    "some ragged rows": (table(*rows(), "a text, with a comma,class 1"), ["Row 202", "more cells"]),
    "empty labels": (table(*rows(), "no label here,"), ["Row 202 has no label and is left out"]),
    "a class with a single row": (table(*rows(), "alone here,class 9"), ['a single text: "class 9"', "Add at least 4"]),
    "500 classes": (table(*rows(2000, 500)), ["500 classes"]),
    "a text of 100,000 characters": (table(*rows(), f"{'long ' * 20_000},class 1"), ["100,000 characters", "202"]),
    "column names twice": (
        table(*(f"{row},x" for row in rows()), header="text,label,text"),
        ['More than one column is called "text"', '"text_2"'],
    ),
    "an empty column name": (table(*(f"{row},x" for row in rows()), header="text,label,"), ["no name"]),
}
READ = {
    "semicolons": "\n".join(["text;label", *(row.replace(",", ";") for row in rows())]).encode(),
    "pipes": "\n".join(["text|label", *(row.replace(",", "|") for row in rows())]).encode(),
    "tabs": "\n".join(["text\tlabel", *(row.replace(",", "\t") for row in rows())]).encode(),
    "UTF-16 with a mark": ("text,label\n" + "\n".join(rows())).encode("utf-16"),
    "UTF-16 without a mark": ("text,label\n" + "\n".join(rows())).encode("utf-16-le"),
    "UTF-16 the other way round": ("text,label\n" + "\n".join(rows())).encode("utf-16-be"),
    "UTF-8 with a mark": codecs.BOM_UTF8 + table(*rows()),
    "Latin-1": ("text,label\n" + "\n".join(f"Größe über Äpfel {row}" for row in rows())).encode("latin-1"),
}


@pytest.fixture
def page(settings: Settings, store: SqlStore) -> Iterator[World]:
    with open_page(settings, store) as opened:
        yield opened


def in_a_terminal(home: Path, content: bytes, folder: Path, *options: str) -> str:
    """What `autotrain train` answers; nothing is trained."""
    file = folder / "mine.csv"
    file.write_bytes(content)
    done = command(home, "train", BALANCED, "--data", file, *options, "--queue")
    assert done.returncode == 1 and done.stderr.startswith("autotrain: "), done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_with_the_way_out(page: World, tmp_path: Path, case: str) -> None:
    content, words = REFUSED[case]
    (shown,) = page.look(content)
    assert all(word in shown for word in words), shown
    assert shown in in_a_terminal(page.settings.root, content, tmp_path)
    assert page.client.get("/api/datasets").json() == [] and page.store.list() == []


@pytest.mark.parametrize("case", STOPPED)
def test_what_cannot_be_learned_from_stops_before_the_start(page: World, tmp_path: Path, case: str) -> None:
    content, words = STOPPED[case]
    columns = {"text": "text", "label": "label"} if b"label" in content.split(b"\n")[0] else {"text": "text"}
    shown = page.look(content, columns=columns)
    assert any(all(word in sentence for word in words) for sentence in shown), shown
    options = [part for role, column in columns.items() for part in (f"--{role}", column)]
    said = in_a_terminal(page.settings.root, content, tmp_path, *options)
    assert all(word in said for word in words), said
    assert page.store.list() == []


def test_a_column_that_is_not_there_is_answered_with_those_that_are(page: World, tmp_path: Path) -> None:
    shown = " ".join(page.look(table(*rows()), columns={"text": "body", "label": "label"}))
    said = in_a_terminal(page.settings.root, table(*rows()), tmp_path, "--text", "body", "--label", "label")
    for sentence in (shown, said):
        assert 'no column "body"' in sentence and '"text", "label"' in sentence


@pytest.mark.parametrize("case", WARNED)
def test_what_is_doubtful_is_told_and_stops_nothing(page: World, tmp_path: Path, case: str) -> None:
    content, words = WARNED[case]
    shown = page.look(content, columns={"text": "text", "label": "label"})
    assert any(all(word in sentence for word in words) for sentence in shown), shown
    (tmp_path / "mine.csv").write_bytes(content)
    told = command(page.settings.root, "data", "inspect", tmp_path / "mine.csv")
    assert told.returncode == 0
    assert all(word in told.stdout for word in words), told.stdout


@pytest.mark.parametrize("case", READ)
def test_any_delimiter_and_encoding_is_read(page: World, tmp_path: Path, case: str) -> None:
    shown = page.look(READ[case], columns={"text": "text", "label": "label"}, model="all-minilm-l6-v2")
    assert shown == [] or (
        case == "Latin-1" and "it was read as Western European" in shown[0] and "nearly the same text" in shown[1]
    )
    (tmp_path / "mine.csv").write_bytes(READ[case])
    told = command(page.settings.root, "data", "inspect", tmp_path / "mine.csv")
    assert "text: text (sure)" in told.stdout and "label: label (sure)" in told.stdout
    assert "200 rows" in told.stdout


def test_a_file_over_the_limit_names_both_sizes_and_the_setting(
    settings: Settings, store: SqlStore, tmp_path: Path
) -> None:
    content = table(*rows(200))
    with open_page(settings.model_copy(update={"max_upload_bytes": 2000}), store) as page:
        (shown,) = page.look(content)
    (tmp_path / "mine.csv").write_bytes(content)
    words = f"mine.csv has {len(content) / 1000:.1f} kB, and at most 2.0 kB are accepted. Take a part of its rows"
    for arguments in (["data", "inspect"], ["train", BALANCED, "--data"]):
        done = command(settings.root, *arguments, tmp_path / "mine.csv", AUTOTRAIN_MAX_UPLOAD_BYTES="2000")
        assert words in done.stderr and "or raise AUTOTRAIN_MAX_UPLOAD_BYTES" in done.stderr, done.stderr
    assert words in shown
    assert not list(settings.root.glob(".upload-*"))
