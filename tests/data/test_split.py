"""Splits: complete, disjoint, stratified, reproducible, and never a text on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from autotrain.data.parts import part_of
from autotrain.data.split import SPLITS, Splits, split_table
from autotrain.data.steps import STEPS, apply_steps
from autotrain.errors import DataError
from autotrain.recipe import Split
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
    return split_table(table(rows), ["text"], "label", Split(validation=validation, test=test, seed=seed))


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
    assert set(made.part.tolist()) <= {-1, 0, 1, 2}
    assert sorted(row for part in parts for row in part) == usable
    assert made.dropped == len(rows) - len(usable)
    assert all(list(part) == sorted(part) and part for part in parts)
    texts_of = [{plain(rows[i][0]) for i in part} for part in parts]
    assert not (texts_of[0] & texts_of[1] or texts_of[0] & texts_of[2] or texts_of[1] & texts_of[2])
    assert {rows[i][1] for i in made.rows("train")} == {rows[i][1] for i in usable}
    assert made.per_class == {
        label: tuple(Counter(rows[i][1] for i in part)[label] for part in parts)
        for label in sorted({rows[i][1] for i in usable})
    }
    assert split(rows, validation, test, seed).part.tolist() == made.part.tolist()


@hypothesis_settings(max_examples=50, deadline=None)
@given(order=st.permutations(range(40)))
def test_the_order_of_the_file_does_not_matter(order: list[int]) -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(40)]
    shuffled = [rows[i] for i in order]
    for name in SPLITS:
        assert {shuffled[i] for i in split(shuffled).rows(name)} == {rows[i] for i in split(rows).rows(name)}


def test_another_seed_divides_otherwise() -> None:
    rows = [(f"text {i}", "ab"[i % 2]) for i in range(200)]
    assert split(rows, seed=1).rows("test") != split(rows, seed=2).rows("test")


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
    assert (made.count("train"), made.count("validation"), made.count("test")) == (1200, 150, 150)


def test_five_rows_are_enough_for_two_classes() -> None:
    made = split([("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "y")])
    assert (made.count("train"), made.count("validation"), made.count("test")) == (3, 1, 1)


@pytest.mark.parametrize("count", range(4))
def test_too_few_rows_say_how_many_are_needed(count: int) -> None:
    rows = [("a", "x"), ("b", "y"), ("c", "x")][:count]
    with pytest.raises(DataError, match="at least") as caught:
        split(rows)
    assert caught.value.code == "too-few-rows"


def test_one_text_many_times_cannot_be_split() -> None:
    with pytest.raises(DataError, match="1 different text"):
        split([("same", "xy"[i % 2]) for i in range(100)])


def test_a_text_repeated_often_stays_whole_without_emptying_the_others() -> None:
    rows = [("ok", "x")] * 500 + [(f"text {i}", "xy"[i % 2]) for i in range(100)]
    made = split(rows)
    assert made.rows("validation") and made.rows("test")
    assert sum(rows[i][0] == "ok" for i in made.rows("train")) in (0, 500)


def test_a_table_without_labels_can_be_split() -> None:
    made = split_table(table([(f"text {i}", "") for i in range(20)]), ["text"], None, Split())
    assert (made.count("train"), made.count("validation"), made.count("test"), made.dropped) == (16, 2, 2, 0)


def wide(rows: list[tuple[str, str, str]]) -> Table:
    """Texts, labels and a third column `by`."""
    made = table([(text, label) for text, label, _ in rows])
    columns = made.rows.append_column("by", pa.array([by for _, _, by in rows], pa.string()))
    return Table(made.profile, columns)


def by(rows: list[tuple[str, str, str]], method: str, **values: object) -> Splits:
    return split_table(wide(rows), ["text"], "label", Split(method=method, column="by", **values))  # type: ignore[arg-type]


GROUPED = st.lists(
    st.tuples(st.text("abcd", min_size=1, max_size=3), st.sampled_from("xy"), st.sampled_from("12345 ")), max_size=60
)


@hypothesis_settings(max_examples=200, deadline=None)
@given(rows=GROUPED, seed=st.integers(0, 99))
def test_groups_and_equal_texts_are_never_parted(rows: list[tuple[str, str, str]], seed: int) -> None:
    try:
        made = by(rows, "grouped", seed=seed)
    except DataError as error:
        assert error.code in ("too-few-rows", "empty-split")
        return
    for key in (0, 2):
        sides: dict[str, set[int]] = {}
        for row, part in zip(rows, made.part.tolist(), strict=True):
            if part >= 0 and row[key].strip():
                sides.setdefault(row[key], set()).add(part)
        assert all(len(parts) == 1 for parts in sides.values())


def test_groups_of_many_sizes_give_shares_near_those_asked_for() -> None:
    rows = [(f"text {n}", "ab"[n % 2], f"customer {n * n % 97}") for n in range(2000)]
    made = by(rows, "grouped", validation=0.1, test=0.2)
    assert abs(made.count("test") / 2000 - 0.2) < 0.05
    assert abs(made.count("validation") / 2000 - 0.1) < 0.05


@pytest.mark.parametrize(
    "written",
    [
        lambda day: f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}",
        lambda day: f"{1 + day % 28:02d}.{1 + day // 28:02d}.2024",
        lambda day: f"{1 + day // 28:02d}/{1 + day % 28:02d}/2024 08:30",
        lambda day: f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T10:00:00Z",
        lambda day: str(1_700_000_000 + day),
    ],
)
def test_the_newest_rows_are_the_test_in_every_usual_way_to_write_a_date(written: Callable[[int], str]) -> None:
    rows = [(f"text {day}", "ab"[day % 2], written(day)) for day in range(100)]
    made = by(list(reversed(rows)), "time")
    assert sorted(99 - row for row in made.rows("test")) == list(range(90, 100))
    assert sorted(99 - row for row in made.rows("validation")) == list(range(80, 90))
    assert made.findings == ()


def test_rows_without_a_time_and_texts_that_come_again_are_left_out_and_said() -> None:
    rows = [(f"text {day}", "ab"[day % 2], f"{day}") for day in range(100)]
    rows[5] = ("text 5", "b", "soon")
    rows[99] = ("text 0", "b", "99")
    made = by(rows, "time")
    assert (made.part[5], made.part[99]) == (-1, -1)
    assert [(each.code, each.rows) for each in made.findings] == [("no-time", (7,)), ("repeated-later", ())]


def test_a_class_that_only_the_newest_rows_have_cannot_be_learned() -> None:
    rows = [(f"text {day}", "new" if day > 96 else "ab"[day % 2], f"{day}") for day in range(100)]
    made = by(rows, "time")
    assert [each.code for each in made.findings] == ["class-not-trained"]
    assert '"new"' in made.findings[0].message and "new" not in made.per_class


@hypothesis_settings(max_examples=60, deadline=None)
@given(folds=st.integers(2, 6), seed=st.integers(0, 9), extra=st.lists(st.sampled_from("abc"), max_size=20))
def test_every_row_is_tested_once_over_all_folds(folds: int, seed: int, extra: list[str]) -> None:
    rows = [(f"text {n}", "ab"[n % 2]) for n in range(40)] + [(f"text {n}", label) for n, label in enumerate(extra)]
    tested = [0] * len(rows)
    for fold in range(1, folds + 1):
        made = split_table(table(rows), ["text"], "label", Split(method="k-fold", folds=folds, fold=fold, seed=seed))
        assert made.rows("validation") and made.rows("train")
        for row in made.rows("test"):
            tested[row] += 1
    assert set(tested[:40]) == {1} and set(tested) <= {0, 1}


def test_a_given_split_is_kept_to_the_row() -> None:
    names = ["Train", "valid", "TEST", "train-2", "dev", "hold_out test"]
    rows = [(f"text {n}", "ab"[n // 6 % 2], names[n % 6]) for n in range(60)]
    made = by(rows, "given")
    assert made.part.tolist() == [[0, 1, 2, 0, 1, 2][n % 6] for n in range(60)]
    assert made.findings == ()


def test_a_given_test_is_kept_and_validation_taken_from_training() -> None:
    rows = [(f"text {n}", "ab"[n % 2], "test" if n < 30 else "train") for n in range(100)]
    made = by(rows, "given")
    assert made.rows("test") == tuple(range(30))
    assert made.count("validation") == 7
    assert [each.code for each in made.findings] == ["split-completed"]


def test_a_text_on_both_sides_of_a_given_split_is_said_and_can_be_mended() -> None:
    rows = [(f"text {n % 45}", "ab"[n % 45 % 2], ("train", "train", "val", "test")[n % 4]) for n in range(60)]
    made = by(rows, "given")
    (leak,) = [each for each in made.findings if each.code == "split-leak"]
    assert leak.fix is not None and leak.count
    steps = STEPS.validate_python([leak.fix.step])
    mended = pa.Table.from_batches(apply_steps(wide(rows).rows, steps))
    after = split_table(Table(wide(rows).profile, mended), ["text"], "label", Split(method="given", column="by"))
    assert "split-leak" not in [each.code for each in after.findings]
    assert after.count("test") == made.count("test")


def test_a_cell_that_names_no_part_is_named_with_its_row() -> None:
    rows = [(f"text {n}", "ab"[n % 2], "later" if n == 7 else "train") for n in range(60)]
    with pytest.raises(DataError, match=r'"by" says "later" \(row 9\)'):
        by(rows, "given")


@pytest.mark.parametrize(
    ("value", "part"),
    [("train.csv", 0), ("my-validation.csv", 1), ("dev", 1), ("test_2", 2), ("context", None), ("trainer", None)]
    + [("train and test", None), ("", None)],
)
def test_parts_are_known_by_whole_words(value: str, part: int | None) -> None:
    assert part_of(value) == part


def test_rows_without_any_text_are_too_few_and_no_riddle() -> None:
    near = np.zeros(12, np.int64)
    with pytest.raises(DataError, match="only 0 different texts"):
        split_table(table([("", "a")] * 12), ["text"], None, Split(), near)
