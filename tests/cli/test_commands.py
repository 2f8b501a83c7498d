"""Commands that need no run: help, samples, models, presets, the doctor, and options that are wrong."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from autotrain.recipe import recipes_folder
from tests.app import Done
from tests.doubles import start_hub_double

Shell = Callable[..., Done]
BALANCED = recipes_folder() / "text_classification" / "balanced.yaml"


def test_help_names_every_command(shell: Shell) -> None:
    said = shell("--help").stdout
    for name in ("up", "train", "predict", "export", "push", "doctor", "runs", "data", "models", "recipes"):
        assert f" {name} " in said


def test_a_sample_is_written_as_a_csv(shell: Shell, tmp_path: Path) -> None:
    assert shell("data", "sample", "language-identification", "--output", tmp_path / "s.csv").returncode == 0
    with (tmp_path / "s.csv").open(encoding="utf-8", newline="") as file:
        assert len({row["label"] for row in csv.DictReader(file)}) == 8


def test_the_starter_model_is_listed_and_the_other_one_offered(shell: Shell) -> None:
    said = shell("models", "list").stdout
    assert "all-minilm-l6-v2" in said and "autotrain models add smollm2-135m-instruct" in said


def test_presets_and_every_parameter_are_explained(shell: Shell) -> None:
    listed = shell("recipes", "list").stdout
    assert str(BALANCED) in listed and "Fast" in listed and "Best" in listed
    assert "--learning-rate" in shell("recipes", "params").stdout
    assert "text-classification" in shell("recipes", "params", "nothing").stderr


def test_the_doctor_names_versions_devices_memory_disk_hub_broker_and_record(shell: Shell) -> None:
    said = shell("doctor").stdout.lower()
    for part in ("python", "torch", "transformers", "memory", "disk", "hub", "redis", "record"):
        assert part in said, part


def test_the_doctor_says_whether_the_hub_answers_and_whose_token_there_is(shell: Shell, tmp_path: Path) -> None:
    gone = shell("doctor", HF_ENDPOINT="http://127.0.0.1:9").stdout
    assert "cannot be reached" in gone and "Everything but Hub models and publishing works" in gone
    with start_hub_double(tmp_path) as hub:
        environment = hub.environment(tmp_path / "hf")
        assert f"{hub.endpoint} answers. No token." in shell("doctor", **environment).stdout
        assert "Signed in as alice; the token may write" in shell("doctor", **environment, HF_TOKEN=hub.token).stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["--data"]),
        (["--data", "sample:language-identification", "--tetx", "text"], ["--tetx", "--text"]),
        (["--data", "sample:language-identification", "--text"], ["--text", "no value"]),
        (["--data", "sample:nothing"], ["nothing", "language-identification"]),
        (["--data", "sample:language-identification", "--learning-rate", "fast"], ["learning_rate", "fast"]),
        (["--data", "sample:language-identification", "--learning-rate", "7"], ["learning_rate", "7"]),
        (["--data", "no-such-file.csv", "--text", "text", "--label", "label"], ["no-such-file.csv"]),
        (["--data", "sample:language-identification", "--text", "body", "--label", "label"], ["body", "text"]),
        (["--data", "numbers.csv"], ["--text COLUMN", "a, b"]),
    ],
)
def test_an_option_that_is_wrong_is_a_sentence_before_anything_starts(
    shell: Shell, options: list[str], words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "numbers.csv").write_text("a,b\n" + "".join(f"{n},{n * 7 % 31}.5\n" for n in range(50)), "utf-8")
    done = shell("train", BALANCED, *options, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("autotrain: ") and "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr


def test_columns_that_are_sure_need_not_be_named(shell: Shell) -> None:
    done = shell("train", BALANCED, "--data", "sample:language-identification", "--queue")
    assert done.returncode == 0, done.stderr
    assert "text: text, label: label" in done.stdout and "Queued as" in done.stdout


def test_a_recipe_that_is_not_there_is_a_sentence(shell: Shell) -> None:
    done = shell("train", "nothing.yaml", "--data", "sample:language-identification")
    assert done.returncode == 1 and "nothing.yaml" in done.stderr and "Traceback" not in done.stderr


def test_a_run_in_the_queue_is_listed_with_why_it_waits_and_can_be_made_urgent(shell: Shell) -> None:
    columns = ("--data", "sample:language-identification", "--text", "text", "--label", "label")
    done = shell("train", BALANCED, *columns, "--devices", "2", "--priority", "low", "--queue", "--name", "Later")
    assert done.returncode == 0 and "Waits for a worker" in done.stdout, done.stderr
    assert "Waits for a worker" in " ".join(shell("runs", "list").stdout.split())
    shown = shell("runs", "show", "Later").stdout
    assert "Priority low. Waits for a worker: none has begun to work yet." in " ".join(shown.split())
    assert "Later: priority high." in shell("runs", "priority", "Later", "high").stdout
    assert "Priority high." in shell("runs", "show", "Later").stdout
    refused = shell("runs", "priority", "Later", "now")
    assert refused.returncode == 1 and "'now' is no priority. Choose high, normal or low." in refused.stderr
    wrong = shell("train", BALANCED, *columns, "--devices", "0", "--priority", "now", "--queue")
    assert "resources.devices: 0" in wrong.stderr and "resources.priority: 'now'" in wrong.stderr
