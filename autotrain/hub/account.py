"""The person's account on the Hub: the token, kept encrypted with a key outside the record, and what it may do."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from autotrain.errors import SettingsError, TokenError
from autotrain.hub.client import connect
from autotrain.hub.failures import token_missing, token_wrong, translated
from autotrain.runs.store import RunStore
from autotrain.settings import Settings

SECRET = "hub-token"
"""The name of the token among the record's secrets."""

KEY_FILE = "secret.key"
ENVIRONMENT = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")

Origin = Literal["settings", "environment", "login"]


@dataclass(frozen=True)
class Found:
    """A token and where it came from. The token never shows in a repr, and so not in a traceback or a log."""

    token: str
    origin: Origin

    def __repr__(self) -> str:
        return f"Found(token=…, origin={self.origin!r})"


@dataclass(frozen=True)
class Identity:
    """Who a token belongs to and where it may write: names of accounts, or single repositories."""

    name: str
    role: str
    organisations: tuple[str, ...]
    writable: frozenset[str]

    @property
    def can_write(self) -> bool:
        """Whether the token may write anywhere."""
        return bool(self.writable)

    def may_write(self, repository: str) -> bool:
        """Whether the token may make or change `owner/name`."""
        return repository in self.writable or repository.split("/")[0] in self.writable


class Account:
    """The token to act with: the one saved in Settings, else the environment's, else huggingface_hub's own login."""

    def __init__(self, store: RunStore, settings: Settings) -> None:
        self._store = store
        self._key_file = settings.root / KEY_FILE

    def token(self) -> str | None:
        """The token, or None when there is none anywhere. Raises TokenError when a saved one cannot be read."""
        found = self.find()
        return found.token if found else None

    def find(self) -> Found | None:
        """The token with its origin. Raises TokenError when a saved one cannot be read."""
        saved = self._saved()
        if saved is not None:
            return Found(saved, "settings")
        for name in ENVIRONMENT:
            value = os.environ.get(name, "").strip()
            if value:
                return Found(value, "environment")
        from huggingface_hub import get_token

        with translated():
            login = get_token()
        return Found(login, "login") if login else None

    def save(self, token: str) -> None:
        """Keep a token, encrypted. It is not checked against the Hub: `identity` does that.

        Raises:
            TokenError: it cannot be a token.
            SettingsError: the key cannot be written to the data home.
        """
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise TokenError(
                'That is not a token. Copy it whole from the Hub\'s page "Access Tokens"; it begins with hf_.',
                code="token-malformed",
            )
        from cryptography.fernet import Fernet

        self._store.put_secret(SECRET, Fernet(load_key(self._key_file)).encrypt(token.encode("ascii")))

    def forget(self) -> None:
        """Forget the saved token; the environment's or the login's counts again."""
        self._store.put_secret(SECRET, None)

    def identity(self, token: str | None = None) -> Identity:
        """Who a token belongs to, this account's unless given. Raises TokenError (missing, wrong) or HubUnreachable."""
        token = token or self.token()
        if token is None:
            raise token_missing()
        return identity(token)

    def _saved(self) -> str | None:
        ciphertext = self._store.secret(SECRET)
        if ciphertext is None:
            return None
        from cryptography.fernet import Fernet, InvalidToken

        try:
            return Fernet(load_key(self._key_file)).decrypt(ciphertext).decode("ascii")
        except InvalidToken as error:
            raise TokenError(
                f"The saved Hub token cannot be read: {self._key_file.name} in the data home is not the key it was "
                "saved with. Save the token again in Settings.",
                code="token-unreadable",
            ) from error


def identity(token: str) -> Identity:
    """Who a token belongs to and where it may write.

    Raises:
        TokenError: nobody owns it (any more).
        HubUnreachable: the Hub does not answer.
    """
    if not token.isascii() or not token.isprintable():
        raise token_wrong()  # would be refused as a header before it reached the Hub
    with translated():
        answer: Mapping[str, Any] = connect(token).whoami()
    access = (answer.get("auth") or {}).get("accessToken") or {}
    organisations: Sequence[Mapping[str, Any]] = answer.get("orgs") or ()
    return Identity(
        name=str(answer["name"]),
        role=str(access.get("role") or "unknown"),
        organisations=tuple(str(organisation["name"]) for organisation in organisations),
        writable=frozenset(_writable(str(answer["name"]), access, organisations)),
    )


def _writable(name: str, access: Mapping[str, Any], organisations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Where a token may write: a fine-grained one where its scopes say so, others by role."""
    role = access.get("role")
    if role == "fineGrained":
        for scope in (access.get("fineGrained") or {}).get("scoped") or ():
            if "repo.write" in (scope.get("permissions") or ()):
                yield str((scope.get("entity") or {}).get("name"))
    elif role != "read":
        yield name
        # Old answers name no role in an organisation; then the Hub's own refusal has to do.
        yield from (str(each["name"]) for each in organisations if each.get("roleInOrg") != "read")


def load_key(path: Path) -> bytes:
    """The key that secrets are encrypted with; made on first use, readable by its owner only.

    Built aside and linked into place: of two processes that start at once, one makes the key and both read it.

    Raises:
        SettingsError: the data home cannot be read or written.
    """
    from cryptography.fernet import Fernet

    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(Fernet.generate_key())
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(aside, path)
            except FileExistsError:
                pass
            finally:
                aside.unlink()
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"The key file {path} cannot be used ({error.strerror}). "
            "Free some space, or set AUTOTRAIN_HOME to a folder you may write to."
        ) from error
