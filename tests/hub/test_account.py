"""The token: where it is found, how it is kept, and whom it belongs to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autotrain.errors import HubUnreachable, TokenError
from autotrain.hub.account import KEY_FILE, SECRET, Account, identity, load_key
from autotrain.runs.sql import SqlStore
from autotrain.settings import Settings
from tests.doubles import Fault, HubDouble
from tests.hub.double.accounts import FINE_GRAINED


@pytest.fixture
def account(store: SqlStore, settings: Settings) -> Account:
    return Account(store, settings)


def test_a_saved_token_is_encrypted_with_a_key_outside_the_record(
    account: Account, store: SqlStore, settings: Settings
) -> None:
    token = "hf_" + "a" * 34

    account.save(f"  {token}\n")

    assert account.token() == token
    kept = store.secret(SECRET)
    assert kept is not None and token.encode() not in kept
    assert token.encode() not in b"".join(path.read_bytes() for path in settings.root.rglob("*") if path.is_file())
    assert stat.S_IMODE((settings.root / KEY_FILE).stat().st_mode) == 0o600


def test_a_saved_token_comes_before_the_environments(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    assert account.token() is None
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old")
    assert account.token() == "hf_old"
    monkeypatch.setenv("HF_TOKEN", " hf_environment ")
    found = account.find()
    assert found is not None and (found.token, found.origin) == ("hf_environment", "environment")
    account.save("hf_saved")
    found = account.find()
    assert found is not None and (found.token, found.origin) == ("hf_saved", "settings")
    account.forget()
    assert account.token() == "hf_environment"


def test_the_clients_own_login_comes_last(settings: Settings, tmp_path: Path) -> None:
    """In a process of its own: the client reads where its login lies when it is imported."""
    login = tmp_path / "login"
    login.mkdir()
    (login / "token").write_text("hf_from_login")
    program = (
        "from autotrain.settings import Settings; from autotrain.runs.sql import open_store\n"
        "from autotrain.hub.account import Account\n"
        "settings = Settings(); store = open_store(settings.database); found = Account(store, settings).find()\n"
        "print(found.token, found.origin)"
    )
    environment = {**os.environ, "HF_HOME": str(login), "AUTOTRAIN_HOME": str(settings.root)}
    answer = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert answer.stdout.split() == ["hf_from_login", "login"]


def test_a_token_never_shows_in_a_repr(account: Account) -> None:
    account.save("hf_secret")
    assert "hf_secret" not in repr(account.find())


@pytest.mark.parametrize("text", ["", "   ", "hf_ab cd", "hf_é", "hf_a\nhf_b"])
def test_what_cannot_be_a_token_is_refused(account: Account, text: str) -> None:
    with pytest.raises(TokenError, match="not a token"):
        account.save(text)
    assert account.token() is None


def test_a_lost_key_is_said_with_its_remedy(account: Account, settings: Settings) -> None:
    account.save("hf_saved")
    (settings.root / KEY_FILE).unlink()

    with pytest.raises(TokenError, match="Save the token again in Settings"):
        account.token()

    account.save("hf_again")
    assert account.token() == "hf_again"


def test_the_key_is_made_once_and_tightened_when_it_is_open(tmp_path: Path) -> None:
    path = tmp_path / KEY_FILE
    key = load_key(path)
    path.chmod(0o644)
    assert load_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == [KEY_FILE]


def test_who_a_token_belongs_to_and_where_it_may_write(hub: HubDouble) -> None:
    writer = identity(hub.token)
    assert (writer.name, writer.organisations, writer.can_write) == ("alice", ("lab", "museum"), True)
    assert [writer.may_write(name) for name in ("alice/x", "lab/x", "museum/x", "bob/x")] == [True, True, False, False]
    reader = identity(hub.read_token)
    assert not reader.can_write and not reader.may_write("alice/x")
    scoped = identity(FINE_GRAINED)
    assert scoped.can_write and scoped.may_write("lab/x") and not scoped.may_write("alice/x")


def test_the_accounts_own_identity(hub: HubDouble, account: Account) -> None:
    with pytest.raises(TokenError) as caught:
        account.identity()
    assert caught.value.code == "token-missing"
    account.save(hub.token)
    assert account.identity().name == "alice"


@pytest.mark.parametrize("token", ["hf_unknown", "hf_é", "hf_a\nb"])
def test_a_wrong_token_is_said_plainly(hub: HubDouble, token: str) -> None:
    with pytest.raises(TokenError, match="mistyped or was revoked") as caught:
        identity(token)
    assert token not in str(caught.value)


def test_a_hub_that_has_trouble_is_not_a_wrong_token(hub: HubDouble) -> None:
    hub.fault(Fault("/whoami-v2", status=503))
    with pytest.raises(HubUnreachable, match="status 503"):
        identity(hub.token)
    hub.fault(Fault("/whoami-v2", status=429, headers={"RateLimit": '"api";r=0;t=7'}))
    with pytest.raises(HubUnreachable, match="Try again in 7 seconds"):
        identity(hub.token)
