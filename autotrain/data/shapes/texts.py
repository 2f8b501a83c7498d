"""Texts with a label, a number, a second text, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import error_finding, missing_columns, text_findings, warning_finding
from autotrain.data.instead import UNFIT, UNFIT_TEXT, with_other_column
from autotrain.data.labels import label_findings
from autotrain.data.personal import personal_findings
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

MOSTLY = 0.9
"""Share of rows whose target is the source beyond which little else can be learned."""


class _Texts:
    """What these shapes share: rows are their cells by role, and a row needs all that are required."""

    roles: ClassVar[tuple[Column, ...]]

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        texts = [columns[role.role] for role in self.roles if role.kind == "text" and role.role in columns]
        return [
            finding
            for column in texts
            for finding in (*text_findings(table, column), *personal_findings(table, column))
        ]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        needed = [role.role for role in self.roles if role.required]
        for number, row in cells(table, columns):
            if all(row[role].strip() for role in needed):
                yield number, row


_TEXT = Column("text", "text", "Text", "What is read.")
_LABEL = Column("label", "label", "Label", "What is learned: one of a few classes.")


class Classification(_Texts):
    """A text and its class."""

    name: ClassVar[str] = "classification"
    title: ClassVar[str] = "Texts with a label"
    description: ClassVar[str] = "Sort texts into classes: topic, language, sentiment, intent."
    roles: ClassVar[tuple[Column, ...]] = (_TEXT, _LABEL)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        found = super().check(table, columns)
        if any(finding.code == "no-such-column" for finding in found):
            return found
        text, label = columns["text"], columns["label"]
        taken = (text, label)
        labels = with_other_column(label_findings(table, label, text), table.profile, _LABEL, UNFIT, taken)
        if text == label:
            return labels
        return [*with_other_column(found, table.profile, _TEXT, UNFIT_TEXT, taken), *labels]


class TextPair(_Texts):
    """Two texts and how they belong together."""

    name: ClassVar[str] = "text-pair"
    title: ClassVar[str] = "Pairs of texts with a label"
    description: ClassVar[str] = "Tell how two texts belong together: same meaning, follows, contradicts."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "text",
            "text",
            "First text",
            "What comes first.",
            names=("premise", "sentence1", "text1", "first", "question1", "query"),
            by_name=True,
        ),
        Column(
            "text_pair",
            "text",
            "Second text",
            "What is compared.",
            names=("hypothesis", "sentence2", "text2", "second", "question2", "passage"),
            by_name=True,
        ),
        _LABEL,
    )


class Translation(_Texts):
    """A text and the text that is to be written for it."""

    name: ClassVar[str] = "text-to-text"
    title: ClassVar[str] = "Texts to be rewritten"
    description: ClassVar[str] = "Write a text for a text: translation, summary, correction."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "source",
            "text",
            "Source",
            "What is read.",
            names=("source", "src", "document", "article", "original", "dialogue"),
            by_name=True,
        ),
        Column(
            "target",
            "text",
            "Target",
            "What is written.",
            names=("target", "tgt", "summary", "translation", "highlights", "simplified", "corrected"),
            by_name=True,
        ),
    )

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        found = super().check(table, columns)
        if any(finding.code == "no-such-column" for finding in found):
            return found
        if columns["source"] == columns["target"]:
            return [
                error_finding(
                    "same-column",
                    f'"{columns["source"]}" is chosen both as source and as target.',
                    "Choose another column for one of them; a target that is the source itself teaches to copy.",
                    columns["source"],
                )
            ]
        faults = Faults({"copy": ("a target that is the source itself.", "Correct it, or leave the row out.")})
        for number, row in cells(table, columns):
            faults.note(number, "copy" if row["source"].strip() and row["source"] == row["target"] else None)
        copies = [one.model_copy(update={"severity": "warning"}) for one in faults.findings(columns["target"])]
        return [
            *found,
            *copies,
            *(_mostly(one, faults.seen) for one in copies if (one.count or 0) >= MOSTLY * faults.seen),
        ]


def _mostly(copies: Finding, rows: int) -> Finding:
    return warning_finding(
        "mostly-copies",
        f"In {copies.count:,} of {rows:,} rows the target is the source itself: a model learns from this to copy.",
        "Choose the column with what is to be written, or add rows in which something is changed.",
        copies.column or "",
        copies.count,
    )


class PlainText(_Texts):
    """Nothing but text."""

    name: ClassVar[str] = "plain-text"
    title: ClassVar[str] = "Plain text"
    description: ClassVar[str] = "Let a language model read more of a language, a field or a style."
    roles: ClassVar[tuple[Column, ...]] = (_TEXT,)

    def suits(self, profile: Profile) -> Fit:
        """Every table with a text has it, so that it ranks behind what says more."""
        fit = guess_roles(profile, self.roles)
        return Fit(round(fit.score * 0.4, 2), fit.reason, fit.mapping)
