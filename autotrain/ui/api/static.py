"""The pages' scripts and styles, served under an address that changes with their content, so browsers may keep them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).parent.parent / "static"


@cache
def version() -> str:
    """A short hash over every static file."""
    digest = hashlib.sha256()
    for path in sorted(FOLDER.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def module_url(name: str) -> str:
    """Where a page finds the static file `name`."""
    return f"/studio/{version()}/{name}"


class StaticFolder(StaticFiles):
    """Serves `/<version>/<name>`; a browser keeps the file for a year, a new version has a new address."""

    def __init__(self) -> None:
        super().__init__(directory=FOLDER)

    async def get_response(self, path: str, scope: Scope) -> Response:
        asked, _, name = path.partition("/")
        response = await super().get_response(name, scope)
        if name.endswith(".js") and response.status_code == 200:
            # A machine's own table of types may call it anything; a browser runs a module only under this name.
            response.headers["Content-Type"] = "text/javascript; charset=utf-8"
        fresh = asked == version()
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if fresh else "no-store"
        return response
