"""The pages and the HTTP API as one web app. `build` is all the composition root needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from autotrain.runs.store import RunStore
    from autotrain.settings import Settings

__all__ = ["build"]


def build(settings: Settings, store: RunStore, nudge: Callable[[str, str], None]) -> FastAPI:
    """The web app: every page, the API under `/api`, and no state of any run."""
    from autotrain.ui.web import application

    return application(settings, store, nudge)
