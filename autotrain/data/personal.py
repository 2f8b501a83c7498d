"""Hints of personal data in texts: e-mail addresses, telephone numbers, payment cards, bank accounts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from autotrain.data.check import cells_of, warning_finding
from autotrain.data.findings import Rows
from autotrain.events import Finding
from autotrain.table import Table

LOOKED_AT = 50_000
"""Rows that are looked at; more would say nothing new and cost seconds."""

_EMAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{2,24})+\b")
_PHONE = re.compile(
    r"(?<![\w.,:/-])(?:\+\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){2,5}\d{2,}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-])"
)
_CARD = re.compile(r"(?<![\d-])\d(?:[ -]?\d){12,18}(?![\d-])")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")


def personal_findings(table: Table, column: str) -> Iterator[Finding]:
    """A warning for each kind of personal data that the first rows of a column seem to hold."""
    found = {what: Rows() for what in _KINDS}
    for place, (number, (text,)) in enumerate(cells_of(table, column)):
        if place >= LOOKED_AT:
            break
        for what, looks in _KINDS.items():
            if looks(text):
                found[what].add(number)
    told = [f"{what} in {rows.count:,} (such as row {rows.first[0]})" for what, rows in found.items() if rows.count]
    if told:
        rows = next(rows for rows in found.values() if rows.count)
        seen = "rows" if table.rows.num_rows <= LOOKED_AT else f"first {LOOKED_AT:,} rows"
        finding = warning_finding(
            "personal-data",
            f'The {seen} of "{column}" seem to hold personal data: {", ".join(told)}.',
            "A model may repeat what it learned. Replace it by placeholders unless you may use and publish it.",
            column,
            sum(rows.count for rows in found.values()),
        )
        yield finding.model_copy(update={"rows": tuple(rows.first)})


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    numbers = [int(digit) for digit in reversed(digits)]
    return sum(n if place % 2 == 0 else sum(divmod(2 * n, 10)) for place, n in enumerate(numbers)) % 10 == 0


def iban_is_right(iban: str) -> bool:
    """Whether the check digits of a bank account are right (ISO 13616: modulo 97 is 1)."""
    plain = iban.replace(" ", "")
    moved = plain[4:] + plain[:4]
    return 15 <= len(plain) <= 34 and int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def _card(text: str) -> bool:
    digits = (re.sub(r"\D", "", match.group()) for match in _CARD.finditer(text))
    return any(number[0] in "3456" and len(set(number)) > 1 and luhn(number) for number in digits)


def _iban(text: str) -> bool:
    return any(iban_is_right(match.group()) for match in _IBAN.finditer(text))


_KINDS: dict[str, Callable[[str], bool]] = {
    "e-mail addresses": lambda text: "@" in text and _EMAIL.search(text) is not None,
    "telephone numbers": lambda text: _PHONE.search(text) is not None,
    "payment cards": _card,
    "bank accounts": _iban,
}
