"""Faults a test asks for: refusals, silence, and connections that break before, during or after the work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.double.refusals import Refusal

Kind = Literal["refuse", "cut", "lose", "hang", "stall"]


@dataclass
class Fault:
    """What goes wrong with the next `times` requests whose path matches `path` (a regular expression).

    `refuse` answers with `status`; `cut` breaks the connection after the first piece of the body arrived; `lose`
    does the work and breaks the connection before the answer; `hang` never answers, `stall` does the work first.
    """

    path: str
    kind: Kind = "refuse"
    method: str | None = None
    status: int = 500
    message: str = "injected fault"
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int = 1

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is one to spoil."""
        return self.times > 0 and self.method in (None, method) and re.search(self.path, path) is not None


@dataclass(frozen=True)
class Seen:
    """A request as it came in, for tests that count what was sent."""

    method: str
    path: str
    query: str


class Door:
    """ASGI middleware: writes down each request, spoils those that a fault is set for.

    Routes match on the path as it was sent, because the client quotes a `/` inside one segment as `%2F`.
    """

    def __init__(self, app: ASGIApp, faults: list[Fault], seen: list[Seen]) -> None:
        self.app, self.faults, self.seen = app, faults, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        raw = scope["raw_path"].decode("ascii").split("?")[0]
        scope = {**scope, "path": raw}
        path = unquote(raw)
        self.seen.append(Seen(scope["method"], path, scope["query_string"].decode("ascii")))
        fault = next((fault for fault in self.faults if fault.matches(scope["method"], path)), None)
        if fault is None:
            await self.app(scope, receive, send)
            return
        fault.times -= 1
        await self.spoil(fault, scope, receive, send)

    async def spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Do to this request what the fault says."""
        match fault.kind:
            case "refuse":
                while (await receive()).get("more_body"):
                    pass  # a client that is still sending would see a broken connection instead of the refusal
                refusal = Refusal(fault.status, fault.message, fault.code, headers=fault.headers)
                await refusal.response()(scope, receive, send)
            case "cut":
                await receive()
                await break_connection(send)
            case "lose":
                await self.app(scope, receive, swallow)
                await break_connection(send)
            case "hang" | "stall":
                if fault.kind == "stall":
                    await self.app(scope, receive, swallow)
                while (await receive())["type"] != "http.disconnect":
                    pass


async def swallow(_: Message) -> None:
    """Send nothing."""


async def break_connection(send: Send) -> None:
    """Begin an answer and never end it: the server closes the socket under the client."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
