"""Words with tags, and texts with marked places."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.nested import items_of, parsed
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.data.tag_schemes import SchemeWatch
from autotrain.events import Finding, Fix
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_FAULTS: dict[str, tuple[str, str]] = {
    "no-tokens": ("no words.", "Write the words as a list, or leave the row out."),
    "tags-do-not-fit": (
        "another number of tags than words.",
        "Every word needs one tag, O where there is none: correct the row, or leave it out.",
    ),
    "illegal-tags": (
        "an I- tag that continues nothing of its kind.",
        "A name begins with B- and goes on with I- of the same kind: correct the tags, or leave the row out.",
    ),
}
_SPAN_FAULTS: dict[str, tuple[str, str]] = {
    "unreadable-spans": (
        "marked places that cannot be read.",
        'Write a list such as [{"start": 0, "end": 4, "label": "PER"}], empty where nothing is marked.',
    ),
    "span-outside": ("a marked place outside its text.", "Correct start and end, or leave the row out."),
    "spans-overlap": ("marked places that overlap.", "Keep one of them, or leave the row out."),
}
_SPAN_DOUBTS: dict[str, tuple[str, str]] = {
    "span-within-word": (
        "a marked place that begins or ends within a word; the whole word is learned as marked.",
        "Correct start and end if they are off by a letter. Where a part of a word is meant, nothing is to be done.",
    ),
    "span-lost": (
        "a marked place that is not learned: it holds no word, or shares its only word with the place before it.",
        "Correct start and end, or leave the row out.",
    ),
}
"""What is worth knowing: such rows are learned, but not quite as they are marked."""


class Tagging:
    """A list of words and as many tags."""

    name: ClassVar[str] = "tagging"
    title: ClassVar[str] = "Words with tags"
    description: ClassVar[str] = "Find names, places or parts of speech: one tag for each word."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "tokens", "list", "Words", "The words, as a list.", names=("tokens", "words", "token", "sentence", "text")
        ),
        Column("tags", "list", "Tags", "One tag for each word.", names=("tags", "ner", "pos", "labels", "chunk")),
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults, watch = Faults(_FAULTS), SchemeWatch()
        for number, row in cells(table, columns):
            tokens, tags = items_of(row["tokens"]), items_of(row["tags"])
            faults.note(number, _fault(tokens, tags))
            watch.see(tags)
        scheme = _scheme_findings(watch, columns["tags"])
        if scheme:  # the fault of the scheme is not one of single rows
            faults.found.pop("illegal-tags", None)
        return [*scheme, *faults.findings(columns["tags"])]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, list[str]]]]:
        """`tokens` and `tags`, as many of both."""
        for number, row in cells(table, columns):
            tokens, tags = items_of(row["tokens"]), items_of(row["tags"])
            if _fault(tokens, tags) is None:
                yield number, {"tokens": tokens, "tags": tags}


_SCHEMES = {
    "IOB1": "IOB1, which begins a name with I-, and with B- only right after another one",
    "BIOES": "BIOES (also called IOBES), which ends a name with E- and marks single words with S-",
    "BILOU": "BILOU, which ends a name with L- and marks single words with U-",
}


def _scheme_findings(watch: SchemeWatch, column: str) -> list[Finding]:
    """The scheme, where it is not the one that is learned, with the way to convert it."""
    scheme = watch.scheme
    if scheme is None or scheme == "BIO":
        return []
    return [
        Finding(
            severity="error",
            code="tag-scheme",
            message=f'The tags of "{column}" are in {_SCHEMES[scheme]}.',
            remedy="Learned is BIO: B- begins every name and I- goes on with it. Nothing is lost by converting.",
            column=column,
            fix=Fix(
                title=f"Convert {scheme} to BIO",
                step={"step": "convert_tags", "column": column, "scheme": scheme},
            ),
        )
    ]


class Spans:
    """A text and the places in it that are marked."""

    name: ClassVar[str] = "spans"
    title: ClassVar[str] = "Texts with marked places"
    description: ClassVar[str] = "Find names or passages, marked by where they begin and end."
    roles: ClassVar[tuple[Column, ...]] = (
        Column("text", "text", "Text", "What is read."),
        Column(
            "spans",
            "spans",
            "Marked places",
            "A list of start, end and label.",
            names=("spans", "entities", "annotations", "labels"),
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults, doubts = Faults(_SPAN_FAULTS), Faults(_SPAN_DOUBTS)
        for number, row in cells(table, columns):
            spans = read_spans(row["spans"])
            fault = "unreadable-spans" if spans is None else span_fault(row["text"], spans)
            faults.note(number, fault)
            doubts.note(number, span_doubt(row["text"], spans) if spans and fault is None else None)
        doubtful = (each.model_copy(update={"severity": "warning"}) for each in doubts.findings(columns["spans"]))
        return [*faults.findings(columns["spans"]), *doubtful]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, list[str]]]]:
        """The same form as `Tagging`: words and their tags."""
        for number, row in cells(table, columns):
            spans = read_spans(row["spans"])
            if spans is not None and row["text"].strip() and span_fault(row["text"], spans) is None:
                tokens, tags = tags_of_spans(row["text"], spans)
                yield number, {"tokens": tokens, "tags": tags}


Span = tuple[int, int, str]
"""First character, the one after the last, and the label."""

_SCRIPTS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Japanese and Chinese, which write no spaces: each sign is a word, or a whole sentence would be one."""
_WORD = re.compile(rf"[{_SCRIPTS}]|[^\W{_SCRIPTS}]+|[^\w\s]")
_INSIDE = re.compile(rf"[^\W{_SCRIPTS}]{{2}}")


def _fault(tokens: Sequence[str], tags: Sequence[str]) -> str | None:
    if not tokens:
        return "no-tokens"
    if len(tokens) != len(tags):
        return "tags-do-not-fit"
    return None if legal(tags) else "illegal-tags"


def legal(tags: Sequence[str]) -> bool:
    """Whether BIO tags continue only what began; tags without B- and I- are always legal."""
    if not any(tag.startswith("B-") for tag in tags):
        # IOB1 writes I- at the beginning of a name, and tags of parts of speech have no prefix at all.
        return True
    before = "O"
    for tag in tags:
        if tag.startswith("I-") and before not in (f"B-{tag[2:]}", tag):
            return False
        before = tag
    return True


def read_spans(cell: str) -> list[Span] | None:
    """The spans of a cell in the text's order; None if they cannot be read."""
    if not cell.strip():
        return []
    value = parsed(cell)
    if not isinstance(value, list):
        return None
    spans = [_span(item) for item in value]
    return None if any(span is None for span in spans) else sorted(span for span in spans if span is not None)


def _span(item: Any) -> Span | None:
    if not isinstance(item, Mapping):
        return None
    label = next((item[name] for name in ("label", "tag", "type", "entity", "entity_group") if name in item), None)
    start, end = item.get("start"), item.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or not isinstance(label, str):
        return None
    return start, end, label


def span_fault(text: str, spans: Sequence[Span]) -> str | None:
    """What is wrong with spans in their order, as a code."""
    if any(not 0 <= start < end <= len(text) for start, end, _ in spans):
        return "span-outside"
    overlap = any(one[1] > other[0] for one, other in zip(spans, spans[1:], strict=False))
    return "spans-overlap" if overlap else None


def span_doubt(text: str, spans: Sequence[Span]) -> str | None:
    """What of spans without a fault is not learned as it is marked, as a code of a warning."""
    within = any(_INSIDE.fullmatch(text[place - 1 : place + 1]) for start, end, _ in spans for place in (start, end))
    if within or any(not text[start:end].strip() for start, end, _ in spans):
        learned = {span for _, span in _words(text, spans)}
        if not learned.issuperset(spans):
            return "span-lost"
    return "span-within-word" if within else None


def tags_of_spans(text: str, spans: Sequence[Span]) -> tuple[list[str], list[str]]:
    """Words and signs of a text with BIO tags; a word belongs to the first span that it overlaps."""
    tokens, tags = [], []
    begun: Span | None = None
    for word, span in _words(text, spans):
        tokens.append(word)
        tags.append("O" if span is None else f"{'I' if span == begun else 'B'}-{span[2]}")
        begun = span
    return tokens, tags


def _words(text: str, spans: Sequence[Span]) -> Iterator[tuple[str, Span | None]]:
    """The words of a text, each with its span; spans are in their order and apart."""
    place = 0
    for match in _WORD.finditer(text):
        while place < len(spans) and spans[place][1] <= match.start():
            place += 1
        overlaps = place < len(spans) and spans[place][0] < match.end()
        yield match.group(), spans[place] if overlaps else None
