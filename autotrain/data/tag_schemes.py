"""How tags mark where a name begins and ends: BIO, which everything here learns, and the schemes turned into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Scheme = Literal["BIO", "IOB1", "BIOES", "BILOU"]
_PREFIXED = re.compile(r"([BIESLUM])-(.+)")


@dataclass
class SchemeWatch:
    """Which scheme the tags of a table follow, seen row by row."""

    prefixes: set[str] = field(default_factory=set)
    plain: bool = False
    """A tag without a prefix was seen, so that these are no names."""
    begun_with_i: int = 0
    begun_with_b: int = 0

    def see(self, tags: Sequence[str]) -> None:
        """The tags of one row."""
        before = ""
        for tag in tags:
            prefix, kind = _parts(tag)
            if prefix is None:
                self.plain = self.plain or tag != "O"
            else:
                self.prefixes.add(prefix)
                self.begun_with_i += prefix == "I" and kind != before
                self.begun_with_b += prefix == "B" and kind != before
            before = kind

    @property
    def scheme(self) -> Scheme | None:
        """The scheme; None where tags have no prefixes, as parts of speech.

        IOB1 begins a name with I-, and with B- only right after another of its kind. BIOES, which some call IOBES, ends
        names with E- and marks single words with S-; BILOU has L- and U- for that.
        """
        if self.plain or not self.prefixes:
            return None
        if self.prefixes & {"L", "U"}:
            return "BILOU"
        if self.prefixes & {"E", "S"}:
            return "BIOES"
        return "IOB1" if self.begun_with_i and not self.begun_with_b else "BIO"


def to_bio(tags: Sequence[str]) -> list[str]:
    """Tags of any scheme in BIO: a name begins with B- and goes on with I-. Tags without a prefix stay."""
    made: list[str] = []
    before, ended = "", False
    for tag in tags:
        prefix, kind = _parts(tag)
        if prefix is None:
            made.append(tag)
        else:
            begins = prefix in "BSU" or kind != before or ended
            made.append(f"{'B' if begins else 'I'}-{kind}")
        before, ended = kind, prefix in ("E", "L", "S", "U")
    return made


def _parts(tag: str) -> tuple[str | None, str]:
    """Prefix and kind; no prefix and no kind for O and plain tags."""
    found = _PREFIXED.fullmatch(tag)
    return (found[1], found[2]) if found else (None, "")
