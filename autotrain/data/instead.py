"""Which other column is probably meant, when the chosen one cannot play its role."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from autotrain.data.roles import guess_roles
from autotrain.events import Finding, Fix
from autotrain.table import Profile
from autotrain.task import Column

UNFIT = frozenset({"one-class", "numeric-labels", "labels-are-texts", "too-many-classes", "no-labels", "same-column"})
"""Findings about a label column that another column may not have."""
UNFIT_TEXT = frozenset({"text-unlikely", "no-text"})


def with_other_column(
    findings: Iterable[Finding], profile: Profile, role: Column, unfit: Collection[str], taken: Collection[str]
) -> list[Finding]:
    """The findings; those of an unfit column name the column that is probably meant, and offer it.

    Args:
        findings: what was found.
        profile: the table.
        role: the role that the column was chosen for.
        unfit: codes of findings that say so.
        taken: columns that cannot be offered: the chosen one, and those of the other roles.
    """
    found = list(findings)
    if not any(finding.code in unfit for finding in found):
        return found
    free = tuple(column for column in profile.columns if column.name not in taken)
    (guess,) = guess_roles(profile.model_copy(update={"columns": free}), (role,)).mapping
    if guess.column is None or guess.certainty == "needs you":
        return found
    fix = Fix(title=f'Use "{guess.column}" as the {role.role}', columns={role.role: guess.column})
    said = f'"{guess.column}" is probably meant: {guess.reason}.'
    return [
        finding.model_copy(update={"remedy": f"{finding.remedy} {said}", "fix": fix})
        if finding.code in unfit
        else finding
        for finding in found
    ]
