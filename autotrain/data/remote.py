"""A table from a web address or a cloud store, fetched to a file of this machine.

Only public addresses are asked: who may start runs here must not reach through this machine what it alone can reach.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from autotrain.data.reading import Progress
from autotrain.errors import DataError
from autotrain.settings import Settings


@dataclass(frozen=True)
class Fetched:
    """Files that were fetched, each with the name it goes by; what they are called together; and where they are from.

    `source` names exactly these contents: asked for once more it gives the same.
    """

    files: list[tuple[str, Path]]
    name: str
    source: str


Fetch = Callable[[str, Path, Progress | None], Fetched]
"""Fetches what a source names into a folder. Raises AutotrainError."""

SECONDS = 30
"""How long a server may take to connect, and to send the next bytes."""
_REDIRECTS = 5
_CHUNK = 1 << 20
_CLOUD = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""Schemes that fsspec reads, and the package that each needs."""


def is_url(source: str) -> bool:
    """Whether a source names a place elsewhere and not a file here."""
    return re.match(r"[a-z][a-z0-9]*://", source, re.IGNORECASE) is not None


def fetch(url: str, folder: Path, settings: Settings, progress: Progress | None = None) -> tuple[Path, str]:
    """Fetch `url` into `folder`; the file, and the name it has there.

    Raises:
        DataError: addresses are switched off, it is private, does not answer, refuses, or sends too much.
    """
    parts = urlsplit(url.strip())
    if not settings.allow_urls:
        raise DataError(
            "Web addresses are switched off here. Download the file and drop it, or ask whoever runs this app to set "
            "AUTOTRAIN_ALLOW_URLS.",
            code="urls-off",
        )
    target = folder / "fetched"
    if parts.scheme in ("http", "https"):
        name = _by_http(parts, target, settings, progress)
    elif parts.scheme in _CLOUD:
        name = _by_fsspec(parts, target, settings, progress)
    else:
        known = ", ".join(f"{scheme}://" for scheme in ("https", "http", *_CLOUD))
        raise DataError(f"{shown(parts)} is no address that can be read. Known are {known}.", code="unknown-address")
    return target, name


def shown(parts: SplitResult) -> str:
    """An address without password, query and fragment, which may hold secrets."""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _by_http(parts: SplitResult, target: Path, settings: Settings, progress: Progress | None) -> str:
    for _ in range(_REDIRECTS + 1):
        with _answer(parts, settings) as answer:
            if answer.status in (301, 302, 303, 307, 308) and (onward := answer.getheader("Location")):
                parts = urlsplit(urljoin(parts.geturl(), onward))
                if parts.scheme not in ("http", "https"):
                    raise DataError(f"The address leads on to {shown(parts)}, which is no web address.", code="refused")
                continue
            _refuse(answer.status, parts)
            size = int(answer.getheader("Content-Length") or 0)
            _save(answer, size, target, parts, settings, progress)
            return _name(parts, answer.getheader("Content-Disposition"))
    raise DataError(f"{shown(parts)} leads on and on. Use the address of the file itself.", code="refused")


@contextmanager
def _answer(parts: SplitResult, settings: Settings) -> Iterator[http.client.HTTPResponse]:
    """The answer of a server whose address was looked at: the connection goes to that very address."""
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = checked_address(host, port, settings)
        connection: http.client.HTTPConnection = http.client.HTTPConnection(host, port, timeout=SECONDS)
        plain = socket.create_connection((address, port), timeout=SECONDS)
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
        else:
            connection.sock = plain
        wanted = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", wanted, headers={"User-Agent": "AutoTrain-Studio", "Accept-Encoding": "identity"})
        answer = connection.getresponse()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(
            f"{shown(parts)} does not answer ({_reason(error)}). Check the address and the connection, or download the "
            "file and drop it.",
            code="no-answer",
        ) from error
    try:
        yield answer
    finally:
        connection.close()


def checked_address(host: str, port: int, settings: Settings) -> str:
    """An address of `host`; every one of them must be public, because any of them may be taken next time.

    Raises:
        DataError: one of them is private, of this machine, or reserved.
        OSError: the name is not known.
    """
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not settings.allow_private_addresses:
        for address in found:
            number = ipaddress.ip_address(address.partition("%")[0])
            mapped = getattr(number, "ipv4_mapped", None) or number
            if not mapped.is_global or mapped.is_multicast:
                raise DataError(
                    f"{host} is a private address, which may not be read from here. Download the file and drop it, or "
                    "set AUTOTRAIN_ALLOW_PRIVATE_ADDRESSES on a machine of your own.",
                    code="private-address",
                )
    return found[0]


def _refuse(status: int, parts: SplitResult) -> None:
    if status == 200:
        return
    why = {
        401: "wants a password. Download the file and drop it",
        403: "does not allow this. Download the file in your browser and drop it",
        404: "does not have this file. Check the address",
        410: "does not have this file any more",
        429: "is asked too often. Try again later",
    }.get(status, f"answers {status}. Try again later, or download the file and drop it")
    raise DataError(f"{shown(parts)} {why}.", code="refused")


def _save(
    source: Any, size: int, target: Path, parts: SplitResult, settings: Settings, progress: Progress | None
) -> None:
    limit, done = settings.max_upload_bytes, 0
    try:
        with target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                done += len(chunk)
                if max(done, size) > limit:
                    raise DataError(
                        f"{shown(parts)} has more than {limit / 1e6:,.0f} MB, the most that is accepted. Take a "
                        "part of it, or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                        code="too-large",
                    )
                file.write(chunk)
                if progress is not None:
                    progress(done, max(size, done))
    except (http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise _cut_off(parts, error) from error
    if done < size:
        raise _cut_off(parts, None)


def _cut_off(parts: SplitResult, error: Exception | None) -> DataError:
    why = f" ({_reason(error)})" if error is not None else ""
    return DataError(f"{shown(parts)} broke off before its end{why}. Try again.", code="no-answer")


def _by_fsspec(parts: SplitResult, target: Path, settings: Settings, progress: Progress | None) -> str:
    import fsspec

    package = _CLOUD[parts.scheme]
    try:
        with fsspec.open(parts.geturl(), "rb") as source:
            _save(source, int(getattr(source, "size", 0) or 0), target, parts, settings, progress)
    except ImportError as error:
        raise DataError(
            f"{parts.scheme}:// addresses need the package {package}. Install it with: pip install {package}.",
            code="missing-package",
        ) from error
    except DataError:
        raise
    except Exception as error:  # every store has errors of its own
        raise DataError(
            f"{shown(parts)} cannot be read ({_reason(error)}). Check the address and the access of this machine.",
            code="no-answer",
        ) from error
    return _name(parts, None)


def _name(parts: SplitResult, disposition: str | None) -> str:
    told = re.search(r'filename="?([^";]+)', disposition or "")
    name = PurePosixPath(unquote(told[1] if told else parts.path)).name
    return name[:200] or parts.hostname or "table"


def _reason(error: BaseException | None) -> str:
    text = str(error).strip()
    return (text.splitlines() or [type(error).__name__])[0][:150]
