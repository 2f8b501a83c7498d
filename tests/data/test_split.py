"""Splits: complete, disjoint, stratified, reproducible, and never a text on both sides."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotrain.data.split import SPLITS, split_table
from autotrain.errors import DataError
from autotrain.table import ROW_COLUMN, Profile, Table


def table(rows: list[tuple[str, str]]) -> Table:
    profile = Profile(rows=len(rows), columns=(), size_bytes=0, sha256="", encoding="utf-8", delimiter=",")
    columns = {
        "text": pa.array([text for text, _ in rows], pa.string()),
        "label": pa.array([label for _, label in rows], pa.string()),
        ROW_COLUMN: pa.array(range(2, len(rows) + 2), pa.int64()),
    }
    return Table(profile, pa.table(columns))


def split(rows: list[tuple[str, str]], validation: float = 0.1, test: float = 0.1, seed: int = 42):
    return split_table(table(rows), ["text"], "label", validation, test, seed)


def plain(text: str) -> str:
    return " ".join(text.split()).casefold()


TEXTS = st.sampled_from(["a", "A", " a", "b", "c c", "c  c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "", " "])
TABLES = st.lists(st.tuples(TEXTS | st.text(max_size=5), st.sampled_from(["x", "y", "z", "w", ""])), max_size=80)
SHARES = st.floats(0.01, 0.49)


@hypothesis_settings(max_examples=400, deadline=None)
@given(rows=TABLES, validation=SHARES, test=SHARES, seed=st.integers(0, 2**40))
def test_a_split_keeps_its_promises(rows: list[tuple[str, str]], validation: float, test: float, seed: int) -> None:
    usable = [i for i, (text, label) in enumerate(rows) if text.strip() and label.strip()]
    try:
        made = split(rows, validation, test, seed)
    except DataError as error:
        texts = {plain(rows[i][0]) for i in usable}
        labels = {rows[i][1] for i in usable}
        assert error.code == "too-few-rows"
        # Refused only when there are few texts, or when labels meet on the same texts.
        assert len(texts) < len(labels) + 2 or len({(plain(rows[i][0]), rows[i][1]) for i in usable}) > len(texts)
        return
    parts = [made.rows(name) for name in SPLITS]
    assert sorted(row for part in parts for row in part) == usable
    assert made.dropped == len(rows) - len(usable)
    assert all(list(part) == sorted(part) and part for part in parts)
    texts_of = [{plain(rows[i][0]) for i in part} for part in parts]
    assert not (texts_of[0] & texts_of[1] or texts_of[0] & texts_of[2] or texts_of[1] & texts_of[2])
    assert {rows[i][1] for i in made.train} == {rows[i][1] for i in usable}
    assert made.per_class == {
        label: tuple(Counter(rows[i][1] for i in part)[label] for part in parts)
        for label in sorted({rows[i][1] for i in usable})
    }
    assert split(rows, validation, test, seed) == made


@hypothesis_settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(40)))
def test_the_order_of_the_file_does_not_matter(order: list[int]) -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(40)]
    shuffled = [rows[i] for i in order]
    for name in SPLITS:
        assert {shuffled[i] for i in split(shuffled).rows(name)} == {rows[i] for i in split(rows).rows(name)}


def test_another_seed_divides_otherwise() -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(200)]
    assert split(rows, seed=1).test != split(rows, seed=2).test


def test_shares_and_balance_hold_on_a_table_of_ordinary_size() -> None:
    rows = [(f"text {i}", "rare" if i % 10 == 0 else "common") for i in range(1000)]
    made = split(rows)
    assert made.per_class == {"common": (720, 90, 90), "rare": (80, 10, 10)}


def test_a_class_with_a_single_row_is_trained_on() -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(50)] + [("alone", "c")]
    assert split(rows).per_class["c"] == (1, 0, 0)


def test_every_class_of_five_texts_is_measured() -> None:
    rows = [(f"{label} {i}", label) for label in "abcdefgh" for i in range(5)]
    assert set(split(rows).per_class.values()) == {(3, 1, 1)}


def test_five_hundred_classes_of_three_rows_keep_most_for_training() -> None:
    rows = [(f"{label} {i}", f"class {label}") for label in range(500) for i in range(3)]
    made = split(rows)
    assert (len(made.train), len(made.validation), len(made.test)) == (1200, 150, 150)


def test_five_rows_are_enough_for_two_classes() -> None:
    made = split([("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "y")])
    assert (len(made.train), len(made.validation), len(made.test)) == (3, 1, 1)


@pytest.mark.parametrize("count", range(4))
def test_too_few_rows_say_how_many_are_needed(count: int) -> None:
    rows = [("a", "x"), ("b", "y"), ("c", "x")][:count]
    with pytest.raises(DataError, match="at least") as caught:
        split(rows)
    assert caught.value.code == "too-few-rows"


def test_one_text_many_times_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 different text has"):
        split([("same", "xy"[i % 2]) for i in range(100)])


def test_a_text_repeated_often_stays_whole_without_emptying_the_others() -> None:
    rows = [("ok", "x")] * 500 + [(f"text {i}", "xy"[i % 2]) for i in range(100)]
    made = split(rows)
    assert made.validation and made.test
    assert sum(rows[i][0] == "ok" for i in made.train) in (0, 500)


def test_a_table_without_labels_can_be_split() -> None:
    made = split_table(table([(f"text {i}", "") for i in range(20)]), ["text"], None, 0.1, 0.1, 42)
    assert (len(made.train), len(made.validation), len(made.test), made.dropped) == (16, 2, 2, 0)
