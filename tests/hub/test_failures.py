"""Every exception of the client has a sentence, also where the client hides the cause; our own mistakes stay loud."""

from __future__ import annotations

import errno
from pathlib import Path

import httpx2
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

from autotrain.errors import AutotrainError, HubError, HubUnreachable, RepositoryError, TokenError
from autotrain.hub.download import download
from autotrain.hub.failures import explain, pause_asked_for, translated
from tests.doubles import Fault, HubDouble


def refusal(status: int, **headers: str) -> HfHubHTTPError:
    request = httpx2.Request("POST", "https://huggingface.co/api/models/a/b")
    return HfHubHTTPError("refused", response=httpx2.Response(status, headers=headers, request=request))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, TokenError, "token-wrong"),
        (403, TokenError, "token-forbidden"),
        (402, HubError, "quota"),
        (413, HubError, "quota"),
        (409, HubError, "conflict"),
        (412, HubError, "conflict"),
        (429, HubUnreachable, "hub-busy"),
        (408, HubUnreachable, "hub-down"),
        (500, HubUnreachable, "hub-down"),
        (504, HubUnreachable, "hub-down"),
        (418, HubError, "refused"),
    ],
)
def test_every_status_has_a_sentence_with_a_remedy(status: int, kind: type[AutotrainError], code: str) -> None:
    meaning = explain(refusal(status), "alice/x")
    assert type(meaning) is kind and meaning.code == code
    assert meaning.message.count(". ") >= 1 and meaning.message.endswith(".")


def test_a_hidden_cause_is_found() -> None:
    wrapped = RuntimeError("Error while uploading 'adapter_model.safetensors' to the Hub.")
    wrapped.__cause__ = refusal(503)
    assert isinstance(explain(wrapped), HubUnreachable)
    missing = LocalEntryNotFoundError("not in the cache")
    missing.__cause__ = httpx2.ConnectError("no route")
    assert isinstance(explain(missing), HubUnreachable)


def test_silence_a_full_disk_and_a_bad_name() -> None:
    assert isinstance(explain(httpx2.ReadTimeout("slow")), HubUnreachable)
    full = explain(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None and full.code == "disk-full"
    with pytest.raises(RepositoryError, match="cannot be the name"), translated("a--b"):
        HfApi().model_info("a--b")


def test_a_pause_is_read_from_either_header() -> None:
    assert pause_asked_for(refusal(429, **{"Retry-After": "12"})) == 12
    assert pause_asked_for(refusal(429, RateLimit='"api";r=0;t=7')) == 7
    assert pause_asked_for(refusal(429)) is None and pause_asked_for(ValueError()) is None


def test_our_own_mistakes_are_not_dressed_up() -> None:
    with pytest.raises(ZeroDivisionError), translated("a/b"):
        _ = 1 // 0


def test_a_folder_that_cannot_be_written_is_said_plainly(hub: HubDouble, tmp_path: Path) -> None:
    hub.add_model("org/tiny", {"config.json": b"{}", "model.safetensors": b"x"})
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    with pytest.raises(HubError) as caught:
        download("org/tiny", cache=in_the_way / "cache")
    assert caught.value.code == "files"


def test_what_the_server_said_is_passed_on_without_tokens(hub: HubDouble) -> None:
    token = "hf_" + "a" * 34
    hub.fault(Fault("/whoami-v2", status=400, message=f"bad {token}"))
    with pytest.raises(HubError, match="bad hf_…") as caught, translated("alice/x"):
        HfApi(endpoint=hub.endpoint, token=hub.token).whoami()
    assert token not in str(caught.value)
