"""Finding base models by name: what a result says, and that nobody waits long for it."""

from __future__ import annotations

import json

import pytest

from autotrain.errors import HubError, HubUnreachable
from autotrain.hub.search import search_models
from tests.doubles import Fault, HubDouble


@pytest.fixture
def models(hub: HubDouble) -> HubDouble:
    """A Hub with three models that can be tuned, a private one, a gated one, and an image generator."""
    card = b"---\nlicense: apache-2.0\npipeline_tag: fill-mask\ntags: [safetensors]\n---\n"
    bert = {"config.json": json.dumps({"model_type": "bert"}).encode(), "README.md": card, "model.safetensors": b"x"}
    for number, name in enumerate(("org/bert-small", "org/bert-large")):
        hub.add_model(name, bert, parameters=1000 * (number + 1), downloads=number)
    hub.add_model("alice/bert-private", bert, private=True, parameters=5)
    hub.add_model("org/bert-gated", bert, gated=True, parameters=7, downloads=9)
    pictures = {"config.json": json.dumps({"diffusers": {}}).encode(), "model.safetensors": b"x"}
    hub.add_model("org/bert-pictures", pictures, parameters=9)
    hub.add_model("org/bert-pickled", {"config.json": bert["config.json"], "pytorch_model.bin": b"x"})
    return hub


def test_results_say_size_licence_and_access_most_downloaded_first(models: HubDouble) -> None:
    found = search_models("bert")

    assert [model.id for model in found] == ["org/bert-gated", "org/bert-large", "org/bert-small"]
    gated, large, _ = found
    assert gated.gated and not large.gated
    assert (large.parameters, large.size_bytes, large.license) == (2000, 8000, "apache-2.0")
    assert (large.architecture, large.pipeline_tag, large.downloads) == ("bert", "fill-mask", 1)
    assert "model.safetensors" in large.files


def test_limit_purpose_and_token_are_passed_on(models: HubDouble) -> None:
    assert len(search_models("bert", 2)) == 2
    assert search_models("bert", pipeline_tag="translation") == []
    assert "alice/bert-private" in [model.id for model in search_models("private", token=models.token)]


def test_nothing_found_is_an_empty_list(models: HubDouble) -> None:
    assert search_models("no such model") == []


def test_a_silent_hub_is_given_up_on(models: HubDouble) -> None:
    models.fault(Fault("/api/models", kind="hang"))
    with pytest.raises(HubUnreachable, match="did not answer within 0.3 seconds"):
        search_models("bert", timeout=0.3)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault("/api/models", status=401, message="Invalid credentials in Authorization header"), "token-wrong"),
        (Fault("/api/models", status=400, message="hf_" + "a" * 34), "refused"),
    ],
)
def test_refusals_are_explained(models: HubDouble, fault: Fault, code: str) -> None:
    models.fault(fault)
    with pytest.raises(HubError) as caught:
        search_models("bert")
    assert caught.value.code == code
    assert "aaaa" not in str(caught.value)


def test_no_network_and_offline_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE is set"):
        search_models("bert")
