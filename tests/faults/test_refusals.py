"""What cannot be asked of a run is refused with one sentence, over Python, HTTP and the command line alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

import autotrain.cli
from autotrain.errors import AutotrainError, ImpossibleTransition, UnknownRun
from autotrain.runs.sql import SqlStore
from autotrain.runs.state import STATES, TRANSITIONS, WORDS, State, refusal, wishes
from autotrain.settings import Settings
from tests.page import World, open_page
from tests.ui.runs_on_record import finished, queued, running

GONE, CONFLICT, UNUSABLE = 404, 409, 422
WISHES = ["run", "save", "finish", "pause", "cancel"]
COMMANDS = {"run": "resume", "finish": "finish", "pause": "pause", "cancel": "cancel"}


@pytest.fixture
def world(settings: Settings, store: SqlStore) -> Iterator[World]:
    with open_page(settings, store) as page:
        yield page


def put(world: World, state: State) -> None:
    """The run `run1` in this state."""
    store, settings = world.store, world.settings
    if state == "succeeded":
        finished(store, settings)
        return
    if state in {"queued", "paused", "cancelled"}:
        queued(store, settings)
        if state != "queued":
            store.wish("run1", "pause" if state == "paused" else "cancel")
        return
    fence = running(store, settings)
    if state != "running":
        store.move("run1", fence, "running", state)


def by_command(world: World, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """What a command that refuses says."""
    monkeypatch.setenv("AUTOTRAIN_HOME", str(world.settings.root))
    done = CliRunner().invoke(autotrain.cli.app, list(words))
    assert isinstance(done.exception, AutotrainError), done.output
    return done.exception.message


REFUSED = [
    (state, wish)
    for state in ("queued", "running", "pausing", "cancelling", "paused", "failed", "cancelled", "succeeded")
    for wish in WISHES
    if wish not in wishes(state) and not (wish == "run" and state in {"running", "pausing", "cancelling"})
]


@pytest.mark.parametrize(("state", "wish"), REFUSED)
def test_a_wish_that_cannot_be_is_one_sentence_everywhere(
    world: World, monkeypatch: pytest.MonkeyPatch, state: State, wish: str
) -> None:
    put(world, state)
    with pytest.raises(ImpossibleTransition) as refused:
        world.store.wish("run1", wish)  # type: ignore[arg-type]
    said = refused.value.message
    assert "messages" in said and WORDS[state] in said and said.count(".") >= 2
    answer = world.client.post("/api/runs/run1/wish", json={"wish": wish})
    assert (answer.status_code, answer.json()["error"]["message"]) == (CONFLICT, said)
    if wish in COMMANDS:
        assert by_command(world, monkeypatch, "runs", COMMANDS[wish], "run1") == said
    assert world.store.get("run1").state == state


@pytest.mark.parametrize("state", ["running", "pausing", "cancelling"])
def test_a_working_run_is_not_deleted(world: World, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    put(world, state)
    with pytest.raises(ImpossibleTransition, match="Cancel it first") as refused:
        world.store.delete("run1")
    answer = world.client.delete("/api/runs/run1")
    assert (answer.status_code, answer.json()["error"]["message"]) == (CONFLICT, refused.value.message)
    assert by_command(world, monkeypatch, "runs", "delete", "run1", "--files") == refused.value.message
    assert (world.settings.runs / "run1").is_dir()


@pytest.mark.parametrize("state", ["queued", "running", "paused", "failed", "cancelled"])
def test_an_unfinished_run_is_not_published(world: World, monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    put(world, state)
    with pytest.raises(ImpossibleTransition) as refused:
        world.store.request_publication("run1", "me/it", private=True)
    said = refused.value.message
    assert WORDS[state] in said and ("Wait" in said) == (state in {"queued", "running"})
    answer = world.client.post("/api/runs/run1/publish", json={"repository": "me/it"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (CONFLICT, said)
    assert by_command(world, monkeypatch, "push", "run1", "me/it") == said


def test_a_run_that_is_not_there_is_named(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for ask in (
        lambda: world.store.get("nobody"),
        lambda: world.store.wish("nobody", "pause"),
        lambda: world.store.delete("nobody"),
        lambda: world.store.rename("nobody", "x"),
        lambda: world.store.request_publication("nobody", "me/it", private=True),
    ):
        with pytest.raises(UnknownRun, match="'nobody'.*shows those that exist"):
            ask()
    for method, path, body in (
        ("GET", "", None),
        ("POST", "/wish", {"wish": "pause"}),
        ("DELETE", "", None),
        ("POST", "/publish", {"repository": "a"}),
    ):
        answer = world.client.request(method, f"/api/runs/nobody{path}", json=body)
        assert answer.status_code == GONE and "'nobody'" in answer.json()["error"]["message"]
    for words in (["runs", "pause"], ["runs", "delete"], ["runs", "show"]):
        assert "'nobody'" in by_command(world, monkeypatch, *words, "nobody")
    assert world.client.post("/api/publications/nothing/retry").status_code == GONE


def test_a_wish_nobody_knows_is_unusable(world: World) -> None:
    put(world, "running")
    assert world.client.post("/api/runs/run1/wish", json={"wish": "sing"}).status_code == UNUSABLE


def test_a_change_that_no_run_may_make_is_refused_with_what_it_may(world: World) -> None:
    put(world, "running")
    fence = world.store.get("run1").fence
    for before in STATES:
        for after in set(STATES) - TRANSITIONS[before]:
            with pytest.raises(ImpossibleTransition, match="run1.*it can become"):
                world.store.move("run1", fence, before, after)


def test_going_on_without_a_checkpoint_is_said_to_begin_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    put(world, "cancelled")
    monkeypatch.setenv("AUTOTRAIN_HOME", str(world.settings.root))
    assert (
        "no checkpoint yet, so it starts from the beginning"
        in CliRunner().invoke(autotrain.cli.app, ["runs", "resume", "run1"]).output
    )


def test_the_sentence_names_what_can_be_asked_instead() -> None:
    assert refusal("a", "paused", "pause") == (
        "Run 'a' is in the state 'Paused' and cannot pause. It can be asked to go on or cancel."
    )
    assert "start a new run" in refusal("a", "succeeded", "cancel")
    assert "Wait" in refusal("a", "cancelling", "pause")
