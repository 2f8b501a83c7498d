"""An adapter's folder alone, elsewhere: the scores that its run gets on the same file, whatever was learned."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from autotrain.data.store import Dataset, DatasetStore
from autotrain.evaluator import evaluate_again, subject_of_folder
from autotrain.evaluator.__main__ import evaluate
from autotrain.evaluator.again import ASSUMED, question_on
from autotrain.evaluator.rows import lay_out
from autotrain.report import Report
from autotrain.settings import Settings
from autotrain.tasks import TASKS
from tests.training.every import TOYS
from tests.training.learned import Learned


def made_run(run: Learned) -> Path:
    """A whole run's folder, trained."""
    result = run.attempt()
    shutil.copytree(result.artifact, run.folder / "adapter")
    (run.folder / "report.json").write_text(result.report.model_dump_json(), "utf-8")
    return run.submitted().path


def judged(place: Path, run: Learned, dataset: Dataset, folder: Path, settings: Settings) -> Report:
    """What `autotrain evaluate` says of an adapter's or a run's folder, without a process of its own."""
    subject = subject_of_folder(place, run.model, settings)
    assert not subject.assumed
    (folder / "data").mkdir(parents=True)
    lay_out(subject, dataset, {}, folder / "data")
    return Report.model_validate(evaluate(question_on(subject, folder, "cpu"), lambda _done, _total: None))


@pytest.mark.parametrize("task", TASKS)
def test_an_adapter_alone_has_the_scores_of_its_run_on_the_same_file(
    task: str, tmp_path: Path, settings: Settings
) -> None:
    run = TOYS[task].learned(task, tmp_path / "toy")
    place = made_run(run)
    lines = (run.folder / "table.jsonl").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "other.jsonl").write_text("".join(lines[len(lines) // 4 : 3 * len(lines) // 4]), "utf-8")
    dataset = DatasetStore(settings).add(tmp_path / "other.jsonl")
    alone = Path(shutil.copytree(place / "adapter", tmp_path / "elsewhere"))
    whole = judged(place, run, dataset, tmp_path / "whole", settings)
    other = judged(alone, run, dataset, tmp_path / "alone", settings)
    assert other.scores == whole.scores and other.shortened == whole.shortened and other.written == whole.written
    assert (other.split.train, other.split.test) == (0, whole.split.test) and whole.split.train > 0
    rivals = {each.name: each.scores for each in whole.baselines}
    assert {each.name: each.scores for each in other.baselines}.items() <= rivals.items()
    left = [note for note in other.notes if "learn from the training rows are left out" in note]
    assert len(left) == 1
    assert other.verdict()


def test_an_adapter_that_keeps_no_settings_is_judged_by_the_usual_ones_and_says_so(
    tmp_path: Path, settings: Settings
) -> None:
    run = TOYS["text-regression"].learned("text-regression", tmp_path / "toy")
    artifact = run.attempt().artifact
    manifest = artifact / "autotrain.json"
    note = json.loads(manifest.read_text("utf-8"))
    assert note["params"]["max_steps"] == 12 and not subject_of_folder(artifact, run.model, settings).assumed
    for kept in ({}, {"params": {**note["params"], "of_another_version": 1}}):
        manifest.write_text(json.dumps({name: note[name] for name in note if name != "params"} | kept), "utf-8")
        subject = subject_of_folder(artifact, run.model, settings)
        assert subject.assumed and subject.params == TASKS["text-regression"].params_class()
    dataset = DatasetStore(settings).add(run.folder / "table.jsonl")
    assert ASSUMED in evaluate_again(subject, dataset).notes
