"""Base models from the Hub into the shared cache: only what is safe, with progress, and without asking twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from autotrain.errors import HubError, HubUnreachable, ModelError, RepositoryError, TokenError
from autotrain.hub.download import download, download_into
from autotrain.models.catalogue import Catalogue
from autotrain.settings import Settings
from tests.doubles import Fault, HubDouble

WEIGHTS = save({"weight": np.random.default_rng(0).normal(size=(512, 1024)).astype(np.float32)})
CONFIG = json.dumps({"model_type": "bert", "architectures": ["BertModel"]}).encode()


@pytest.fixture
def tiny(hub: HubDouble) -> HubDouble:
    """A Hub with one good model that also carries everything that must stay away."""
    files = {
        "config.json": CONFIG,
        "tokenizer.json": b"{}",
        "vocab.txt": b"[UNK]\n",
        "model.safetensors": WEIGHTS,
        "pytorch_model.bin": b"\x80\x04pickle",
        "modeling_tiny.py": b"raise SystemExit",
        "onnx/model.onnx": b"x" * 1000,
        "onnx/config.json": b"{}",
        "1_Pooling/config.json": b"{}",
        "1_Pooling/more/config.json": b"{}",
        "2_Dense/config.json": b"{}",
        "model.fp16.safetensors": b"variant",
        "consolidated.safetensors": b"again",
    }
    hub.add_model("org/tiny", files)
    return hub


def test_only_configuration_tokenizer_and_safetensors_arrive(tiny: HubDouble) -> None:
    seen: list[tuple[int, int]] = []

    folder = download("org/tiny", None, lambda done, total: seen.append((done, total)))

    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {"config.json", "tokenizer.json", "vocab.txt", "model.safetensors", "1_Pooling/config.json"}
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    total = len(WEIGHTS) + len(CONFIG) + 2 * len(b"{}") + len(b"[UNK]\n")
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_model_that_is_added_by_name_gets_a_folder_of_its_own(tiny: HubDouble, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    folder = download_into("org/tiny", tmp_path / "added", lambda done, total: seen.append((done, total)))

    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "tokenizer.json",
        "vocab.txt",
        "model.safetensors",
        "1_Pooling",
    }
    assert seen[-1][0] == seen[-1][1] > len(WEIGHTS)
    assert not (tmp_path / "hf" / "hub").exists()
    with pytest.raises(RepositoryError, match="There is no org/none"):
        download_into("org/none", tmp_path / "none")


def test_a_second_download_asks_the_hub_nothing(tiny: HubDouble) -> None:
    first = download("org/tiny")
    asked = len(tiny.seen)

    assert download("org/tiny") == first

    assert len(tiny.seen) == asked


def test_the_cache_serves_when_the_hub_is_forbidden_or_gone(tiny: HubDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = download("org/tiny")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert download("org/tiny") == folder
    with pytest.raises(HubUnreachable, match="is not on this machine, and HF_HUB_OFFLINE is set"):
        download("org/other")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert download("org/tiny") == folder
    with pytest.raises(HubUnreachable, match="cannot be reached"):
        download("org/other")


def test_a_downloaded_model_is_in_the_catalogue(tiny: HubDouble, settings: Settings) -> None:
    folder = download("org/tiny")
    assert Catalogue(settings).folder("org/tiny") == folder


def test_a_revision_is_pinned(tiny: HubDouble) -> None:
    repository = tiny.repository("org/tiny")
    assert repository is not None
    old = repository.head
    new = tiny.hub.storage.keep(b'{"model_type": "roberta"}', large=False)
    tiny.hub.storage.commit(repository, {**old.files, "config.json": new}, "Change", "org")

    pinned = download(f"org/tiny@{old.oid}")

    assert pinned.name == old.oid and (pinned / "config.json").read_bytes() == CONFIG
    assert b"roberta" in (download("org/tiny") / "config.json").read_bytes()
    with pytest.raises(RepositoryError, match="no such revision"):
        download("org/tiny@v9")


def test_an_interrupted_download_goes_on(tiny: HubDouble) -> None:
    tiny.fault(Fault("/resolve/.*/model.safetensors", kind="cut", method="GET", times=20))
    with pytest.raises(HubError):
        download("org/tiny")
    tiny.faults.clear()

    assert (download("org/tiny") / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"config.json": CONFIG, "pytorch_model.bin": b"\x80\x04"}, "pickle-weights"),
        ({"config.json": CONFIG, "model.gguf": b"GGUF"}, "gguf-only"),
        ({"config.json": CONFIG}, "no-weights"),
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS}, "adapter"),
        ({"model.safetensors": WEIGHTS}, "no-config"),
        (
            {"config.json": b'{"model_type": "x", "auto_map": {"AutoModel": "m.M"}}', "model.safetensors": WEIGHTS},
            "remote-code",
        ),
    ],
)
def test_what_cannot_be_loaded_safely_is_refused_before_its_weights_are_fetched(
    hub: HubDouble, files: dict[str, bytes], code: str
) -> None:
    hub.add_model("org/bad", files)
    with pytest.raises((ModelError, RepositoryError)) as caught:
        download("org/bad")
    assert caught.value.code == code and "org/bad" in caught.value.message
    assert not [seen for seen in hub.requests("/resolve/") if not seen.path.endswith("config.json")]


def test_a_model_that_is_absent_private_or_gated(hub: HubDouble) -> None:
    files = {"config.json": CONFIG, "model.safetensors": WEIGHTS}
    hub.add_model("alice/secret", files, private=True)
    hub.add_model("org/gated", files, gated=True)

    for name, token in (("org/none", None), ("org/none", hub.token), ("alice/secret", None), ("gpt2", None)):
        with pytest.raises(RepositoryError, match=f"There is no {name} on the Hub, or it is private") as caught:
            download(name, token)
        assert caught.value.code == "not-found"
    for token in (None, hub.token):
        with pytest.raises(RepositoryError, match="is gated") as caught:
            download("org/gated", token)
        assert f"Ask for access at {hub.endpoint}/org/gated" in caught.value.message
    assert download("alice/secret", hub.token).is_dir()


def test_a_wrong_token_and_a_hub_in_trouble(tiny: HubDouble) -> None:
    with pytest.raises(TokenError) as caught:
        download("org/tiny", "hf_wrong")
    assert caught.value.code == "token-wrong"
    tiny.fault(Fault("/api/models/org/tiny", status=500))
    with pytest.raises(HubUnreachable, match="status 500"):
        download("org/tiny")
    tiny.fault(Fault("/api/models/org/tiny", status=429))
    with pytest.raises(HubUnreachable, match="too many requests"):
        download("org/tiny")
    tiny.fault(Fault("/resolve/", method="HEAD", status=403, times=3))
    with pytest.raises(TokenError, match="no permission"):
        download("org/tiny")


def test_a_full_disk_is_said_before_anything_is_fetched(tiny: HubDouble, tmp_path: Path) -> None:
    repository = tiny.repository("org/tiny")
    assert repository is not None
    huge = replace(repository.head.files["model.safetensors"], size=10**18)
    tiny.hub.storage.commit(repository, {**repository.head.files, "model.safetensors": huge}, "Grow", "org")
    with pytest.raises(HubError, match="needs 1000000000.0 GB") as caught:
        download("org/tiny")
    assert caught.value.code == "disk-full"
