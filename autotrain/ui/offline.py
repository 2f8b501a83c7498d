"""Takes out of gradio's pages what would be asked from other hosts: the app works, and is as quick, with no network."""

from __future__ import annotations

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ELSEWHERE = re.compile(
    rb"<link[^>]+href=\"https?://[^>]*>|<script[^>]+src=\"https?://[^>]*>\s*</script>|<meta property=\"og:[^>]*>"
)


def stay_here(page: bytes) -> bytes:
    """The page without links and scripts of other hosts."""
    return _ELSEWHERE.sub(b"", page)


class Offline:
    """Passes HTML pages through `stay_here`; everything else goes by untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _is_page(scope):
            await self._app(scope, receive, send)
            return
        start: Message = {}
        body = bytearray()

        async def collect(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if not message.get("more_body"):
                content = stay_here(bytes(body))
                kept = [(name, value) for name, value in start["headers"] if name != b"content-length"]
                await send(start | {"headers": [*kept, (b"content-length", str(len(content)).encode())]})
                await send({"type": "http.response.body", "body": content})

        # The page must arrive uncompressed to be read here.
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self._app(scope | {"headers": plain}, receive, collect)


def _is_page(scope: Scope) -> bool:
    accepted = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    return scope["method"] == "GET" and b"text/html" in accepted and not scope["path"].startswith("/api")
