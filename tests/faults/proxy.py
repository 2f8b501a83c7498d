"""A network between a program and its database that can be cut: at once, for good, or just before an answer."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

COMMIT = b"COMMIT"


class Proxy:
    """Passes a TCP port on to another. `lose_answers` of so many commits: the server does them, nobody hears of it."""

    def __init__(self, port: int) -> None:
        self._server, self._pairs = port, list[tuple[socket.socket, socket.socket]]()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lose_answers = 0
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def close(self) -> None:
        """No more connections, and none of the present ones."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            _cut(*pair)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server))
            self._pairs.append((client, server))
            for ends in ((client, server, True), (server, client, False)):
                threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if asks and COMMIT in data and self.lose_answers > 0:
                    self.lose_answers -= 1
                    source.shutdown(socket.SHUT_RDWR)
                    target.sendall(data)
                    time.sleep(0.2)  # what was sent is done also when nobody waits for it
                    break
                target.sendall(data)
        _cut(source, target)


def _cut(*ends: socket.socket) -> None:
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
        end.close()
