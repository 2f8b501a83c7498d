"""Where the judge answers, which model it is, and its key, kept encrypted with a key outside the record."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from autotrain.errors import JudgeError
from autotrain.hub.account import KEY_FILE, load_key
from autotrain.runs.store import RunStore
from autotrain.settings import Settings

SECRET = "judge"
"""The name among the record's secrets."""
KEY_VARIABLE = "AUTOTRAIN_JUDGE_API_KEY"
LONGEST = 2000

Origin = Literal["settings", "environment"]


@dataclass(frozen=True)
class Place:
    """An endpoint, a model's name there, and a key that never shows in a repr, and so not in a traceback or a log."""

    url: str
    model: str
    key: str | None = None
    origin: Origin = "settings"

    def __repr__(self) -> str:
        return f"Place(url={self.url!r}, model={self.model!r}, key={'…' if self.key else None}, origin={self.origin!r})"

    @property
    def host(self) -> str:
        """Host and port, as a person names the place."""
        return urlsplit(self.url).netloc


class JudgePlaces:
    """The judge that is saved in Settings, else the one that the environment names."""

    def __init__(self, store: RunStore, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._key_file = settings.root / KEY_FILE

    def find(self) -> Place | None:
        """The judge, or None where none is set up. Raises JudgeError when a saved one cannot be read."""
        saved = self._saved()
        if saved is not None:
            return saved
        if not self._settings.judge_url or not self._settings.judge_model:
            return None
        key = os.environ.get(KEY_VARIABLE, "").strip() or None
        return checked(Place(self._settings.judge_url, self._settings.judge_model, key, "environment"))

    def required(self) -> Place:
        """The judge. Raises JudgeError with the remedy when none is set up."""
        found = self.find()
        if found is None:
            raise JudgeError(
                "No judge is set up. Name an OpenAI-compatible endpoint and a model in Settings, or set "
                f"AUTOTRAIN_JUDGE_URL and AUTOTRAIN_JUDGE_MODEL (and {KEY_VARIABLE}).",
                code="no-judge",
            )
        return found

    def save(self, url: str, model: str, key: str | None = None) -> Place:
        """Keep a judge, encrypted. Without a key the saved one stays, as long as it goes to the same host.

        Raises:
            JudgeError: the address, the name or the key cannot be one.
            SettingsError: the key file cannot be written to the data home.
        """
        place = checked(Place(url, model, key))
        before = self._saved() if place.key is None else None
        if before is not None and before.host == place.host:
            place = replace(place, key=before.key)
        from cryptography.fernet import Fernet

        text = json.dumps({"url": place.url, "model": place.model, "key": place.key})
        self._store.put_secret(SECRET, Fernet(load_key(self._key_file)).encrypt(text.encode()))
        return place

    def forget(self) -> None:
        """Forget the saved judge; the environment's counts again."""
        self._store.put_secret(SECRET, None)

    def _saved(self) -> Place | None:
        ciphertext = self._store.secret(SECRET)
        if ciphertext is None:
            return None
        from cryptography.fernet import Fernet, InvalidToken

        try:
            kept: Mapping[str, str | None] = json.loads(Fernet(load_key(self._key_file)).decrypt(ciphertext))
        except InvalidToken as error:
            raise JudgeError(
                f"The saved judge cannot be read: {self._key_file.name} in the data home is not the key it was saved "
                "with. Save it again in Settings.",
                code="judge-unreadable",
            ) from error
        return Place(str(kept["url"]), str(kept["model"]), kept["key"])


def checked(place: Place) -> Place:
    """The place with its parts stripped. Raises JudgeError for what cannot be an address, a name or a key."""
    url, model, key = place.url.strip().rstrip("/"), place.model.strip(), (place.key or "").strip() or None
    try:
        parts = urlsplit(url)
        named = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        named = False
    if not named or len(url) > LONGEST:
        raise JudgeError(
            f"{url[:80]!r} is no address of an endpoint. Write it as https://api.example.com/v1.", code="judge-address"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise JudgeError(
            "The address of the judge holds a password, a query or a fragment. Write the bare address, and the key "
            "into its own field.",
            code="judge-address",
        )
    if not model or len(model) > LONGEST or not model.isprintable():
        raise JudgeError("The judge's model has no name. Write it as the endpoint lists it.", code="judge-model")
    if key is not None and (not key.isascii() or not key.isprintable() or " " in key):
        raise JudgeError(
            "That is not a key: it has a space or a sign that no key has. Copy it whole.", code="judge-key"
        )
    return Place(url.removesuffix("/chat/completions"), model, key, place.origin)
