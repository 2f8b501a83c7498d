"""Tables that a finished adapter cannot answer, or only in part: the same on the page and in a terminal."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autotrain.models.loading import load_classifier, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.params import AdapterParams
from autotrain.runs.folder import Order, RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.training.adapter import save_adapter
from tests.app import Done, command
from tests.page import World, open_page
from tests.training.toy import save_encoder
from tests.ui.runs_on_record import finished

LABELS = ["good", "bad"]
LONG = "red " * 25_000 + "green"

REFUSED = {
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "new.csv is a PNG image, which is no table. Choose the table"),
    "nothing": (b"", "new.csv is empty. Choose a file with column names in its first row and data below"),
    "only a header": (b"message,topic\n", "new.csv has column names in row 1 but no rows below. Add at least one row"),
}
IN_PART = f"message,topic\nred,good\ngreen,splendid\n,bad\n{LONG},\n".encode()
TOLD = (
    "3 rows predicted.",
    "1 row has an empty text and got no prediction.",
    "The adapter was never trained on “splendid”, so it cannot predict them; these rows are left out",
)


@dataclass
class Adapter:
    """A finished run's adapter, asked on the page and in a terminal."""

    page: World
    folder: Path

    def on_the_page(self, content: bytes) -> dict[str, Any]:
        """The batch that a dropped file becomes, when it has settled; the error if it is refused."""
        sent = self.page.client.post("/api/runs/run1/batches", params={"name": "new.csv"}, content=content).json()
        while sent.get("state") == "working":
            time.sleep(0.02)
            sent = self.page.client.get(f"/api/runs/run1/batches/{sent['id']}").json()
        return dict(sent)

    def in_a_terminal(self, content: bytes, *options: str, **environment: str) -> Done:
        """What `autotrain predict` does with the file."""
        (self.folder / "new.csv").write_bytes(content)
        output = self.folder / "out.csv"
        files = ["--data", self.folder / "new.csv", "--output", output]
        done = command(self.page.settings.root, "predict", "run1", *files, *options, **environment)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def refused(self, content: bytes, *options: str, **environment: str) -> str:
        """The sentence of a refusal, which leaves no file."""
        done = self.in_a_terminal(content, *options, **environment)
        assert done.returncode == 1 and not (self.folder / "out.csv").exists()
        return done.stderr


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(["red blue green one two three"], tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def adapter(settings: Settings, store: SqlStore, encoder: Path, tmp_path: Path) -> Iterator[Adapter]:
    """A run on the columns `message` and `topic`, with random weights."""
    finished(store, settings)
    run = RunFolder(settings.runs / "run1")
    tokenizer = load_tokenizer(encoder)
    base = load_classifier(encoder, LABELS, tokenizer)
    model = add_lora(base, AdapterParams(lora_r=4, lora_alpha=8), kind="SEQ_CLS")
    note = {"task": "text-classification", "labels": LABELS, "base_model": "tiny", "max_length": 16, "columns": {}}
    shutil.rmtree(run.adapter)
    save_adapter(model, tokenizer, note, run.adapter)
    Order(model=str(encoder)).write(run.attempts()[-1])
    with open_page(settings, store) as page:
        yield Adapter(page, tmp_path)


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_refused_by_its_name(adapter: Adapter, case: str) -> None:
    content, words = REFUSED[case]
    assert words in adapter.on_the_page(content)["error"]["message"]
    assert words in adapter.refused(content)


def test_a_table_over_the_limit_is_refused_with_the_setting(adapter: Adapter) -> None:
    content = b"message\n" + b"red\n" * 1000
    words = "new.csv has 4.0 kB, and at most 2.0 kB are accepted. Take a part of its rows, or raise AUTOTRAIN_MAX_"
    assert words in adapter.refused(content, AUTOTRAIN_MAX_UPLOAD_BYTES="2000")
    small = adapter.page.settings.model_copy(update={"max_upload_bytes": 2000})
    with open_page(small, adapter.page.store) as page:
        assert words in Adapter(page, adapter.folder).on_the_page(content)["error"]["message"]
    assert not list(adapter.page.settings.root.glob(".upload-*"))


def test_a_table_without_the_column_of_the_texts_asks_for_it(adapter: Adapter) -> None:
    content = b"id,words\n1,red\n2,blue\n"
    asked = adapter.on_the_page(content)
    assert (asked["state"], asked["roles"], asked["columns"]) == ("needs columns", ["text"], ["id", "words"])
    sentence = adapter.refused(content)
    assert "no column 'message'; it has 'id', 'words'" in sentence and "--column" in sentence
    assert "no column 'nothing'" in adapter.refused(content, "--column", "nothing")
    assert adapter.in_a_terminal(content, "--column", "words").returncode == 0


def test_a_column_without_texts_names_itself(adapter: Adapter) -> None:
    content = b"message,topic\n,good\n,bad\n"
    words = "Every text in the column 'message' is empty. Choose the column that holds the texts."
    batch = adapter.on_the_page(content)
    assert (batch["state"], batch["reason"]) == ("failed", words)
    assert words in adapter.refused(content)


def test_what_can_be_answered_is_answered_and_the_rest_is_told_and_kept(adapter: Adapter) -> None:
    batch = adapter.on_the_page(IN_PART)
    assert batch["state"] == "done" and all(told in " ".join(batch["notes"]) for told in TOLD), batch
    sent = adapter.page.client.get(f"/api/runs/run1/batches/{batch['id']}/file").content.decode("utf-8-sig")
    done = adapter.in_a_terminal(IN_PART)
    assert done.returncode == 0 and all(told in done.stdout for told in TOLD), done.stdout
    with (adapter.folder / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["message"] for row in rows] == ["red", "green", "", LONG]
    assert [row["predicted"] in LABELS for row in rows] == [True, True, False, True]
    assert sent.splitlines()[0] == "message,topic,predicted,confidence,score good,score bad"
