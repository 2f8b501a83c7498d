"""`autotrain predict`, `export`, `push`, `runs`: what a person does in a terminal with a finished run."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from autotrain.cli.train import show_result
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.app import command
from tests.cli.conftest import Studio
from tests.doubles import start_hub_double
from tests.training.toy import sentences, write_table
from tests.ui.runs_on_record import running

pytestmark = pytest.mark.slow


def test_a_text_is_answered_with_the_labels_by_probability(studio: Studio) -> None:
    text, first, second, *_ = studio.says("predict", "Three languages", "how are you today").splitlines()
    assert text == "how are you today"
    assert float(first.split("%")[0]) >= float(second.split("%")[0])


def test_a_table_comes_back_with_predictions_and_the_share_that_is_right(studio: Studio, tmp_path: Path) -> None:
    output = tmp_path / "answers.csv"
    said = studio.says("predict", studio.run.id[:6], "--data", studio.table, "--output", output)
    with output.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    with studio.table.open(encoding="utf-8", newline="") as file:
        assert [row["text"] for row in rows] == [row["text"] for row in csv.DictReader(file)]
    right = sum(row["predicted"] == row["label"] for row in rows)
    assert "360 rows predicted" in said and f"{right / 360:.1%} of the 360 rows" in said


def test_an_export_holds_what_a_push_would_publish(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    studio.says("export", studio.run.id, folder)
    names = {path.name for path in folder.rglob("*")}
    assert {"README.md", "adapter_config.json", "adapter_model.safetensors"} <= names
    assert "already" in studio.refuses("export", studio.run.id, folder)


def test_a_push_goes_to_the_hub_and_again_updates_it(studio: Studio, tmp_path: Path) -> None:
    with start_hub_double(tmp_path) as hub:
        environment = hub.environment(tmp_path / "hf")
        refused = studio.refuses("push", studio.run.id, "alice/three", **environment)
        assert "token" in refused and str(studio.home) in refused
        for _ in range(2):
            said = studio.says("push", studio.run.id, "alice/three", **environment, HF_TOKEN=hub.token)
            assert f"{hub.endpoint}/alice/three" in said
        assert hub.content("alice/three", "adapter_model.safetensors")
        assert b"model-index" in hub.content("alice/three", "README.md")


def test_runs_are_listed_and_shown_with_their_result(studio: Studio) -> None:
    assert studio.run.id in studio.says("runs", "list") and "Three languages" in studio.says("runs", "list", "three")
    shown = studio.says("runs", "show", "Three languages")
    assert "Accuracy" in shown and str(studio.home / "runs" / studio.run.id) in shown
    assert "Three languages" not in studio.says("runs", "list", "nothing like it")
    assert studio.run.id in studio.says("runs", "show", "three lang")
    narrow = studio.says("runs", "list", COLUMNS="60")
    assert studio.run.id in narrow, "an id can be copied from any terminal"


@pytest.mark.parametrize("wish", ["pause", "finish", "cancel"])
def test_a_wish_that_comes_too_late_is_a_sentence(studio: Studio, wish: str) -> None:
    assert "Three languages" in studio.refuses("runs", wish, studio.run.id)


def test_a_run_that_is_not_there_is_a_sentence(studio: Studio) -> None:
    assert "autotrain runs list" in studio.refuses("runs", "show", "nobody")


def test_a_queued_run_can_be_cancelled_and_deleted_with_its_files(studio: Studio, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text((studio.home / "runs" / studio.run.id / "recipe.yaml").read_text("utf-8"), "utf-8")
    said = studio.says("train", recipe, "--name", "Waiting", "--queue")
    run = said.split("Queued as ")[1].split()[0]
    assert "queue" in studio.says("runs", "show", run).lower()
    studio.says("runs", "cancel", run)
    assert "cancelled" in studio.says("runs", "show", run).lower()
    studio.says("runs", "delete", run, "--files")
    assert not (studio.home / "runs" / run).exists()
    assert run not in studio.says("runs", "list")


def test_a_file_is_inspected_for_people_and_for_programs(studio: Studio) -> None:
    said = studio.says("data", "inspect", studio.table)
    assert "text: text (sure)" in said and "label: label (sure)" in said
    found = json.loads(studio.says("data", "inspect", studio.table, "--json"))
    assert found["profile"]["rows"] == 360 and "text-classification" in found["tasks"]


def test_a_closer_look_in_the_terminal(studio: Studio, tmp_path: Path) -> None:
    table = write_table(tmp_path / "few.csv", sentences(tmp_path, rows_of_each=30))
    said = " ".join(studio.says("data", "inspect", table, "--deep").split())
    assert 'languages of "text"' in said and '"text" in tokens: median' in said
    assert "doubted" in said
    found = json.loads(studio.says("data", "inspect", table, "--deep", "--json"))
    assert found["insights"]["text-classification"]["histograms"][0]["unit"] == "characters"
    assert found["label_errors"]["text-classification"]["judged"] == 90


def test_a_paused_training_says_why_and_how_to_go_on(settings: Settings, store: SqlStore) -> None:
    fence = running(store, settings)
    store.move("run1", fence, "running", "paused", reason="The disk is full. Free some space.", code="disk")
    said = io.StringIO()
    show_result(store.get("run1"), settings.runs / "run1", Console(file=said, width=200))
    assert "The disk is full. Free some space." in said.getvalue()
    assert "autotrain runs resume run1" in said.getvalue()
    assert "goes on from its checkpoint at step" in command(settings.root, "runs", "resume", "run1").stdout
    assert store.get("run1").state == "queued"


def test_inspecting_names_the_shape_what_is_wrong_and_the_step_that_mends_it(studio: Studio, tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    table = tmp_path / "chats.jsonl"
    table.write_text("".join(json.dumps({"messages": said}) + "\n" for said in (turns, turns[:1], turns)), "utf-8")
    said = studio.says("data", "inspect", table)
    assert "Looks like: conversations" in said
    assert '--step \'{"step": "drop_rows", "rows": [2]}\'' in " ".join(said.split())
    found = json.loads(studio.says("data", "inspect", table, "--json"))
    assert found["shapes"][0]["shape"] == "chat" and found["shapes"][0]["findings"][0]["code"] == "no-last-answer"
