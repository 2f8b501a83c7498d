"""Publishing with the real client: what arrives, what stays here, and what each fault leads to."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from autotrain.errors import HubError, HubUnreachable, LeaseLost, RepositoryError, TokenError
from autotrain.hub.publish import Publisher
from autotrain.hub.staging import Upload
from tests.doubles import Fault, HubDouble
from tests.hub.double.accounts import FINE_GRAINED

AT_ONCE = (0.0, 0.0, 0.0)


def digests(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def commits(hub: HubDouble, repository: str = "alice/my-adapter") -> list[str]:
    found = hub.repository(repository)
    return [commit.title for commit in found.commits[1:]] if found else []


def test_a_publication_is_one_commit_with_the_adapter_its_card_recipe_and_report(
    hub: HubDouble, upload: Upload, adapter: Path
) -> None:
    before = digests(adapter)

    address = Publisher(hub.token).publish(upload)

    repository = hub.repository("alice/my-adapter")
    assert address == f"{hub.endpoint}/alice/my-adapter"
    assert repository is not None and repository.private
    assert commits(hub) == ["Publish adapter (operation op-1)"]
    assert set(repository.head.files) == {
        ".gitattributes",
        "README.md",
        "adapter_config.json",
        "adapter_model.safetensors",
        "recipe.yaml",
        "report.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert hub.content("alice/my-adapter", "README.md").decode() == upload.card
    assert hub.content("alice/my-adapter", "adapter_model.safetensors") == before["adapter_model.safetensors"]
    assert digests(adapter) == before


def test_no_path_of_this_machine_leaves_it(hub: HubDouble, upload: Upload, tmp_path: Path) -> None:
    Publisher(hub.token).publish(upload)

    repository = hub.repository("alice/my-adapter")
    assert repository is not None
    for name in repository.head.files:
        assert str(tmp_path).encode() not in hub.content("alice/my-adapter", name), name
    settings = json.loads(hub.content("alice/my-adapter", "adapter_config.json"))
    assert settings["base_model_name_or_path"] == "org/minilm"


def test_a_token_in_a_text_is_blanked(hub: HubDouble, upload: Upload) -> None:
    leaky = replace(upload, card=f"{upload.card}\n{hub.token}\n", extras={"recipe.yaml": f"title: {hub.token}\n"})

    Publisher(hub.token).publish(leaky)

    for name in ("README.md", "recipe.yaml"):
        assert hub.token.encode() not in hub.content("alice/my-adapter", name)


def test_progress_counts_bytes_up_to_the_total(hub: HubDouble, upload: Upload) -> None:
    seen: list[tuple[int, int]] = []

    Publisher(hub.token).publish(upload, lambda done, total: seen.append((done, total)))

    done = [point[0] for point in seen]
    total = seen[-1][1]
    assert done == sorted(done) and done[-1] == total > 3_000_000
    assert len([point for point in done if 0 < point < total]) > 10, "it moves while the weights go out"


def test_the_same_operation_twice_is_one_commit(hub: HubDouble, upload: Upload) -> None:
    first = Publisher(hub.token).publish(upload)
    sent = len(hub.requests("large-files", "PUT"))

    assert Publisher(hub.token).publish(upload) == first

    assert commits(hub) == ["Publish adapter (operation op-1)"]
    assert len(hub.requests("large-files", "PUT")) == sent


def test_a_late_retry_does_not_undo_what_was_published_since(hub: HubDouble, upload: Upload) -> None:
    Publisher(hub.token).publish(upload)
    Publisher(hub.token).publish(replace(upload, operation_id="op-2", card="newer"))

    Publisher(hub.token).publish(upload)

    assert commits(hub) == ["Publish adapter (operation op-1)", "Publish adapter (operation op-2)"]
    assert hub.content("alice/my-adapter", "README.md") == b"newer"


def test_publishing_again_updates_the_repository(hub: HubDouble, upload: Upload, adapter: Path) -> None:
    Publisher(hub.token).publish(upload)
    (adapter / "adapter_model.safetensors").write_bytes(os.urandom(2_000))

    Publisher(hub.token).publish(replace(upload, operation_id="op-2", private=False))

    repository = hub.repository("alice/my-adapter")
    assert repository is not None and not repository.private
    assert commits(hub) == ["Publish adapter (operation op-1)", "Publish adapter (operation op-2)"]
    assert repository.head.files["adapter_model.safetensors"].size == 2_000


def test_a_public_repository_is_private_before_anything_new_arrives(hub: HubDouble, upload: Upload) -> None:
    Publisher(hub.token).publish(replace(upload, private=False))
    hub.fault(Fault("/commit/", status=403))

    with pytest.raises(TokenError):
        Publisher(hub.token).publish(replace(upload, operation_id="op-2", private=True, card="new"))

    repository = hub.repository("alice/my-adapter")
    assert repository is not None and repository.private


@pytest.mark.parametrize(
    "path",
    [
        "/whoami-v2",
        "/api/models/alice/my-adapter$",
        "/repos/create",
        "/commits/",
        "/preupload/",
        "/batch",
        "/commit/main",
    ],
)
@pytest.mark.parametrize("kind", ["refuse", "cut"])
def test_a_passing_fault_anywhere_is_overcome(hub: HubDouble, upload: Upload, path: str, kind: str) -> None:
    hub.fault(Fault(path, kind=kind, status=500))  # type: ignore[arg-type]

    Publisher(hub.token, pauses=AT_ONCE).publish(upload)

    assert commits(hub) == ["Publish adapter (operation op-1)"]


def test_a_connection_reset_in_mid_upload_is_overcome(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/large-files/", kind="cut"))

    Publisher(hub.token, pauses=AT_ONCE).publish(upload)

    assert len(hub.requests("/large-files/", "PUT")) == 2
    assert commits(hub) == ["Publish adapter (operation op-1)"]


def test_a_commit_whose_answer_was_lost_is_not_made_twice(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/commit/main", kind="lose"))

    Publisher(hub.token, pauses=AT_ONCE).publish(upload)

    assert commits(hub) == ["Publish adapter (operation op-1)"]
    assert len(hub.requests("/commit/main")) == 1


def test_a_retry_sends_only_what_is_missing(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/commit/main", status=503))
    with pytest.raises(HubUnreachable) as caught:
        Publisher(hub.token, pauses=()).publish(upload)
    assert caught.value.code == "hub-down"
    seen: list[int] = []

    Publisher(hub.token).publish(upload, lambda done, _: seen.append(done))

    assert len(hub.requests("/large-files/", "PUT")) == 1
    assert commits(hub) == ["Publish adapter (operation op-1)"]


def test_a_change_by_someone_else_meanwhile_is_kept(hub: HubDouble, upload: Upload) -> None:
    Publisher(hub.token).publish(upload)
    repository = hub.repository("alice/my-adapter")
    assert repository is not None
    changed = threading.Event()

    def interfere(done: int, total: int) -> None:
        if not changed.is_set():
            changed.set()
            notes = hub.hub.storage.keep(b"notes", large=False)
            hub.hub.storage.commit(repository, {**repository.head.files, "NOTES.md": notes}, "Add notes", "alice")

    (upload.artifact / "adapter_model.safetensors").write_bytes(os.urandom(1_000_000))
    Publisher(hub.token, pauses=AT_ONCE).publish(replace(upload, operation_id="op-2"), interfere)

    assert commits(hub)[-2:] == ["Add notes", "Publish adapter (operation op-2)"]
    assert "NOTES.md" in repository.head.files
    assert len(hub.requests("/commit/main")) == 3, "the first, the one refused with 412, and its second try"


def test_the_hub_says_how_long_to_wait(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/repos/create", status=429, headers={"Retry-After": "1"}))
    seen: list[int] = []

    Publisher(hub.token, pauses=AT_ONCE).publish(upload, lambda done, _: seen.append(done))

    assert seen[0] == 0, "waiting is reported, so that the watcher knows that it is meant"
    assert commits(hub) == ["Publish adapter (operation op-1)"]


def test_a_long_wait_is_said_instead_of_waited(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/repos/create", status=429, headers={"Retry-After": "3600"}, times=9))

    with pytest.raises(HubUnreachable, match="Try again in 3600 seconds") as caught:
        Publisher(hub.token, pauses=AT_ONCE).publish(upload)

    assert caught.value.code == "hub-busy"


def test_a_token_revoked_in_mid_upload_ends_it_with_a_remedy_and_a_safe_adapter(
    hub: HubDouble, upload: Upload, adapter: Path
) -> None:
    before = digests(adapter)

    def revoke(done: int, total: int) -> None:
        if hub.token in hub.hub.accounts:
            hub.revoke(hub.token)

    with pytest.raises(TokenError, match="revoked. Make a new one") as caught:
        Publisher(hub.token, pauses=AT_ONCE).publish(upload, revoke)

    assert caught.value.code == "token-wrong"
    assert hub.token not in str(caught.value)
    assert commits(hub) == [] and digests(adapter) == before


def test_a_lost_lease_stops_the_upload_as_a_lost_lease(hub: HubDouble, upload: Upload) -> None:
    def lose(done: int, total: int) -> None:
        raise LeaseLost("another publisher owns this")

    with pytest.raises(LeaseLost):
        Publisher(hub.token, pauses=AT_ONCE).publish(upload, lose)

    assert commits(hub) == []


@pytest.mark.parametrize(
    ("repository", "code"),
    [
        ("", "invalid-name"),
        ("a b", "invalid-name"),
        ("alice/", "invalid-name"),
        ("alice/x/y", "invalid-name"),
        ("alice/-x", "invalid-name"),
        ("alice/x--y", "invalid-name"),
        ("alice/x.git", "invalid-name"),
        ("alice/" + "x" * 97, "invalid-name"),
        ("bob/x", "not-yours"),
        ("museum/x", "token-forbidden"),
    ],
)
def test_a_repository_that_cannot_be_published_to_is_refused_before_anything_is_sent(
    hub: HubDouble, upload: Upload, repository: str, code: str
) -> None:
    (finding,) = Publisher(hub.token).check(replace(upload, repository=repository))
    assert (finding.severity, finding.code) == ("error", code) and finding.message and finding.remedy

    with pytest.raises(HubError) as caught:
        Publisher(hub.token).publish(replace(upload, repository=repository))

    assert caught.value.code == code
    assert not hub.requests("/repos/create")


def test_an_organisation_one_may_write_to_is_fine(hub: HubDouble, upload: Upload) -> None:
    publisher = Publisher(hub.token)
    assert publisher.check(replace(upload, repository="lab/x")) == []
    assert publisher.identity is not None and publisher.identity.name == "alice"
    assert Publisher(hub.token).publish(replace(upload, repository="lab/x")).endswith("/lab/x")


def test_a_bare_name_is_the_owners(hub: HubDouble, upload: Upload) -> None:
    assert Publisher(hub.token).publish(replace(upload, repository="solo")).endswith("/alice/solo")


def test_tokens_that_cannot_write_are_refused(hub: HubDouble, upload: Upload) -> None:
    tokens = {
        None: "token-missing",
        "hf_unknown": "token-wrong",
        "hf_é": "token-wrong",
        hub.read_token: "token-read-only",
    }
    for token, code in tokens.items():
        (finding,) = Publisher(token).check(upload)
        assert (finding.severity, finding.code) == ("error", code)
        with pytest.raises(TokenError) as caught:
            Publisher(token).publish(upload)
        assert caught.value.code == code


def test_a_fine_grained_token_may_write_where_its_scopes_say(hub: HubDouble, upload: Upload) -> None:
    assert Publisher(FINE_GRAINED).check(replace(upload, repository="lab/x")) == []
    (finding,) = Publisher(FINE_GRAINED).check(upload)
    assert finding.code == "token-forbidden"


def test_an_existing_repository_is_announced(hub: HubDouble, upload: Upload) -> None:
    Publisher(hub.token).publish(upload)

    (finding,) = Publisher(hub.token).check(replace(upload, private=False))

    assert (finding.severity, finding.code) == ("warning", "repository-exists")
    assert "becomes public" in finding.message


def test_a_hub_that_is_down_is_a_warning_before_a_run(hub: HubDouble, upload: Upload) -> None:
    hub.fault(Fault("/whoami-v2", status=500))
    (finding,) = Publisher(hub.token).check(upload)
    assert (finding.severity, finding.code) == ("warning", "hub-down")


def test_nothing_listening_is_said_plainly(upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(HubUnreachable, match="cannot be reached. Check the internet connection"):
        Publisher("hf_any", pauses=()).publish(upload)


def test_offline_mode_is_respected(hub: HubDouble, upload: Upload, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable) as caught:
        Publisher(hub.token).publish(upload)
    assert caught.value.code == "offline" and not hub.seen


def test_a_folder_without_an_adapter_is_refused(hub: HubDouble, upload: Upload, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(HubError, match="holds no finished adapter"):
        Publisher(hub.token).publish(replace(upload, artifact=empty))


def test_someone_elses_public_repository_is_not_touched(hub: HubDouble, upload: Upload) -> None:
    Publisher(hub.token).publish(replace(upload, private=False))
    with pytest.raises(RepositoryError, match='belongs to alice, and the token belongs to bob. Use "bob/my-adapter"'):
        Publisher(hub.other_token).publish(replace(upload, operation_id="op-2"))
    assert len(commits(hub)) == 1
