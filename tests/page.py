"""What the page asks the web app for, without a browser: the same routes on a real record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from autotrain.data.store import DatasetStore
from autotrain.hub.account import Account
from autotrain.hub.datasets import HubDatasets
from autotrain.models.catalogue import Catalogue
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from autotrain.ui import api
from autotrain.ui.services import Services


@dataclass
class World:
    """An app on a real record in a data home of its own."""

    client: TestClient
    store: SqlStore
    settings: Settings
    nudged: list[tuple[str, str]]

    def look(self, content: bytes, **draft: Any) -> list[str]:
        """Every sentence the page shows about a dropped file and the draft made of it; the refusal if it is refused."""
        answer = self.client.post("/api/datasets", params={"name": "mine.csv"}, content=content)
        if answer.status_code >= 400:
            return [answer.json()["error"]["message"]]
        detail = self.client.get(f"/api/datasets/{answer.json()['id']}").json()
        return _sentences(detail["findings"]) + self.draft(dataset=detail["id"], **draft)

    def draft(self, **draft: Any) -> list[str]:
        """Every sentence the page shows about a draft."""
        shown = self.client.post("/api/drafts/look", json=draft).json()
        found = _sentences([*shown["findings"], *shown["model_findings"]])
        return [*found, *shown["problems"], *shown["missing"]]


def _sentences(findings: list[dict[str, Any]]) -> list[str]:
    return [f"{finding['message']} {finding['remedy']}" for finding in findings]


@contextmanager
def open_page(settings: Settings, store: SqlStore) -> Iterator[World]:
    """The app."""
    nudged: list[tuple[str, str]] = []
    account = Account(store, settings)
    hub = HubDatasets(settings, account.token)
    services = Services(
        settings=settings,
        store=store,
        nudge=lambda kind, ident: nudged.append((kind, ident)),
        datasets=DatasetStore(settings, hub.fetch),
        catalogue=Catalogue(settings),
        account=account,
        hub=hub,
    )
    app = FastAPI()
    app.include_router(api.router(services))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield World(client, store, settings, nudged)
