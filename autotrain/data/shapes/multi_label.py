"""Texts with any number of labels each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import error_finding, listed, missing_columns, text_findings, warning_finding
from autotrain.data.label_lists import labels_in, separator_of
from autotrain.data.personal import personal_findings
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

MOST_LABELS = 1000
"""With more, each has too few rows to be learned, and a page cannot show them."""
_FAULTS = {
    "unreadable-labels": (
        "labels that cannot be read.",
        'Write a list such as ["news", "sport"], or names parted by | or ; or a comma; an empty cell has no label.',
    )
}


class MultiLabel:
    """A text and any number of labels, none among them."""

    name: ClassVar[str] = "multi-label"
    title: ClassVar[str] = "Texts with several labels"
    description: ClassVar[str] = "Give each text all labels that fit: topics, tags, what a review speaks of."
    roles: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", "Text", "What is read."),
        Column(
            "labels",
            "labels",
            "Labels",
            "What is learned: a list, or names parted by | or ; or a comma. Empty where none fits.",
            names=("labels", "tags", "topics", "genres", "categories", "classes", "keywords", "label", "tag", "topic"),
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        text, column = columns["text"], columns["labels"]
        if text == column:
            message = f'"{column}" is chosen both as text and as labels.'
            return [error_finding("same-column", message, "Choose another column for one of them.", column)]
        faults, sets = Faults(_FAULTS), list[list[str]]()
        for number, labels in _read(table, column):
            faults.note(number, "unreadable-labels" if labels is None else None)
            sets.append(labels or [])
        return [
            *text_findings(table, text),
            *personal_findings(table, text),
            *faults.findings(column),
            *_label_findings(sets, column),
        ]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`text`, and `labels` as a list."""
        read = _read(table, columns["labels"])
        for (number, row), (_, labels) in zip(cells(table, columns), read, strict=True):
            if row["text"].strip() and labels is not None:
                yield number, {"text": row["text"], "labels": labels}


def _read(table: Table, column: str) -> Iterator[tuple[int, list[str] | None]]:
    sign = separator_of(row["labels"] for _, row in cells(table, {"labels": column}))
    for number, row in cells(table, {"labels": column}):
        yield number, labels_in(row["labels"], sign)


def _label_findings(sets: list[list[str]], column: str) -> Iterator[Finding]:
    """Labels that cannot be learned as they are."""
    counts = Counter(label for labels in sets for label in labels)
    if not counts:
        message = f'No row has a label in "{column}".'
        yield error_finding("no-labels", message, "Choose the column that holds the labels, or fill it in.", column)
        return
    if len(counts) > MOST_LABELS:
        message = f'"{column}" has {len(counts):,} different labels, more than {MOST_LABELS:,}.'
        yield error_finding("too-many-labels", message, "Fold rare labels together, or choose another column.", column)
    everywhere = [label for label, times in counts.items() if times == len(sets)]
    if len(everywhere) == len(counts):
        message = f"Every row has the same labels: {listed(everywhere)}."
        yield error_finding("one-label", message, "Choose a column whose labels differ from row to row.", column)
    elif everywhere:
        message = f"Every row has the label {listed(everywhere)}, so that nothing is learned of it."
        yield warning_finding("label-everywhere", message, "Remove it, or add rows without it.", column)
    rare = [label for label, times in counts.items() if times < 3]
    if rare and len(counts) > 1:
        message = f"{len(rare):,} of {len(counts):,} labels have fewer than 3 rows: {listed(rare)}."
        remedy = "Such a label is hardly learned, and may be missing in a part of the split. Add rows that have it."
        yield warning_finding("rare-labels", message, remedy, column, len(rare))
    empty = sum(not labels for labels in sets)
    if empty:
        message = f"{empty:,} of {len(sets):,} rows have no label, and are learned as such."
        yield warning_finding(
            "without-labels", message, "Leave them out if their labels are only unknown.", column, empty
        )
    if all(len(labels) == 1 for labels in sets) and len(counts) > 1:
        message = f'Every row of "{column}" has exactly one label.'
        yield warning_finding("single-labels", message, "Text classification suits such a table better.", column)
