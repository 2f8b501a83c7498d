"""Texts that are alike: pairs, triplets with a text that is not, and pairs with a score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from autotrain.data.check import error_finding, missing_columns, rows_finding, text_findings, text_key
from autotrain.data.findings import Rows
from autotrain.data.kinds import name_words
from autotrain.data.numbers import relevance_of
from autotrain.data.personal import personal_findings
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_UNSAID = 0.5
"""How much of such a table one is whose columns are called as those of other tables are: what else fits goes first."""
_NO_TEXT = 0.4
"""And how much of it, when what should be a text is a category or a number."""
_ANCHOR = Column(
    "anchor",
    "text",
    "Text",
    "What the other text belongs to: a question, a title, a search.",
    names=("anchor", "query", "question", "sentence1", "text1", "first"),
    by_name=True,
)
_POSITIVE = Column(
    "positive",
    "text",
    "Text that is near",
    "What should be near it: its answer, its paraphrase, what was looked for.",
    names=("positive", "pos", "answer", "passage", "document", "paraphrase", "sentence2", "text2", "second"),
    by_name=True,
)
_NEGATIVE = Column(
    "negative",
    "text",
    "Text that is far",
    "What looks alike and is not meant.",
    names=("negative", "neg", "hard_negative"),
    by_name=True,
)
_FAULTS = {
    "empty-pair": ("a text missing.", "Fill it in, or leave the row out."),
    "same-texts": ("the same text twice, so that there is nothing to learn.", "Correct it, or leave the row out."),
    "near-and-far": ("the same text as near and as far.", "Keep the one that is right, or leave the row out."),
    "no-score": (
        "no score.",
        "Write a number that is larger for texts that are more alike, or yes and no; or leave the row out.",
    ),
}


class Pairs:
    """Two texts that belong together. All other texts are what does not."""

    name: ClassVar[str] = "pairs"
    title: ClassVar[str] = "Pairs of texts that belong together"
    description: ClassVar[str] = "Bring texts near each other that mean the same or answer each other."
    roles: ClassVar[tuple[Column, ...]] = (_ANCHOR, _POSITIVE)
    plainly: ClassVar[frozenset[str]] = frozenset({"anchor", "positive", "paraphrase"})

    def suits(self, profile: Profile) -> Fit:
        """As its roles say; names that other tables have as well make it half as likely."""
        return _fit(profile, self.roles, self.plainly)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        wrong = _columns(table, columns)
        if wrong:
            return wrong
        faults, seen = Faults(_FAULTS), _Seen()
        for number, row in cells(table, columns):
            fault = _fault(row)
            faults.note(number, fault)
            if fault is None:
                seen.add(number, row)
        return [*_texts(table, columns), *faults.findings(columns["positive"]), *seen.findings(columns)]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, str]]]:
        """The texts by role."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                yield number, row


class Triplets(Pairs):
    """Two texts that belong together, and one that seems to and does not."""

    name: ClassVar[str] = "triplets"
    title: ClassVar[str] = "Texts with a near one and a far one"
    description: ClassVar[str] = "Tell what is meant from what only looks alike."
    roles: ClassVar[tuple[Column, ...]] = (_ANCHOR, _POSITIVE, _NEGATIVE)
    plainly: ClassVar[frozenset[str]] = frozenset({"anchor", "positive", "negative", "neg"})


class ScoredPairs:
    """Two texts, and how alike they are."""

    name: ClassVar[str] = "scored-pairs"
    title: ClassVar[str] = "Pairs of texts with a score"
    description: ClassVar[str] = "Bring texts as near each other as their scores say."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "sentence1",
            "text",
            "First text",
            "One of the two.",
            names=("sentence1", "text1", "first", "premise", "question1"),
            by_name=True,
        ),
        Column(
            "sentence2",
            "text",
            "Second text",
            "The other one.",
            names=("sentence2", "text2", "second", "hypothesis", "question2"),
            by_name=True,
        ),
        Column(
            "score",
            "relevance",
            "Score",
            "A number that is larger for texts that are more alike; or yes and no.",
            names=("similarity", "likeness", "relatedness", "score", "rating", "label"),
        ),
    )
    plainly: ClassVar[frozenset[str]] = frozenset({"similarity", "likeness", "relatedness"})

    def suits(self, profile: Profile) -> Fit:
        """As its roles say; a number that may be any other makes it half as likely."""
        return _fit(profile, self.roles, self.plainly)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        wrong = _columns(table, columns)
        if wrong:
            return wrong
        faults, scores, same, known = Faults(_FAULTS), set[float](), Rows(), dict[bytes, float]()
        against = Rows()
        for number, row in cells(table, columns):
            fault = _score_fault(row)
            faults.note(number, fault)
            if fault is not None:
                continue
            score = relevance_of(row["score"]) or 0.0
            scores.add(score)
            first, second = sorted((text_key(row["sentence1"]), text_key(row["sentence2"])))
            if first == second:
                same.add(number)
            if known.setdefault(first + second, score) != score:
                against.add(number)
        column = columns["score"]
        found = [*_texts(table, columns), *faults.findings(column)]
        if len(scores) == 1:
            message = f'Every score in "{column}" is {scores.pop():g}, so that no pair is more alike than another.'
            found.append(error_finding("one-score", message, "Choose a column whose scores differ.", column))
        if same.count:
            has, remedy = "the same text twice.", "The model knows already that they are alike. Leave it out."
            found.append(rows_finding("same-texts", same, column, has, remedy, same.dropping()))
        if against.count:
            has, remedy = "a pair that an earlier row has with another score.", "Keep the one that is right."
            found.append(rows_finding("contradicting-pairs", against, column, has, remedy, against.dropping()))
        return found

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The two texts, and `score`, a number."""
        for number, row in cells(table, columns):
            if _score_fault(row) is None:
                yield number, {**row, "score": relevance_of(row["score"])}


def _fit(profile: Profile, roles: tuple[Column, ...], plainly: frozenset[str]) -> Fit:
    fit = guess_roles(profile, roles)
    names = {word for guess in fit.mapping for word in name_words(guess.column or "")}
    score = fit.score if names & plainly else fit.score * _UNSAID
    for guess, role in zip(fit.mapping, roles, strict=True):
        column = profile.column(guess.column or "")
        if role.kind == "text" and column is not None and column.kind not in ("text", "long text"):
            score *= _NO_TEXT
    return Fit(round(score, 2), fit.reason, fit.mapping)


def _columns(table: Table, columns: Mapping[str, str]) -> list[Finding]:
    """What is wrong with the choice of columns."""
    missing = missing_columns(table, columns)
    if missing:
        return missing
    twice = [column for column in columns.values() if list(columns.values()).count(column) > 1]
    if not twice:
        return []
    roles = " and as ".join(role for role, column in columns.items() if column == twice[0])
    message = f'"{twice[0]}" is chosen both as {roles}.'
    return [error_finding("same-column", message, "Choose another column for one of them.", twice[0])]


def _texts(table: Table, columns: Mapping[str, str]) -> Iterator[Finding]:
    """What is worth knowing about the texts. That one comes again is usual here, and an empty one is a fault."""
    for role, column in columns.items():
        if role != "score":
            said = text_findings(table, column)
            yield from (each for each in said if each.code not in ("empty-text", "repeated-text"))
            yield from personal_findings(table, column)


def _fault(row: Mapping[str, str]) -> str | None:
    texts = [text_key(text) for text in row.values()]
    if not all(text.strip() for text in row.values()):
        return "empty-pair"
    if texts[0] in texts[1:]:
        return "same-texts"
    return "near-and-far" if len(set(texts)) < len(texts) else None


def _score_fault(row: Mapping[str, str]) -> str | None:
    if not row["sentence1"].strip() or not row["sentence2"].strip():
        return "empty-pair"
    return "no-score" if relevance_of(row["score"]) is None else None


class _Seen:
    """The pairs of a table, seen row by row."""

    def __init__(self) -> None:
        self._rows: set[tuple[bytes, ...]] = set()
        self._positives: set[bytes] = set()
        self._count, self._again = 0, Rows()

    def add(self, number: int, row: Mapping[str, str]) -> None:
        """A row without a fault."""
        key = tuple(text_key(text) for text in row.values())
        if key in self._rows:
            self._again.add(number)
        self._rows.add(key)
        self._positives.add(text_key(row["positive"]))
        self._count += 1

    def findings(self, columns: Mapping[str, str]) -> Iterator[Finding]:
        """Rows that come again, and texts that leave nothing to tell apart."""
        column = columns["positive"]
        if len(self._positives) == 1 and self._count > 1 and "negative" not in columns:
            yield error_finding(
                "one-positive",
                f'Every text in "{column}" is the same, so that there is nothing to tell it from.',
                "Pairs are learned against the texts of other pairs. Choose a column whose texts differ.",
                column,
            )
        if self._again.count:
            has, remedy = "texts that an earlier row has too.", "They count twice. Leave them out if that is a mistake."
            yield rows_finding("repeated-pairs", self._again, column, has, remedy, self._again.dropping())


TEXTS: Mapping[str, Sequence[str]] = {
    shape.name: tuple(role.role for role in shape.roles if role.kind == "text")
    for shape in (Pairs, Triplets, ScoredPairs)
}
"""The roles of each of these shapes that are texts, in their order."""
