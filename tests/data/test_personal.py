"""Personal data is hinted at where it is, by kind and row; numbers that only look like it are left alone."""

from __future__ import annotations

import pytest

from autotrain.data.personal import iban_is_right, luhn, personal_findings
from tests.data.conftest import Importer, as_csv


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("write to anna.lee+shop@example.co.uk today", "e-mail addresses in 1"),
        ("call me on +49 30 901820 please", "telephone numbers in 1"),
        ("my number is (212) 555-0123", "telephone numbers in 1"),
        ("card 4111 1111 1111 1111 was charged", "payment cards in 1"),
        ("pay to DE89 3704 0044 0532 0130 00 now", "bank accounts in 1"),
    ],
)
def test_each_kind_is_named_with_its_row(imported: Importer, text: str, what: str) -> None:
    dataset = imported(as_csv([("text", "label"), ("nothing here", "a"), (text, "b"), ("nor here", "a")]))
    (finding,) = personal_findings(dataset.table(), "text")
    assert what in finding.message and finding.rows == (3,) and finding.severity == "warning"


@pytest.mark.parametrize(
    "text",
    ["", "order 1234567890123", "card 4111 1111 1111 1112", "on 2024-01-31 at 10:30", "costs 1,200.50", "a @ b"]
    + ["version 1.2.3.4", "IBAN DE89 3704 0044 0532 0130 01", "0000 0000 0000 0000", "isbn 978-3-16-148410-0"],
)
def test_what_only_looks_like_it_is_left_alone(imported: Importer, text: str) -> None:
    dataset = imported(as_csv([("text", "label"), ("nothing here", "a"), (text, "b")]))
    assert list(personal_findings(dataset.table(), "text")) == []


def test_check_digits_are_those_of_the_standards() -> None:
    assert luhn("79927398713") and not luhn("79927398710")
    assert iban_is_right("GB82 WEST 1234 5698 7654 32") and not iban_is_right("GB82 WEST 1234 5698 7654 33")
