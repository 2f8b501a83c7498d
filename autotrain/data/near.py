"""Nearly equal rows of a dataset, found once and kept beside it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from autotrain.data.findings import Rows
from autotrain.data.similar import MOST_ROWS, near_groups
from autotrain.data.store import Dataset
from autotrain.data.units import Array
from autotrain.events import Finding, Fix
from autotrain.table import ROW_COLUMN

SMALLEST_TEMPLATE, TEMPLATE_SHARE = 10, 0.05
"""A group of more rows than this, and of more than this share, is no set of copies but a template."""


def near_rows(dataset: Dataset, texts: Sequence[str]) -> Array | None:
    """For each row the number of its group of nearly equal rows, -1 for none; None for a table that is too large."""
    if dataset.profile.rows > MOST_ROWS:
        return None
    name = blake2b("\x1f".join(texts).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    path = dataset.folder / f"near-{name}.npy"
    try:
        kept: Array = np.load(path)
        if len(kept) == dataset.profile.rows:
            return kept
    except (OSError, ValueError):
        pass
    columns = [dataset.table().rows[column].to_pylist() for column in texts]
    found = near_groups("\n".join(cells) for cells in zip(*columns, strict=True))
    try:
        np.save(path, found)
    except OSError:  # it is only found again next time
        path.unlink(missing_ok=True)
    return found


def without_templates(groups: Array) -> tuple[Array, list[Finding]]:
    """Groups without those so large that a split could not keep them together; and what to know of these.

    Such texts come from a template that is filled in, and keeping them all on one side would leave nothing to test.
    """
    sizes = np.bincount(groups[groups >= 0], minlength=1)
    large = np.flatnonzero(sizes > max(SMALLEST_TEMPLATE, TEMPLATE_SHARE * len(groups)))
    if not len(large):
        return groups, []
    filled = np.isin(groups, large)
    said = Finding(
        severity="warning",
        code="templates",
        message=f"{int(filled.sum()):,} of {len(groups):,} rows are nearly the same text, such as a form that is "
        "filled in. They are on both sides of the split.",
        remedy="Expect the score to be better than on texts of another form.",
        count=int(filled.sum()),
    )
    return np.where(filled, -1, groups), [said]


def parted(dataset: Dataset) -> Finding:
    """What to know where nearly equal rows could not be kept together."""
    return Finding(
        severity="warning",
        code="near-duplicates-parted",
        message=f"{dataset.profile.rows:,} rows are too few to keep nearly equal texts on one side of the split: one "
        "part would be left without rows. Only equal texts are kept together.",
        remedy="The scores may be better than on new texts. Add rows that differ more.",
    )


def near_findings(dataset: Dataset, texts: Sequence[str], groups: Array | None) -> list[Finding]:
    """Rows that are nearly an earlier one; or that nobody looked."""
    if groups is None:
        return [
            Finding(
                severity="warning",
                code="near-duplicates-unknown",
                message=f"The table has more than {MOST_ROWS:,} rows, so nearly equal texts were not looked for.",
                remedy="Equal texts stay on one side of the split; nearly equal ones may be on both.",
            )
        ]
    places = np.flatnonzero(groups >= 0)
    if not len(places):
        return []
    table = dataset.table().rows.take(places)
    cells = zip(*(table[column].to_pylist() for column in texts), strict=True)
    rows, seen, begun = Rows(), set[str](), set[int]()
    for group, number, row in zip(groups[places].tolist(), table[ROW_COLUMN].to_pylist(), cells, strict=True):
        plain = "\x1f".join(" ".join(cell.split()).casefold() for cell in row)
        if plain not in seen and group in begun:
            rows.add(number)
        seen.add(plain)
        begun.add(group)
    if not rows.count:
        return []
    fix = {"step": "deduplicate", "columns": list(texts), "near": True}
    return [
        Finding(
            severity="warning",
            code="near-duplicates",
            message=f"{rows.named()} {'has' if rows.count == 1 else 'have'} nearly the same text as an earlier row.",
            remedy="They stay on one side of the split, so scores stay honest. Remove them if they are copies.",
            column=texts[0],
            count=rows.count,
            rows=tuple(rows.first),
            fix=Fix(title="Keep the first of nearly equal texts", step=fix),
        )
    ]
