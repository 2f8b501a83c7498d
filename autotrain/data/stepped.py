"""A dataset after the steps of a recipe: a dataset of its own, kept beside the one it was made from."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from autotrain.data.profile import TableWatch
from autotrain.data.read import PROFILE_FILE, plain_errors
from autotrain.data.steps import Step, apply_steps, steps_key
from autotrain.data.store import STEPS_FOLDER, Dataset
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.table import ROW_COLUMN, Profile, Table


def stepped(dataset: Dataset, steps: Sequence[Step]) -> Dataset:
    """`dataset` with the steps applied, described anew. The same steps are not done twice.

    Its id is that of the dataset, a dot, and a key of the steps. Rows keep their numbers in the original file.

    Raises:
        DataError: a step names a column that does not exist, no row is left, or the disk is full.
    """
    if not steps:
        return dataset
    _refuse_unknown(dataset, steps)
    folder = dataset.folder / STEPS_FOLDER / steps_key(steps)
    made = replace(dataset, id=f"{dataset.id}.{folder.name}", folder=folder)
    try:
        profile = Profile.model_validate_json((folder / PROFILE_FILE).read_bytes())
    except (OSError, ValueError):
        with plain_errors(dataset.name):
            profile = _make(dataset.table(), steps, folder)
    return replace(made, profile=profile)


def original_id(dataset: Dataset) -> str:
    """The id of the dataset that the steps were applied to; the steps themselves are in the recipe."""
    return dataset.id.partition(".")[0]


def _refuse_unknown(dataset: Dataset, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        for name in step.uses():
            if dataset.profile.column(name) is None:
                known = ", ".join(f'"{column.name}"' for column in dataset.profile.columns[:20])
                raise DataError(
                    f'Step {number} ({step.step}) names the column "{name}", which {dataset.name} does not have. Its '
                    f"columns are {known}. Correct or remove the step.",
                    code="no-such-column",
                )


def _make(table: Table, steps: Sequence[Step], folder: Path) -> Profile:
    """Build the folder aside and make it real by one rename."""
    folder.parent.mkdir(exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        watch = _write(table, steps, aside / TABLE_FILE)
        if not watch.rows:
            raise DataError(
                f"No row is left after {len(steps)} {'step' if len(steps) == 1 else 'steps'}. Remove the last one.",
                code="no-rows-left",
            )
        columns = watch.profiles()
        changed = {"rows": watch.rows, "columns": columns, "duplicate_rows": watch.duplicate_rows}
        profile = table.profile.model_copy(update=changed)
        (aside / PROFILE_FILE).write_text(profile.model_dump_json(indent=1), "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        aside.rename(folder)
    except OSError:
        if not folder.is_dir():  # else another process made the same meanwhile: its folder is as good as ours
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return profile


def _write(table: Table, steps: Sequence[Step], path: Path) -> TableWatch:
    watch = TableWatch([column.name for column in table.profile.columns])
    with path.open("wb") as file, pa.ipc.new_file(file, table.rows.schema) as writer:
        for batch in apply_steps(table.rows, steps):
            cells = [
                column for name, column in zip(batch.schema.names, batch.columns, strict=True) if name != ROW_COLUMN
            ]
            watch.see(cells)
            writer.write_batch(batch)
    return watch
