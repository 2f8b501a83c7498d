"""Many open pages of runs, without browsers: each asks what its page asks, as often as the app tells it to.

`python -m tests.faults.watchers PORT SECONDS PAGES RUN [RUN ...]` prints what they saw as one object of JSON.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

LOOKS = ("/run?id={run}", "/api/runs/{run}", "/api/measures")
"""What a page asks when it is opened."""

_NEXT = re.compile(rb'"cursor":"([\d-]+)"')
_PAUSE = re.compile(rb'"ask_again_seconds":([\d.]+)')


class Page:
    """One page of a run, on a connection of its own."""

    def __init__(self, port: int, run: str) -> None:
        self._port, self._run, self._cursor = port, run, "0-0"
        self.seconds: list[float] = []

    async def watch(self, wait: float, until: float) -> None:
        """Open it after `wait` seconds, and follow the run until a moment of the monotonic clock."""
        await asyncio.sleep(wait)
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            for look in LOOKS:
                await self._ask(reader, writer, look.format(run=self._run))
            while time.monotonic() < until:
                began = time.monotonic()
                body = await self._ask(reader, writer, f"/api/runs/{self._run}/live?after={self._cursor}")
                self.seconds.append(time.monotonic() - began)
                found, pause = _NEXT.search(body), _PAUSE.search(body)
                assert found and pause, body[:300]
                self._cursor = found[1].decode()
                await asyncio.sleep(float(pause[1]))
        finally:
            writer.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> bytes:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), (path, head)
        length = re.search(rb"content-length: (\d+)", head)
        if length:
            return await reader.readexactly(int(length[1]))
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
        return body


async def watch(port: int, seconds: float, pages: int, runs: list[str]) -> list[float]:
    """How long every answer took, in seconds."""
    opened = [Page(port, runs[number % len(runs)]) for number in range(pages)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(page.watch(number / pages, until) for number, page in enumerate(opened)))
    return [second for page in opened for second in page.seconds]


if __name__ == "__main__":
    taken = asyncio.run(watch(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
    print(json.dumps({"seconds": [round(one, 5) for one in taken], "cpu_seconds": time.process_time()}))
