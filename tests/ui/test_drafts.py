"""A draft, from empty to ready: what is missing, what is found, what differs, and the recipe it makes."""

from __future__ import annotations

import shlex

import pytest

from autotrain.data.freeze import read_split
from autotrain.errors import RecipeError
from autotrain.recipe import loads
from autotrain.runs.folder import RunFolder
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.submission import submit
from autotrain.training.hardware import Accelerator, Hardware
from autotrain.ui.drafts import Draft, Target, from_yaml, look
from autotrain.ui.services import Services
from autotrain.ui.web import services_of

MODEL = "all-minilm-l6-v2"
ROWS = "comment,grade\n" + "".join(
    f"the parcel number {n} came {word},{label}\n"
    for n in range(40)
    for word, label in (("late again", "bad"), ("right on time", "good"))
)


@pytest.fixture
def services(settings: Settings, store: SqlStore) -> Services:
    return services_of(settings, store, lambda kind, ident: None)


@pytest.fixture
def draft(services: Services) -> Draft:
    dataset = services.datasets.add_text(ROWS, "parcels")
    return Draft(dataset=dataset.id, columns={"text": "comment", "label": "grade"}, model=MODEL)


def test_an_empty_draft_asks_for_data_first(services: Services) -> None:
    assert look(Draft(), services).missing == ["Choose the data"]


def test_a_draft_whose_data_was_deleted_asks_for_data_again(services: Services, draft: Draft) -> None:
    services.datasets.delete(draft.dataset or "")
    assert look(draft, services).missing == ["Choose the data"]


def test_a_missing_role_is_named(services: Services, draft: Draft) -> None:
    half = draft.model_copy(update={"columns": {"text": "comment"}})
    assert look(half, services).missing == ["Choose the label column"]


def test_a_ready_draft_misses_nothing_and_costs_something(services: Services, draft: Draft) -> None:
    seen = look(draft, services)
    assert seen.missing == [] and seen.problems == [] and seen.changes == []
    assert seen.cost is not None
    assert seen.cost.steps > 0 and seen.cost.seconds_low < seen.cost.seconds_high
    assert seen.cost.effective_batch_size == 16


def test_the_rows_shown_before_the_run_are_those_of_the_split(services: Services, store: SqlStore) -> None:
    odd = ROWS + "the parcel number 1 came late again,bad\n" * 9 + ",good\nno label,\nthe only one of its kind,new\n"
    dataset = services.datasets.add_text(odd, "odd parcels")
    draft = Draft(dataset=dataset.id, columns={"text": "comment", "label": "grade"}, model=MODEL)
    seen = look(draft, services)
    run = submit(loads(seen.recipe), services.settings, store)
    data = RunFolder(services.settings.runs / run.id).data
    assert seen.rows is not None and seen.rows.dropped == 2
    for name in ("train", "validation", "test"):
        assert getattr(seen.rows, name) == read_split(data, name).num_rows, name


def test_rows_that_cannot_be_divided_are_found_before_the_start(services: Services) -> None:
    few = "comment,grade\n" + "the same words,bad\n" * 30 + "the same words,good\n" * 30
    dataset = services.datasets.add_text(few, "few parcels")
    seen = look(Draft(dataset=dataset.id, columns={"text": "comment", "label": "grade"}, model=MODEL), services)
    assert [finding.code for finding in seen.findings if finding.severity == "error"] == ["too-few-rows"]
    assert seen.missing == ["Fix what is marked “must fix”"] and seen.rows is None and seen.cost is None


def test_the_recipe_is_what_will_run(services: Services, draft: Draft) -> None:
    changed = draft.model_copy(update={"params": {"learning_rate": "2e-4"}, "publish": Target(repository="mine")})
    seen = look(changed, services)
    recipe = loads(seen.recipe)
    assert recipe.data is not None and recipe.data.source == draft.dataset
    assert recipe.typed_params().model_dump()["learning_rate"] == 2e-4
    assert recipe.publish is not None and recipe.publish.private
    assert [change.name for change in seen.changes] == ["learning_rate"]


def test_a_setting_out_of_bounds_is_a_sentence_and_stops_the_start(services: Services, draft: Draft) -> None:
    seen = look(draft.model_copy(update={"params": {"num_train_epochs": "lots"}}), services)
    assert seen.missing == ["Correct a setting"]
    assert seen.problems and seen.problems[0].startswith("params.num_train_epochs:")


def test_what_must_be_fixed_stops_the_start(services: Services, draft: Draft) -> None:
    same = draft.model_copy(update={"columns": {"text": "comment", "label": "comment"}})
    seen = look(same, services)
    assert any(finding.code == "same-column" for finding in seen.findings)
    assert seen.missing == ["Fix what is marked “must fix”"]


def test_a_model_folder_that_does_not_exist_is_found_before_the_start(services: Services, draft: Draft) -> None:
    seen = look(draft.model_copy(update={"model": "./no-such-folder"}), services)
    assert [finding.code for finding in seen.model_findings] == ["no-folder"]
    assert seen.missing and seen.cost is None


def test_yaml_and_draft_go_round(services: Services, draft: Draft) -> None:
    changed = draft.model_copy(update={"params": {"lora_r": 8}, "preset": "best"})
    back = from_yaml(look(changed, services).recipe, Draft())
    assert (back.dataset, back.columns, back.model, back.preset) == (draft.dataset, draft.columns, MODEL, "best")
    assert [change.name for change in look(back, services).changes] == ["lora_r"]


def test_edited_yaml_reports_every_problem() -> None:
    with pytest.raises(RecipeError) as caught:
        from_yaml("task: text-classification\ntitle: x\nmodel: y\nparams: {nonsense: 1, lora_r: -1}\n", Draft())
    assert len(caught.value.problems) == 2


def test_the_command_is_safe_to_paste_whatever_the_columns_are_called(services: Services) -> None:
    dataset = services.datasets.add_text(ROWS.replace("comment", "a; rm -rf ~", 1), "odd")
    odd = Draft(dataset=dataset.id, columns={"text": "a; rm -rf ~", "label": "grade"}, model=MODEL)
    words = shlex.split(look(odd, services).command)
    assert words[words.index("--text") + 1] == "a; rm -rf ~"


MESSY = ROWS + "no label here,\nwhat a day,Good\nwhat a day,bad\n"


def test_a_fix_becomes_a_step_of_the_recipe_and_its_finding_goes(services: Services) -> None:
    dataset = services.datasets.add_text(MESSY, "messy")
    draft = Draft(dataset=dataset.id, columns={"text": "comment", "label": "grade"}, model=MODEL)
    before = look(draft, services)
    fixes = {finding.code: finding.fix for finding in before.findings if finding.fix}
    assert {"empty-label", "similar-labels", "contradicting-labels"} <= set(fixes)

    mended = draft.model_copy(update={"steps": [fixes["similar-labels"].step, fixes["contradicting-labels"].step]})
    after = look(mended, services)
    assert {finding.code for finding in after.findings} & set(fixes) == {"empty-label"}
    assert after.steps == [
        'In "grade" is written "Good" as "good".',
        'Rows whose "comment" occurs with more than one "grade" were left out.',
    ]
    assert before.rows is not None and after.rows is not None
    rows = [seen.train + seen.validation + seen.test + seen.dropped for seen in (before.rows, after.rows)]
    assert rows[0] - rows[1] == 2
    assert from_yaml(after.recipe, Draft()).steps == mended.steps
    words = shlex.split(after.command)
    assert [words[at + 1][:22] for at, word in enumerate(words) if word == "--step"] == [
        '{"step":"merge_labels"',
        '{"step":"drop_contradi',
    ]


def test_steps_reach_the_rows_of_the_run_and_its_recipe(services: Services, store: SqlStore) -> None:
    dataset = services.datasets.add_text(MESSY, "messy")
    step = {"step": "deduplicate", "columns": ["comment"]}
    draft = Draft(dataset=dataset.id, columns={"text": "comment", "label": "grade"}, model=MODEL, steps=[step])
    run = submit(loads(look(draft, services).recipe), services.settings, store)
    folder = RunFolder(services.settings.runs / run.id)
    texts = [
        text for name in ("train", "validation", "test") for text in read_split(folder.data, name)["text"].to_pylist()
    ]
    assert texts.count("what a day") == 1
    frozen = loads(folder.recipe.read_text("utf-8"))
    assert frozen.data is not None and frozen.data.source == dataset.id
    assert [each.step for each in frozen.data.steps] == ["deduplicate"]


def test_a_step_on_a_column_that_is_not_there_is_a_sentence(services: Services, draft: Draft) -> None:
    wrong = draft.model_copy(update={"steps": [{"step": "trim", "columns": ["body"]}]})
    seen = look(wrong, services)
    assert any('"body"' in problem for problem in seen.problems)
    assert "Correct a setting" in seen.missing


GIVEN = "comment,grade,split\n" + "".join(
    f"parcel {n} came {('late', 'on time')[n % 2]},{('bad', 'good')[n % 2]},{('train', 'test')[n // 60]}\n"
    for n in range(80)
)


def test_a_split_that_the_table_gives_is_offered_and_its_absence_said(services: Services) -> None:
    dataset = services.datasets.add_text(GIVEN, "given")
    columns = {"text": "comment", "label": "grade"}
    plain = look(Draft(dataset=dataset.id, columns=columns, model=MODEL), services)
    (said,) = [finding for finding in plain.findings if finding.code == "split-not-used"]
    assert said.fix is not None and said.fix.split == {"method": "given", "column": "split"}
    used = look(Draft(dataset=dataset.id, columns=columns, model=MODEL, split=said.fix.split), services)
    assert used.rows is not None and used.rows.test == 20
    assert used.command.endswith("--split-method given --split-by split")
    assert "split-not-used" not in {finding.code for finding in used.findings}


def test_a_split_without_its_column_is_a_sentence(services: Services, draft: Draft) -> None:
    seen = look(draft.model_copy(update={"split": {"method": "time"}}), services)
    assert any("time needs a column" in problem for problem in seen.problems)


def test_a_base_that_is_not_on_this_machine_is_said_with_a_way_without_network(services: Services) -> None:
    rows = "source,target\n" + "".join(f"where is number {n},où est le numéro {n}\n" for n in range(40))
    dataset = services.datasets.add_text(rows, "pairs")
    draft = Draft(task="text-to-text", dataset=dataset.id, columns={"source": "source", "target": "target"})
    for model, severity, code in [
        ("google/flan-t5-small", "warning", "not-here"),
        (MODEL, "error", "wrong-architecture"),
        ("./no-such-folder", "error", "no-folder"),
    ]:
        seen = look(draft.model_copy(update={"model": model}), services)
        (finding,) = seen.model_findings
        assert (finding.severity, finding.code) == (severity, code)
        assert bool(seen.missing) == (severity == "error")


def test_what_a_run_asks_of_the_machine_goes_into_recipe_command_and_back(services: Services, draft: Draft) -> None:
    asking = draft.model_copy(update={"resources": {"devices": "2", "priority": "high"}})
    seen = look(asking, services)
    recipe = loads(seen.recipe)
    assert (recipe.resources.devices, recipe.resources.priority) == (2, "high")
    assert seen.command.endswith("--devices 2 --priority high")
    assert from_yaml(seen.recipe, draft).resources == {"devices": 2, "priority": "high"}
    assert from_yaml(look(draft, services).recipe, draft).resources == {}
    wrong = look(draft.model_copy(update={"resources": {"devices": "some"}}), services)
    assert [problem for problem in wrong.problems if problem.startswith("resources.devices: 'some'")]
    assert wrong.missing == ["Correct a setting"]


def test_more_cards_than_there_are_is_a_warning(
    services: Services, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking = draft.model_copy(update={"resources": {"devices": 4}})
    for cards, words in ((0, "has none and computes on its processor"), (2, "has 2. It would wait")):
        made = tuple(Accelerator(f"cuda:{number}", "Card", 10**10, 10**10) for number in range(cards))
        machine = Hardware("a processor", 2, 10**10, 10**10, made)
        monkeypatch.setattr("autotrain.submission.hardware", lambda machine=machine: machine)
        (found,) = [each for each in look(asking, services).model_findings if each.code == "devices"]
        assert found.severity == "warning" and words in found.message
