"""Recipes: YAML in, YAML out, every problem at once, data only."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.errors import RecipeError
from autotrain.recipe import load, loads, presets, recipes_folder

GOOD = """
version: 1
task: text-classification
title: Mine
model: all-minilm-l6-v2
data: {source: my.csv, columns: {text: review, label: stars}}
params: {learning_rate: 2e-5, seed: "7"}
"""


def test_numbers_that_yaml_reads_as_text_become_numbers() -> None:
    params = loads(GOOD).typed_params().model_dump()
    assert params["learning_rate"] == 2e-5
    assert params["seed"] == 7


def test_every_problem_is_reported_at_once_with_field_and_value() -> None:
    bad = GOOD.replace("2e-5", "-1").replace("stars}", "stars, mood: x}").replace("title: Mine", "titel: Mine")
    with pytest.raises(RecipeError) as caught:
        loads(bad, "bad.yaml")
    text = "\n".join(caught.value.problems)
    for expected in ("titel", "title", "params.learning_rate", "-1", "'mood' is not a role"):
        assert expected in text
    assert str(caught.value).startswith("bad.yaml: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just words", "not a mapping"),
        ("a: [", "is not YAML"),
        ("version: 1\ntask: juggling\ntitle: x\nmodel: y", "'juggling' is not one of"),
        (GOOD.replace("label: stars", ""), "role 'label' has no column"),
        (GOOD + "\ncode: !!python/object/apply:os.system [ls]", "is not YAML"),
    ],
)
def test_what_is_not_a_recipe_is_refused_with_a_sentence(text: str, expected: str) -> None:
    with pytest.raises(RecipeError, match=expected):
        loads(text)


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="none.yaml"):
        load(tmp_path / "none.yaml")


def test_a_recipe_survives_its_own_yaml_with_every_parameter_written_out() -> None:
    recipe = loads(GOOD)
    again = loads(recipe.to_yaml())
    assert again.typed_params() == recipe.typed_params()
    assert set(again.params) == set(type(recipe.typed_params()).model_fields)
    assert again.data == recipe.data


@pytest.mark.parametrize(
    "path", sorted(recipes_folder().rglob("*.yaml")), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_a_preset_names_no_data_and_explains_itself(path: Path) -> None:
    preset = load(path)
    assert preset.data is None and preset.publish is None
    assert len(preset.description) > 20


def test_a_preset_is_found_by_its_name_from_any_folder_unless_a_file_of_ones_own_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = Path("recipes/text_classification/fast.yaml")
    assert load(named).title == "Fast"
    named.parent.mkdir(parents=True)
    named.write_text("version: 1\ntask: text-classification\ntitle: My own\nmodel: all-minilm-l6-v2\n")
    assert load(named).title == "My own"
    with pytest.raises(RecipeError, match="autotrain recipes list"):
        load(Path("recipes/text_classification/faster.yaml"))


def test_presets_come_quickest_first() -> None:
    assert list(presets("text-classification")) == ["fast", "balanced", "best"]
