"""Questions on a text with the places of their answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.nested import parsed
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_FAULTS: dict[str, tuple[str, str]] = {
    "unreadable-answers": (
        "answers that cannot be read.",
        'Write {"text": ["Paris"], "answer_start": [25]}, with empty lists where there is no answer.',
    ),
    "answer-elsewhere": (
        "an answer that stands in the text, but not where its start says.",
        "Correct answer_start: it counts characters from 0. Or leave the row out.",
    ),
    "answer-not-found": ("an answer that is not in the text.", "Copy it from the text letter by letter."),
    "empty-question": ("no question or no text.", "Fill it in, or leave the row out."),
}


class QuestionAnswering:
    """A text, a question and its answers as SQuAD has them."""

    name: ClassVar[str] = "question-answering"
    title: ClassVar[str] = "Questions on a text"
    description: ClassVar[str] = "Find the answer to a question in a text."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "context",
            "text",
            "Text",
            "Where the answer stands.",
            names=("context", "passage", "paragraph"),
            by_name=True,
        ),
        Column("question", "text", "Question", "What is asked.", names=("question", "query"), by_name=True),
        Column("answers", "answers", "Answers", "Texts and where they begin.", names=("answers", "answer")),
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(_FAULTS)
        for number, row in cells(table, columns):
            faults.note(number, _fault(row))
        return faults.findings(columns["answers"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`context`, `question` and `answers`, a list of (start, text)."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                answers = read_answers(row["answers"])
                yield number, {"context": row["context"], "question": row["question"], "answers": answers}


def read_answers(cell: str) -> list[tuple[int, str]] | None:
    """Starts and texts of the answers of a cell, as columns or as a list of objects; None if they cannot be read."""
    value = parsed(cell)
    if isinstance(value, list) and all(isinstance(each, Mapping) for each in value):
        value = {name: [each.get(name) for each in value] for name in ("text", "answer_start")}
    if not isinstance(value, Mapping):
        return None
    texts, starts = value.get("text"), value.get("answer_start")
    texts = [texts] if isinstance(texts, str) else texts
    starts = [starts] if isinstance(starts, int) else starts
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        return None
    if not all(isinstance(text, str) for text in texts) or not all(isinstance(start, int) for start in starts):
        return None
    return list(zip(starts, texts, strict=True))


def _fault(row: Mapping[str, str]) -> str | None:
    answers = read_answers(row["answers"])
    if answers is None:
        return "unreadable-answers"
    context = row["context"]
    if not context.strip() or not row["question"].strip():
        return "empty-question"
    for start, text in answers:
        if start < 0 or context[start : start + len(text)] != text:
            return "answer-elsewhere" if text and text in context else "answer-not-found"
    return None
