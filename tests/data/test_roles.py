"""Guessing kinds and roles: contents before names, whole words only, and honest about doubt."""

from __future__ import annotations

import pytest

from autotrain.data.kinds import name_words
from autotrain.data.roles import guess_roles
from autotrain.table import Fit, RoleGuess
from autotrain.task import Column
from tests.data.conftest import Importer, as_csv

ROLES = (Column("text", "text", "Text", "What to read."), Column("label", "label", "Label", "What to learn."))
TEXTS = [f"this is sentence number {i}, said in a few words" for i in range(40)]


def fit(imported: Importer, **columns: list[str]) -> Fit:
    rows = list(zip(*columns.values(), strict=True))
    return guess_roles(imported(as_csv([tuple(columns), *rows])).profile, ROLES)


def role(found: Fit, name: str) -> RoleGuess:
    return next(guess for guess in found.mapping if guess.role == name)


def cycle(*values: str) -> list[str]:
    return [values[i % len(values)] for i in range(40)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (TEXTS, "text"),
        ([text * 20 for text in TEXTS], "long text"),
        (cycle("spam", "ham"), "category"),
        (cycle("very good", "not so good", "bad"), "category"),
        (cycle("1", "2", "3", "4", "5"), "category"),
        (cycle("true", "false"), "boolean"),
        (cycle("0", "1"), "boolean"),
        (cycle("ja", "nein"), "boolean"),
        ([f"{i * 7.3:.2f}" for i in range(40)], "number"),
        ([f"{i * 37 % 41},{i % 10}" for i in range(40)], "number"),
        ([str(i) for i in range(1, 41)], "id"),
        ([f"usr-{i * 7919:06d}" for i in range(40)], "id"),
        ([f"2026-03-{i % 28 + 1:02d}" for i in range(40)], "date"),
        ([f"{i % 28 + 1}/3/2026 10:{i:02d}" for i in range(40)], "date"),
        ([f"Mon Apr 06 22:19:{i:02d} PDT 2009" for i in range(40)], "date"),
        ([f"{i % 28 + 1} March 2026" for i in range(40)], "date"),
        ([f"今天天气很好我们去公园吧{i}" for i in range(40)], "text"),
        ([f"https://example.org/{i}" for i in range(40)], "url"),
        ([""] * 40, "empty"),
    ],
)
def test_kinds(imported: Importer, values: list[str], kind: str) -> None:
    column = imported(as_csv([("one", "other"), *zip(values, TEXTS, strict=True)])).profile.columns[0]
    assert column.kind == kind, column.reason
    assert 0 < column.confidence <= 1
    assert column.reason


def test_text_and_label_by_their_names_and_contents(imported: Importer) -> None:
    found = fit(imported, text=TEXTS, label=cycle("spam", "ham"))
    assert [(guess.column, guess.certainty) for guess in found.mapping] == [("text", "sure"), ("label", "sure")]
    assert found.score > 0.9


def test_contents_alone_are_enough(imported: Importer) -> None:
    found = fit(imported, a=cycle("spam", "ham"), b=[str(i) for i in range(40)], c=TEXTS)
    assert (role(found, "text").column, role(found, "label").column) == ("c", "a")
    assert role(found, "text").certainty == "sure"


def test_context_is_not_text(imported: Importer) -> None:
    found = fit(imported, context=cycle("web", "mail", "phone"), body=TEXTS, kind=cycle("spam", "ham"))
    assert role(found, "text").column == "body"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("context", ["context"]),
        ("tweet_text", ["tweet", "text"]),
        ("tweetText", ["tweet", "text"]),
        ("Review Body", ["review", "body"]),
        ("labels", ["labels"]),
        ("текст-сообщения", ["текст", "сообщения"]),
    ],
)
def test_names_are_read_as_whole_words(name: str, words: list[str]) -> None:
    assert name_words(name) == words


def test_contents_go_before_names(imported: Importer) -> None:
    found = fit(imported, text=[str(i) for i in range(1, 41)], message=TEXTS, label=cycle("a", "b"))
    assert role(found, "text").column == "message"


def test_swapped_names_are_not_followed(imported: Importer) -> None:
    found = fit(imported, label=TEXTS, text=cycle("spam", "ham"))
    assert (role(found, "text").column, role(found, "label").column) == ("label", "text")


def test_two_equal_candidates_are_not_called_sure(imported: Importer) -> None:
    found = fit(imported, topic=cycle("a", "b"), sentiment=cycle("good", "bad", "mixed"), text=TEXTS)
    guess = role(found, "label")
    assert guess.certainty != "sure"
    assert "could be meant too" in guess.reason


def test_a_name_that_may_be_any_property_of_a_row_is_only_a_guess(imported: Importer) -> None:
    found = fit(imported, language=cycle("en", "fr"), author=cycle("Ann", "Bob", "Eve"), content=TEXTS)
    assert (role(found, "label").column, role(found, "label").certainty) == ("language", "guess")
    alone = fit(imported, language=cycle("en", "fr"), content=TEXTS)
    assert role(alone, "label").certainty == "sure"


def test_a_text_that_repeats_all_over_is_not_what_is_read(imported: Importer) -> None:
    titles = [f"The one where they talk about the {what}" for what in ("cat", "dog")]
    rows = [(titles[i // 100], f"{i} {TEXTS[i % 40]}", "ab"[i % 2]) for i in range(200)]
    found = guess_roles(imported(as_csv([("title", "quote", "label"), *rows])).profile, ROLES)
    assert role(found, "text").column == "quote"


def test_two_nameless_equals_need_the_person(imported: Importer) -> None:
    found = fit(imported, a=cycle("x", "y"), b=cycle("good", "bad"), words=TEXTS)
    assert role(found, "label").certainty == "needs you"


def test_no_label_needs_the_person(imported: Importer) -> None:
    found = fit(imported, text=TEXTS, id=[str(i) for i in range(1, 41)])
    guess = role(found, "label")
    assert (guess.column, guess.certainty) == (None, "needs you")
    assert '"id" is an identifier' in guess.reason
    assert found.score == 0


def test_one_column_leaves_nothing_for_the_label(imported: Importer) -> None:
    found = fit(imported, text=TEXTS)
    assert role(found, "text").column == "text"
    assert (role(found, "label").column, role(found, "label").certainty) == (None, "needs you")


def test_one_column_never_plays_two_roles(imported: Importer) -> None:
    found = fit(imported, text=cycle("a b c", "d e f"), other=[""] * 40)
    named = [guess.column for guess in found.mapping if guess.column]
    assert len(named) == len(set(named))


def test_a_tiny_table_is_understood(imported: Importer) -> None:
    content = "text,label\nI love it,good\nI hate it,bad\nquite nice,good\nawful thing,bad\nso so,good\n"
    found = guess_roles(imported(content).profile, ROLES)
    assert [guess.column for guess in found.mapping] == ["text", "label"]


def test_profile_figures(imported: Importer) -> None:
    profile = imported("text,label\na b,x\na b,x\nlonger text,y\n,\n").profile
    text, label = profile.columns
    assert (profile.rows, profile.duplicate_rows) == (4, 1)
    assert (text.empty, text.distinct, text.longest, text.median_length) == (1, 2, 11, 3)
    assert label.top_values == (("x", 2), ("y", 1))
    assert text.examples == ("a b", "longer text")
