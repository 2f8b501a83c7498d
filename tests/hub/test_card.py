"""The model card: metadata that the Hub's own parser reads, figures with intervals, and nothing of the data's rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from autotrain.hub.card import CardFacts, code, escape, model_card, one_line
from autotrain.hub.licenses import license_metadata
from autotrain.report import Baseline, ClassScore, Confusion, Example, Report, Score, Shortened, Split, Training
from autotrain.table import ColumnKind, ColumnProfile, Profile
from autotrain.tasks import TASKS

FACTS = CardFacts(
    title="ticket-router",
    repository="alice/ticket-router",
    task="text-classification",
    pipeline_tag="text-classification",
    base_name="all-MiniLM-L6-v2",
    base_id="sentence-transformers/all-MiniLM-L6-v2",
    base_license="apache-2.0",
    columns={"text": "message", "label": "team"},
    dataset="tickets.csv",
    recipe="version: 1\ntask: text-classification\n",
    python="print('how it is used')\n",
    limits=("It knows only the classes above.",),
)


def read(text: str) -> Any:
    """The card's metadata as the Hub's own parser reads it."""
    return ModelCard(text).data


def score(name: str, title: str, value: float, spread: float | None = 0.02) -> Score:
    if spread is None:
        return Score(name=name, title=title, value=value)
    return Score(name=name, title=title, value=value, low=value - spread, high=value + spread)


REPORT = Report(
    task="text-classification",
    scores=(score("accuracy", "Accuracy", 0.91), score("macro_f1", "Macro-F1", 0.883333)),
    baselines=(
        Baseline(
            name="majority",
            title="Majority class",
            explanation="Always answers with the most frequent class.",
            scores=(score("accuracy", "Accuracy", 0.4),),
        ),
    ),
    per_class=(
        ClassScore(label="billing", precision=0.9, recall=0.95, f1=0.92, support=120),
        ClassScore(label="other", precision=0.5, recall=0.3, f1=0.375, support=7),
    ),
    confusion=Confusion(labels=("billing", "other"), counts=((114, 6), (5, 2))),
    mistakes=(Example(row=17, inputs={"text": "PRIVATE ROW"}, expected="other", predicted="billing", confidence=0.9),),
    split=Split(train=1000, validation=125, test=127),
    training=Training(
        steps=300,
        epochs=3,
        best_step=250,
        seconds=61.2,
        samples_per_second=49.0,
        trainable_parameters=700_000,
        total_parameters=23_000_000,
        device="cpu",
    ),
    notes=("The test split is small.",),
)


def column(name: str, kind: ColumnKind, values: tuple[tuple[str, int], ...] = ()) -> ColumnProfile:
    return ColumnProfile(
        name=name,
        kind=kind,
        confidence=1,
        reason="",
        empty=3,
        distinct=len(values) or 1200,
        examples=("PRIVATE EXAMPLE",),
        top_values=values,
        median_length=80,
        longest=900,
    )


PROFILE = Profile(
    rows=1252,
    columns=(column("message", "text"), column("team", "category", (("billing", 1100), ("other", 152)))),
    size_bytes=1,
    sha256="0" * 64,
    encoding="utf-8",
    delimiter=",",
)


def test_the_hubs_parser_reads_the_metadata_and_the_results() -> None:
    text = model_card(FACTS, REPORT, PROFILE)

    data = read(text)
    assert data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert (data.library_name, data.pipeline_tag, data.license) == ("peft", "text-classification", "apache-2.0")
    assert {"autotrain-studio", "lora"} <= set(data.tags)
    accuracy, macro = data.eval_results
    assert (accuracy.metric_type, accuracy.metric_value, accuracy.metric_name) == ("accuracy", 0.91, "Accuracy")
    assert (macro.metric_type, macro.metric_name) == ("f1", "Macro-F1")
    assert accuracy.metric_args == {"confidence_level": 0.95, "low": 0.89, "high": 0.93}
    assert (accuracy.dataset_name, accuracy.dataset_type, accuracy.dataset_split) == ("tickets.csv", "custom", "test")
    assert read(str(ModelCard(text))).to_dict() == data.to_dict(), "it survives being read and written"


def test_a_reader_finds_results_classes_data_recipe_usage_and_limits() -> None:
    text = model_card(FACTS, REPORT, PROFILE)

    assert "| Accuracy | **0.910 [0.890, 0.930]** | 0.400 [0.380, 0.420] |" in text
    assert "| Macro-F1 | **0.883 [0.863, 0.903]** | – |" in text
    assert "| `billing` | 0.900 | 0.950 | 0.920 | 120 |" in text
    assert "1,252 rows" in text and "1,100 rows in the largest, 152 in the smallest" in text
    assert "```yaml\nversion: 1\ntask: text-classification\n```" in text
    assert "It is often wrong about `other`" in text and "One class has fewer than 10 test rows" in text
    for heading in ("Results", "Data", "How to use it", "Training", "Limits", "How it was made"):
        assert f"\n## {heading}\n" in text


def test_a_training_that_a_person_ended_is_not_promised_again() -> None:
    ended = REPORT.training.model_copy(update={"ended": "asked", "planned_steps": 10_000})
    text = model_card(FACTS, REPORT.model_copy(update={"training": ended}), PROFILE)
    assert "ended by hand at step" in text and "gives the same adapter" not in text
    assert "gives the same adapter" in model_card(FACTS, REPORT, PROFILE)


def test_a_class_without_test_rows_has_no_figures() -> None:
    untested = ClassScore(label="spare", precision=0, recall=0, f1=0, support=0)
    text = model_card(FACTS, REPORT.model_copy(update={"per_class": (*REPORT.per_class, untested)}), PROFILE)
    assert "| `spare` | – | – | – | 0 |" in text
    assert "Nothing is known about `spare`" in text and "often wrong about `other`" in text


def test_no_row_of_the_data_is_in_the_card() -> None:
    assert "PRIVATE" not in model_card(FACTS, REPORT, PROFILE)


def test_a_base_model_that_is_not_on_the_hub_is_said() -> None:
    text = model_card(replace(FACTS, base_id=None, base_name="my_model"), REPORT, PROFILE)
    assert read(text).base_model is None
    assert "my\\_model, is a folder on the author's machine" in text


def test_an_adapter_for_vectors_says_how_they_are_made_and_what_shorter_ones_lose() -> None:
    ndcg = Score.of("ndcg_at_10", 0.8, (0.75, 0.85))
    short = Shortened(size=64, score=Score.of("ndcg_at_10", 0.7), untouched=Score.of("ndcg_at_10", 0.5))
    report = REPORT.model_copy(
        update={"scores": (ndcg,), "baselines": (), "per_class": (), "confusion": None, "shortened": (short,)}
    )
    manual = TASKS["sentence-embeddings"].manual
    python = manual.python(FACTS.repository, "base")
    facts = replace(FACTS, task="sentence-embeddings", python=python, limits=manual.limits)
    card = model_card(facts, report, PROFILE)
    assert "model.load_adapter(repository)" in card and "| 64 | 0.700 | 0.500 |" in card
    assert "AutoModelForSequenceClassification" not in card and "classes" not in card.partition("## Limits")[2]


def test_many_classes_stay_readable() -> None:
    classes = tuple(ClassScore(label=f"c{n}", precision=1, recall=1, f1=1, support=20) for n in range(500))
    text = model_card(FACTS, REPORT.model_copy(update={"per_class": classes, "confusion": None}), PROFILE)
    assert "450 more classes are in `report.json`" in text
    assert "`c49`" in text and "`c50`" not in text


@pytest.mark.parametrize(
    ("given_license", "expected"),
    [
        ("MIT", {"license": "mit"}),
        (None, {}),
        ("Our Own Licence", {"license": "other", "license_name": "our-own-licence"}),
    ],
)
def test_licences_the_hub_knows_and_others(given_license: str | None, expected: dict[str, str]) -> None:
    assert license_metadata(given_license) == expected


HOSTILE = [
    "</details><script>alert(1)</script>",
    "a|b",
    "`x`",
    "]( http://x )",
    "---\nlicense: mit\n---",
    "# no\n\n## no",
    "```",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_a_person_cannot_change_the_cards_structure(text: str) -> None:
    classes = (ClassScore(label=text, precision=1, recall=1, f1=1, support=20),)
    report = REPORT.model_copy(update={"per_class": classes, "confusion": None, "notes": (text,)})
    profile = PROFILE.model_copy(update={"columns": (column(text, "text"),)})
    facts = replace(FACTS, title=text, dataset=text, columns={"text": text}, recipe=yaml.safe_dump({"title": text}))

    card = model_card(facts, report, profile)

    plain = model_card(FACTS, REPORT, PROFILE)
    assert re.findall("^#+ [A-Z].*$", card, re.M) == [line for line in re.findall("^#+ [A-Z].*$", plain, re.M)], (
        "no heading came or went"
    )
    parsed = read(card)
    assert parsed.license == "apache-2.0" and parsed.model_name == one_line(text)
    outside = re.sub(r"(?s)(`{3,}).*?\n\1|`+[^`\n]+`+", "", card.split("\n---\n", 1)[1])
    assert "<script" not in outside.replace("\\<", "")


@given(st.text(max_size=60))
def test_escaped_text_is_one_line_without_live_markup(text: str) -> None:
    for shown in (escape(text), code(text)):
        assert "\n" not in shown
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>|`\[\]]", escape(text))


@given(st.text(max_size=60))
def test_metadata_survives_any_title(title: str) -> None:
    card = model_card(replace(FACTS, title=title, dataset=title), REPORT, PROFILE)
    front = card[4 : card.index("\n---\n", 4)]
    assert yaml.safe_load(front)["model-index"][0]["name"] == one_line(title)


def test_what_was_done_to_the_rows_is_said() -> None:
    from dataclasses import replace

    done = 'White space around the cells of "text" was removed.'
    assert "- White space around" in model_card(replace(FACTS, steps=(done,)), REPORT, PROFILE)
    assert "Before the split" not in model_card(FACTS, REPORT, PROFILE)
