"""The one shape of an error, and which status each exception of this package becomes."""

from __future__ import annotations

import errno
import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from autotrain import errors

log = logging.getLogger(__name__)

STATUS: dict[type[errors.AutotrainError], HTTPStatus] = {
    errors.UnknownRun: HTTPStatus.NOT_FOUND,
    errors.ImpossibleTransition: HTTPStatus.CONFLICT,
    errors.LeaseLost: HTTPStatus.CONFLICT,
    errors.HubUnreachable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.RecordSilent: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TokenError: HTTPStatus.FORBIDDEN,
    errors.SettingsError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.AutotrainError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""The nearest class in an exception's line of ancestors decides."""

BY_CODE = {
    "no-such-dataset": HTTPStatus.NOT_FOUND,
    "no-such-batch": HTTPStatus.NOT_FOUND,
    "no-such-evaluation": HTTPStatus.NOT_FOUND,
    "judge-unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "judge-busy": HTTPStatus.SERVICE_UNAVAILABLE,
    "judge-key": HTTPStatus.FORBIDDEN,
    "too-large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "disk-full": HTTPStatus.INSUFFICIENT_STORAGE,
}
"""Codes that say more than their class."""


DISK_FULL = "There is no space left on the disk that holds the data home. Free some space and try again."


class Problem(BaseModel):
    """What went wrong: a code for programs and a sentence for people."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: Problem


def answer(status: int, code: str, message: str) -> JSONResponse:
    """An error in the one shape."""
    return JSONResponse(ErrorAnswer(error=Problem(code=code, message=message)).model_dump(), status_code=status)


def handle_errors(app: FastAPI) -> None:
    """Make every error of `app` have the one shape."""

    @app.exception_handler(errors.AutotrainError)
    def ours(_: Request, error: errors.AutotrainError) -> JSONResponse:
        kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
        return answer(BY_CODE.get(error.code, STATUS[kind]), error.code, error.message)

    @app.exception_handler(OSError)
    def system(request: Request, error: OSError) -> JSONResponse:
        if error.errno == errno.ENOSPC:
            return answer(HTTPStatus.INSUFFICIENT_STORAGE, "disk-full", DISK_FULL)
        return unexpected(request, error)

    @app.exception_handler(RequestValidationError)
    def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        problems = [f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors()]
        return answer(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "; ".join(problems))

    @app.exception_handler(HTTPException)
    def refused(_: Request, error: HTTPException) -> JSONResponse:
        phrase = HTTPStatus(error.status_code).phrase
        detail = f"There is nothing at this address ({phrase})." if error.detail == phrase else str(error.detail)
        return answer(error.status_code, phrase.lower().replace(" ", "-"), detail)

    @app.exception_handler(Exception)
    def unexpected(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        sentence = f"{type(error).__name__}: this should not happen. The web process's log has the details."
        return answer(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", sentence)
