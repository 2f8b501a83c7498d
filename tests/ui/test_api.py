"""The HTTP API: one error shape, right statuses, no path out of a run's folder, no request from elsewhere."""

from __future__ import annotations

import io
import re
import zipfile
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from autotrain.runs.devices import Device
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.page import World, open_page
from tests.ui.conftest import problem
from tests.ui.runs_on_record import RECIPE, finished, queued, running, train

CSV = b"message,topic\n" + b"".join(b"text number %d,%s\n" % (n, b"good" if n % 2 else b"bad") for n in range(60))


def every_route(client: TestClient) -> list[tuple[str, str]]:
    paths = client.get("/api/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


BODIES = {
    "wish": {"wish": "pause"},
    "predict": {"inputs": [{"text": "a"}]},
    "stream": {"inputs": [{"text": "a"}]},
    "publish": {"repository": "a"},
    "check": {"repository": "a"},
    "{batch_id}": {"columns": {}},
    "{evaluation_id}": {"columns": {}},
    "sheet": {"sheet": "a"},
    "{run_id}": {"name": "a"},
    "{dataset_id}": {"name": "a"},
}


def test_every_route_answers_for_an_unknown_run_with_404_in_the_one_shape(world: World) -> None:
    routes = [(method, path) for method, path in every_route(world.client) if "_id}" in path]
    assert len(routes) >= 18
    for method, path in routes:
        address = re.sub(r"\{\w+_id\}", "none", path)
        body = BODIES.get(path.rsplit("/", 1)[-1])
        parameters = {"name": "a.csv"} if path.endswith(("/batches", "/evaluations")) else None
        answer = world.client.request(
            method, "/api" + address.replace("{path}", "report.json"), json=body, params=parameters
        )
        assert answer.status_code == 404, (method, path, answer.text)
        problem(answer)


def test_every_route_that_changes_something_refuses_another_site(world: World) -> None:
    finished(world.store, world.settings)
    routes = [(method, path) for method, path in every_route(world.client) if method not in {"GET", "HEAD"}]
    assert len(routes) >= 10
    for method, path in routes:
        address = "/api" + path.replace("{run_id}", "run1")
        for headers in (
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://testserver.evil.example"},
        ):
            answer = world.client.request(
                method, address, headers=headers, json=BODIES.get(path.rsplit("/", 1)[-1]), params={"name": "a.csv"}
            )
            assert answer.status_code == 403, (method, path, headers, answer.text)
            problem(answer)
    assert world.store.get("run1").state == "succeeded"


def test_our_own_pages_and_programs_are_let_in(world: World) -> None:
    for headers in ({"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}, {}):
        answer = world.client.post("/api/datasets", params={"name": "a.csv"}, content=CSV, headers=headers)
        assert answer.status_code == 201


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("PUT", "/api/runs", 405),
        ("GET", "/api/runs?limit=x", 422),
        ("POST", "/api/runs", 422),
    ],
)
def test_mistaken_requests_have_the_one_shape_too(world: World, method: str, path: str, status: int) -> None:
    answer = world.client.request(method, path)
    assert answer.status_code == status
    problem(answer)


def test_an_unexpected_failure_has_the_one_shape_and_tells_no_secrets(world: World) -> None:
    finished(world.store, world.settings)
    (world.settings.runs / "run1" / "report.json").write_text("{", "utf-8")
    answer = world.client.get("/api/runs/run1/report")
    assert answer.status_code == 500
    assert problem(answer)[0] == "internal"
    assert str(world.settings.root) not in answer.text


def test_a_list_names_state_score_and_baseline(world: World) -> None:
    finished(world.store, world.settings, "run1")
    queued(world.store, world.settings, "run2", "later")
    later, done = world.client.get("/api/runs").json()
    assert (later["words"], later["ahead"], later["active"]) == ("Next in the queue", 0, True)
    assert (done["words"], done["active"], done["wishes"]) == ("Finished", False, [])
    assert done["headline"] == {
        "name": "accuracy",
        "title": "Accuracy",
        "shown": "90.0%",
        "value": 0.9,
        "higher_is_better": True,
        "baseline": "majority",
        "baseline_value": 0.5,
        "baseline_shown": "50.0%",
        "gain": "+40.0 points",
    }
    assert len(done["sparkline"]) == 10
    assert [run["id"] for run in world.client.get("/api/runs", params={"search": "LATER"}).json()] == ["run2"]
    assert [run["id"] for run in world.client.get("/api/runs", params={"state": "succeeded"}).json()] == ["run1"]


def test_live_sends_everything_once_and_then_only_what_is_new(world: World) -> None:
    fence = running(world.store, world.settings)
    first = world.client.get("/api/runs/run1/live").json()
    assert [point[0] for point in first["points"]["loss"]] == list(range(1, 11))
    assert [item["event"]["kind"] for item in first["events"]] == ["phase", "log", "checkpoint"]
    assert first["run"]["progress"]["step"] == 10
    nothing = world.client.get("/api/runs/run1/live", params={"after": first["cursor"]}).json()
    assert (nothing["points"], nothing["events"], nothing["cursor"]) == ({}, [], first["cursor"])
    train(world.store, "run1", fence, 11, 12)
    more = world.client.get("/api/runs/run1/live", params={"after": first["cursor"]}).json()
    assert [point[0] for point in more["points"]["loss"]] == [11, 12]


def test_a_wish_is_recorded_said_in_words_and_refused_when_impossible(world: World) -> None:
    running(world.store, world.settings)
    view = world.client.post("/api/runs/run1/wish", json={"wish": "pause"}).json()
    assert (view["desired"], view["words"]) == ("pause", "Pausing after this step")
    refused = world.client.post("/api/runs/run1/wish", json={"wish": "sing"})
    assert refused.status_code == 422
    finished(world.store, world.settings, "run2")
    refused = world.client.post("/api/runs/run2/wish", json={"wish": "cancel"})
    assert (refused.status_code, problem(refused)[0]) == (409, "impossible-transition")


def test_a_retry_queues_the_run_and_nudges(world: World) -> None:
    queued(world.store, world.settings)
    world.client.post("/api/runs/run1/wish", json={"wish": "cancel"})
    assert world.client.post("/api/runs/run1/wish", json={"wish": "run"}).json()["state"] == "queued"
    assert world.nudged == [("run", "run1")]


def test_a_working_run_is_not_deleted_and_a_finished_one_goes_with_its_folder(world: World) -> None:
    running(world.store, world.settings, "run1")
    assert world.client.delete("/api/runs/run1").status_code == 409
    assert (world.settings.runs / "run1").is_dir()
    finished(world.store, world.settings, "run2")
    assert world.client.delete("/api/runs/run2").status_code == 204
    assert not (world.settings.runs / "run2").exists()
    assert world.client.get("/api/runs/run2").status_code == 404


def test_a_run_can_be_renamed(world: World) -> None:
    queued(world.store, world.settings)
    assert world.client.patch("/api/runs/run1", json={"name": " Better name "}).json()["name"] == "Better name"
    assert world.client.patch("/api/runs/run1", json={"name": ""}).status_code == 422


def test_a_run_that_waits_says_why_and_its_priority_can_be_changed(world: World) -> None:
    running(world.store, world.settings)
    world.store.register_devices("here", [Device("cpu:0", 8_000_000_000)], slots=4)
    for name in ("first", "second"):
        queued(world.store, world.settings, name, name)
    first, second = (world.client.get(f"/api/runs/{name}").json() for name in ("first", "second"))
    assert first["waits"] == (
        "Waits for a device to itself, because nobody knows how much memory it needs. On it now: 'messages · Balanced'."
    )
    assert (second["ahead"], second["waits"].endswith("1 run before it.")) == (1, True)
    assert (second["priority"], second["devices_wanted"], second["memory_needed"]) == ("normal", 1, None)
    changed = world.client.patch("/api/runs/second", json={"priority": "high"}).json()
    assert (changed["priority"], changed["ahead"], changed["name"]) == ("high", 0, "second")
    assert world.nudged == [("run", "second")]
    assert {run["id"]: run["ahead"] for run in world.client.get("/api/runs").json()} == {
        "second": 0,
        "first": 1,
        "run1": None,
    }
    assert world.client.get("/api/runs/run1").json()["waits"] is None
    refused = world.client.patch("/api/runs/run1", json={"priority": "high"})
    assert (refused.status_code, problem(refused)[0]) == (409, "impossible-transition")
    assert world.client.patch("/api/runs/first", json={"priority": "now"}).status_code == 422


def test_only_listed_files_can_be_fetched(world: World) -> None:
    finished(world.store, world.settings)
    listed = {file["path"] for file in world.client.get("/api/runs/run1/files").json()}
    assert {"adapter.zip", "adapter/adapter_model.safetensors", "report.json", "recipe.yaml"} <= listed
    assert "attempt-1/trainer.log" in listed and "secret.txt" not in listed
    for path in listed:
        assert world.client.get(f"/api/runs/run1/files/{path}").status_code == 200
    (world.settings.root / "outside.json").write_text("{}", "utf-8")
    (world.settings.runs / "run1" / "adapter" / "link.json").symlink_to(world.settings.root / "outside.json")
    for path in (
        "secret.txt",
        "adapter",
        "adapter/link.json",
        "../run1/secret.txt",
        "..%2f..%2frecord.sqlite",
        "adapter/../secret.txt",
        quote("/etc/passwd", safe=""),
        "//etc/passwd",
        "data/train.arrow",
    ):
        answer = world.client.get(f"/api/runs/run1/files/{path}")
        assert answer.status_code == 404, path
        problem(answer)


def test_the_adapter_comes_as_one_archive(world: World) -> None:
    finished(world.store, world.settings)
    answer = world.client.get("/api/runs/run1/files/adapter.zip")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read("adapter/adapter_model.safetensors") == b"weights"
        assert archive.testzip() is None


def test_the_log_goes_on_from_a_byte_and_shows_no_token(world: World) -> None:
    running(world.store, world.settings)
    first = world.client.get("/api/runs/run1/log").json()
    assert "last line" in first["text"] and "hf_abc" not in first["text"]
    log = world.settings.runs / "run1" / "attempt-1" / "trainer.log"
    with log.open("a") as file:
        file.write("one more\n")
    more = world.client.get("/api/runs/run1/log", params={"after": first["next"], "attempt": 1}).json()
    assert (more["text"], more["next"]) == ("one more\n", more["size"])
    assert world.client.get("/api/runs/run1/log", params={"attempt": 9}).status_code == 404


def test_a_long_log_arrives_in_whole_lines(world: World) -> None:
    running(world.store, world.settings)
    lines = [f"line {number} of a very long log" for number in range(30_000)]
    (world.settings.runs / "run1" / "attempt-1" / "trainer.log").write_text("\n".join(lines) + "\n", "utf-8")
    tail = world.client.get("/api/runs/run1/log").json()
    assert tail["text"].splitlines()[0] in lines and tail["text"].splitlines()[-1] == lines[-1]
    found, after, size = [], 0, 1
    while after < size:
        part = world.client.get("/api/runs/run1/log", params={"after": after}).json()
        found += part["text"].splitlines()
        after, size = part["next"], part["size"]
    assert found == lines


def test_a_report_comes_with_its_verdict(world: World) -> None:
    report = finished(world.store, world.settings)
    assert world.client.get("/api/runs/run1/report").json()["verdict_sentence"] == report.verdict()
    queued(world.store, world.settings, "run2")
    assert world.client.get("/api/runs/run2/report").status_code == 404


def test_a_run_starts_from_a_recipe_and_an_uploaded_table(world: World) -> None:
    dataset = world.client.post("/api/datasets", params={"name": "mine.csv"}, content=CSV).json()
    assert (dataset["rows"], dataset["columns"]) == (60, ["message", "topic"])
    assert [one["id"] for one in world.client.get("/api/datasets").json()] == [dataset["id"]]
    answer = world.client.post(
        "/api/runs", json={"recipe": RECIPE.replace("0123456789abcdef", f"'{dataset['id']}'"), "name": "From a program"}
    )
    assert answer.status_code == 201, answer.text
    assert (answer.json()["name"], answer.json()["state"]) == ("From a program", "queued")
    assert world.nudged == [("run", answer.json()["id"])]


@pytest.mark.parametrize("source", ["/etc/passwd", "../x.csv", "C:\\x.csv"])
def test_a_recipe_over_http_cannot_name_a_path(world: World, source: str) -> None:
    recipe = {
        "task": "text-classification",
        "title": "x",
        "model": "all-minilm-l6-v2",
        "data": {"source": source, "columns": {"text": "a", "label": "b"}},
    }
    answer = world.client.post("/api/runs", json={"recipe": recipe})
    assert answer.status_code == 422
    assert "dataset" in problem(answer)[1]


def test_every_problem_of_a_recipe_is_reported_at_once(world: World) -> None:
    answer = world.client.post("/api/runs", json={"recipe": "task: nothing\nsurprise: 1\n"})
    code, message = problem(answer)
    assert (answer.status_code, code) == (422, "recipe")
    assert "surprise" in message and "nothing" in message


def test_too_large_an_upload_is_refused_and_leaves_nothing(world: World, settings: Settings) -> None:
    with open_page(settings.model_copy(update={"max_upload_bytes": 1000}), world.store) as page:
        answer = page.client.post("/api/datasets", params={"name": "big.csv"}, content=b"a" * 2000)
    assert answer.status_code == 413
    problem(answer)
    assert not list(settings.root.glob(".upload-*"))


def test_a_run_without_an_adapter_cannot_be_asked(world: World) -> None:
    running(world.store, world.settings)
    answer = world.client.post("/api/runs/run1/predict", json={"inputs": [{"text": "hello"}]})
    assert (answer.status_code, problem(answer)[0]) == (422, "no-adapter")


def test_inputs_must_be_those_of_the_task(world: World) -> None:
    finished(world.store, world.settings)
    answer = world.client.post("/api/runs/run1/predict", json={"inputs": [{"texts": "hello"}]})
    assert (answer.status_code, problem(answer)[0]) == (422, "wrong-input")


def test_a_file_with_other_columns_asks_which_to_take(world: World) -> None:
    finished(world.store, world.settings)
    batch = world.client.post(
        "/api/runs/run1/batches", params={"name": "new.csv"}, content=b"id,words\n1,hello\n"
    ).json()
    assert (batch["state"], batch["roles"], batch["columns"]) == ("needs columns", ["text"], ["id", "words"])
    refused = world.client.post(f"/api/runs/run1/batches/{batch['id']}", json={"columns": {"text": "nope"}})
    assert refused.status_code == 422
    assert world.client.get(f"/api/runs/run1/batches/{batch['id']}/file").status_code == 409


def test_a_file_that_cannot_be_classified_is_called_by_its_own_name(world: World) -> None:
    finished(world.store, world.settings)
    answer = world.client.post("/api/runs/run1/batches", params={"name": "letters.csv"}, content=b"")
    assert answer.status_code == 422 and "letters.csv is empty" in problem(answer)[1]


def test_the_description_and_the_scripts_are_served_from_here(world: World) -> None:
    assert world.client.get("/api/openapi.json").json()["info"]["title"] == "AutoTrain Studio"
    page = world.client.get("/api/docs").text
    assert "https://" not in page and "http://" not in page
    address = page.split('from "')[1].split('"')[0]
    answer = world.client.get(address)
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert world.client.get(address.replace("docs.js", "core.js")).headers["content-type"].startswith("text/javascript")
    assert world.client.get("/studio/old/docs.js").headers["cache-control"] == "no-store"
    assert world.client.get("/studio/x/../../api/__init__.py").status_code == 404


def test_a_table_says_which_runs_used_it_and_is_kept_while_one_needs_it(settings: Settings, store: SqlStore) -> None:
    from autotrain.recipe import presets
    from autotrain.submission import submit

    rows = "comment,grade\n" + "".join(f"parcel {n} came,{('bad', 'good')[n % 2]}\n" for n in range(40))
    with open_page(settings, store) as page:
        made = page.client.post("/api/datasets", params={"name": "parcels.csv"}, content=rows.encode()).json()
        assert made["used_by"] == [] and made["disk_bytes"] > 0
        recipe = presets("text-classification")["fast"].with_data(made["id"], text="comment", label="grade")
        run = submit(recipe, settings, store, name="Mine")
        (listed,) = page.client.get("/api/datasets").json()
        assert listed["used_by"] == [{"id": run.id, "name": "Mine", "state": "queued"}]

        refused = page.client.delete(f"/api/datasets/{made['id']}")
        assert refused.status_code == 422
        assert 'The run "Mine" still needs this table (waiting in the queue)' in refused.json()["error"]["message"]

        renamed = page.client.patch(f"/api/datasets/{made['id']}", json={"name": "Parcels of May"}).json()
        assert renamed["name"] == "Parcels of May"
        assert page.client.get(f"/api/datasets/{made['id']}").json()["name"] == "Parcels of May"

        store.wish(run.id, "cancel")
        assert store.get(run.id).state == "cancelled"
        assert page.client.delete(f"/api/datasets/{made['id']}").status_code == 204
        assert page.client.get("/api/datasets").json() == []


def test_rows_far_down_are_shown_by_their_place(settings: Settings, store: SqlStore) -> None:
    rows = "text,label\n" + "".join(f"row {n},a\n" for n in range(30_000))
    with open_page(settings, store) as page:
        made = page.client.post("/api/datasets", params={"name": "rows.csv"}, content=rows.encode()).json()
        shown = page.client.get(f"/api/datasets/{made['id']}/rows", params={"start": 29_998, "count": 10}).json()
        assert shown["of"] == 30_000
        assert [row["text"] for row in shown["rows"]] == ["row 29998", "row 29999"]
