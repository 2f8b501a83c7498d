"""What people call the parts of a split: train, validation, test, and their many other names."""

from __future__ import annotations

from autotrain.data.kinds import name_words
from autotrain.events import Finding, Fix
from autotrain.table import ColumnProfile, Profile

WORDS: dict[str, int] = {"train": 0, "training": 0, "trn": 0, "learn": 0} | {
    **dict.fromkeys(("validation", "valid", "val", "dev", "development"), 1),
    **dict.fromkeys(("test", "testing", "tst", "eval", "evaluation", "heldout"), 2),
}
"""What people call the parts, as whole words: 0 train, 1 validation, 2 test."""

_COLUMN_WORDS = frozenset({"split", "set", "subset", "partition", "fold", "part"})


def part_of(value: str) -> int | None:
    """The part that a cell or a file name speaks of, or None: `my-train.csv` is 0, `training day` 0, `context` None."""
    found = {WORDS[word] for word in name_words(value) if word in WORDS}
    return found.pop() if len(found) == 1 else None


def suggested_split(profile: Profile) -> dict[str, str]:
    """`{"method": "given", "column": …}` when a column plainly says which rows are for what; else nothing."""
    found = next((column.name for column in profile.columns if says_the_split(column)), None)
    return {} if found is None else {"method": "given", "column": found}


def says_the_split(column: ColumnProfile) -> bool:
    """Whether a column is called like a split and holds nothing but names of its parts."""
    parts = {part_of(value) for value, _ in column.top_values if value.strip()}
    named = bool(_COLUMN_WORDS & set(name_words(column.name)))
    return named and 1 < column.distinct <= 6 and None not in parts and 0 in parts and len(parts) > 1


def ignored_split(profile: Profile, method: str) -> list[Finding]:
    """A warning when the table says which rows are for what, and the rows are divided in another way."""
    suggested = suggested_split(profile)
    if not suggested or method == "given":
        return []
    column = suggested["column"]
    return [
        Finding(
            severity="warning",
            code="split-not-used",
            message=f'"{column}" seems to say which rows are for training and for the test, but is not used for that.',
            remedy="Use it, so that the score can be compared with others on the same test rows.",
            column=column,
            fix=Fix(title=f'Split as "{column}" says', split=dict(suggested)),
        )
    ]
