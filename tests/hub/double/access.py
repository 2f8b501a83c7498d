"""What handlers depend on: the double's state, who is calling, and the repository that is meant."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, Request
from pydantic import AfterValidator

from tests.hub.double.accounts import Account
from tests.hub.double.refusals import Refusal, bad_token, no_repository, sign_in_needed
from tests.hub.double.storage import Repository, Storage

Segment = Annotated[str, AfterValidator(unquote)]
"""A piece of the path, decoded: routing happens on the path as sent."""


@dataclass
class Hub:
    """All state of one double."""

    storage: Storage
    accounts: dict[str, Account]
    page_size: int = 1000
    secret: str = field(default_factory=lambda: secrets.token_hex(16))

    def signature(self, oid: str) -> str:
        """What makes an upload address valid without a token, as a cloud store's signed address is."""
        return f"{self.secret}-{oid[:16]}"


def the_hub(request: Request) -> Hub:
    """The double that answers this request."""
    hub = request.app.state.hub
    assert isinstance(hub, Hub)
    return hub


TheHub = Annotated[Hub, Depends(the_hub)]


def caller(request: Request, hub: TheHub) -> Account | None:
    """Who is asking; None without a token."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    account = hub.accounts.get(header.removeprefix("Bearer "))
    if account is None:
        raise bad_token()
    return account


Caller = Annotated[Account | None, Depends(caller)]


def signed_in(who: Caller) -> Account:
    """Who is asking, with a token."""
    if who is None:
        raise sign_in_needed()
    return who


SignedIn = Annotated[Account, Depends(signed_in)]


def readable(owner: Segment, name: Segment, hub: TheHub, who: Caller) -> Repository:
    """The repository, where the caller may see that it exists."""
    repository = hub.storage.repositories.get(f"{owner}/{name}")
    hidden = repository is not None and repository.private and not (who and who.may_read(owner))
    if repository is None or hidden:
        raise no_repository(known=who is not None)
    return repository


Readable = Annotated[Repository, Depends(readable)]


def downloadable(repository: Readable, who: Caller) -> Repository:
    """The repository, where the caller may also read its files."""
    if repository.gated and not (who and who.may_read(repository.namespace)):
        message = f"Access to model {repository.id} is restricted and you are not in the authorized list."
        raise Refusal(403 if who else 401, message, "GatedRepo")
    return repository


Downloadable = Annotated[Repository, Depends(downloadable)]


def writable(repository: Readable, who: SignedIn) -> Repository:
    """The repository, where the caller may change it."""
    if not who.may_write(repository.namespace):
        raise Refusal(403, "Forbidden: you don't have the required permissions to write to this repository")
    return repository


Writable = Annotated[Repository, Depends(writable)]
