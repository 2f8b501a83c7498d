"""CoNLL files: a word with its tags on each line, a blank line after each sentence."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autotrain.data.encoding import Examined
from autotrain.data.findings import Rows
from autotrain.data.header import name_columns
from autotrain.data.reading import Progress, Reading, Records, cell_text, counted
from autotrain.events import Finding

SUFFIXES = (".conll", ".conll2003", ".conll02", ".conll03", ".iob", ".iob1", ".iob2", ".bio", ".bioes", ".ner", ".pos")
"""Names of such files; with them, tags such as NN that have no prefix are believed too."""

_JUDGED = 1 << 16
"""Characters that are looked at: thousands of words."""
_NEARLY_ALL = 0.99
_CLOSED = 60
"""Tag sets without a prefix are small: Penn's has 45 tags. More different values are words."""
_TAG = re.compile(r"O|[BIESLUM]-\S+")
_DOCUMENT = "-DOCSTART-"
_PHRASES = frozenset({"NP", "VP", "PP", "ADVP"})
"""Kinds of chunks, by which a column of them is told from one of names."""


@dataclass(frozen=True)
class _Layout:
    """How lines are parted and what the columns hold; `tags` are the columns of tags, the learned one first."""

    tabbed: bool
    width: int
    tokens: int
    tags: tuple[int, ...]
    names: tuple[str, ...]


def is_conll(path: Path, name: str, encoding: str) -> bool:
    """Whether a text file is one, by its contents: as wide everywhere, with blank lines, words and tags.

    Ordinary text and tables are none: a column must hold nothing but O and tags such as B-PER, or the name must say it.
    """
    return _layout(path, name, encoding) is not None


def read_conll(path: Path, name: str, examined: Examined, progress: Progress | None) -> Reading:
    """A row for each sentence, numbered by the line of its first word, with lists of its words and tags."""
    layout = _layout(path, name, examined.encoding)
    assert layout is not None, "only files that is_conll knows"
    findings: list[Finding] = []
    records = _sentences(path, examined.encoding, layout, progress, findings)
    return Reading("CoNLL", name_columns(0, ["tokens", *layout.names]), records, findings)


def _layout(path: Path, name: str, encoding: str) -> _Layout | None:
    with path.open(encoding=encoding, errors="replace", newline="") as file:
        head = file.read(_JUDGED)
    lines = head.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    if len(head) == _JUDGED:
        lines.pop()
    while lines and not lines[-1].strip():
        lines.pop()
    words = [line for line in lines if line.strip() and not line.startswith((_DOCUMENT, "#"))]
    blanks = sum(not line.strip() or line.startswith(_DOCUMENT) for line in lines)
    named = name.casefold().endswith(SUFFIXES)
    if len(words) < 2 or not (blanks or named):
        return None
    tabbed = sum("\t" in line for line in words) >= _NEARLY_ALL * len(words)
    rows = [_cells(line, tabbed) for line in words]
    width, times = Counter(map(len, rows)).most_common(1)[0]
    if width < 2 or times < _NEARLY_ALL * len(rows):
        return None
    columns = list(zip(*(row for row in rows if len(row) == width), strict=True))
    return _of_columns(columns, tabbed, named, sentences=blanks + 1)


def _of_columns(columns: Sequence[Sequence[str]], tabbed: bool, named: bool, sentences: int) -> _Layout | None:
    """What each column holds; None where no column is one of tags, or none of words."""
    height = len(columns[0])
    prefixed = [place for place, cells in enumerate(columns) if _are_tags(cells)]
    if not prefixed and not (named and _closed(columns[-1])):
        return None
    first = 1 if len(columns) > 2 and all(cell.isdigit() for cell in columns[0]) else 0
    tokens = next((place for place in range(first, len(columns)) if place not in prefixed), None)
    # Words are single, differ, and stand several to a sentence; texts with a label between blank lines do not.
    if tokens is None or height < 1.5 * sentences or sum(" " in cell for cell in columns[tokens]) > 0.05 * height:
        return None
    others = [place for place in range(first, len(columns)) if place not in prefixed and place != tokens]
    names = [place for place in prefixed if not _are_phrases(columns[place])]
    phrases = [place for place in prefixed if place not in names]
    tags = (*names, *phrases, *others) if prefixed else tuple(reversed(others))
    called = [*_numbered("ner_tags", len(names)), *_numbered("chunk_tags", len(phrases))]
    called += _numbered("pos_tags", len(others))
    return _Layout(tabbed, len(columns), tokens, tags, tuple(called))


def _numbered(name: str, count: int) -> list[str]:
    return [name if not number else f"{name}_{number + 1}" for number in range(count)]


def _are_tags(cells: Sequence[str]) -> bool:
    fitting = sum(_TAG.fullmatch(cell) is not None for cell in cells)
    return fitting >= _NEARLY_ALL * len(cells) and any("-" in cell for cell in cells)


def _are_phrases(cells: Sequence[str]) -> bool:
    return len(_PHRASES & {cell[2:] for cell in cells if cell[1:2] == "-"}) > 1


def _closed(cells: Sequence[str]) -> bool:
    return len(set(cells)) <= min(_CLOSED, len(cells) - 1)


def _cells(line: str, tabbed: bool) -> list[str]:
    return line.rstrip("\r\n").split("\t") if tabbed else re.split(r"[ \t]+", line.strip(" \t\r\n"))


def _sentences(
    path: Path, encoding: str, layout: _Layout, progress: Progress | None, findings: list[Finding]
) -> Records:
    import io

    broken = Rows()
    rows: list[list[str]] = []
    begun = 0
    with counted(path, progress) as raw:
        for number, line in enumerate(io.TextIOWrapper(raw, encoding, errors="replace", newline=""), 1):
            text = line.removeprefix("\ufeff")
            if not text.strip() or text.startswith(_DOCUMENT):
                yield from _row(begun, rows, layout, broken)
                rows = []
                continue
            cells = _cells(text, layout.tabbed)
            if text.startswith("#") and len(cells) != layout.width:
                continue  # a remark, such as where the sentence is from
            begun = begun if rows else number
            rows.append(cells)
    yield from _row(begun, rows, layout, broken)
    findings += _said(broken)


def _row(begun: int, rows: Sequence[Sequence[str]], layout: _Layout, broken: Rows) -> Iterator[tuple[int, list[str]]]:
    """One sentence, unless a line of it has another number of columns: then nobody knows which tag is whose."""
    if not rows:
        return
    if any(len(row) != layout.width for row in rows):
        broken.add(begun)
        return
    yield begun, [cell_text([row[place] for row in rows]) for place in (layout.tokens, *layout.tags)]


def _said(broken: Rows) -> Iterator[Finding]:
    if broken.count:
        one = broken.count == 1
        yield Finding(
            severity="warning",
            code="broken-sentences",
            message=f"{broken.count:,} {'sentence has' if one else 'sentences have'} a line with more or fewer columns "
            f"than the others and {'is' if one else 'are'} left out: see from line "
            f"{', '.join(str(number) for number in broken.first[:5])}.",
            remedy="Correct the line in the file: every word needs its tags, and a blank line ends a sentence.",
            count=broken.count,
            rows=tuple(broken.first),
        )
