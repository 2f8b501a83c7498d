"""Datasets of the Hub: found by name, looked at before anything is fetched, and fetched as files for the data store.

The `datasets` library reads them, in a child process (`autotrain.hub.streaming`). Code that comes with a dataset is
never run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from autotrain.asking import Progress, ask
from autotrain.data.remote import Fetched
from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.hub.client import connect, within
from autotrain.hub.failures import translated
from autotrain.hub.search import SECONDS, license_of
from autotrain.settings import Settings

LOOKING_SECONDS = 120
"""For the list of files and the first bytes of some: seconds on a healthy line."""

_CHILD = "autotrain.hub.streaming"
SCHEME = "hub:"
_SOURCE = re.compile(r"hub:(?P<name>[^@#]+)(@(?P<revision>[^#]+))?(#(?P<config>[^/]*)(/(?P<split>.+))?)?")


class HubDataset(BaseModel):
    """What a search on the Hub says about one dataset. Unknown values are None."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    downloads: int = 0
    likes: int = 0
    license: str | None = None
    gated: bool = False


class Split(BaseModel):
    """A part of a dataset; `rows` is None where nobody has counted them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    rows: int | None = None


class Choices(BaseModel):
    """What can be chosen of a dataset. `splits` and `columns` are those of the configuration `config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    revision: str
    configs: tuple[str, ...]
    config: str
    splits: tuple[Split, ...]
    columns: tuple[str, ...]


class FirstRows(BaseModel):
    """Rows as the page shows them: cells in the order of the columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class HubSource:
    """A dataset as a recipe names it: `hub:owner/name@revision#config/split`, all but the name optional."""

    name: str
    revision: str | None = None
    config: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        split = f"/{self.split}" if self.split else ""
        return f"{SCHEME}{self.name}{revision}" + (f"#{self.config or ''}{split}" if self.config or split else "")


def parse_source(text: str) -> HubSource:
    """The parts of `hub:owner/name@revision#config/split`. Raises DataError."""
    found = _SOURCE.fullmatch(text.strip())
    if found is None:
        raise DataError(
            f'"{text[:200]}" does not name a dataset of the Hub. Write hub:owner/name, and if needed a revision, a '
            "configuration and a split: hub:owner/name@main#config/train.",
            code="no-hub-dataset",
        )
    return HubSource(found["name"], found["revision"] or None, found["config"] or None, found["split"] or None)


def search_datasets(query: str, limit: int = 20, *, token: str | None = None) -> list[HubDataset]:
    """Datasets whose name holds `query`, the most downloaded first.

    Raises:
        HubUnreachable: the Hub did not answer in time.
        TokenError: the token is wrong.
    """
    api = connect(token)

    def look() -> list[HubDataset]:
        from huggingface_hub import get_session
        from huggingface_hub.utils._headers import build_hf_headers
        from huggingface_hub.utils._http import hf_raise_for_status

        asked: dict[str, str | int | list[str]] = {"search": query, "sort": "downloads", "limit": limit}
        asked["expand"] = ["downloads", "likes", "gated", "tags"]
        headers = build_hf_headers(token=api.token, library_name=api.library_name)
        with translated():
            answer = get_session().get(f"{api.endpoint}/api/datasets", params=asked, headers=headers, timeout=SECONDS)
            hf_raise_for_status(answer)
            return [_found(item) for item in answer.json()]

    return within(SECONDS, look)


def _found(item: Mapping[str, Any]) -> HubDataset:
    return HubDataset(
        id=item["id"],
        downloads=item.get("downloads") or 0,
        likes=item.get("likes") or 0,
        license=license_of(item.get("tags") or []),
        gated=bool(item.get("gated")),
    )


def open_datasets(settings: Settings, token: Callable[[], str | None]) -> DatasetStore:
    """The store of datasets, which fetches those of the Hub with this token."""
    return DatasetStore(settings, HubDatasets(settings, token).fetch)


class HubDatasets:
    """Looks at datasets of the Hub and fetches them, with the token that `token` gives when it is asked."""

    def __init__(self, settings: Settings, token: Callable[[], str | None]) -> None:
        self._settings, self._token = settings, token

    def search(self, query: str, limit: int = 20) -> list[HubDataset]:
        """As `search_datasets`; nothing for an empty query."""
        return search_datasets(query.strip(), limit, token=self._token()) if query.strip() else []

    def choices(self, source: HubSource) -> Choices:
        """The configurations of a dataset, and the splits of the named or the first one.

        Raises:
            HubError: the Hub does not answer; the dataset does not exist, is private or gated.
            DataError: it comes as code, holds nothing that can be read, or has no such revision or configuration.
        """
        return Choices.model_validate(self._ask("choices", source, LOOKING_SECONDS))

    def first_rows(self, source: HubSource) -> FirstRows:
        """The first rows of the named split, or of the first one. Raises: as `choices`."""
        return FirstRows.model_validate(self._ask("first_rows", source, LOOKING_SECONDS))

    def fetch(self, text: str, folder: Path, progress: Progress | None = None) -> Fetched:
        """Fetch a dataset into `folder`: the named split, or all of a configuration. Raises: as `choices`."""
        source = parse_source(text)
        more = {"folder": str(folder), "limit": self._settings.max_upload_bytes}
        answer = self._ask("fetch", source, self._settings.import_seconds, progress, **more)
        files = [(name, folder / name) for name in answer["files"]]
        exact = HubSource(source.name, answer["revision"], answer["config"], source.split)
        shown = f"{source.name}{f' ({source.split})' if source.split else ''}"
        return Fetched(files, shown, str(exact))

    def _ask(
        self, what: str, source: HubSource, seconds: float, progress: Progress | None = None, **more: object
    ) -> Any:
        token = self._token()
        connect(token)  # raises where the Hub must not be asked
        asked = {"what": what, "token": token, **vars(source), **more}
        problem = f"{source.name} could not be read from the Hub"
        return ask(_CHILD, asked, seconds=seconds, what=problem, progress=progress, online=True)
