"""The route of what is worth knowing beyond the checks: languages, leakage, odd texts, lengths."""

from __future__ import annotations

from fastapi import APIRouter

from autotrain.data.insight import Insights, insights
from autotrain.errors import AutotrainError, DataError
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
        try:
            folder = services.catalogue.resolve(draft.model).path if draft.model.strip() else None
        except AutotrainError:
            folder = None
        tokenizer = folder / "tokenizer.json" if folder is not None else None
        return insights(
            dataset.table(),
            draft.columns,
            text_roles=[role.role for role in roles if role.kind == "text"],
            label_role=label,
            tokenizer=tokenizer if tokenizer is not None and tokenizer.is_file() else None,
            max_length=int(draft.params.get("max_length") or USUAL_LENGTH),
        )

    return made
