"""The HTTP API: every page reads these routes, and so may any program. One error shape, typed answers, no CDN."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse

from autotrain import __version__
from autotrain.measures import MEASURES, Measure
from autotrain.ui.api import (
    account,
    batches,
    datasets,
    drafts,
    evaluations,
    files,
    hub_datasets,
    imports,
    insights,
    models,
    playground,
    preview,
    publications,
    runs,
    storage,
    watching,
)
from autotrain.ui.api.errors import handle_errors
from autotrain.ui.api.origin import refuse_cross_site
from autotrain.ui.api.static import StaticFolder, module_url
from autotrain.ui.evaluations import Evaluations
from autotrain.ui.predictions import Predictions
from autotrain.ui.services import Services

DESCRIPTION = """Start, watch, stop, try and publish runs. Every error is `{"error": {"code", "message"}}`.

Requests that change something are refused when a browser sends them from another site."""


def router(services: Services) -> APIRouter:
    """What the web app includes: the API under `/api`, the pages' scripts under `/studio`, health at the root."""
    made = APIRouter()
    made.include_router(watching.router(services))
    made.mount("/api", application(services))
    made.mount("/studio", StaticFolder())
    return made


def application(services: Services) -> FastAPI:
    """The API as an application of its own, so that its errors have its own shape."""
    app = FastAPI(
        title="AutoTrain Studio",
        description=DESCRIPTION,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(refuse_cross_site)],
    )
    handle_errors(app)
    predictions = Predictions(services.settings, services.store)
    judged = Evaluations(services.settings, services.store)
    app.state.predictions, app.state.evaluations = predictions, judged
    app.include_router(runs.router(services, predictions, judged))
    app.include_router(evaluations.router(services, judged))
    app.include_router(playground.router(services, predictions))
    app.include_router(batches.router(services, predictions))
    app.include_router(publications.router(services))
    app.include_router(files.router(services))
    app.include_router(imports.router(services))
    app.include_router(hub_datasets.router(services))
    app.include_router(datasets.router(services))
    app.include_router(drafts.router(services))
    app.include_router(preview.router(services))
    app.include_router(insights.router(services))
    app.include_router(models.router(services))
    app.include_router(account.router(services))
    app.include_router(storage.router(services))

    @app.get("/measures", tags=["runs"])
    def measures() -> dict[str, Measure]:
        """What every score is called, whether it is a share, and which way is better."""
        return MEASURES

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(_DOCS.replace("SCRIPT", module_url("docs.js")))

    return app


_DOCS = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>AutoTrain Studio API</title><body><div id="docs"></div>
<script type="module">import { mount } from "SCRIPT"; mount(document.getElementById("docs"));</script></body></html>"""
