"""The double as a running server: a thread, a free port on loopback, and a handle for tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from tests.hub.double import commits, datasets, repositories, search, transfers
from tests.hub.double.access import Hub
from tests.hub.double.accounts import OTHER, READ, WRITE, Account, default_accounts
from tests.hub.double.faults import Door, Fault, Seen
from tests.hub.double.refusals import Refusal, answer
from tests.hub.double.storage import LARGE_FILES, Repository, Storage


@dataclass
class HubDouble:
    """A running double. `token` may write as alice, `read_token` may only read, `other_token` is bob's."""

    endpoint: str
    hub: Hub
    faults: list[Fault] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    token: str = WRITE
    read_token: str = READ
    other_token: str = OTHER

    def environment(self, home: Path) -> dict[str, str]:
        """What a process needs to use this Hub and nothing else. The double does not speak the Xet protocol."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }

    def fault(self, fault: Fault) -> None:
        """Spoil coming requests."""
        self.faults.append(fault)

    def requests(self, part: str, method: str | None = None) -> list[Seen]:
        """Requests so far whose path contains `part`."""
        return [seen for seen in list(self.seen) if part in seen.path and method in (None, seen.method)]

    def revoke(self, token: str) -> None:
        """The token is no longer valid."""
        del self.hub.accounts[token]

    def repository(self, repository_id: str) -> Repository | None:
        """A repository as it is now."""
        return self.hub.storage.repositories.get(repository_id)

    def add_model(
        self,
        repository_id: str,
        files: Mapping[str, bytes],
        *,
        private: bool = False,
        gated: bool = False,
        parameters: int | None = None,
        downloads: int = 0,
    ) -> Repository:
        """Put a model there, as if someone had published it."""
        storage, author = self.hub.storage, repository_id.split("/")[0]
        repository = storage.create(repository_id, private=private, author=author)
        repository.gated = "manual" if gated else False
        repository.parameters, repository.downloads = parameters, downloads
        kept = {path: storage.keep(content, large=path.endswith(LARGE_FILES)) for path, content in files.items()}
        storage.commit(repository, {**repository.head.files, **kept}, "Add model", author)
        return repository

    def add_dataset(
        self,
        repository_id: str,
        files: Mapping[str, bytes],
        *,
        private: bool = False,
        gated: bool = False,
        downloads: int = 0,
    ) -> Repository:
        """Put a dataset there; once more is a commit more."""
        storage, author = self.hub.storage, repository_id.split("/")[0]
        repository = storage.datasets.get(repository_id) or storage.create(
            repository_id, private=private, author=author, dataset=True
        )
        repository.gated, repository.downloads = "manual" if gated else False, downloads
        kept = {path: storage.keep(content, large=path.endswith(LARGE_FILES)) for path, content in files.items()}
        storage.commit(repository, {**repository.head.files, **kept}, "Add data", author)
        return repository

    def content(self, repository_id: str, path: str) -> bytes:
        """A file of a repository's newest commit."""
        repository = self.hub.storage.repositories[repository_id]
        return self.hub.storage.blob(repository.head.files[path].sha256).read_bytes()


def build(double: HubDouble) -> Door:
    """The double's application."""
    app = FastAPI(openapi_url=None)
    app.state.hub = double.hub
    app.add_exception_handler(Refusal, answer)
    for part in (datasets, repositories, commits, search, transfers):
        app.include_router(part.router)
    return Door(app, double.faults, double.seen)


@contextmanager
def start(folder: Path, accounts: Mapping[str, Account] | None = None) -> Iterator[HubDouble]:
    """Run a double until the block ends. Bytes go to `folder`."""
    listening = socket.create_server(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{listening.getsockname()[1]}"
    double = HubDouble(endpoint, Hub(Storage(folder), dict(accounts or default_accounts())))
    config = uvicorn.Config(build(double), log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="hub-double", daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
