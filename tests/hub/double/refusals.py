"""Refusals as the Hub words them: the client picks its exception from these headers, not from the body."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import Request
from fastapi.responses import JSONResponse


class Refusal(Exception):
    """An answer that is not a success."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.body, self.headers = dict(body or {}), dict(headers or {})

    def response(self) -> JSONResponse:
        """As an HTTP answer."""
        headers = {"X-Error-Message": self.message, "X-Request-Id": "double", **self.headers}
        if self.code:
            headers["X-Error-Code"] = self.code
        return JSONResponse({"error": self.message, **self.body}, self.status, headers)


async def answer(_: Request, refusal: Exception) -> JSONResponse:
    """FastAPI's handler for refusals."""
    assert isinstance(refusal, Refusal)
    return refusal.response()


def sign_in_needed() -> Refusal:
    """No token came with a request that needs one."""
    return Refusal(401, "Invalid username or password.")


def bad_token() -> Refusal:
    """A token came that nobody owns."""
    return Refusal(401, "Invalid credentials in Authorization header")


def no_repository(known: bool) -> Refusal:
    """The repository is absent, or private and someone else's; anonymous callers get 401 for both."""
    if known:
        return Refusal(404, "Repository not found", "RepoNotFound")
    return Refusal(401, "Invalid username or password.", "RepoNotFound")


def no_entry(path: str) -> Refusal:
    """The repository has no such file."""
    return Refusal(404, f"{path} does not exist", "EntryNotFound")
