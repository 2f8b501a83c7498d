"""Texts far from the rest: extreme length, hardly any letters, one character again and again, markup, mojibake.

Every row is looked at, by Arrow's own matching (RE2, which no pattern can slow down) and not by Python.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from math import log

import pyarrow as pa
import pyarrow.compute as pc

from autotrain.data.findings import Rows
from autotrain.data.insight.lengths import quantile
from autotrain.events import Finding
from autotrain.table import ROW_COLUMN, Table

FIXED_ROWS = 1_000
"""Rows that are offered to be left out; of more, a person should look at the file."""
USUAL = 0.05
"""What more than this share of the texts has, is how these texts are, and no outlier."""
SPREAD, TIMES, LONG = 6.0, 10, 500
"""A text is extremely long when it lies this many robust deviations of the logarithm from the median, is this many
times as long, and has this many characters."""
SHORT, ORDINARY = 2, 30
"""One or two characters among texts that have thirty in the middle are hardly a text."""
FEW_LETTERS = 0.2
REPEATED, RUN = 0.5, 10
"""Half of a text and at least ten times the same character."""

_MARKUP = (
    r"(?i)</?(p|br|div|span|a|b|i|u|em|strong|ul|ol|li|td|tr|th|table|img|script|style|h[1-6]|font|html|body)"
    r"(\s[^<>]{0,500})?/?>|&(nbsp|amp|lt|gt|quot|apos|#\d{2,6});"
)
_MOJIBAKE = r"[ÃÂâ][\x{80}-\x{BF}]|â(€|„|‚)|Ã(ƒ|‚|„|¤|¶|¼|Ÿ|–|œ)|ï¿½|\x{FFFD}"
_RUN = "(?i)" + "|".join(f"{re.escape(char)}{{{RUN},}}" for char in "abcdefghijklmnopqrstuvwxyz0123456789=_#~!,;:.?-*")

_SAID: dict[str, tuple[str, str]] = {
    "extreme-length": (
        "a text that is extremely long beside the others (up to {longest:,} characters, {median:,} in the middle).",
        "Check whether several texts run into one there, such as after a missing quotation mark.",
    ),
    "hardly-a-text": ("one or two characters where others have a text.", "Leave them out unless they mean something."),
    "hardly-letters": ("hardly any letters, but digits or signs.", "Leave them out unless they are what is learned."),
    "repeated-character": ("one character again and again.", "Leave them out unless they are what is learned."),
    "markup": (
        "HTML markup such as <br> or &amp;.",
        "Take the markup out of the file unless it will be there when the model is used.",
    ),
    "mojibake": (
        "damaged characters such as “Ã©” for “é”.",
        "Save the file once more from its source as UTF-8, so that its letters come out right.",
    ),
}
_ALWAYS = frozenset({"markup", "mojibake"})
"""Worth a word however many texts have it."""


def outlier_findings(table: Table, column: str, lengths: Counter[int]) -> list[Finding]:
    """Texts that are far from the rest, each kind once, with their rows.

    Args:
        table: the table.
        column: a column of texts.
        lengths: how many of its texts have each length, in characters.
    """
    texts = lengths.total()
    if not texts:
        return []
    found = {code: Rows() for code in _SAID}
    median, limit = quantile(lengths, 0.5), _too_long(lengths)
    traits = _traits(limit, median)
    for batch in table.rows.select([ROW_COLUMN, column]).to_batches():
        for code, has in traits.items():
            for number in batch.column(0).filter(has(batch.column(1))).to_pylist():
                found[code].add(number)
    usual = USUAL * texts
    told = {code: rows for code, rows in found.items() if rows.count and (code in _ALWAYS or rows.count <= usual)}
    facts = {"longest": max(lengths), "median": median}
    return [_finding(code, rows, column, facts, rows.count <= usual) for code, rows in told.items()]


def _finding(code: str, rows: Rows, column: str, facts: dict[str, int], rare: bool) -> Finding:
    has, remedy = _SAID[code]
    return Finding(
        severity="warning",
        code=code,
        message=f"{rows.named()} {'has' if rows.count == 1 else 'have'} {has.format(**facts)}",
        remedy=remedy,
        column=column,
        count=rows.count,
        rows=tuple(rows.first),
        fix=rows.dropping() if rare and rows.count <= FIXED_ROWS else None,
    )


def _too_long(lengths: Counter[int]) -> int:
    """From which length on a text is extremely long: by the median and the median deviation of the logarithm."""
    median = max(1, quantile(lengths, 0.5))
    away: Counter[int] = Counter()
    for length, times in lengths.items():
        away[round(1000 * abs(log(max(1, length) / median)))] += times
    # 1.4826 makes the median deviation of a normal distribution its standard deviation.
    deviation = 1.4826 * quantile(away, 0.5) / 1000
    return int(max(LONG, TIMES * median, median * 2.718281828 ** min(30.0, SPREAD * deviation)))


def _traits(limit: int, median: int) -> dict[str, Callable[[pa.Array], pa.Array]]:
    def filled(texts: pa.Array) -> pa.Array:
        return pc.utf8_length(pc.utf8_trim_whitespace(texts))

    def hardly(texts: pa.Array) -> pa.Array:
        length = filled(texts)
        if median < ORDINARY:
            return pa.array([False] * len(texts))
        return pc.and_(pc.greater(length, 0), pc.less_equal(length, SHORT))

    return {
        "extreme-length": lambda texts: pc.greater(pc.utf8_length(texts), limit),
        "hardly-a-text": hardly,
        "hardly-letters": _few_letters,
        "repeated-character": _repeated,
        "markup": lambda texts: pc.match_substring_regex(texts, _MARKUP),
        "mojibake": lambda texts: pc.match_substring_regex(texts, _MOJIBAKE),
    }


def _few_letters(texts: pa.Array) -> pa.Array:
    """Longer than two characters, and under a fifth of what is no white space is letters or marks on them."""
    plain = pc.replace_substring_regex(texts, r"\s+", "")
    length = pc.utf8_length(plain)
    letters = pc.utf8_length(pc.replace_substring_regex(plain, r"[^\p{L}\p{M}]+", ""))
    few = pc.less(pc.cast(letters, pa.float64()), pc.multiply(pc.cast(length, pa.float64()), FEW_LETTERS))
    return pc.and_(pc.greater(length, SHORT), few)


def _repeated(texts: pa.Array) -> pa.Array:
    candidates = pc.match_substring_regex(texts, _RUN)
    if not pc.any(candidates).as_py():
        return candidates
    pairs = zip(candidates.to_pylist(), texts.to_pylist(), strict=True)
    return pa.array([may and _runs(text) for may, text in pairs], pa.bool_())


def _runs(text: str) -> bool:
    longest = run = 1
    for before, after in zip(text.casefold(), text[1:].casefold(), strict=False):
        run = run + 1 if before == after else 1
        longest = max(longest, run)
    return longest >= RUN and longest >= REPEATED * len(text)
