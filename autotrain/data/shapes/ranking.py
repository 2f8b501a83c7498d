"""Queries with passages, and how relevant each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import error_finding, missing_columns, rows_finding, text_key, warning_finding
from autotrain.data.findings import Rows
from autotrain.data.numbers import relevance_of
from autotrain.data.personal import personal_findings
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_ASKED_ONCE = 0.5
"""How much of a ranking a table is in which no query comes again."""
_FAULTS = {
    "empty-pair": ("no query or no passage.", "Fill it in, or leave the row out."),
    "no-relevance": (
        "no relevance.",
        "Write yes or no, 1 or 0, or a number that is larger for what is more relevant; or leave the row out.",
    ),
    "negative-relevance": ("a relevance below 0.", "What is not relevant has 0. Correct it, or leave the row out."),
}


class Ranking:
    """A query, a passage, and its relevance: one row for each pair."""

    name: ClassVar[str] = "ranking"
    title: ClassVar[str] = "Queries with passages"
    description: ClassVar[str] = "Put the passages found for a query in order: the relevant ones first."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "query",
            "text",
            "Query",
            "What is looked for; it comes again in the rows of its other passages.",
            names=("query", "question", "search"),
            by_name=True,
        ),
        Column(
            "passage",
            "text",
            "Passage",
            "What was found.",
            names=("passage", "document", "doc", "candidate", "paragraph"),
            by_name=True,
        ),
        Column(
            "relevance",
            "relevance",
            "Relevance",
            "Yes or no, or a number: larger for what is more relevant, 0 for what is not.",
            names=("relevance", "relevant", "label", "score", "grade", "judgement", "judgment", "match"),
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        """As its roles say, less where no query comes again."""
        fit = guess_roles(profile, self.roles)
        query = profile.column(fit.mapping[0].column or "")
        once = query is not None and query.distinct >= profile.rows - query.empty
        return Fit(round(fit.score * _ASKED_ONCE, 2), fit.reason, fit.mapping) if once else fit

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        if columns["query"] == columns["passage"]:
            message = f'"{columns["query"]}" is chosen both as query and as passage.'
            return [error_finding("same-column", message, "Choose another column for one of them.", columns["query"])]
        faults, pairs = Faults(_FAULTS), _Pairs()
        for number, row in cells(table, columns):
            fault = _fault(row)
            faults.note(number, fault)
            if fault is None:
                pairs.see(number, row)
        personal = (each for role in ("query", "passage") for each in personal_findings(table, columns[role]))
        return [*personal, *faults.findings(columns["relevance"]), *pairs.findings(columns)]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`query`, `passage` and `relevance`, a number from 0."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                pair = {"query": row["query"], "passage": row["passage"]}
                yield number, pair | {"relevance": relevance_of(row["relevance"])}


def _fault(row: Mapping[str, str]) -> str | None:
    if not row["query"].strip() or not row["passage"].strip():
        return "empty-pair"
    relevance = relevance_of(row["relevance"])
    if relevance is None:
        return "no-relevance"
    return "negative-relevance" if relevance < 0 else None


class _Pairs:
    """The passages of each query with their relevance, seen row by row."""

    def __init__(self) -> None:
        self._of: defaultdict[bytes, dict[bytes, float]] = defaultdict(dict)
        self._again, self._against = Rows(), Rows()

    def see(self, number: int, row: Mapping[str, str]) -> None:
        """A row without a fault."""
        passages, key = self._of[text_key(row["query"])], text_key(row["passage"])
        relevance = relevance_of(row["relevance"]) or 0.0
        if key in passages:
            (self._again if passages[key] == relevance else self._against).add(number)
        passages.setdefault(key, relevance)

    def findings(self, columns: Mapping[str, str]) -> Iterator[Finding]:
        """Queries of which nothing is learned, and pairs that come again."""
        query, relevance = columns["query"], columns["relevance"]
        level = sum(len(set(passages.values())) < 2 for passages in self._of.values())
        if level and level == len(self._of):
            yield error_finding(
                "nothing-to-order",
                "All passages of each query are equally relevant, so that there is no order to learn.",
                "Every query needs a passage that is relevant and one that is not, in rows of their own.",
                relevance,
            )
        elif level:
            yield warning_finding(
                "level-queries",
                f"{level:,} of {len(self._of):,} queries have passages that are all equally relevant. They are learned "
                "from pair by pair, but cannot show how good an order is.",
                "Add passages that are not relevant to them, such as those of other queries.",
                query,
                level,
            )
        if self._against.count:
            has = "a pair that an earlier row has with another relevance."
            remedy = "Keep the one that is right."
            yield rows_finding("contradicting-pairs", self._against, relevance, has, remedy, self._against.dropping())
        if self._again.count:
            has = "a pair that an earlier row has too."
            remedy = "It counts twice. Leave it out if that is a mistake."
            yield rows_finding("repeated-pairs", self._again, query, has, remedy, self._again.dropping())
