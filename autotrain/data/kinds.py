"""What kind of thing a column holds, judged by its cells first and its name only where cells cannot tell."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from autotrain.data.nested import TAGS, kind_of
from autotrain.table import ColumnKind

JUDGED_VALUES = 20_000
"""Cells of each column that are matched against the patterns; more would change no verdict and cost time."""

LONG_TEXT_CHARACTERS = 400
"""Mean length from which a text is long: about 100 tokens, where truncation begins to matter."""

_NUMBER = re.compile(r"(?=.*\d)[+-]?(\d{1,3}([,' \u00a0]\d{3})+|\d+)?([.,]\d+)?([eE][+-]?\d+)?\s*%?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_FLOAT = re.compile(r"[+-]?\d*[.,]\d+([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"([A-Z][a-z]{2},? [A-Z][a-z]{2} \d{1,2} \d{2}:\d{2}:\d{2} ([A-Z+\d]+ )?\d{4}"
    r"|\d{1,2}\.? [A-Z][a-z]{2,8} \d{4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
    r"|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4}))"
    r"([T ]\d{1,2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|[AaPp][Mm]|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_IMAGE = re.compile(r"[^\n]+\.(png|jpe?g|gif|bmp|webp|tiff?)", re.IGNORECASE)
_AUDIO = re.compile(r"[^\n]+\.(wav|mp3|flac|ogg|opus|m4a)", re.IGNORECASE)
_URL = re.compile(r"(https?://|ftp://|www\.)\S+", re.IGNORECASE)
_CODE = re.compile(r"(?=.*\d)[\w:.#/-]{1,64}", re.ASCII)
_PATTERNS = {
    "number": _NUMBER,
    "integer": _INTEGER,
    "float": _FLOAT,
    "date": _DATE,
    "url": _URL,
    "code": _CODE,
    "image": _IMAGE,
    "audio": _AUDIO,
    "tags": TAGS,
}
_NESTED_JUDGED = 2_000
"""Cells of a column that are parsed as JSON to judge its kind."""
_TRUTH = frozenset(
    {"true", "false", "yes", "no", "y", "n", "t", "f", "0", "1", "ja", "nein", "oui", "non"}
) | frozenset({"si", "sí", "sim", "não", "да", "нет", "是", "否"})
_ID_WORDS = frozenset({"id", "ids", "uuid", "guid", "key", "index", "idx", "nr", "no", "number", "row", "rowid", "pk"})


@dataclass
class Tally:
    """How many of the judged cells match each pattern."""

    judged: int = 0
    words: int = 0
    matches: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_PATTERNS, 0))
    truth: int = 0
    nested: Counter[str] = field(default_factory=Counter)
    plain: int = 0
    parsed: int = 0
    _last_integer: int | None = None
    rising: bool = True

    @property
    def full(self) -> bool:
        """Whether enough was seen, so that more changes nothing."""
        return self.judged >= JUDGED_VALUES

    def see(self, value: str, times: int) -> None:
        """Count a non-empty cell that occurs `times` times."""
        if self.full:
            return
        value = value.strip()
        self.judged += times
        self.words += times * _words(value)
        self.truth += times * (value.casefold() in _TRUTH)
        if value[:1] not in ("[", "{"):
            self.plain += times
        elif self.parsed < _NESTED_JUDGED:
            self.parsed += 1
            if value != "[]":  # an empty list may be of any kind
                self.nested[kind_of(value) or ""] += times
        if len(value) > 2000:
            return
        for name, pattern in _PATTERNS.items():
            if pattern.fullmatch(value):
                self.matches[name] += times
        if _INTEGER.fullmatch(value):
            number = int(value)
            self.rising = self.rising and (self._last_integer is None or number > self._last_integer)
            self._last_integer = number
        else:
            self.rising = False

    def share(self, name: str) -> float:
        """Which share of the judged cells match the pattern `name`."""
        return self.matches[name] / self.judged if self.judged else 0.0


def _words(value: str) -> int:
    """Words of a cell; Chinese and Japanese write none apart, so two of their characters count as one."""
    joined = 0 if value.isascii() else sum("\u3040" <= char <= "\u9fff" for char in value[:1000])
    return value.count(" ") + 1 + joined // 2


@dataclass(frozen=True)
class Counts:
    """Figures about a column that its kind depends on."""

    name: str
    filled: int
    distinct: int
    mean_length: float
    longest: int


@dataclass(frozen=True)
class Verdict:
    """A kind, how sure that is, and the reason in words."""

    kind: ColumnKind
    confidence: float
    reason: str


def name_words(name: str) -> list[str]:
    """Whole words of a column name: `tweet_text` and `tweetText` hold "text", `context` does not."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.casefold() for word in re.findall(r"[^\W_]+", parted)]


def is_number(value: str) -> bool:
    """Whether a cell is a number as people write them: `12`, `1,200`, `0.5`, `3e-4`, `40 %`."""
    return len(value) < 100 and _NUMBER.fullmatch(value.strip()) is not None


def is_fraction(value: str) -> bool:
    """Whether a cell is a number with a fraction: `0.75` is, `3` and the `3.0` that programs make of it are not."""
    value = value.strip()
    return len(value) < 100 and _FLOAT.fullmatch(value) is not None and value.rstrip("0")[-1] not in ".,"


def judge(counts: Counts, tally: Tally) -> Verdict:
    """The kind of a column."""
    if counts.filled == 0:
        return Verdict("empty", 1.0, "every cell is empty")
    nested = _judge_nested(tally)
    if nested is not None:
        return nested
    for kind, share in (("url", 0.95), ("date", 0.95), ("image", 0.95), ("audio", 0.95)):
        if tally.share(kind) >= share:
            what = f"{kind}s" if kind in ("url", "date") else f"names of {kind} files"
            return Verdict(_KINDS[kind], tally.share(kind), f"{tally.share(kind):.0%} of its cells are {what}")
    if tally.truth == tally.judged and counts.distinct == 2:
        numeric = tally.share("integer") == 1
        return Verdict("boolean", 0.8 if numeric else 0.95, "two values that mean yes and no")
    if tally.share("number") >= 0.99:
        return _judge_numbers(counts, tally)
    return _judge_words(counts, tally)


_KINDS: dict[str, ColumnKind] = {"url": "url", "date": "date", "image": "image", "audio": "audio"}
_STRUCTURES: dict[str, tuple[ColumnKind, str]] = {
    "messages": ("messages", "conversations: lists of turns with a role and a content"),
    "spans": ("spans", "lists of marked places with a start and an end"),
    "answers": ("answers", "answers with their places in a text"),
    "boxes": ("boxes", "lists of boxes of four numbers"),
    "list": ("list", "lists"),
}


def _judge_nested(tally: Tally) -> Verdict | None:
    """Structures, when nearly every cell is one of the same kind."""
    if tally.judged and tally.share("tags") >= 0.95:
        return Verdict("list", 0.9, "tags such as O and B-PER, parted by spaces")
    cells = tally.nested.total()
    if not cells or tally.plain > 0.05 * (cells + tally.plain):
        return None
    known = [(times, kind) for kind, times in tally.nested.items() if kind]
    times, kind = max(known, default=(0, ""))
    if times < 0.8 * cells:
        return None
    named, what = _STRUCTURES[kind]
    return Verdict(named, round(times / cells, 2), f"its cells are {what}")


def _judge_numbers(counts: Counts, tally: Tally) -> Verdict:
    unique = counts.distinct >= 0.999 * counts.filled
    whole = tally.share("integer") >= 0.99
    named = bool(_ID_WORDS & set(name_words(counts.name)))
    if whole and unique and counts.filled >= 3 and (tally.rising or named):
        return Verdict("id", 0.95 if named else 0.8, "a different whole number in every row")
    if whole and counts.distinct <= 20 and counts.distinct * 2 <= counts.filled:
        return Verdict("category", 0.7, f"only {counts.distinct} different whole numbers, each used again and again")
    return Verdict("number", 0.95 if not unique else 0.85, f"{tally.share('number'):.0%} of its cells are numbers")


def _judge_words(counts: Counts, tally: Tally) -> Verdict:
    words = tally.words / max(1, tally.judged)
    unique = counts.distinct >= 0.999 * counts.filled
    if unique and counts.filled >= 3 and tally.share("code") >= 0.95 and words < 1.1:
        return Verdict("id", 0.9, "a different code in every row")
    again = counts.filled / max(1, counts.distinct)
    short = counts.longest <= 100 and counts.mean_length <= 40 and words <= 4.5
    if counts.distinct == 1 and counts.filled > 1 and short:
        return Verdict("category", 0.8, "one value in every row")
    if short and again >= 2:
        confidence = 0.95 if again >= 5 or words < 2 else 0.75
        return Verdict("category", confidence, f"{counts.distinct} different short values, used {again:.0f} times each")
    if short and words <= 2.5 and counts.distinct <= 20 and again > 1.2:
        return Verdict("category", 0.6, f"{counts.distinct} different short values, some used again")
    if counts.mean_length > LONG_TEXT_CHARACTERS:
        return Verdict("long text", 0.95, f"{counts.mean_length:.0f} characters on average")
    if words >= 3:
        return Verdict("text", 0.95, f"{words:.0f} words on average")
    sure = 0.8 if words >= 1.5 or counts.mean_length > 15 else 0.5
    return Verdict("text", sure, f"{counts.distinct} different values of {words:.1f} words on average")
