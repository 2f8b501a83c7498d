"""Routes of what is worth knowing beyond the checks: languages, leakage, odd texts, lengths, wrong labels."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter

from autotrain.data.insight import Insights, insights
from autotrain.encoding.reader import reader_of
from autotrain.errors import AutotrainError, DataError, ModelError
from autotrain.evaluation.label_errors import LabelErrors, label_errors
from autotrain.models.catalogue import starter_folder
from autotrain.tasks import TASKS
from autotrain.ui.drafts import Draft, drafted_rows
from autotrain.ui.services import Services

USUAL_LENGTH = 128


def router(services: Services) -> APIRouter:
    """The route under `/drafts`."""
    made = APIRouter(tags=["new run"])

    @made.post("/drafts/insights")
    def look_deeper(draft: Draft) -> Insights:
        """What a closer look finds in the rows of a draft, in a few seconds."""
        dataset = drafted_rows(draft, services)
        if dataset is None or draft.task not in TASKS:
            raise DataError("Choose the data first.", code="no-data")
        roles = TASKS[draft.task].columns
        label = next((role.role for role in roles if role.kind == "label"), None)
        return insights(
            dataset.table(),
            draft.columns,
            text_roles=[role.role for role in roles if role.kind == "text"],
            label_role=label,
            reader=reader_of(_folder(draft, services), int(draft.params.get("max_length") or USUAL_LENGTH)),
        )

    @made.post("/drafts/label-errors")
    def look_at_labels(draft: Draft) -> LabelErrors:
        """Rows whose label is probably wrong, the surest first; half a minute for 2,000 rows on two cores."""
        dataset = drafted_rows(draft, services)
        text, label = draft.columns.get("text"), draft.columns.get("label")
        if dataset is None or text is None or label is None:
            raise DataError("Choose the text and the label column first.", code="no-columns")
        for name in (text, label):
            if dataset.profile.column(name) is None:
                raise DataError(f'There is no column "{name}". Choose another one.', code="no-such-column")
        model = _folder(draft, services) or starter_folder()
        if model is None:
            raise ModelError("Choose a model that is on this machine: it reads the texts.", code="no-model")
        return label_errors(dataset.table(), text, label, model)

    return made


def _folder(draft: Draft, services: Services) -> Path | None:
    """Where the chosen model lies, if it is on this machine."""
    try:
        return services.catalogue.resolve(draft.model).path if draft.model.strip() else None
    except AutotrainError:
        return None
