"""`autotrain evaluate` and `judge`: another file, another model, and a sentence for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.report import Report
from tests.cli.conftest import Studio
from tests.judge.double import KEY, MODEL, start_judge

pytestmark = pytest.mark.slow


def test_another_file_is_evaluated_with_its_columns_named_by_role(studio: Studio, tmp_path: Path) -> None:
    other, output = tmp_path / "other.csv", tmp_path / "report.json"
    lines = studio.table.read_text("utf-8").splitlines()
    other.write_text("\n".join(["said,tongue", *lines[1:40]]), "utf-8")
    said = studio.says(
        "evaluate", "Three languages", "--data", other, "--output", output, "--text", "said", "--label=tongue"
    )
    report = Report.model_validate_json(output.read_text("utf-8"))
    assert report.verdict() in said and "Linear probe" in said and f"Rows: {report.split.test}" in said
    assert "rows were also in the training data" in said and f"Wrote {output}." in said


def test_what_cannot_be_evaluated_or_judged_is_a_sentence(studio: Studio, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("said,tongue\nhello,English\nciao,Italian\n", "utf-8")
    refused = studio.refuses("evaluate", studio.run.id, "--data", other)
    assert "Which column is the text?" in refused and "--text COLUMN" in refused
    assert "is not an option" in studio.refuses("evaluate", studio.run.id, "--data", other, "text")
    assert "--device is 'tpu'" in studio.refuses("evaluate", studio.run.id, "--data", other, "--device", "tpu")
    assert "No judge is set up" in studio.refuses("judge", studio.run.id)
    with start_judge() as double:
        named = {"AUTOTRAIN_JUDGE_URL": double.url, "AUTOTRAIN_JUDGE_MODEL": MODEL, "AUTOTRAIN_JUDGE_API_KEY": KEY}
        assert "no written answers to compare" in studio.refuses("judge", studio.run.id, **named)
        assert double.asked == []
