"""Data from an address: fetched whole, with its name; private addresses are refused, wherever a redirect leads."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from autotrain.data.remote import checked_address
from autotrain.data.store import DatasetStore
from autotrain.errors import DataError
from autotrain.settings import Settings

TABLE = b"text,label\nThe parcel came late.,complaint\nThank you!,praise\n"


class Server(BaseHTTPRequestHandler):
    """A table, and everything else that a server may do."""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/on":
            self.answer(302, b"", Location="/table.csv")
        elif path == "/round":
            self.answer(302, b"", Location="/round")
        elif path == "/away":
            self.answer(302, b"", Location="file:///etc/passwd")
        elif path == "/short":
            self.answer(200, TABLE, **{"Content-Length": "1000"})
        elif path == "/named":
            self.answer(200, TABLE, **{"Content-Disposition": 'attachment; filename="tickets.csv"'})
        elif path == "/page":
            self.answer(200, b"<!doctype html><title>Log in</title>")
        elif path in ("/403", "/404", "/429", "/500"):
            self.answer(int(path[1:]), b"")
        else:
            self.answer(200, TABLE)

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    made.server_close()


@pytest.fixture
def trusting(settings: Settings) -> DatasetStore:
    """A store that may ask this machine."""
    return DatasetStore(settings.model_copy(update={"allow_private_addresses": True}))


@pytest.mark.parametrize(
    ("path", "name"), [("/data/table.csv?token=secret", "table.csv"), ("/on", "table.csv"), ("/named", "tickets.csv")]
)
def test_a_table_is_fetched_with_its_name(trusting: DatasetStore, server: str, path: str, name: str) -> None:
    told: list[tuple[int, int]] = []
    dataset = trusting.resolve(server + path, lambda *done: told.append(done))
    assert (dataset.name, dataset.profile.rows) == (name, 2)
    assert told[0] == (len(TABLE), len(TABLE))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/404", "does not have this file"),
        ("/403", "does not allow this"),
        ("/429", "asked too often"),
        ("/500", "answers 500"),
        ("/round", "leads on and on"),
        ("/away", "which is no web address"),
        ("/short", "broke off before its end"),
        ("/page", "a web page"),
    ],
)
def test_what_does_not_work_is_a_sentence(trusting: DatasetStore, server: str, path: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        trusting.resolve(f"{server}{path}?token=secret")
    assert trusting.list() == []


def test_a_secret_in_an_address_is_never_shown(trusting: DatasetStore, server: str) -> None:
    with pytest.raises(DataError) as caught:
        trusting.resolve(server.replace("//", "//user:password@") + "/404?token=secret")
    assert "password" not in str(caught.value) and "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "[::1]", "[fe80::1]", "0.0.0.0"]
    + ["[::ffff:127.0.0.1]", "2130706433", "224.0.0.1", "100.64.0.1"],
)
def test_private_addresses_are_refused(datasets: DatasetStore, host: str) -> None:
    with pytest.raises(DataError, match="is a private address"):
        datasets.resolve(f"http://{host}:9/table.csv")


def test_a_public_address_may_be_asked(settings: Settings) -> None:
    assert checked_address("93.184.215.14", 443, settings) == "93.184.215.14"


def test_addresses_can_be_switched_off(settings: Settings, server: str) -> None:
    with pytest.raises(DataError, match="switched off"):
        DatasetStore(settings.model_copy(update={"allow_urls": False})).resolve(server)


def test_too_much_is_stopped(settings: Settings, server: str) -> None:
    small = settings.model_copy(update={"allow_private_addresses": True, "max_upload_bytes": 20})
    with pytest.raises(DataError, match="the most that is accepted"):
        DatasetStore(small).resolve(f"{server}/table.csv")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/table.csv", "is no address that can be read"),
        ("file:///etc/passwd", "is no address that can be read"),
        ("s3://bucket/table.csv", "pip install s3fs"),
        ("http://no-such-host.invalid/table.csv", "does not answer"),
        ("http://127.0.0.1:1/table.csv", "does not answer"),
        ("http://127.0.0.1:99999/table.csv", "does not answer"),
    ],
)
def test_other_addresses_are_explained(trusting: DatasetStore, url: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        trusting.resolve(url)
