"""Numbers as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotrain.data.numbers import number_of
from autotrain.data.shapes import SHAPES, suggestions
from autotrain.data.stepped import stepped
from autotrain.data.steps import STEPS
from tests.data.conftest import Importer, as_csv


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("12", 12),
        (" -3.5 ", -3.5),
        ("+7", 7),
        ("1,200", 1200),
        ("1,234,567.5", 1234567.5),
        ("1 200,5", 1200.5),
        ("1'200", 1200),
        ("0,5", 0.5),
        ("0,125", 0.125),
        ("12,75", 12.75),
        ("3e-4", 3e-4),
        ("40 %", 40),
        (".5", 0.5),
    ],
)
def test_a_cell_is_read_as_people_mean_it(cell: str, number: float) -> None:
    assert number_of(cell) == pytest.approx(number)


@pytest.mark.parametrize("cell", ["", " ", "abc", "1e999", "nan", "inf", "12 apples", "1.2.3", "٣", "--1", "9" * 200])
def test_what_is_no_number_is_none(cell: str) -> None:
    assert number_of(cell) is None


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_whatever_a_program_writes_is_read_back(value: float) -> None:
    assert number_of(repr(value)) == value


@given(st.text(max_size=20))
def test_no_cell_breaks_the_reading(cell: str) -> None:
    assert number_of(cell) is None or isinstance(number_of(cell), float)


COLUMNS = {"text": "text", "target": "price"}


def table(*prices: str) -> Any:
    return as_csv(
        [("text", "price"), *[(f"A flat with number {n} and a view", price) for n, price in enumerate(prices)]]
    )


def codes(imported: Importer, *prices: str) -> dict[str, tuple[int, ...]]:
    return {each.code: each.rows for each in SHAPES["regression"].check(imported(table(*prices)).table(), COLUMNS)}


def test_rows_without_a_number_are_named_and_can_be_left_out(imported: Importer) -> None:
    dataset = imported(table("1.5", "cheap", "2.5", "", "3"))
    (finding,) = SHAPES["regression"].check(dataset.table(), COLUMNS)
    assert (finding.code, finding.severity, finding.rows) == ("no-number", "error", (3, 5))
    assert finding.fix is not None
    mended = stepped(dataset, STEPS.validate_python([finding.fix.step]))
    assert SHAPES["regression"].check(mended.table(), COLUMNS) == []
    assert len(list(SHAPES["regression"].rows(dataset.table(), COLUMNS))) == 3


def test_numbers_that_teach_nothing_or_mean_two_things_are_named(imported: Importer) -> None:
    assert codes(imported, "5", "5.0", "5") == {"one-number": ()}
    assert codes(imported, "1,250", "0,5", "12,75") == {"unclear-numbers": (2,)}
    assert codes(imported, "1,250", "2,500") == {}
    assert codes(imported, *[f"{n}.5" for n in range(40)], "99999999") == {"far-numbers": (42,)}


def test_a_column_is_not_both_text_and_number(imported: Importer) -> None:
    dataset = imported(table("1.5", "2.5"))
    (finding,) = SHAPES["regression"].check(dataset.table(), {"text": "price", "target": "price"})
    assert (finding.code, finding.severity) == ("same-column", "error")


def test_the_second_text_is_found_by_its_name(imported: Importer) -> None:
    rows = [("sentence1", "sentence2", "score")]
    rows += [(f"A man eats {n}", f"Somebody is eating number {n} today", f"{n / 7:.3f}") for n in range(30)]
    found = next(each for each in suggestions(imported(as_csv(rows)).profile) if each.shape == "regression")
    assert found.fits
    columns = {guess.role: guess.column for guess in found.mapping}
    assert columns == {"text": "sentence1", "text_pair": "sentence2", "target": "score"}
