"""A finished adapter on another file: the same scores from a process of its own, and a sentence for what cannot be."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import pytest

from autotrain import api
from autotrain.api import TrainedRun
from autotrain.data.freeze import read_split
from autotrain.errors import AutotrainError, DataError, ModelError
from autotrain.report import Report
from autotrain.runs.sql import open_store
from autotrain.settings import Settings
from tests.page import open_page
from tests.training.toy import recipe, save_encoder, sentences, write_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A run of the toy, whose recipe trims its texts."""
    folder = tmp_path_factory.mktemp("studio")
    rows = sentences(folder)
    table = write_table(folder / "table.csv", rows)
    model = save_encoder([text for text, _ in rows], folder / "tiny-encoder")
    wanted = recipe(table, num_train_epochs=1)
    assert wanted.data is not None
    data = wanted.data.model_dump() | {"steps": [{"step": "trim", "columns": ["text"]}]}
    wanted = type(wanted).model_validate(wanted.model_dump() | {"model": str(model), "data": data})
    settings = Settings(home=folder / "home", redis_url=None, database_url=None)
    done = api.train(wanted, settings=settings, name="Three languages")
    assert done.run.state == "succeeded", done.run.reason
    return done


@pytest.fixture(scope="module")
def test_rows(trained: TrainedRun) -> list[tuple[str, str]]:
    """The run's own test rows."""
    rows = read_split(trained.folder.data, "test")
    return list(zip(rows.column("text").to_pylist(), rows.column("label").to_pylist(), strict=True))


def table(path: Path, rows: list[tuple[str, str]], header: str = "text,label") -> Path:
    write_table(path, rows)
    path.write_text(path.read_text("utf-8").replace("text,label", header, 1), "utf-8")
    return path


@pytest.fixture(scope="module")
def again(trained: TrainedRun, test_rows: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The test rows and some of training, with a label of another file, from a file with other columns."""
    train = read_split(trained.folder.data, "train")
    seen = list(zip(train.column("text").to_pylist(), train.column("label").to_pylist(), strict=True))[:7]
    rows = [*test_rows, *((f" {text.upper()} ", label) for text, label in seen), ("qapla", "Klingon"), ("", "English")]
    path = table(tmp_path_factory.mktemp("other") / "other.csv", rows, "said,tongue")
    shares: list[float] = []
    columns = {"text": "said", "label": "tongue"}
    changed = api.evaluate(
        trained.run, path, columns, settings=trained.settings, with_steps=False, progress=shares.append
    )
    assert shares == sorted(shares) and shares[-1] == 1.0
    return changed


def test_the_same_rows_get_the_same_scores_whatever_the_columns_are_called(
    trained: TrainedRun, test_rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    report = trained.evaluate(table(tmp_path / "again.csv", test_rows))
    assert report.scores == trained.report.scores and report.confusion == trained.report.confusion
    assert [one.scores for one in report.baselines] == [one.scores for one in trained.report.baselines]
    assert report.training == trained.report.training
    assert "The step of the run's recipe changed these rows too." in report.notes


def test_what_a_reader_must_know_of_the_rows_is_said(again: Report, test_rows: list[tuple[str, str]]) -> None:
    every = len(test_rows) + 9
    assert again.split.test == every - 2
    said = " ".join(again.notes)
    assert f"7 of {every} rows were also in the training data" in said
    assert f"1 of {every} row was left out: what stands under “said” or “tongue” cannot be evaluated." in said
    assert "1 row has a label the adapter never learned (“Klingon”)" in said


def test_an_adapter_s_folder_alone_is_judged_without_what_needs_the_training_rows(
    trained: TrainedRun, test_rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    alone = tmp_path / "elsewhere"
    shutil.copytree(trained.folder.adapter, alone)
    path = table(tmp_path / "again.csv", test_rows)
    model = trained.settings.root.parent / "tiny-encoder"
    report = api.evaluate(alone, path, model=model, settings=trained.settings)
    assert report.scores == trained.report.scores and report.baselines == () and report.split.train == 0
    assert any("training rows are left out" in note for note in report.notes)
    assert report.training.total_parameters == trained.report.training.total_parameters
    note = json.loads((alone / "autotrain.json").read_text("utf-8"))
    (alone / "autotrain.json").write_text(json.dumps(note | {"base_model": "nobody/nothing"}), "utf-8")
    refused(ModelError, "trained on nobody/nothing.*--model FOLDER", alone, path, trained.settings)


def refused(kind: type[AutotrainError], says: str, what: str | Path, path: Path, settings: Settings) -> None:
    with pytest.raises(kind, match=says):
        api.evaluate(what, path, settings=settings)


def test_what_cannot_be_evaluated_is_a_sentence(trained: TrainedRun, tmp_path: Path) -> None:
    run, settings = trained.run.id, trained.settings
    strange = table(tmp_path / "strange.csv", [("qapla", "Klingon"), ("nuqneH", "Klingon")])
    refused(DataError, "knows none of the labels of these rows .“Klingon”.; it knows", run, strange, settings)
    other = table(tmp_path / "other.csv", [("a b", "English")], "sentence,label")
    refused(DataError, 'Step 1 .trim. names the column "text".*no-steps', run, other, settings)
    with pytest.raises(DataError, match='Which column is the text.*only "sentence", "label".*--text COLUMN'):
        api.evaluate(run, other, settings=settings, with_steps=False)
    with pytest.raises(DataError, match="'tags' is no role of text classification"):
        api.evaluate(run, strange, {"tags": "label"}, settings=settings)
    with pytest.raises(DataError, match='has no column \'nothing\' for the role text; it has "text", "label"'):
        api.evaluate(run, strange, {"text": "nothing"}, settings=settings)
    empty = table(tmp_path / "empty.csv", [("", "English"), ("", "English")])
    refused(DataError, "None of the 2 rows of empty.csv can be evaluated", run, empty, settings)
    (tmp_path / "nothing.csv").write_text("", "utf-8")
    refused(DataError, "empty", run, tmp_path / "nothing.csv", settings)
    refused(AutotrainError, "There is no run 'nobody'", "nobody", strange, settings)
    (tmp_path / "folder").mkdir()
    refused(ModelError, "holds no finished adapter", tmp_path / "folder", strange, settings)


def test_the_page_asks_for_columns_follows_and_shows_the_report(
    trained: TrainedRun, test_rows: list[tuple[str, str]], tmp_path: Path
) -> None:
    path = table(tmp_path / "other.csv", test_rows, "text,tongue")
    store = open_store(trained.settings.database)
    with open_page(trained.settings, store) as page:
        place = f"/api/runs/{trained.run.id}/evaluations"
        made = page.client.post(place, params={"name": "other.csv"}, content=path.read_bytes())
        assert made.status_code == 202, made.text
        assert (made.json()["state"], made.json()["roles"]) == ("needs columns", ["text", "label"])
        mine = f"{place}/{made.json()['id']}"
        assert page.client.post(mine, json={"columns": {"label": "nothing"}}).status_code == 422
        assert page.client.get(f"{mine}/report").status_code == 409
        now = page.client.post(mine, json={"columns": {"text": "text", "label": "tongue"}}).json()
        while now["state"] == "working":
            time.sleep(0.2)
            now = page.client.get(mine).json()
        assert (now["state"], now["share"], now["rows"]) == ("done", 1.0, len(test_rows)), now
        report = page.client.get(f"{mine}/report").json()
        assert report["scores"] == [score.model_dump() for score in trained.report.scores]
        assert report["verdict_sentence"] == trained.report.verdict()
        assert page.client.get(f"{place}/nobody").status_code == 404
    store.close()
