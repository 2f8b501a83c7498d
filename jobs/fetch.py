"""The real fetching of base models: those on this machine as they are, the Hub's downloaded with the person's token."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from autotrain.hub.account import Account
from autotrain.hub.download import download
from autotrain.models.catalogue import Catalogue
from autotrain.runs.store import RunStore
from autotrain.settings import Settings
from jobs.supervisor import Fetch


def fetcher(store: RunStore, settings: Settings) -> Fetch:
    """A function that brings a base model here; see `Fetch`. It raises ModelError and HubError."""

    def fetch(reference: str, progress: Callable[[int, int], None]) -> Path:
        entry = Catalogue(settings).resolve(reference)
        if entry.path is not None:
            return entry.path
        return download(reference, Account(store, settings).token(), progress)

    return fetch
