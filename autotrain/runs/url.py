"""The record's address: read once, and shown without whatever may be a password."""

from __future__ import annotations

from sqlalchemy import URL
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from autotrain.errors import SettingsError


def read_url(text: str) -> URL:
    """The URL. Raises SettingsError when it does not parse; it may hold a password, so that it is not shown then."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            "AUTOTRAIN_DATABASE_URL is not a usable SQLAlchemy URL: it does not read as "
            "postgresql+psycopg://user:password@host:port/name. Correct it, or unset it to use SQLite in the data home."
        ) from error
    if "@" in (url.host or ""):
        raise SettingsError(
            "AUTOTRAIN_DATABASE_URL is not a usable SQLAlchemy URL: it has more than one @. "
            "Inside of a password write @ as %40, : as %3A and / as %2F."
        )
    return url


def shown(url: URL) -> str:
    """The URL for people, without its password, nor what stands behind the question mark: that may be one, too."""
    return url.set(query=dict.fromkeys(url.query, "hidden")).render_as_string()
