"""What went wrong on the Hub, in plain words: the client's exceptions become this package's, in this one place."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autotrain.errors import AutotrainError, HubError, HubUnreachable, RepositoryError, TokenError
from autotrain.hub.client import endpoint
from autotrain.redaction import redact

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TOKENS_PAGE = "https://huggingface.co/settings/tokens"


@contextmanager
def translated(repository: str | None = None) -> Iterator[None]:
    """Run calls of the client; what they raise comes out as a HubError with a sentence and a remedy.

    Mistakes in our own code, which have nothing to do with HTTP, come out as they are.
    """
    try:
        yield
    except AutotrainError:
        raise
    except Exception as error:
        meaning = explain(error, repository)
        if meaning is None:
            raise
        raise meaning from error


def explain(error: BaseException, repository: str | None = None) -> AutotrainError | None:
    """The meaning of an exception from the client, or None when it is not about the Hub.

    The client wraps: a refused upload is a RuntimeError, a dead connection during a download a FileNotFoundError.
    So the chain of causes is read, and the first link that has a meaning counts.
    """
    for link in chain(error):
        if isinstance(link, AutotrainError):
            return link  # raised by a progress callback in the middle of a transfer
        meaning = _meaning(link, repository)
        if meaning is not None:
            return meaning
    if any(isinstance(link, OSError) for link in chain(error)):
        said = redact(" ".join(str(error).split()))[:300].rstrip(".")
        return HubError(f"Files from or for the Hub cannot be handled here: {said}. Try again.", code="files")
    return None


def chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and its causes, outermost first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def pause_asked_for(error: BaseException) -> float | None:
    """How many seconds the Hub asked to wait, when it did."""
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils._http import parse_ratelimit_headers

    for link in chain(error):
        if isinstance(link, HfHubHTTPError):
            asked = link.response.headers.get("retry-after", "")
            if asked.isdigit():
                return float(asked)
            limit = parse_ratelimit_headers(link.response.headers)
            return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None
    return None


def _meaning(error: BaseException, repository: str | None) -> AutotrainError | None:
    import httpx2
    from huggingface_hub import errors

    match error:
        case errors.OfflineModeIsEnabled():
            return HubUnreachable("The Hub is not asked because HF_HUB_OFFLINE is set. Unset it.", code="offline")
        case errors.HFValidationError():
            return invalid_name(repository or "")
        case errors.LocalTokenNotFoundError():
            return token_missing()
        case errors.HfHubHTTPError():
            return _refusal(error, repository)
        case httpx2.TimeoutException():
            return HubUnreachable(
                f"The Hub at {endpoint()} did not answer in time. Nothing was lost; try again in a minute."
            )
        case httpx2.HTTPError() | ConnectionError():
            return HubUnreachable(
                f"The Hub at {endpoint()} cannot be reached. "
                "Check the internet connection and try again; everything on this machine goes on working."
            )
        case OSError(errno=errno.ENOSPC):
            return HubError("The disk is full. Free some space and try again.", code="disk-full")
    return None


def _refusal(error: HfHubHTTPError, repository: str | None) -> AutotrainError:
    """The meaning of an HTTP status and the headers that explain it."""
    from huggingface_hub import errors

    name = repository or "this repository"
    status = error.response.status_code
    match error:
        case errors.GatedRepoError():
            return gated(name)
        case errors.RepositoryNotFoundError():
            return not_found(name)
        case errors.DisabledRepoError():
            return RepositoryError(
                f"{name} has been disabled by the Hub. Choose another, or ask its owner.", code="disabled"
            )
        case errors.RevisionNotFoundError():
            return RepositoryError(
                f"{name} has no such revision. Check the part after the @, or leave it out for the newest one.",
                code="no-revision",
            )
        case errors.RemoteEntryNotFoundError():
            return RepositoryError(f"{name} lacks a file that is needed. Choose another model.", code="no-file")
    if status == 401:
        return token_wrong()
    if status == 403:
        return TokenError(
            f"The Hub refuses this for {name}: the token has no permission for it. "
            f"Make a token with write permission at {TOKENS_PAGE} and save it in Settings.",
            code="token-forbidden",
        )
    return _other_status(error, name, status)


def _other_status(error: HfHubHTTPError, name: str, status: int) -> AutotrainError:
    """Statuses that are about neither the token nor the repository's existence."""
    if status == 402 or status == 413:
        return HubError(
            f"The Hub has no room left for {name}. Free some storage in the account's settings, or upgrade its plan.",
            code="quota",
        )
    if status in (409, 412):
        return HubError(f"{name} changed at the same moment. Try again.", code="conflict")
    if status == 429:
        pause = pause_asked_for(error)
        when = "in a few minutes" if pause is None else f"in {pause:.0f} seconds"
        return HubUnreachable(
            f"The Hub has had too many requests from this account. Try again {when}.", code="hub-busy"
        )
    if status == 408 or status >= 500:
        return HubUnreachable(
            f"The Hub has a problem of its own (status {status}). Nothing was lost; try again in a minute.",
            code="hub-down",
        )
    said = redact(error.server_message or f"status {status}").strip().rstrip(".")
    return HubError(f"The Hub refused this for {name}: {said}. Correct it and try again.", code="refused")


def gated(name: str) -> RepositoryError:
    """A model whose owner decides who may download it."""
    return RepositoryError(
        f"{name} is gated: its owner decides who may download it. Ask for access at {endpoint()}/{name}, "
        "then save the token of the account that was given access in Settings.",
        code="gated",
    )


def not_found(name: str) -> RepositoryError:
    """A name that leads nowhere, or to something private."""
    return RepositoryError(
        f"There is no {name} on the Hub, or it is private. "
        "Check the spelling; for a private one, save a token that may read it in Settings.",
        code="not-found",
    )


def invalid_name(name: str) -> RepositoryError:
    """A name that the Hub would not take."""
    return RepositoryError(
        f'"{redact(name)}" cannot be the name of a repository. Use "name" or "owner/name" with letters, digits, '
        '"-", "_" and ".", at most 96 characters, beginning and ending with a letter or digit.',
        code="invalid-name",
    )


def token_missing() -> TokenError:
    """Nothing to sign in with."""
    return TokenError(
        f"There is no Hub token. Make one with write permission at {TOKENS_PAGE} and save it in Settings.",
        code="token-missing",
    )


def token_wrong() -> TokenError:
    """A token that nobody owns any more."""
    return TokenError(
        f"The Hub does not accept the token: it is mistyped or was revoked. Make a new one at {TOKENS_PAGE} "
        "and save it in Settings.",
        code="token-wrong",
    )
