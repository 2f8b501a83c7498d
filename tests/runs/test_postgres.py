"""The record on PostgreSQL, where others write between two statements of a transaction, and what its errors say."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic.command import upgrade
from alembic.config import Config
from sqlalchemy import Connection, create_engine, event, text

from autotrain.errors import ImpossibleTransition, RecordSilent, SettingsError
from autotrain.events import Log
from autotrain.runs import engine, tables
from autotrain.runs.devices import Device
from autotrain.runs.engine import HEAD, open_engine
from autotrain.runs.postgres import CONNECTING
from autotrain.runs.sql import SqlStore, open_store
from tests.app import free_port
from tests.jobs.conftest import until
from tests.postgres import PASSWORD, Server, serving
from tests.runs.test_record import HOST, claimed, new

MIGRATIONS = Path(engine.__file__).parent / "migrations"
RELEASED = sorted(path.name[:4] for path in (MIGRATIONS / "versions").glob("0*.py"))


@pytest.fixture
def stores(postgres: Server) -> Iterator[tuple[SqlStore, SqlStore]]:
    """One record, as two processes see it."""
    url = postgres.database()
    first, second = open_store(url), open_store(url)
    yield first, second
    first.close()
    second.close()


@pytest.mark.parametrize("released", RELEASED)
def test_a_record_of_every_released_schema_is_migrated_and_goes_on(postgres: Server, released: str) -> None:
    url = postgres.database(migrated=False)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    made = create_engine(url)
    with made.connect() as connection:
        config.attributes["connection"] = connection
        upgrade(config, released)
        connection.execute(
            text(
                "insert into run (id, name, owner, task, model, dataset, recipe, state, desired_state, fence, "
                "last_seq, attempts_without_progress, claimed_checkpoint_step, created_at) "
                "values ('r1', 'old', 'local', 't', 'm', 'd', '', 'queued', 'run', 1, 0, 0, 0, 0)"
            )
        )
        connection.commit()
    made.dispose()
    store = open_store(url)
    store.register_devices(HOST, [Device("cpu:0")])
    assert store.schema_fits() and store.claim("r1", "w", host=HOST) == 2
    assert store.append("r1", 2, [Log(text="on it goes")]) == 1
    store.close()


def between(
    stores: tuple[SqlStore, SqlStore], server: Server, first: Callable[[], object], then: Callable[[], object]
) -> object:
    """What `then` says or raises when it begins while `first`, on the first store, is about to be committed."""
    arrived, go, heard = threading.Event(), threading.Event(), list[object]()

    @event.listens_for(stores[0]._engine, "commit")
    def hold(_connection: Connection) -> None:
        arrived.set()
        go.wait(30)

    def second() -> None:
        try:
            heard.append(then())
        except Exception as error:
            heard.append(error)

    one = threading.Thread(target=first)
    one.start()
    assert arrived.wait(30)
    other = threading.Thread(target=second)
    other.start()
    until(lambda: server.administer("select count(*) from pg_stat_activity where wait_event_type = 'Lock'")[0][0])
    go.set()
    one.join()
    other.join()
    return heard[0]


def test_a_run_that_is_cancelled_as_it_is_claimed_keeps_its_owner_until_that_obeys(
    stores: tuple[SqlStore, SqlStore], postgres: Server
) -> None:
    stores[0].register_devices(HOST, [Device("cpu:0")])
    stores[0].create(new())
    between(stores, postgres, lambda: stores[0].claim("r1", "w", host=HOST), lambda: stores[1].wish("r1", "cancel"))
    run = stores[1].get("r1")
    assert (run.state, run.desired_state, run.device) == ("starting", "cancel", "cpu:0")


def test_a_run_that_is_deleted_as_it_is_claimed_stays(stores: tuple[SqlStore, SqlStore], postgres: Server) -> None:
    stores[0].register_devices(HOST, [Device("cpu:0")])
    stores[0].create(new())
    said = between(stores, postgres, lambda: stores[0].claim("r1", "w", host=HOST), lambda: stores[1].delete("r1"))
    assert isinstance(said, ImpossibleTransition) and stores[1].get("r1").state == "starting"


def test_two_wishes_to_publish_at_once_are_one_publication(stores: tuple[SqlStore, SqlStore], postgres: Server) -> None:
    fence = claimed(stores[0])
    stores[0].move("r1", fence, "starting", "running")
    stores[0].move("r1", fence, "running", "succeeded")
    first, second = (lambda store=store: store.request_publication("r1", "me/x", private=True) for store in stores)
    between(stores, postgres, first, second)
    assert len(stores[0].publications("r1")) == 1


def test_a_process_that_is_stopped_in_a_transaction_stops_nobody_else(
    stores: tuple[SqlStore, SqlStore], postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    fence = claimed(stores[1])
    stores[1].register_devices(HOST, [Device("cpu:0"), Device("cpu:1")])
    stores[1].create(new("r2"))
    lost = stores[1].claim("r2", "w", host=HOST, lease=-1)
    assert lost is not None
    monkeypatch.setattr("autotrain.runs.postgres.IDLE_SECONDS", 2)
    stopped = open_engine(stores[0]._engine.url.render_as_string(hide_password=False))
    with stopped.connect() as connection:
        connection.execute(tables.run.select().where(tables.run.c.id == "r1").with_for_update())
        assert stores[1].reconcile().expired == ("r2",), "what is lost is taken up although another row is held"
        stores[1].renew("r1", fence)  # waits, but not for ever: the server gives the row back
        with pytest.raises(RecordSilent, match="idle-in-transaction"):
            connection.execute(text("select 1"))
    stopped.dispose()


def test_a_server_that_is_gone_is_a_sentence_without_the_password_and_works_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving() as server:
        store = open_store(server.database())
        store.create(new())
        server.stop()
        with pytest.raises(RecordSilent, match=r"does not answer.*Check that the database runs") as caught:
            store.get("r1")
        server.start()
        assert store.get("r1").state == "queued"
        store.close()
    assert PASSWORD not in caught.value.message + caplog.text


def refused(url: str) -> str:
    """Why it cannot be opened."""
    with pytest.raises(SettingsError) as caught:
        open_store(url)
    return caught.value.message


def test_what_is_wrong_with_an_address_is_said_with_its_remedy_and_without_secrets(
    postgres: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    here, right = f"127.0.0.1:{postgres.port}", postgres.url("postgres")
    said = {
        "refuses its user or the password": refused(postgres.url("postgres", "hush-hush")),
        "has no database 'nothing-here'.*createdb --owner studio": refused(postgres.url("nothing-here")),
        "may not create tables there.*owner to studio": refused(right),
        "cannot be opened.*Connection refused": refused(right.replace(here, f"127.0.0.1:{free_port()}")),
        "cannot be opened.*nowhere.invalid": refused(right.replace(here, "nowhere.invalid")),
        "more than one @.*%40": refused(right.replace(PASSWORD, f"x@{PASSWORD}")),
        "does not read as postgresql": refused(right.replace(here, "127.0.0.1:port")),
        "cannot be opened.*pasword": refused(f"{right}?pasword=hush-hush"),
        "not a usable SQLAlchemy URL.*postgresql": refused(right.replace("postgresql+psycopg", "postgres")),
        "password=hidden": refused(f"postgresql+psycopg://studio@{here}/postgres?password=hush-hush"),
    }
    for words, sentence in said.items():
        assert_says(sentence, words)
    assert "hush" not in caplog.text and PASSWORD not in caplog.text


def assert_says(sentence: str, words: str) -> None:
    assert re.search(words, sentence), sentence
    assert "hush" not in sentence and PASSWORD not in sentence


def test_a_database_of_a_newer_version_or_of_another_program_is_left_alone(postgres: Server) -> None:
    url = postgres.database()
    store = open_store(url)
    for found in ("9999", "a1b2c3d4"):
        with store._engine.begin() as connection:
            connection.execute(text(f"update alembic_version set version_num = '{found}'"))
        assert_says(refused(url), f"has the schema {found}, and this version knows those up to {HEAD}")
    store.close()


def test_a_url_may_say_otherwise_how_to_connect(postgres: Server) -> None:
    store = open_store(f"{postgres.database()}?connect_timeout=77&application_name=mine")
    with store._engine.connect() as connection:
        parameters = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    assert (parameters["connect_timeout"], parameters["application_name"]) == ("77", "mine")
    assert parameters["tcp_user_timeout"] == str(CONNECTING["tcp_user_timeout"])
    store.close()
