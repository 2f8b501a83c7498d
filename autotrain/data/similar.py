"""Texts that are nearly the same: MinHash finds candidates, their true likeness decides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from autotrain.data.units import Array

FEWEST_WORDS = 10
"""Shorter texts are never near duplicates: one word of few is the whole difference."""

LIKENESS = 0.7
"""Share of common word triples from which two texts count as nearly the same (Jaccard). One changed word in twenty."""

_PERMUTATIONS, _BANDS = 63, 21
"""21 bands of 3 hashes: a pair of likeness 0.7 is found with 99.98 % (Leskovec, Rajaraman, Ullman: Mining of Massive
Datasets, 3.4.2)."""
_ROWS_AT_ONCE = 20_000
MOST_ROWS = 500_000
"""Tables with more rows are not searched: it would take minutes at every look."""
_WORD = re.compile(r"\w+")


def near_groups(texts: Iterable[str], seed: int = 1) -> Array:
    """For each text the number of its group of nearly equal texts; -1 for a text that is like no other.

    Two texts are joined when they are alike, and with them what each is joined to. Memory: 256 bytes and the text for
    each of them.
    """
    import rensa

    kept = list(texts)
    digests = [np.zeros((0, _PERMUTATIONS), np.uint32)]
    for part in _parts(kept):
        shingles = [sorted(_shingles(text)) for text in part]
        rows = rensa.RMinHash.digest_matrix_from_token_sets(shingles, _PERMUTATIONS, seed).to_rows()
        digests.append(np.asarray(rows, np.uint32).reshape(len(part), _PERMUTATIONS))
    matrix, width = np.concatenate(digests), _PERMUTATIONS // _BANDS
    usable = np.flatnonzero([_long_enough(text) for text in kept])
    parent = list(range(len(kept)))
    for band in range(_BANDS):
        _join(kept, parent, np.ascontiguousarray(matrix[usable, band * width : (band + 1) * width]), usable)
    roots = np.array([_root(parent, place) for place in range(len(kept))], np.int64)
    alone = np.bincount(roots, minlength=len(kept))[roots] == 1 if len(kept) else np.zeros(0, bool)
    return np.where(alone, -1, roots)


def _long_enough(text: str) -> bool:
    return len(_WORD.findall(text[:4000])) >= FEWEST_WORDS


def _join(texts: Sequence[str], parent: list[int], band: Array, places: Array) -> None:
    """Join the texts whose hashes in one band agree, each with the first of them if they are truly alike."""
    if not len(places):
        return
    keys = band.view(np.dtype((np.void, band.dtype.itemsize * band.shape[1]))).reshape(-1)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(ordered)]
    several = ends - starts > 1
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        first, *others = places[order[start:end]].tolist()
        of_first = _shingles(texts[first])
        for other in others:
            one, two = _root(parent, first), _root(parent, other)
            if one != two and alike(of_first, _shingles(texts[other])):
                parent[max(one, two)] = min(one, two)


def _root(parent: list[int], place: int) -> int:
    while parent[place] != place:
        parent[place] = parent[parent[place]]
        place = parent[place]
    return place


def alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of shingles are alike enough."""
    shared = len(one & other)
    return shared >= LIKENESS * (len(one) + len(other) - shared)


def _shingles(text: str) -> frozenset[str]:
    """Word triples; numbers count as words, case and signs do not."""
    words = _WORD.findall(text.casefold())
    return frozenset(" ".join(words[place : place + 3]) for place in range(max(1, len(words) - 2)))


def _parts(texts: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(texts)
    while part := list(islice(rest, _ROWS_AT_ONCE)):
        yield part
