"""Settings from the environment: what is wrong is said by the variable's name, with what it must be."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotrain.errors import SettingsError
from autotrain.runs.sql import open_store
from autotrain.settings import Settings, load_settings
from tests.app import command, free_port

WRONG = {
    "AUTOTRAIN_PORT=abc": "AUTOTRAIN_PORT is 'abc', which is not a whole number.",
    "AUTOTRAIN_PORT=99999": "AUTOTRAIN_PORT is '99999', which must be at most 65535.",
    "AUTOTRAIN_SLOTS=0": "AUTOTRAIN_SLOTS is '0', which must be at least 1.",
    "AUTOTRAIN_MAX_UPLOAD_BYTES=0": "AUTOTRAIN_MAX_UPLOAD_BYTES is '0', which must be more than 0.",
    "AUTOTRAIN_REDIS_URL=http://me:secret@there": "AUTOTRAIN_REDIS_URL is 'http://…@there', which cannot be used",
    "AUTOTRAIN_REDIS_URL=localhost": "it must begin with redis://, rediss:// or redis+socket://",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_value_is_named_with_what_it_must_be(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv(*wrong.split("="))
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert WRONG[wrong] in caught.value.message
    assert caught.value.message.endswith("Correct or unset it and start again.")


def test_every_wrong_value_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOTRAIN_PORT", "abc")
    monkeypatch.setenv("AUTOTRAIN_SLOTS", "many")
    with pytest.raises(SettingsError, match="AUTOTRAIN_PORT.*AUTOTRAIN_SLOTS"):
        load_settings()


def test_a_data_home_that_cannot_be_written_is_a_sentence_in_every_command(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments in (["runs", "list"], ["data", "list"], ["up"], ["doctor"]):
        done = command(tmp_path / "file", *arguments, AUTOTRAIN_PORT=str(free_port()))
        assert f"The data home {tmp_path / 'file'} cannot be written" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr and done.returncode == 1


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "not a usable SQLAlchemy URL"),
        ("postgresql+psycopg3000://me:very-secret@127.0.0.1:9/x", "not a usable SQLAlchemy URL"),
        ("mysql+pymysql://me:very-secret@127.0.0.1:9/x", "driver for it is not installed"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence_without_its_password(url: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        open_store(url)
    assert "very-secret" not in caught.value.message and "AUTOTRAIN_DATABASE_URL" in caught.value.message


def test_wrong_settings_are_one_sentence_in_up_and_doctor_and_nothing_is_started(tmp_path: Path) -> None:
    for name, value in (("DATABASE_URL", "nonsense"), ("HOST", "nowhere.invalid"), ("HOST", "192.0.2.1")):
        for wanted in ("up", "doctor"):
            done = command(tmp_path, wanted, **{"AUTOTRAIN_PORT": str(free_port()), f"AUTOTRAIN_{name}": value})
            said = done.stdout + done.stderr
            assert said.count(f"AUTOTRAIN_{name} is ") == 1 and done.returncode == 1, said
            assert "Traceback" not in said and "ended by itself" not in said
            assert wanted == "doctor" or len(said.splitlines()) == 1, said


def test_a_redis_that_does_not_answer_stops_the_start_with_a_remedy(settings: Settings) -> None:
    from jobs.up import check_broker

    check_broker(settings)  # none is named: the app starts its own
    gone = settings.model_copy(update={"redis_url": f"redis://127.0.0.1:{free_port()}"})
    with pytest.raises(SettingsError, match="no Redis answered.*unset it"):
        check_broker(gone, patience=0.5)
