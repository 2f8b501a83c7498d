"""A closer look at a table in the terminal: languages, lengths, leakage, odd texts, labels that are probably wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autotrain.errors import AutotrainError

if TYPE_CHECKING:
    from autotrain.data.insight import Insights
    from autotrain.data.store import Dataset
    from autotrain.evaluation.label_errors import LabelErrors
    from autotrain.task import Task


def look_deeper(dataset: Dataset, task: Task) -> Insights:
    """What the page shows under *Look deeper*, for the columns that are guessed for the task."""
    from autotrain.data.insight import insights
    from autotrain.encoding.reader import reader_of
    from autotrain.models.catalogue import starter_folder

    length = task.params_class.model_fields.get("max_length")
    return insights(
        dataset.table(),
        _mapping(dataset, task),
        text_roles=[column.role for column in task.columns if column.kind == "text"],
        label_role=next((column.role for column in task.columns if column.kind == "label"), None),
        reader=reader_of(starter_folder(), int(length.default) if length is not None else 128),
    )


def look_at_labels(dataset: Dataset, task: Task) -> LabelErrors | str:
    """Labels that are probably wrong; or the reason why nobody can tell."""
    from autotrain.evaluation.label_errors import label_errors
    from autotrain.models.catalogue import starter_folder

    mapping, model = _mapping(dataset, task), starter_folder()
    text, label = mapping.get("text"), mapping.get("label")
    if text is None or label is None:
        return "The text or the label column is not clear."
    if model is None:
        return "The starter models are not installed, which read the texts."
    try:
        return label_errors(dataset.table(), text, label, model)
    except AutotrainError as error:
        return error.message


def show_deeper(found: Insights, labels: LabelErrors | str, out: Any) -> None:
    """Print both."""
    for mix in found.languages:
        shares = ", ".join(f"{one.name or one.code} {one.share:.0%}" for one in mix.shares[:6])
        out.print(f'  languages of "{mix.column}": {shares or "not clear"}', markup=False)
    for one in found.histograms:
        cut = f", {one.truncated:.1%} cut at {one.max_length:,}" if one.truncated is not None else ""
        out.print(
            f'  "{one.column}" in {one.unit}: median {one.median:,}, 99 % up to {one.keeps_99:,}, longest '
            f"{one.longest:,}{cut}",
            markup=False,
        )
    if isinstance(labels, str):
        out.print(f"  wrong labels were not looked for: {labels}", markup=False)
        return
    if not labels.errors:
        out.print(f"  no label is doubted in {labels.judged:,} rows", markup=False)
    for error in labels.errors[:20]:
        out.print(
            f'  doubted: row {error.row} is "{error.given}", likely "{error.suggested}" ({error.confidence:.0%}): '
            f"{error.text[:80]}",
            markup=False,
        )


def _mapping(dataset: Dataset, task: Task) -> dict[str, str]:
    return {guess.role: guess.column for guess in task.suits(dataset.profile).mapping if guess.column is not None}
