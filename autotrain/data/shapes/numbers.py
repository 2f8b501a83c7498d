"""Texts, or pairs of texts, with a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from autotrain.data.check import error_finding, missing_columns, rows_finding, text_findings
from autotrain.data.findings import Rows
from autotrain.data.numbers import has_decimal_comma, has_unclear_comma, number_of
from autotrain.data.personal import personal_findings
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

FAR = 10
"""Interquartile ranges from the middle half beyond which a number is probably a slip, such as a missing point."""


class Regression:
    """A text, or two, and a number."""

    name: ClassVar[str] = "regression"
    title: ClassVar[str] = "Texts with a number"
    description: ClassVar[str] = "Predict a number from a text, or from two: a rating, a price, a likeness."
    roles: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", "Text", "What is read."),
        Column("target", "number", "Number", "What is learned."),
        Column(
            "text_pair",
            "text",
            "Second text",
            "What is read beside it.",
            required=False,
            names=("hypothesis", "sentence2", "text2", "question2"),
            by_name=True,
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        """As its roles say; the second text is found first, as its name alone tells which of two it is."""
        fit = guess_roles(profile, tuple(reversed(self.roles)))
        return Fit(fit.score, fit.reason, tuple(reversed(fit.mapping)))

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        texts = [columns[role] for role in ("text", "text_pair") if role in columns]
        if columns["target"] in texts:
            return [_same(columns["target"])]
        said = [each for column in texts for each in (*text_findings(table, column), *personal_findings(table, column))]
        return [*said, *_number_findings(table, columns)]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        """Cells by role, of rows with a text and a number."""
        for number, row in cells(table, columns):
            if row["text"].strip() and number_of(row["target"]) is not None:
                yield number, row


def _same(column: str) -> Finding:
    return error_finding(
        "same-column",
        f'"{column}" is chosen both as text and as number.',
        "Choose another column for one of them; a number that stands in the text teaches nothing.",
        column,
    )


def _number_findings(table: Table, columns: Mapping[str, str]) -> list[Finding]:
    """Rows without a number; numbers that are all the same, unclear, or far from all others."""
    column = columns["target"]
    faults = Faults({"no-number": ("no number to learn.", "Write a number, or leave the row out.")})
    numbers, found, unclear, comma = list[int](), list[float](), Rows(), False
    for number, row in cells(table, columns):
        value = number_of(row["target"])
        faults.note(number, "no-number" if value is None else None)
        if value is None:
            continue
        numbers.append(number)
        found.append(value)
        comma = comma or has_decimal_comma(row["target"])
        if has_unclear_comma(row["target"]):
            unclear.add(number)
    made = faults.findings(column)
    if len(set(found)) == 1:
        message = f'Every number in "{column}" is {found[0]:g}.'
        made.append(error_finding("one-number", message, "Choose a column whose numbers differ.", column))
    if comma and unclear.count:
        has = "a comma that is read as parting thousands, while other rows have decimal commas."
        made.append(rows_finding("unclear-numbers", unclear, column, has, "Write all numbers with a decimal point."))
    far = _far(numbers, found)
    if far.count:
        has = "a number far from all others."
        remedy = "Correct it if it is a slip. Such numbers outweigh the others; the Huber loss minds them less."
        made.append(rows_finding("far-numbers", far, column, has, remedy, far.dropping()))
    return made


def _far(numbers: list[int], found: list[float]) -> Rows:
    far = Rows()
    if len(found) >= 20:
        low, high = np.percentile(found, [25, 75])
        for number, value in zip(numbers, found, strict=True):
            if high > low and not low - FAR * (high - low) <= value <= high + FAR * (high - low):
                far.add(number)
    return far
