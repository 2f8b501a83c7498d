"""Which units train, validate and test: every class alike, shares rounded so that the totals are right."""

from __future__ import annotations

import numpy as np

from autotrain.data.units import Array, Units

_GUARANTEED = 5
"""A class with this many different texts is in every part; with fewer, training needs what there is."""


def stratify(units: Units, validation: float, test: float, fixed: Array | None = None) -> Array:
    """A part for each unit: 0 train, 1 validation, 2 test.

    Args:
        units: rows that stay together, in an order made by chance.
        validation, test: shares of the rows of each class that are free; 0 gives none.
        fixed: the part of each unit that is decided already, -1 for those that are free.
    """
    part = np.where(fixed >= 0, fixed, 0) if fixed is not None else np.zeros(units.count, np.int64)
    free = fixed < 0 if fixed is not None else np.ones(units.count, bool)
    members = _by_class(units, free)
    shares = {1: validation, 2: test}
    quotas = _quotas(units, members, [shares[1], shares[2]])
    for label, (held_out, tested) in quotas.items():
        _deal(units, part, members[label], {2: tested, 1: held_out})
    _cover(units, part, free)
    for number in (2, 1):
        if shares[number] > 0:
            _fill(units, part, free, number)
    return part


def fold_of(units: Units, folds: int) -> Array:
    """The fold in which each unit is tested, from 0; -1 for the only unit of a class, which always trains."""
    fold = np.full(units.count, -1, np.int64)
    position = 0
    for members in _by_class(units, np.ones(units.count, bool)).values():
        if len(members) > 1:
            fold[members] = (position + np.arange(len(members))) % folds
            position += len(members)
    return fold


def _by_class(units: Units, free: Array) -> dict[int, Array]:
    """The free units of each class, in their order."""
    chosen = np.flatnonzero(free)
    ordered = chosen[np.argsort(units.major[chosen], kind="stable")]
    labels, starts = np.unique(units.major[ordered], return_index=True)
    return dict(zip(labels.tolist(), np.split(ordered, starts[1:]), strict=True)) if len(labels) else {}


def _quotas(units: Units, members: dict[int, Array], shares: list[float]) -> dict[int, tuple[int, int]]:
    """Rows of each class for validation and test (largest remainder)."""
    sizes = {label: int(units.sizes[found].sum()) for label, found in members.items()}
    quotas: list[dict[int, int]] = []
    for share in shares:
        exact = {label: share * size for label, size in sizes.items()}
        quota = {label: int(value) for label, value in exact.items()}
        for label in sizes:
            if share > 0 and len(members[label]) >= _GUARANTEED:
                quota[label] = max(1, quota[label])
        wanted = max(1, round(share * sum(sizes.values()))) if share > 0 else 0
        # A second share must not take the remainder from the classes that gave the first one theirs.
        taken = quotas[0] if quotas else dict.fromkeys(sizes, 0)
        rest = sorted(
            sizes, key=lambda label: (taken[label] > share * sizes[label], quota[label] - exact[label], label)
        )
        for label in rest[: max(0, wanted - sum(quota.values()))]:
            quota[label] += 1
        quotas.append(quota)
    return {label: (quotas[0][label], quotas[1][label]) for label in sizes}


def _deal(units: Units, part: Array, members: Array, left: dict[int, int]) -> None:
    """Give whole units to test and validation until their quotas are met; the first unit always trains."""
    sizes = units.sizes[members].tolist()
    for unit, size in zip(members[1:].tolist(), sizes[1:], strict=True):
        if not any(left.values()):
            break
        for number in (2, 1):
            if size <= left[number]:
                part[unit] = number
                left[number] -= size
                break


def _cover(units: Units, part: Array, free: Array) -> None:
    """Bring every label into training, also one that only occurs beside a more frequent label of the same text."""
    of, has = units.pairs
    missing = set(range(len(units.labels))) - set(has[part[of] == 0].tolist())
    if not missing:
        return
    for unit, label in zip(of.tolist(), has.tolist(), strict=True):
        if label in missing and free[unit]:
            part[unit] = 0
            missing -= set(has[of == unit].tolist())


def _fill(units: Units, part: Array, free: Array, number: int) -> None:
    """Give an empty part the smallest unit that training, or else the other of the two, can spare."""
    if np.any(part == number):
        return
    of, has = units.pairs
    carriers = np.bincount(has[part[of] == 0], minlength=len(units.labels))
    needed = of[carriers[has] <= 1]
    spare = (part == 0) & free
    spare[needed] = False
    if not np.any(spare):
        spare = (part == 3 - number) & free
        if spare.sum() < 2:
            return
    candidates = np.flatnonzero(spare)
    part[candidates[np.argmin(units.sizes[candidates])]] = number
