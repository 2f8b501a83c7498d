"""Rows laid out one behind the other, without padding, and what they begin alike only once.

Chats with one system prompt, or two answers to one question, begin with the same tokens. A causal model makes the same
of them in each row, so that a batch is a tree: a row's own tokens hang on those it shares with the row before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Ranges = tuple[tuple[int, int], ...]
"""Places, as (first, behind the last)."""


@dataclass(frozen=True)
class Segment:
    """Tokens that follow one another in the layout and in their row.

    Attributes:
        start, end: their places in the layout.
        before: ranges of places that the segment sees beside its own, in the order of the row.
    """

    start: int
    end: int
    before: Ranges = ()

    @property
    def length(self) -> int:
        """Of its own tokens."""
        return self.end - self.start

    def places(self, end: int) -> list[int]:
        """What its tokens see, up to one place of the layout: those before them, and their own."""
        ranges = (*self.before, (self.start, min(end, self.end)))
        return [place for start, stop in ranges for place in range(start, stop)]


@dataclass(frozen=True)
class Layout:
    """A batch as one row of tokens.

    Attributes:
        input_ids: the token at each place.
        position_ids: its position in the rows it belongs to.
        segments: what sees what.
        rows: for each row the place of each of its tokens.
    """

    input_ids: list[int]
    position_ids: list[int]
    segments: tuple[Segment, ...]
    rows: list[list[int]]


def laid_out(rows: Sequence[Sequence[int]], *, shared: bool = True) -> Layout:
    """The rows as a tree. It is the same in whatever order they come.

    Args:
        rows: tokens, none of them empty.
        shared: whether equal beginnings are laid out once; else every row by itself.
    """
    ids: list[int] = []
    positions: list[int] = []
    segments: list[Segment] = []
    places: list[list[int]] = [[] for _ in rows]
    before: Sequence[int] = ()
    path: list[int] = []
    # Sorted, a row shares its longest beginning with the one before it.
    for number in sorted(range(len(rows)), key=lambda number: (list(rows[number]), number)):
        row = rows[number]
        alike = _alike(before, row) if shared else 0
        start, fresh = len(ids), row[alike:]
        ids += fresh
        positions += range(alike, len(row))
        path = [*path[:alike], *range(start, len(ids))]
        if fresh:
            segments.append(Segment(start, len(ids), ranges_of(path[:alike])))
        places[number], before = path, row
    return Layout(ids, positions, tuple(segments), places)


def _alike(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with."""
    most = min(len(one), len(other))
    return next((place for place in range(most) if one[place] != other[place]), most)


def ranges_of(places: Sequence[int]) -> Ranges:
    """Rising places as ranges."""
    found: list[list[int]] = []
    for place in places:
        if found and found[-1][1] == place:
            found[-1][1] = place + 1
        else:
            found.append([place, place + 1])
    return tuple((start, end) for start, end in found)
