"""The web app as a whole: light, offline, every page at its address, and nothing a user wrote in its HTML."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import gradio as gr
import pytest
from fastapi.testclient import TestClient

from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.ui import build
from autotrain.ui.adding import Adding
from autotrain.ui.offline import stay_here
from autotrain.ui.web import PLACES, REST_SECONDS

ROOT = Path(__file__).parent.parent.parent
STATIC = ROOT / "autotrain" / "ui" / "static"
PAGE = {"accept": "text/html"}
NASTY = "<img src=x onerror=alert(1)>"


@pytest.fixture
def nudges() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def client(settings: Settings, store: SqlStore, nudges: list[tuple[str, str]]) -> TestClient:
    return TestClient(build(settings, store, lambda kind, ident: nudges.append((kind, ident))))


def test_every_page_answers_and_asks_nothing_of_other_hosts(client: TestClient) -> None:
    for place in PLACES:
        page = client.get(place.path, headers=PAGE)
        assert page.status_code == 200
        assert not re.findall(r'<(?:script|link)[^>]+(?:src|href)="https?://(?!testserver)', page.text), place.path


def test_style_sheets_and_scripts_load_nothing_from_other_hosts() -> None:
    for path in STATIC.iterdir():
        text = path.read_text("utf-8")
        assert not re.search(r"""@import|url\(["']?https?:|from ["']https?:|import\(["']https?:""", text), path.name


def test_no_script_turns_words_into_markup() -> None:
    for path in STATIC.glob("*.js"):
        for line in path.read_text("utf-8").splitlines():
            if "innerHTML" in line:
                assert re.search(r"innerHTML = ('[^'$]*'|[a-z.]*card\.html|shown\.html)", line), f"{path.name}: {line}"


def test_links_to_other_hosts_are_taken_out_and_ours_stay() -> None:
    page = b'<link rel="preconnect" href="https://fonts.example/"><script src="https://cdn.example/x.js"></script>'
    assert stay_here(page + b'<script src="/assets/a.js"></script>') == b'<script src="/assets/a.js"></script>'


def test_the_web_process_imports_no_training_library(tmp_path: Path) -> None:
    code = """
import sys
import time
from autotrain.settings import Settings
from autotrain.runs.sql import open_store
from autotrain.ui import build
from fastapi.testclient import TestClient
settings = Settings(home=sys.argv[1])
settings.prepare_home()
client = TestClient(build(settings, open_store(settings.database), lambda kind, ident: None))
assert client.get("/api/studio").status_code == 200 and client.get("/api/models").status_code == 200
print([name for name in ("torch", "transformers", "peft", "datasets", "sklearn", "celery") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr[-2000:]


def test_pasted_rows_become_a_dataset_with_roles_and_the_cells_as_they_are(client: TestClient) -> None:
    rows = f'comment,grade\n"{NASTY}",good\nIt came too late for me,bad\nIt came right on time,good\n'
    answer = client.post("/api/datasets/paste", json={"text": rows, "name": NASTY})
    assert answer.status_code == 201
    seen = answer.json()
    assert seen["head"][0] == {"comment": NASTY, "grade": "good"}
    assert [guess["role"] for guess in seen["suggestions"][0]["mapping"]] == ["text", "label"]
    assert client.get("/", headers=PAGE).text.count(NASTY) == 0


def test_a_long_cell_is_cut_in_the_preview(client: TestClient) -> None:
    rows = f"comment,grade\n{'word ' * 20_000},good\nshort one,bad\n"
    seen = client.post("/api/datasets/paste", json={"text": rows}).json()
    assert len(seen["head"][0]["comment"]) < 300


def test_the_preview_says_how_many_conversations_would_teach_nothing(client: TestClient) -> None:
    def line(asked: str) -> str:
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": "In France."}]
        return json.dumps({"messages": turns}) + "\n"

    rows = "".join(line(f"Where is Paris, part {n}?") for n in range(8)) + line("word " * 900)
    seen = client.post("/api/datasets/paste", json={"text": rows}).json()
    draft = {"dataset": seen["id"], "model": "all-minilm-l6-v2"}
    asked = {"draft": draft, "shape": "chat", "columns": {"messages": "messages"}}
    (finding,) = client.post("/api/drafts/preview", json=asked).json()["findings"]
    assert finding["message"].startswith("1 of 9 conversations would teach nothing at ")
    assert (finding["severity"], finding["rows"]) == ("warning", [9])
    assert finding["remedy"] == "Shorten what stands before the answer. The model reads at most 512 tokens."


def test_the_preview_is_of_the_preset_s_settings_and_the_draft_s(client: TestClient) -> None:
    rows = "source,target\n" + "".join(f"where is {n},{'far away ' * 80}\n" for n in range(4))
    seen = client.post("/api/datasets/paste", json={"text": rows}).json()
    draft = {"task": "text-to-text", "dataset": seen["id"], "model": "all-minilm-l6-v2", "preset": "fast"}
    draft |= {"columns": {"source": "source", "target": "target"}, "params": {"source_prefix": "describe: "}}
    batch = client.post("/api/drafts/preview", json={"draft": draft}).json()["batch"]
    assert (batch["max_length"], batch["findings"][0]["code"]) == (256, "targets-cut")
    source, target = batch["rows"][:2]
    assert [token["text"] for token in source["tokens"][1:3]] == ["describe", ":"]
    assert sum(token["learned"] for token in target["tokens"]) == 64 and target["cut"]


def test_rows_that_are_no_table_are_refused_in_words(client: TestClient) -> None:
    answer = client.post("/api/datasets/paste", json={"text": "text,label\n"})
    assert answer.status_code == 422
    assert "no rows below" in answer.json()["error"]["message"]


def test_a_deleted_dataset_is_gone(client: TestClient) -> None:
    ident = client.post("/api/datasets/sample", json={"name": "english-topics"}).json()["id"]
    assert client.delete(f"/api/datasets/{ident}").status_code == 204
    assert client.get(f"/api/datasets/{ident}").status_code == 404


def test_a_draft_becomes_a_run_and_the_worker_is_nudged(client: TestClient, nudges: list[tuple[str, str]]) -> None:
    ident = client.post("/api/datasets/sample", json={"name": "english-topics"}).json()["id"]
    draft = {"dataset": ident, "columns": {"text": "text", "label": "label"}, "model": "all-minilm-l6-v2"}
    seen = client.post("/api/drafts/look", json=draft).json()
    run = client.post("/api/runs", json={"recipe": seen["recipe"], "name": "mine"}).json()
    assert run["name"] == "mine" and nudges == [("run", run["id"])]


def test_a_token_is_kept_forgotten_and_never_sent_back(client: TestClient) -> None:
    token = "hf_" + "x" * 30
    kept = client.put("/api/account", json={"token": token})
    assert kept.json() == {"has_token": True, "origin": "settings"} and token not in kept.text
    assert client.delete("/api/account").json()["origin"] != "settings"
    assert client.put("/api/account", json={"token": "not a token"}).status_code == 403


def test_the_machine_is_described(client: TestClient) -> None:
    here = client.get("/api/machine").json()
    assert here["cpu_count"] >= 1 and here["memory_total"] > here["memory_available"] > 0
    assert here["versions"]["torch"].startswith("2.")


def start(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "AUTOTRAIN_HOME": str(tmp_path / "home")} | environment
    return subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=clean, capture_output=True, text=True, timeout=120)


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = start(tmp_path, AUTOTRAIN_PORT=str(port))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"Port {port}" in done.stderr and "AUTOTRAIN_PORT" in done.stderr


def test_a_home_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = start(tmp_path, AUTOTRAIN_HOME=str(blocked / "home"))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr and "AUTOTRAIN_HOME" in done.stderr


def test_a_model_nobody_knows_cannot_be_added(client: TestClient) -> None:
    answer = client.post("/api/models/addable", json={"name": "no-such-model"})
    assert answer.status_code == 422 and "no-such-model" in answer.json()["error"]["message"]


def test_the_child_that_adds_a_model_says_in_words_why_it_cannot(settings: Settings) -> None:
    adding = Adding(settings)
    adding.start("no-such-model")
    while not (told := adding.progress("no-such-model")) or not told.done:
        time.sleep(0.05)
    assert told.error and "no-such-model" in told.error


def test_gradio_s_queue_has_the_pauses_that_are_lengthened() -> None:
    with gr.Blocks() as blocks:
        pass
    assert blocks._queue.sleep_when_free < REST_SECONDS and blocks._queue.progress_update_sleep_when_free < REST_SECONDS
