"""A machine that cannot take more: what it refuses is said on the page and in a terminal, and nothing is lost."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from autotrain.recipe import recipes_folder
from autotrain.runs.sql import open_store
from autotrain.settings import Settings
from tests.app import command
from tests.disk import fill
from tests.page import World, open_page
from tests.ui.runs_on_record import RECIPE, finished

FAST = recipes_folder() / "text_classification" / "fast.yaml"
TABLE = b"text,label\n" + b"".join(b"this is the text with number %d,class %d\n" % (row, row % 2) for row in range(400))
NO_SPACE = "There is no space left on the disk"


@dataclass
class Disk:
    """A small disk with the data home on it, and the page of an app that uses it."""

    place: Path
    page: World

    @property
    def home(self) -> Path:
        return self.page.settings.root

    def fill(self) -> None:
        """Write until it takes no more."""
        fill(self.place)

    def clear(self) -> None:
        """Free the space again."""
        (self.place / "filler").unlink()

    def protect(self) -> None:
        """Make it refuse every write, as a damaged disk does."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.place)], check=True)

    def refusal(self, method: str, path: str, **request: Any) -> str:
        """The sentence of an answer that is no success."""
        answer = self.page.client.request(method, path, **request)
        assert answer.status_code >= 400, answer.text
        return str(answer.json()["error"]["message"])

    def said(self, *arguments: str | Path) -> str:
        """The one sentence of a command that refuses."""
        done = command(self.home, *arguments, HF_ENDPOINT="http://127.0.0.1:9")
        assert done.returncode == 1 and done.stderr.startswith("autotrain: "), done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


@pytest.fixture
def disk(small_disk: Path) -> Iterator[Disk]:
    """The small disk, with one finished run."""
    settings = Settings(home=small_disk / "home", redis_url=None, database_url=None)
    settings.prepare_home()
    store = open_store(settings.database)
    try:
        finished(store, settings)
        with open_page(settings, store) as page:
            yield Disk(small_disk, page)
    finally:
        store.close()


def content(home: Path) -> set[str]:
    """Every file in the data home, but for the record's own."""
    files = (path for path in home.rglob("*") if path.is_file() and not path.name.startswith("record.sqlite"))
    return {str(path.relative_to(home)) for path in files}


def test_a_full_disk_names_what_had_no_room_and_leaves_nothing_half_done(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(TABLE + b"one more,class 1\n")
    known = disk.page.client.post("/api/datasets", params={"name": "known.csv"}, content=TABLE).json()["id"]
    recipe = RECIPE.replace("0123456789abcdef", known).replace("message", "text").replace("topic", "label")
    before = content(disk.home)
    disk.fill()
    other = TABLE * 300  # more than what a file system rounds up
    sample = {"name": "language-identification"}
    for shown, name in (
        (disk.refusal("POST", "/api/datasets", params={"name": "mine.csv"}, content=other), "mine.csv"),
        (disk.refusal("POST", "/api/datasets/paste", json={"text": other.decode()}), "Pasted rows"),
        (disk.refusal("POST", "/api/datasets/sample", json=sample), "language-identification"),
        (disk.refusal("POST", "/api/runs/run1/batches", params={"name": "new.csv"}, content=other), "new.csv"),
        (disk.refusal("POST", "/api/runs", json={"recipe": recipe}), "known.csv"),
        (disk.said("data", "inspect", "sample:english-topics"), "english-topics"),
        (disk.said("train", FAST, "--data", tmp_path / "mine.csv", "--queue"), "mine.csv"),
    ):
        assert f"{NO_SPACE} for {name}. Free some space and try again" in shown
        assert "nothing half-finished was left behind" in shown
    assert content(disk.home) - {"filler"} == before
    assert [run.id for run in disk.page.store.list()] == ["run1"]
    disk.clear()
    assert disk.page.client.post("/api/runs", json={"recipe": recipe}).status_code == 201


def test_on_a_full_disk_the_record_keeps_what_it_has_and_says_what_was_not_done(disk: Disk) -> None:
    disk.fill()
    while (answer := disk.page.client.patch("/api/runs/run1", json={"name": "another"})).status_code == 200:
        pass  # what is left of the last page of the disk
    words = [f"{NO_SPACE} for the record", "this was not done", "Free some space"]
    for sentence in (
        answer.json()["error"]["message"],
        disk.refusal("POST", "/api/runs/run1/publish", json={"repository": "alice/mine"}),
        disk.said("push", "run1", "alice/mine"),
    ):
        assert all(word in sentence for word in words), sentence
    assert [run["id"] for run in disk.page.client.get("/api/runs").json()] == ["run1"]
    assert "secret.key" in disk.refusal("PUT", "/api/account", json={"token": "hf_" + "a" * 34})
    disk.clear()
    assert disk.page.client.patch("/api/runs/run1", json={"name": "at last"}).json()["name"] == "at last"


def test_on_a_full_disk_the_app_does_not_start_and_says_why(disk: Disk) -> None:
    disk.fill()
    done = command(disk.home, "up", "--no-browser")
    assert done.returncode == 1
    assert done.stderr.startswith(f"The data home {disk.home} cannot be written (No space left on device). Free some")


@pytest.mark.parametrize("arguments", [["export", "run1"], ["data", "sample", "language-identification", "--output"]])
def test_a_place_that_a_command_cannot_write_to_is_named_and_holds_nothing_half_done(
    disk: Disk, tmp_path: Path, arguments: list[str]
) -> None:
    elsewhere = Path("/proc/no-folder/here") if "export" in arguments else tmp_path / "none" / "here"
    disk.fill()
    for place in (disk.place / "here", elsewhere):
        sentence = disk.said(*arguments, place)
        assert f"{place} could not be written" in sentence and "choose another place" in sentence
    assert not (disk.place / "here").is_dir()


def test_a_data_home_that_can_no_longer_be_written_is_named_by_the_page_and_every_command(disk: Disk) -> None:
    disk.page.store.close()  # an open file would keep the disk writable
    disk.protect()
    shown = disk.refusal("POST", "/api/datasets", params={"name": "mine.csv"}, content=TABLE)
    assert "mine.csv" in shown and str(disk.home) in shown and "AUTOTRAIN_HOME" in shown
    shown = disk.refusal("PATCH", "/api/runs/run1", json={"name": "another"})
    assert str(disk.home / "record.sqlite") in shown and "this was not done" in shown
    for arguments in (["runs", "list"], ["train", str(FAST), "--data", "sample:english-topics"], ["up"]):
        sentence = disk.said(*arguments)
        assert f"The data home {disk.home} cannot be written" in sentence and "AUTOTRAIN_HOME" in sentence


def test_a_port_that_is_taken_stops_the_start_and_another_is_offered(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = command(tmp_path / "home", "up", "--no-browser", AUTOTRAIN_PORT=str(port))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"Port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"AUTOTRAIN_PORT={port + 1} autotrain up" in done.stderr
    assert not (tmp_path / "home" / "broker" / "redis.sock").exists()
