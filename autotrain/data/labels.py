"""What is wrong or worth knowing about a column of labels, before a second of training."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from autotrain.data.check import (
    FEW_CLASSES,
    LISTED,
    cells_of,
    error_finding,
    listed,
    quoted,
    rows_finding,
    text_key,
    warning_finding,
)
from autotrain.data.findings import Rows
from autotrain.data.kinds import is_fraction, is_number
from autotrain.events import Finding, Fix
from autotrain.table import Table

MANY_CLASSES, MOST_CLASSES = 100, 1_000
"""Above the first a person should think twice; above the second a table of results can no longer be read."""

_FOLDED = "other"
FULL_CLASS = 5
"""With fewer rows a class may be missing from the validation or the test rows."""

SMALL_TABLE = 50
"""With fewer rows the test split has about five, and every score is a matter of luck."""


def label_findings(table: Table, column: str, text: str | None = None) -> list[Finding]:
    """What is wrong or worth knowing about a column of labels.

    Args:
        table: the imported rows.
        column: the column of labels.
        text: the column of texts; rows without a text are then not counted, and equal texts are compared.
    """
    if column == text:
        return [
            error_finding(
                "same-column",
                f'"{column}" is chosen both as text and as label.',
                "Choose another column for one of them; a label that is the text itself teaches nothing.",
                column,
            )
        ]
    labels = _count(table, column, text)
    if not labels.rows:
        return [
            error_finding(
                "no-labels",
                f'No row has a label in "{column}".',
                "Choose the column that holds the labels, or fill it in.",
                column,
            )
        ]
    stopping = [*_stopping(labels)]
    return [*stopping, *_empty_labels(labels), *([] if stopping else [*_classes(labels), *_consistency(labels)])]


@dataclass
class _Labels:
    """The usable rows of a column, counted by label."""

    column: str
    rows: int = 0
    empty: Rows = field(default_factory=Rows)
    text: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, int] = field(default_factory=dict)
    texts: defaultdict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    contradicting: Rows = field(default_factory=Rows)
    contradiction: tuple[str, str] | None = None
    by_text: dict[bytes, str] = field(default_factory=dict)

    def different(self, label: str) -> int:
        """How many different texts, or else rows, a label has."""
        return len(self.texts[label]) if self.by_text else self.counts[label]

    @property
    def different_texts(self) -> int:
        return len(self.by_text) if self.by_text else self.rows


def _count(table: Table, column: str, text: str | None) -> _Labels:
    labels = _Labels(column, text=text)
    for number, cells in cells_of(table, column, *([text] if text else [])):
        label = cells[0]
        if text and not cells[1].strip():
            continue
        if not label.strip():
            labels.empty.add(number)
            continue
        labels.rows += 1
        labels.counts[label] += 1
        labels.first.setdefault(label, number)
        if text:
            key = text_key(cells[1])
            labels.texts[label].add(key)
            before = labels.by_text.setdefault(key, label)
            if before != label:
                labels.contradicting.add(number)
                labels.contradiction = labels.contradiction or (before, label)
    return labels


def _stopping(labels: _Labels) -> Iterator[Finding]:
    """What makes training pointless: at most one finding, the one that explains most."""
    classes, column = len(labels.counts), labels.column
    numbers = sum(times for label, times in labels.counts.items() if is_number(label))
    fractions = sum(times for label, times in labels.counts.items() if is_fraction(label))
    if classes == 1:
        yield error_finding(
            "one-class",
            f'Every row of "{column}" has the same label, {quoted(next(iter(labels.counts)))}.',
            "Add rows with at least one other label, or choose another label column.",
            column,
        )
    elif numbers > 0.9 * labels.rows and classes > FEW_CLASSES and (fractions or classes * 5 > labels.rows):
        yield error_finding(
            "numeric-labels",
            f'"{column}" holds {classes:,} different numbers such as {listed(labels.counts, 3)}. Predicting '
            "a number is regression, not classification.",
            "Choose a column of classes, or replace the numbers by a few ranges such as low, medium and high.",
            column,
        )
    elif classes > FEW_CLASSES and classes * 2 > labels.rows:
        yield error_finding(
            "labels-are-texts",
            f'"{column}" has {classes:,} different labels in {labels.rows:,} rows, such as '
            f"{listed(labels.counts, 2)}. Most occur once, so nothing can be learned from them.",
            "Choose the column that holds the classes; this one looks like texts or identifiers.",
            column,
        )
    elif classes > MOST_CLASSES:
        yield error_finding(
            "too-many-classes",
            f'"{column}" has {classes:,} different labels; at most {MOST_CLASSES:,} are supported.',
            "Group rare labels together, or choose another label column.",
            column,
        )
    elif labels.different_texts < classes + 2:
        yield error_finding(
            "too-few-rows",
            f"Only {labels.different_texts} different texts have a label, too few for training, validation and test "
            f"with {classes} classes.",
            f"Add rows: at least {classes + 2} different texts are needed, and some hundred are better.",
            column,
        )


def _empty_labels(labels: _Labels) -> Iterator[Finding]:
    if labels.empty.count:
        yield rows_finding(
            "empty-label",
            labels.empty,
            labels.column,
            "no label and is left out.",
            "Fill in the label if the row should count.",
            Fix(title="Drop rows without a label", step={"step": "drop_empty", "columns": [labels.column]}),
        )


def _classes(labels: _Labels) -> Iterator[Finding]:
    classes, column = len(labels.counts), labels.column
    if sum(times for label, times in labels.counts.items() if is_fraction(label)) > 0.9 * labels.rows:
        yield warning_finding(
            "numeric-labels",
            f'The labels in "{column}" are {classes} different fractions such as {listed(labels.counts, 3)}. They are '
            "taken as names of classes: their order and distance are not learned.",
            "If they are measurements, the task is regression; replace them by a few ranges to classify them.",
            column,
        )
    if classes > MANY_CLASSES:
        yield warning_finding(
            "many-classes",
            f'"{column}" has {classes:,} different labels, {labels.rows / classes:.0f} rows each on average.',
            "Classes with few rows are hardly learned. Group similar ones, or add rows, if the scores are low.",
            column,
            classes,
        )
    yield from _small_classes(labels)
    (most, top), (least, bottom) = labels.counts.most_common()[0], labels.counts.most_common()[-1]
    if top >= 0.8 * labels.rows or top >= 20 * bottom:
        yield warning_finding(
            "unbalanced",
            f"{quoted(most)} has {top:,} of {labels.rows:,} rows ({top / labels.rows:.0%}), {quoted(least)} only "
            f"{bottom:,}.",
            "Judge the result by macro-F1, which counts every class alike; add rows of rare classes if you can.",
            column,
        )
    if labels.rows < SMALL_TABLE:
        yield warning_finding(
            "small-table",
            f"Only {labels.rows} rows can be used, so every score will be very uncertain.",
            "Add rows if you can: some hundred are a good start.",
            column,
            labels.rows,
        )


def _small_classes(labels: _Labels) -> Iterator[Finding]:
    single = sorted((label for label in labels.counts if labels.different(label) == 1), key=labels.first.__getitem__)
    small = [label for label in labels.counts if 1 < labels.different(label) < FULL_CLASS]
    if single:
        rows = tuple(labels.first[label] for label in single[:20])
        some = "class has" if len(single) == 1 else "classes have"
        where = f"{'row' if len(rows) == 1 else 'rows'} {', '.join(map(str, rows[:LISTED]))}"
        yield Finding(
            severity="warning",
            code="single-row-class",
            message=f"{len(single)} {some} a single text: {listed(single)} ({where}). "
            "It is used for training only, so how well it is recognised cannot be measured.",
            remedy=f"Add at least {FULL_CLASS - 1} rows to each such class, or remove it.",
            column=labels.column,
            count=len(single),
            rows=rows,
            fix=_folding(labels, single),
        )
    if small:
        some = "class has" if len(small) == 1 else "classes have"
        yield Finding(
            severity="warning",
            code="small-class",
            message=f"{len(small)} {some} fewer than {FULL_CLASS} different texts: {listed(small)}. Such a "
            "class may be missing from the validation or test rows.",
            remedy="Add rows to these classes, or group them.",
            column=labels.column,
            count=len(small),
            rows=tuple(sorted(labels.first[label] for label in small)[:20]),
            fix=_folding(labels, small),
        )


def _folding(labels: _Labels, small: list[str]) -> Fix | None:
    """Put all small classes together; None where that would leave a single class or change nothing but a name.

    A label that is small because it is misspelt is first written as the others are.
    """
    folded = [label for label, times in labels.counts.items() if times < FULL_CLASS]
    if not set(folded) & set(small) or len(folded) == len(labels.counts):
        return None
    if len(folded) == 1 and (folded == [_FOLDED] or _FOLDED not in labels.counts):
        return None
    spelled = Counter(" ".join(label.split()).casefold() for label in labels.counts)
    if any(spelled[" ".join(label.split()).casefold()] > 1 for label in folded):
        return None
    step = {"step": "fold_small_classes", "column": labels.column, "fewer_than": FULL_CLASS, "into": _FOLDED}
    return Fix(title=f'Put classes of fewer than {FULL_CLASS} rows into "{_FOLDED}"', step=step)


def _consistency(labels: _Labels) -> Iterator[Finding]:
    """Labels that are probably meant to be one, and texts that have two."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for label in labels.counts:
        spellings[" ".join(label.split()).casefold()].append(label)
    for variants in spellings.values():
        if len(variants) > 1:
            spelled = ", ".join(f"{quoted(label)} ({labels.counts[label]:,} rows)" for label in variants[:LISTED])
            most = max(variants, key=lambda label: (labels.counts[label], label))
            into = {label: most for label in variants if label != most}
            yield Finding(
                severity="warning",
                code="similar-labels",
                message=f"These labels differ only in capitals or spaces, and count as different classes: {spelled}.",
                remedy="If they mean the same, write them alike.",
                column=labels.column,
                count=len(variants),
                rows=tuple(sorted(labels.first[label] for label in variants)[:20]),
                fix=Fix(
                    title=f"Write all as {quoted(most)}",
                    step={"step": "merge_labels", "column": labels.column, "into": into},
                ),
            )
    if labels.contradiction is not None:
        before, after = labels.contradiction
        yield rows_finding(
            "contradicting-labels",
            labels.contradicting,
            labels.column,
            f"a text that an earlier row has with another label (such as {quoted(before)} and {quoted(after)}).",
            "One of the labels is probably wrong: correct it, or leave these texts out.",
            Fix(
                title="Leave out texts with two labels",
                step={"step": "drop_contradictions", "column": labels.text, "label": labels.column},
            ),
        )
