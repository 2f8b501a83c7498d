"""Plain text: a text on each line."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from pathlib import Path

from autotrain.data.encoding import Examined
from autotrain.data.header import name_columns
from autotrain.data.reading import Progress, Reading, Records, counted
from autotrain.events import Finding

SUFFIXES = (".txt", ".md", ".text")
_LINES = 100
_DELIMITERS = ",;\t|"


def is_plain_text(path: Path, name: str, encoding: str) -> bool:
    """Whether a file called like a text is one: no delimiter stands equally often on nearly all of its lines."""
    if not name.casefold().endswith(SUFFIXES):
        return False
    with path.open(encoding=encoding, errors="replace") as file:
        lines = [line for line in islice(file, _LINES) if line.strip()]
    for delimiter in _DELIMITERS:
        times = Counter(line.count(delimiter) for line in lines)
        (most, rows) = max(times.items(), key=lambda item: item[1], default=(0, 0))
        if most and rows >= 0.9 * len(lines) and len(lines) > 1:
            return False
    return True


def read_plain_text(path: Path, examined: Examined, progress: Progress | None) -> Reading:
    """Lines that are not blank, each a row of one column `text`, numbered as lines."""
    said = Finding(
        severity="warning",
        code="plain-text",
        message="The file is read as plain text, one text on each line.",
        remedy="If it is a table, part its cells by commas or tabs, equally many in each row.",
    )
    return Reading("plain text", name_columns(0, ["text"]), _lines(path, examined.encoding, progress), [said])


def _lines(path: Path, encoding: str, progress: Progress | None) -> Records:
    import io

    with counted(path, progress) as raw:
        for number, line in enumerate(io.TextIOWrapper(raw, encoding, errors="replace"), 1):
            text = line.rstrip("\n").removeprefix("\ufeff")
            if text.strip():
                yield number, [text]
