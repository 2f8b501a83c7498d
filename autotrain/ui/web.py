"""Puts the pages and the API into one web app, and lays a light hand on what gradio serves."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read by gradio when it is imported

import gradio as gr
from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware

from autotrain.data.store import DatasetStore
from autotrain.hub.account import Account
from autotrain.hub.datasets import HubDatasets
from autotrain.models.catalogue import Catalogue, HubModel
from autotrain.runs.store import RunStore
from autotrain.settings import Settings
from autotrain.ui import api
from autotrain.ui.api.static import FOLDER, module_url
from autotrain.ui.offline import Offline
from autotrain.ui.pages.compare import compare_page
from autotrain.ui.pages.data import data_page
from autotrain.ui.pages.models import models_page
from autotrain.ui.pages.new_run import new_run_page
from autotrain.ui.pages.run import run_page
from autotrain.ui.pages.runs import runs_page
from autotrain.ui.pages.settings import settings_page
from autotrain.ui.services import Services
from autotrain.ui.shell import Place, frame
from autotrain.ui.theme import head, theme

PLACES = (
    Place("New run", "/", new_run_page, "new"),
    Place("Runs", "/runs", runs_page, "runs"),
    Place("Run", "/run", run_page),
    Place("Compare", "/compare", compare_page),
    Place("Models", "/models", models_page, "models"),
    Place("Data", "/data", data_page, "data"),
    Place("Settings", "/settings", settings_page, "settings"),
)


REST_SECONDS = 1.0


def services_of(settings: Settings, store: RunStore, nudge: Callable[[str, str], None]) -> Services:
    """What every page needs; the catalogue asks the Hub with the account's token."""
    account = Account(store, settings)

    def search(query: str, limit: int) -> list[HubModel]:
        from autotrain.hub.search import search_models

        return search_models(query, limit, token=account.token())

    hub = HubDatasets(settings, account.token)
    return Services(
        settings, store, nudge, DatasetStore(settings, hub.fetch), Catalogue(settings, search), account, hub
    )


def application(settings: Settings, store: RunStore, nudge: Callable[[str, str], None]) -> FastAPI:
    """The web app."""
    services = services_of(settings, store, nudge)
    app = FastAPI(title="AutoTrain Studio", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(api.router(services))
    # Gradio warns that it will not do what it was told not to do.
    warnings.filterwarnings("ignore", message="SSR mode is not supported", category=UserWarning)
    blocks = pages(services)
    app = gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        theme=theme(),
        head=head((module_url("shell.css"), module_url("studio.css"), module_url("pages.css")), module_url("shell.js")),
        footer_links=[],
        favicon_path=str(FOLDER / "favicon.svg"),
        show_error=False,
        max_file_size=settings.max_upload_bytes,
        enable_monitoring=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        run_history=False,
    )
    # Gradio looks a thousand times a second for events of its own, of which these pages have none: 5 % of a core.
    blocks._queue.sleep_when_free = blocks._queue.progress_update_sleep_when_free = REST_SECONDS
    app.add_middleware(Offline)
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=4)
    return app


def pages(services: Services) -> gr.Blocks:
    """Every page, each at an address of its own."""
    first, *others = PLACES
    with gr.Blocks(title="AutoTrain Studio", fill_width=True, analytics_enabled=False) as blocks:
        frame(first, PLACES, services)
    for place in others:
        with blocks.route(place.title, place.path.lstrip("/")):
            frame(place, PLACES, services)
    return blocks
