"""Findings about texts and labels: what stops, what warns, and that each names the rows and the remedy."""

from __future__ import annotations

import pytest

from autotrain.data.check import text_findings
from autotrain.data.labels import label_findings
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from autotrain.events import Finding
from autotrain.table import Table
from tests.data.conftest import Importer, as_csv

Row = tuple[str, str]


def rows(count: int, *labels: str) -> list[Row]:
    return [(f"this is text number {i}", labels[i % len(labels)]) for i in range(count)]


def labels_of(imported: Importer, table: list[Row]) -> list[Finding]:
    return label_findings(imported(as_csv([("text", "label"), *table])).table(), "label", "text")


def texts_of(imported: Importer, table: list[Row]) -> list[Finding]:
    return text_findings(imported(as_csv([("text", "label"), *table])).table(), "text")


def only(findings: list[Finding], code: str) -> Finding:
    (found,) = [finding for finding in findings if finding.code == code]
    assert found.message.endswith(".") and found.remedy.endswith(".")
    return found


def test_a_good_table_has_no_findings(imported: Importer) -> None:
    table = rows(100, "good", "bad", "mixed")
    assert labels_of(imported, table) == []
    assert texts_of(imported, table) == []


def test_one_class_only(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(60, "good")), "one-class")
    assert finding.severity == "error"
    assert '"good"' in finding.message


def test_a_class_with_a_single_row(imported: Importer) -> None:
    finding = only(labels_of(imported, [*rows(60, "good", "bad"), ("help me now", "urgent")]), "single-row-class")
    assert (finding.severity, finding.rows) == ("warning", (62,))
    assert '"urgent"' in finding.message and "training only" in finding.message


def test_a_class_of_two_rows_with_the_same_text_has_a_single_text(imported: Importer) -> None:
    table = [*rows(60, "good", "bad"), ("help me now", "urgent"), ("Help me  now", "urgent")]
    assert only(labels_of(imported, table), "single-row-class").rows == (62,)


def test_a_small_class(imported: Importer) -> None:
    table = [*rows(60, "good", "bad"), *[(f"help {i}", "urgent") for i in range(3)]]
    assert '"urgent"' in only(labels_of(imported, table), "small-class").message


def test_empty_labels_are_listed_and_left_out(imported: Importer) -> None:
    table = rows(60, "good", "bad")
    table[4] = (table[4][0], " ")
    table[9] = (table[9][0], "")
    finding = only(labels_of(imported, table), "empty-label")
    assert (finding.severity, finding.count, finding.rows) == ("warning", 2, (6, 11))
    assert "2 rows (6 and 11) have no label" in finding.message


def test_no_label_at_all(imported: Importer) -> None:
    findings = labels_of(imported, [(f"text {i}", "") for i in range(9)])
    assert only(findings, "no-labels").severity == "error"


def test_continuous_numbers_are_regression(imported: Importer) -> None:
    finding = only(labels_of(imported, [(f"text {i}", f"{i * 0.37:.2f}") for i in range(1, 60)]), "numeric-labels")
    assert finding.severity == "error"
    assert "regression" in finding.message


def test_a_few_fractions_may_be_classes(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(60, "0.5", "1.5", "2.5")), "numeric-labels")
    assert finding.severity == "warning"
    assert "regression" in finding.remedy


def test_whole_numbers_written_as_floats_are_classes(imported: Importer) -> None:
    assert labels_of(imported, rows(60, "0.0", "1.0", "2.0")) == []


def test_stars_are_classes(imported: Importer) -> None:
    assert labels_of(imported, rows(100, "1", "2", "3", "4", "5")) == []


def test_five_hundred_classes_warn_when_they_have_rows(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(3000, *[f"class {i}" for i in range(500)])), "many-classes")
    assert (finding.severity, finding.count) == ("warning", 500)
    assert "6 rows each" in finding.message


def test_five_hundred_classes_in_as_many_rows_stop(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(500, *[f"class {i}" for i in range(500)])), "labels-are-texts")
    assert finding.severity == "error"
    assert "500" in finding.message


def test_more_classes_than_a_report_can_show_stop(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(6000, *[f"class {i}" for i in range(1500)])), "too-many-classes")
    assert finding.severity == "error"


def test_spellings_of_one_label(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(100, "Spam", "spam ", "ham")), "similar-labels")
    assert (finding.severity, finding.count, finding.rows) == ("warning", 2, (2, 3))
    assert '"Spam"' in finding.message and '"spam "' in finding.message


def test_one_text_with_two_labels(imported: Importer) -> None:
    table = [*rows(60, "good", "bad"), ("This is text  number 0", "bad")]
    finding = only(labels_of(imported, table), "contradicting-labels")
    assert finding.rows == (62,)
    assert '"good"' in finding.message and '"bad"' in finding.message


def test_unbalanced_labels(imported: Importer) -> None:
    finding = only(labels_of(imported, rows(200, *["common"] * 19, "rare")), "unbalanced")
    assert "190 of 200" in finding.message
    assert "macro-F1" in finding.remedy


def test_the_same_column_twice(imported: Importer) -> None:
    table = imported(as_csv([("text", "label"), *rows(20, "a", "b")])).table()
    finding = only(label_findings(table, "text", "text"), "same-column")
    assert finding.severity == "error"


def test_too_few_rows_to_split(imported: Importer) -> None:
    finding = only(labels_of(imported, [("one thing", "a"), ("another", "b"), ("third", "a")]), "too-few-rows")
    assert finding.severity == "error"
    assert "at least 4" in finding.remedy


def test_a_small_table_warns(imported: Importer) -> None:
    assert only(labels_of(imported, rows(20, "a", "b")), "small-table").severity == "warning"


def test_empty_texts_are_listed(imported: Importer) -> None:
    finding = only(texts_of(imported, [*rows(20, "a", "b"), ("", "a"), ("  ", "b")]), "empty-text")
    assert finding.rows == (22, 23)


def test_no_text_at_all(imported: Importer) -> None:
    assert only(texts_of(imported, [("", "a"), ("", "b")]), "no-text").severity == "error"


def test_a_text_of_a_hundred_thousand_characters(imported: Importer) -> None:
    finding = only(texts_of(imported, [*rows(20, "a", "b"), ("word " * 20_000, "a")]), "very-long-text")
    assert (finding.severity, finding.rows) == ("warning", (22,))
    assert "100,000 characters" in finding.message


def test_repeated_texts(imported: Importer) -> None:
    finding = only(texts_of(imported, [*rows(20, "a", "b"), ("THIS is text number 3", "a")]), "repeated-text")
    assert finding.rows == (22,)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([str(i) for i in range(40)], "identifiers"),
        ([f"https://example.org/{i}" for i in range(40)], "web addresses"),
        ([f"{i}.5" for i in range(40)], "numbers"),
        (["yes", "no"] * 20, "only 2 different values"),
    ],
)
def test_a_column_that_holds_no_texts(imported: Importer, values: list[str], words: str) -> None:
    finding = only(texts_of(imported, [(value, "ab"[i % 2]) for i, value in enumerate(values)]), "text-unlikely")
    assert words in finding.message


def test_rows_are_those_of_the_file_after_blank_and_set_aside_lines(imported: Importer) -> None:
    dataset = imported("text,label\n\nfine here,a\ntoo, many, cells,b\nno label,\nother,b\n")
    finding = only(label_findings(dataset.table(), "label", "text"), "empty-label")
    assert finding.rows == (5,)


MESSY = [
    ("text", "label"),
    *[(f"this is text number {i}", ("good", "bad", "mixed")[i % 3]) for i in range(90)],
    ("what a shame ", "Bad"),
    ("nice", "good"),
    ("NICE", "bad"),
    ("nice", "good"),
    ("", "good"),
    ("lost", ""),
    ("help", "urgent"),
    ("odd one", "rare"),
]


@pytest.mark.parametrize(
    "code",
    ["empty-text", "outer-space", "repeated-text", "empty-label", "single-row-class", "similar-labels"]
    + ["contradicting-labels"],
)
def test_what_a_fix_promises_is_gone_after_its_step(imported: Importer, code: str) -> None:
    # A misspelt label is mended before classes are folded.
    dataset = imported(as_csv([row for row in MESSY if code != "single-row-class" or row[1] != "Bad"]))

    def found(table: Table) -> list[Finding]:
        return [*text_findings(table, "text"), *label_findings(table, "label", "text")]

    fix = only(found(dataset.table()), code).fix
    assert fix is not None and fix.step is not None
    after = stepped(dataset, STEPS.validate_python([fix.step]))
    assert code not in {finding.code for finding in found(after.table())} or code == "single-row-class"
    if code == "single-row-class":
        assert set(after.table().rows["label"].to_pylist()) == {"good", "bad", "mixed", "other", ""}


def folded(imported: Importer, *more: tuple[str, str]) -> list[str]:
    """The classes for which folding is offered in a table of two full classes and these rows."""
    found = labels_of(imported, [*rows(60, "good", "bad"), *more])
    return [each.code for each in found if each.fix and (each.fix.step or {}).get("step") == "fold_small_classes"]


def test_folding_is_offered_where_classes_come_together_and_not_where_one_gets_another_name(imported: Importer) -> None:
    assert folded(imported, ("help", "urgent"), ("where", "lost")) == ["single-row-class"]
    assert folded(imported, ("help", "urgent")) == []
    assert folded(imported, ("help", "other")) == []
    assert folded(imported, ("help", "urgent"), *((f"text {n}", "other") for n in range(9))) == ["single-row-class"]


def test_a_misspelt_label_is_written_like_the_others_before_anything_is_folded(imported: Importer) -> None:
    assert folded(imported, ("help", "Good "), ("where", "lost")) == []


def test_folding_is_not_offered_where_it_would_leave_one_class(imported: Importer) -> None:
    table = [*rows(4, "good"), ("unique text a", "bad"), ("unique text b", "worse"), ("unique text c", "worse")]
    assert only(labels_of(imported, table), "single-row-class").fix is None
