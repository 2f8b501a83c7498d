"""Things worth knowing about a table under a mapping, on demand: pictures of lengths, labels, languages; and findings.

What `check` of a shape says already (empty or equal texts, personal data, unfit labels) is not said again here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from autotrain.data.insight.balance import Balance, balance
from autotrain.data.insight.languages import LanguageMix, language_findings, language_mix
from autotrain.data.insight.leakage import leakage_findings
from autotrain.data.insight.lengths import Histogram, character_lengths, histogram, token_lengths
from autotrain.data.insight.outliers import outlier_findings
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

TRUNCATED = 0.05
"""A share of cut texts that is worth a word; below it lie the few that are long in every table."""


@dataclass(frozen=True)
class Reader:
    """The model that will read the texts, as far as it is known."""

    max_length: int
    """Where training cuts, in tokens."""
    tokenizer: Path | None = None
    """Its tokenizer.json; without it characters alone are counted."""
    longest: int | None = None
    """The most tokens that it has places for."""
    languages: Collection[str] | None = None
    """Codes of the languages that it reads."""


class Insights(BaseModel):
    """Everything found: what should be known, and what should be drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    findings: tuple[Finding, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    balance: Balance | None = None
    languages: tuple[LanguageMix, ...] = ()


def insights(
    table: Table,
    columns: Mapping[str, str],
    *,
    text_roles: Collection[str],
    label_role: str | None,
    reader: Reader,
) -> Insights:
    """What is worth knowing about a table, in seconds and in memory that does not grow with it.

    Args:
        table: the table.
        columns: which column plays which role; a column that does not exist is passed over.
        text_roles: the roles that are read.
        label_role: the role that is learned, or None.
        reader: the model that will read the texts.
    """
    known = set(table.rows.column_names) - {ROW_COLUMN}
    texts = [columns[role] for role in text_roles if columns.get(role) in known]
    label = columns.get(label_role) if label_role is not None else None
    label = label if label in known else None
    findings: list[Finding] = []
    drawn: list[Histogram] = []
    spoken: list[LanguageMix] = []
    for column in dict.fromkeys(texts):
        lengths = character_lengths(table, column)
        if not lengths:
            continue
        drawn += _lengths(table, column, lengths, reader)
        spoken.append(language_mix(table, column))
        findings += language_findings(spoken[-1], reader.languages)
        findings += outlier_findings(table, column, lengths)
    if label is not None:
        findings += leakage_findings(table, texts, label)
    findings += [finding for one in drawn for finding in truncation(one, reader.longest)]
    return Insights(
        findings=tuple(findings),
        histograms=tuple(drawn),
        balance=balance(table, label) if label is not None else None,
        languages=tuple(spoken),
    )


def _lengths(table: Table, column: str, characters: Counter[int], reader: Reader) -> list[Histogram]:
    drawn = [histogram(characters, column, "characters")]
    tokens = token_lengths(table, column, reader.tokenizer) if reader.tokenizer is not None else None
    if tokens:
        drawn.append(histogram(tokens, column, "tokens", of=characters.total(), max_length=reader.max_length))
    return drawn


def truncation(drawn: Histogram, longest: int | None = None) -> list[Finding]:
    """That many texts are cut, and the length that would keep nearly all, if the model can read as much."""
    if drawn.truncated is None or drawn.max_length is None or drawn.truncated < TRUNCATED:
        return []
    sampled = f" in a sample of {drawn.texts:,} texts" if drawn.texts < drawn.of else ""
    return [
        Finding(
            severity="warning",
            code="truncated-texts",
            message=f'{drawn.truncated:.0%} of the texts in "{drawn.column}" are longer than {drawn.max_length:,} '
            f"tokens{sampled}, and what follows is not read.",
            remedy=_remedy(drawn.keeps_99, longest),
            column=drawn.column,
        )
    ]


def _remedy(keeps_99: int, longest: int | None) -> str:
    if longest is None or keeps_99 <= longest:
        return f"A length of {keeps_99:,} tokens keeps 99 % of them whole, but takes longer to train."
    return f"The model reads at most {longest:,} tokens; split longer texts into several rows if their end matters."
