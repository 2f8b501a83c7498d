"""A small endpoint as OpenAI-compatible ones are: real HTTP, a judge that follows a rule, and troubles on order."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

KEY = "sk-judge-0123456789abcdefghij"
MODEL = "judge-1"
_ANSWERS = re.compile(r"\[Answer A\]\n(.*)\n\[End of answer A\].*\[Answer B\]\n(.*)\n\[End of answer B\]", re.DOTALL)

Rule = Callable[[str, str], str]
"""What the judge replies to the answers A and B."""


def longer(first: str, second: str) -> str:
    """A judge that prefers the longer answer."""
    side = "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
    return json.dumps({"reason": f"{side} says more.", "better": side})


@dataclass
class JudgeDouble:
    """What it is asked, and the troubles that come first: a status, or a status with headers."""

    url: str = ""
    rule: Rule = longer
    troubles: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, body: dict[str, Any], authorization: str | None) -> Response:
        if authorization != f"Bearer {KEY}":
            said = f"Incorrect API key provided: {(authorization or '').removeprefix('Bearer ')}."
            return JSONResponse({"error": {"message": said, "code": "invalid_api_key"}}, 401)
        if self.troubles:
            status, headers = self.troubles.pop(0)
            return JSONResponse({"error": {"message": "Too busy."}}, status, headers)
        if body["model"] != MODEL:
            return JSONResponse({"error": {"message": f"The model {body['model']} does not exist"}}, 404)
        self.asked.append(body)
        found = _ANSWERS.search(body["messages"][-1]["content"])
        assert found is not None, body
        message = {"role": "assistant", "content": self.rule(*found.groups())}
        return JSONResponse({"object": "chat.completion", "choices": [{"index": 0, "message": message}]})


@contextmanager
def start_judge() -> Iterator[JudgeDouble]:
    """Run a double until the block ends."""
    listening = socket.create_server(("127.0.0.1", 0))
    double = JudgeDouble(f"http://127.0.0.1:{listening.getsockname()[1]}/v1")
    app = FastAPI(openapi_url=None)

    @app.post("/v1/chat/completions")
    async def completions(request: Request) -> Response:
        return double.answer(await request.json(), request.headers.get("authorization"))

    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="judge-double", daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
