"""Answers that stand in the question: a column that gives the label away, a label that is written in the text."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from autotrain.data.check import quoted
from autotrain.data.findings import Rows
from autotrain.data.insight.sampling import spread
from autotrain.data.kinds import is_number
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

JUDGED_ROWS = 50_000
GIVEN_AWAY = 0.9
"""Share of the majority's mistakes that a column must spare to give the label away."""
FEWEST_ROWS = 20
PIECES, ROWS_PER_PIECE = 50, 20
"""Numbers that hardly repeat are compared by which piece of their order they lie in; with fewer rows in a piece chance
would decide what its usual label is."""
WRITTEN, BY_CHANCE = 0.5, 0.1
"""A label stands in its own texts in this share of them, and in other labels' texts hardly ever."""
LONGEST_LABEL = 60
SHORTEST_LABEL = 3
"""A label such as `a` or `1` stands in many texts and means nothing."""
MOST_LABELS = 200


def leakage_findings(table: Table, texts: Sequence[str], label: str) -> list[Finding]:
    """What gives the label away, on up to 50,000 rows spread over the table."""
    others = [one.name for one in table.profile.columns if one.name not in {*texts, label} and one.kind != "empty"]
    rows = spread(table, [label, *texts], JUDGED_ROWS)
    labels = [cell.strip() for cell in rows[label].to_pylist()]
    numbers = rows[ROW_COLUMN].to_pylist()
    sampled = f" (of {len(rows):,} rows looked at)" if len(rows) < len(table.rows) else ""
    found = [*_written_labels(texts, label, labels, rows, numbers, sampled)]
    for other in others:  # one column at a time, so that memory does not grow with their number
        cells = spread(table, [other], JUDGED_ROWS)[other].to_pylist()
        found += _giving_away(other, cells, label, labels, sampled)
    return found


def _giving_away(
    other: str, cells: Sequence[str], label: str, labels: Sequence[str], sampled: str
) -> Iterator[Finding]:
    pairs = [(cell, answer) for cell, answer in zip(_values(cells), labels, strict=True) if answer and cell]
    if len(pairs) < max(FEWEST_ROWS, len(cells) // 2):
        return
    right, majority = foretold(pairs)
    if majority < 1 and (right - majority) / (1 - majority) >= GIVEN_AWAY:
        yield Finding(
            severity="warning",
            code="label-given-away",
            message=f'"{other}" alone foretells "{label}" in {right:.0%} of the rows{sampled}; the most frequent label '
            f"is right in {majority:.0%}.",
            remedy="If it is not known when the model is used, it must not be read: leave it out of the text. If it "
            "is, no model is needed.",
            column=other,
        )


def foretold(pairs: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """How often a value's usual label is right in the other half of the rows; and how often the majority label is.

    Judged on rows that were not counted, so that a column with a different value in each row, such as an id, is worth
    no more than the majority label.
    """
    right = majority = 0
    # Mixed first: in a file of alternating labels every second row has the same one.
    mixed = [pairs[place] for place in np.random.default_rng(0).permutation(len(pairs))]
    halves = mixed[::2], mixed[1::2]
    for known, asked in (halves, halves[::-1]):
        usual = Counter(answer for _, answer in known).most_common(1)[0][0]
        counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for value, answer in known:
            counts[value][answer] += 1
        best = {value: seen.most_common(1)[0][0] for value, seen in counts.items()}
        right += sum(best.get(value, usual) == answer for value, answer in asked)
        majority += sum(usual == answer for _, answer in asked)
    return right / len(pairs), majority / len(pairs)


def _values(cells: Sequence[str]) -> list[str]:
    """The cells as they can be compared: numbers that hardly repeat become pieces of their range."""
    cells = [cell.strip() for cell in cells]
    filled = [cell for cell in cells if cell]
    if len(set(filled)) <= PIECES or not all(is_number(cell) for cell in filled):
        return cells
    numbers = [_number(cell) for cell in cells]
    ordered = sorted(number for number in numbers if number is not None)
    if not ordered:
        return cells
    pieces = min(PIECES, max(2, len(ordered) // ROWS_PER_PIECE))
    edges = [ordered[len(ordered) * piece // pieces] for piece in range(1, pieces)]
    return ["" if number is None else str(bisect_right(edges, number)) for number in numbers]


def _number(cell: str) -> float | None:
    try:
        return float(cell.rstrip("% ").replace(",", "").replace("'", "").replace(" ", ""))
    except ValueError:
        return None


def _written_labels(
    texts: Sequence[str], label: str, labels: Sequence[str], rows: object, numbers: Sequence[int], sampled: str
) -> Iterator[Finding]:
    names = {name for name in set(labels) if SHORTEST_LABEL <= len(name) <= LONGEST_LABEL}
    if len(names) < 2 or len(set(labels)) > MOST_LABELS:
        return
    for column in texts:
        if column == label:
            continue
        told = [" ".join(text.casefold().split()) for text in rows[column].to_pylist()]  # type: ignore[index]
        for name in sorted(names):
            own, foreign, where = _standing(name, told, labels, numbers)
            if where.count >= FEWEST_ROWS and own >= WRITTEN and foreign <= BY_CHANCE * own:
                yield Finding(
                    severity="warning",
                    code="label-in-text",
                    message=f'The label {quoted(name)} is written in "{column}" itself in {own:.0%} of its '
                    f"rows{sampled}, and in {foreign:.1%} of the others.",
                    remedy="The model would learn to look for that word. If it is not there when the model is used, "
                    "take it out of the texts.",
                    column=column,
                    count=where.count,
                    rows=tuple(where.first),
                )


def _standing(
    name: str, told: Sequence[str], labels: Sequence[str], numbers: Sequence[int]
) -> tuple[float, float, Rows]:
    """Shares of its own and of the others' texts in which a label is written as whole words; and its own rows."""
    wanted = " ".join(name.casefold().split())
    where, mine, foreign = Rows(), 0, 0
    for text, answer, number in zip(told, labels, numbers, strict=True):
        mine += answer == name
        if wanted in text and _whole(wanted, text):
            if answer == name:
                where.add(number)
            else:
                foreign += 1
    return where.count / max(1, mine), foreign / max(1, len(told) - mine), where


def _whole(wanted: str, text: str) -> bool:
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if not (start and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum()):
            return True
        start = text.find(wanted, start + 1)
    return False
