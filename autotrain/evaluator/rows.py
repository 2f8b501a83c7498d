"""The rows of an evaluation: the new ones as the test split, beside the frozen ones of the run where they are there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pyarrow as pa

from autotrain.data.freeze import LEARNED_ROLES, read_split, write_rows
from autotrain.data.read import PROFILE_FILE, plain_errors
from autotrain.data.shapes import SHAPES
from autotrain.data.stepped import stepped
from autotrain.data.store import Dataset
from autotrain.errors import DataError
from autotrain.evaluator.subject import Subject
from autotrain.table import ROW_COLUMN

SAID_FINDINGS = 3
"""Reasons why no row can be evaluated that are told."""


def columns_for(subject: Subject, names: Sequence[str], wished: Mapping[str, str]) -> dict[str, str]:
    """Which column of a table plays each role: the one that is wished, else of the training's name, else of the role's.

    Roles that the task can do without are left out where the table has no such column.

    Raises:
        DataError: a wished role or column does not exist, or the column of a role is not there.
    """
    known = [role.role for role in subject.task.columns]
    for role, column in wished.items():
        if role not in known:
            raise DataError(
                f"{role!r} is no role of {subject.task.title.lower()}; its roles are {', '.join(known)}.",
                code="no-such-role",
            )
        if column not in names:
            raise DataError(
                f"The table has no column {column!r} for the role {role}; it has {_quoted(names)}.",
                code="no-such-column",
            )
    folded = {name.strip().casefold(): name for name in reversed(names)}
    found = {role: folded.get(column.strip().casefold()) for role, column in subject.columns.items()}
    found = {role: name or folded.get(role.casefold()) for role, name in found.items()} | dict(wished)
    columns = {role: name for role, name in found.items() if name is not None}
    missing = [role.role for role in subject.task.missing(columns)]
    if missing:
        was = subject.columns.get(missing[0])
        raise DataError(
            f"Which column is the {missing[0]}? "
            + (f"In the training it was {was!r}, and this table has only {_quoted(names)}. " if was else "")
            + f"Say it (in a terminal with --{missing[0].replace('_', '-')} COLUMN).",
            code="no-such-column",
        )
    return columns


def lay_out(
    subject: Subject, dataset: Dataset, wished: Mapping[str, str], folder: Path, *, with_steps: bool = True
) -> list[str]:
    """Fill `folder` with the splits of an evaluation, and say what a reader of its report must know of the rows.

    Args:
        subject: what is evaluated.
        dataset: the new rows.
        wished: columns of it by role, where they are not named as in the training.
        folder: an existing empty folder.
        with_steps: whether the steps of the training's recipe change the rows first, as they changed its own.

    Raises:
        DataError: a column is missing, a step cannot be done, or no row can be evaluated.
    """
    notes = []
    if subject.steps and with_steps:
        dataset = _stepped(subject, dataset)
        count = len(subject.steps)
        notes.append(f"The {'step' if count == 1 else f'{count} steps'} of the run's recipe changed these rows too.")
    names = [column.name for column in dataset.profile.columns]
    columns = columns_for(subject, names, wished)
    notes += _left_out(subject, dataset, columns)
    rows = dataset.table().rows
    with plain_errors(dataset.name):
        (folder / PROFILE_FILE).write_text(dataset.profile.model_dump_json(), "utf-8")
        write_rows(rows, columns, np.ones(rows.num_rows, dtype=bool), folder / "test.arrow")
        for name in ("train", "validation"):
            if subject.data is not None:
                (folder / f"{name}.arrow").symlink_to((subject.data / f"{name}.arrow").resolve())
            else:
                write_rows(rows, columns, np.zeros(rows.num_rows, dtype=bool), folder / f"{name}.arrow")
    seen = seen_in_training(folder) if subject.data is not None else 0
    if seen:
        verb = "was" if seen == 1 else "were"
        notes.append(
            f"{seen:,} of {rows.num_rows:,} rows {verb} also in the training data, so the scores are better than they "
            "would be on new rows."
        )
    return notes


def seen_in_training(folder: Path) -> int:
    """How many test rows have the same inputs as a training row; case and white space make no difference."""
    train, test = read_split(folder, "train"), read_split(folder, "test")
    roles = [name for name in test.column_names if name != ROW_COLUMN and name in train.column_names]
    inputs = [role for role in roles if role not in LEARNED_ROLES] or roles
    known = set(_keys(train, inputs))
    return sum(key in known for key in _keys(test, inputs))


def _keys(table: pa.Table, roles: Sequence[str]) -> list[bytes]:
    cells = zip(*(table.column(role).to_pylist() for role in roles), strict=True)
    return [blake2b("\0".join(" ".join((c or "").split()).casefold() for c in row).encode()).digest() for row in cells]


def _stepped(subject: Subject, dataset: Dataset) -> Dataset:
    try:
        return stepped(dataset, subject.steps)
    except DataError as error:
        raise DataError(
            f"The steps of the run's recipe cannot be done on these rows. {error.message} Rows that need no steps are "
            "evaluated as they are (in a terminal with --no-steps).",
            code=error.code,
        ) from error


def _left_out(subject: Subject, dataset: Dataset, columns: Mapping[str, str]) -> list[str]:
    """What is said of rows that have not the shape of the task. Raises DataError when none has."""
    table = dataset.table()
    shape = SHAPES[subject.task.shape_for(subject.columns)]
    roles = {role.role: columns[role.role] for role in shape.roles if role.role in columns}
    strange = [role.role for role in shape.roles if role.required and role.role not in roles]
    if strange:
        raise DataError(
            f"The adapter was trained on {shape.title.lower()}, and this table has no {' and no '.join(strange)}. Give "
            "it in the form of the training rows.",
            code="other-shape",
        )
    kept, every = sum(1 for _ in shape.rows(table, roles)), table.rows.num_rows
    if not kept:
        found = shape.check(table, roles)
        why = [each.sentence() for each in found if each.severity == "error" or each.count == every] or [
            f"They are not {shape.title.lower()} with every part that is needed: {_quoted(list(roles.values()))}."
        ]
        raise DataError(
            f"None of the {every:,} rows of {dataset.name} can be evaluated. {' '.join(why[:SAID_FINDINGS])}",
            code="nothing-to-evaluate",
        )
    out = every - kept
    needed = " or ".join(f"“{name}”" for name in roles.values())
    verb = "row was" if out == 1 else "rows were"
    return [f"{out:,} of {every:,} {verb} left out: what stands under {needed} cannot be evaluated."] if out else []


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:20])
