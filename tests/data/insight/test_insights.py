"""Golden tables: each thing worth knowing is found where it is, and an ordinary table stays quiet."""

from __future__ import annotations

import json

import pytest

from autotrain.data.insight import Insights, Reader, insights
from autotrain.data.insight.languages import language, language_findings, language_mix
from autotrain.data.insight.leakage import foretold, leakage_findings
from autotrain.data.insight.lengths import character_lengths
from autotrain.data.insight.outliers import outlier_findings
from autotrain.events import Finding
from tests.data.conftest import Importer, as_csv, codes

WORDS = [
    "parcel",
    "came",
    "late",
    "green",
    "box",
    "door",
    "letter",
    "street",
    "happy",
    "morning",
    "never",
    "again",
    "price",
    "shop",
    "order",
    "color",
]
ORDINARY = [
    (" ".join(WORDS[(n * step) % len(WORDS)] for step in range(1, 10)) + f" number {n}", ("good", "bad")[n % 2])
    for n in range(200)
]


def looked(table: object, **options: object) -> Insights:
    asked = {"text_roles": ["text"], "label_role": "label", "reader": Reader(128)} | options
    return insights(table, {"text": "text", "label": "label"}, **asked)  # type: ignore[arg-type]


def outliers(imported: Importer, *texts: str) -> list[Finding]:
    rows = [("text", "label"), *ORDINARY, *((text, "bad") for text in texts)]
    table = imported(as_csv(rows)).table()
    return outlier_findings(table, "text", character_lengths(table, "text"))


def test_an_ordinary_table_has_pictures_and_nothing_to_warn_of(imported: Importer) -> None:
    table = imported(as_csv([("text", "label"), *ORDINARY])).table()
    seen = looked(table)
    assert seen.findings == ()
    assert seen.balance is not None and [(bar.label, bar.count) for bar in seen.balance.bars] == [
        ("bad", 100),
        ("good", 100),
    ]
    assert seen.balance.evenness == 1
    assert [one.unit for one in seen.histograms] == ["characters"]
    assert seen.languages[0].shares[0].code == "en"
    assert Insights.model_validate(json.loads(seen.model_dump_json())) == seen


def test_a_mapping_that_is_not_there_yet_gives_nothing(imported: Importer) -> None:
    table = imported("text,label\na b c,x\n").table()
    asked = {"text_roles": ["text"], "label_role": "label", "reader": Reader(8)}
    assert insights(table, {"text": "gone", "label": "gone"}, **asked) == Insights()  # type: ignore[arg-type]
    assert insights(table, {}, **asked) == Insights()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("word " * 2000, "extreme-length"),
        ("k.", "hardly-a-text"),
        ("4711 0815 ++ 12/34 (99)", "hardly-letters"),
        ("no" + "o" * 40, "repeated-character"),
        ("the parcel <br/> came <b>late</b>", "markup"),
        ("it was Tom &amp; Jerry again", "markup"),
        ("the cafÃ© was closed for the whole day", "mojibake"),
        ("donâ€™t send it to this street again", "mojibake"),
    ],
)
def test_a_text_far_from_the_rest_is_found_and_can_be_left_out(imported: Importer, text: str, code: str) -> None:
    (finding,) = outliers(imported, text)
    assert (finding.code, finding.rows, finding.count) == (code, (202,), 1)
    assert finding.fix is not None and finding.fix.step == {"step": "drop_rows", "rows": [202]}


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c & so on",
        "the café in São Paulo, Âncora, costs 5 € – naïve",
        "wow!!! this is soooo good...",
        "हिन्दी में यह एक छोटा सा वाक्य है",
        "これは日本語の短い文です。",
        "the order number was 12 and the price 3.50",
    ],
)
def test_what_only_looks_far_is_left_alone(imported: Importer, text: str) -> None:
    assert outliers(imported, text) == []


def test_what_many_texts_have_is_no_outlier(imported: Importer) -> None:
    assert outliers(imported, *(f"{n} + {n} = {2 * n}" for n in range(100))) == []
    (finding,) = outliers(imported, *(f"<p>parcel {n} was late today</p>" for n in range(100)))
    assert finding.code == "markup" and finding.count == 100 and finding.fix is None


def leaks(imported: Importer, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[Finding]:
    return leakage_findings(imported(as_csv([header, *rows])).table(), ["text"], "label")


def test_a_column_that_gives_the_label_away_is_named(imported: Importer) -> None:
    rows = [(text, label, {"good": "5", "bad": "1"}[label]) for text, label in ORDINARY]
    (finding,) = leaks(imported, ("text", "label", "stars"), rows)
    assert finding.code == "label-given-away" and finding.column == "stars" and "100%" in finding.message


def test_a_number_that_gives_the_label_away_is_named(imported: Importer) -> None:
    rows = [(text, label, f"{(n * 37 % 200) / 200 + (label == 'good')}") for n, (text, label) in enumerate(ORDINARY)]
    assert [each.column for each in leaks(imported, ("text", "label", "score"), rows)] == ["score"]


def test_an_id_or_an_unrelated_column_gives_nothing_away(imported: Importer) -> None:
    rows = [(text, label, f"id-{n * 7919}", "abc"[n * n % 3]) for n, (text, label) in enumerate(ORDINARY)]
    assert leaks(imported, ("text", "label", "id", "shop"), rows) == []
    right, majority = foretold([(f"id-{n}", "ab"[n % 3 == 0]) for n in range(99)])
    assert right == majority


def test_a_label_that_stands_in_the_text_is_named(imported: Importer) -> None:
    rows = [
        (f"{text} [Complaint]" if n % 2 else text, ("praise", "complaint")[n % 2])
        for n, (text, _) in enumerate(ORDINARY)
    ]
    (finding,) = leaks(imported, ("text", "label"), rows)
    assert finding.code == "label-in-text" and '"complaint"' in finding.message and finding.rows[0] == 3
    rows = [(f"{text} complaints and more", ("praise", "complaint")[n % 2]) for n, (text, _) in enumerate(ORDINARY)]
    assert leaks(imported, ("text", "label"), rows) == []


def test_languages_are_told_apart_and_short_texts_left_open() -> None:
    assert language("The parcel came late and nobody answered the door.") == "en"
    assert language("Das Paket kam zu spät und niemand hat geöffnet.") == "de"
    assert language("荷物が遅れて届きました") == "ja"
    assert language("ok") is None and language("12345 67890 !!") is None and language("") is None


def test_mixed_and_foreign_languages_are_said(imported: Importer) -> None:
    german = [(f"Das Paket Nummer {n} kam leider viel zu spät bei uns an.", "bad") for n in range(60)]
    mix = language_mix(imported(as_csv([("text", "label"), *ORDINARY, *german])).table(), "text")
    assert sum(one.share for one in mix.shares) == pytest.approx(1)
    assert mix.unclear == mix.judged - sum(one.texts for one in mix.shares)
    assert codes(language_findings(mix)) == ["mixed-languages"]
    (finding,) = language_findings(mix, ["en"])
    assert (
        finding.code == "foreign-language" and "German" in finding.message and "reads only English" in finding.message
    )
    assert codes(language_findings(mix, ["en", "de"])) == ["mixed-languages"]
