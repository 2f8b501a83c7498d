"""What cannot be trained here is said before anything is spent, with the numbers and what to choose."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from autotrain.models.catalogue import ModelEntry
from autotrain.models.costs import Workload, memory_of_whole, room_on_disk
from autotrain.models.estimates import estimate
from autotrain.models.folder import read_folder
from autotrain.models.preflight import check_training
from autotrain.params import AdapterParams
from autotrain.task import Params
from autotrain.training.hardware import Accelerator, Hardware
from tests.models.conftest import save_bert

PLENTY = 10**12


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bert(tmp_path_factory.mktemp("models") / "bert")


def machine(memory: int = PLENTY, *, card: bool = False) -> Hardware:
    cards = (Accelerator("cuda:0", "A card", memory, memory),) if card else ()
    return Hardware("a processor", 2, memory, memory, cards)


def codes(model: Path, here: Hardware | None = None, disk: int = PLENTY, **params: Any) -> dict[str, str]:
    """The code of every finding with its sentence."""
    found = check_training(AdapterParams(**params), model, "tiny", here or machine(), disk)
    return {finding.code: finding.sentence() for finding in found}


def test_nothing_is_said_about_what_can_be_trained(bert: Path) -> None:
    assert codes(bert) == {}
    assert codes(bert, training_method="full", learning_rate=2e-5) == {}
    assert codes(bert, lora_target_modules="custom", lora_target_names="query, output.dense") == {}
    assert check_training(Params(), bert, "tiny", machine(), PLENTY) == []


def test_a_whole_model_too_large_for_memory_or_disk_is_refused_with_numbers(bert: Path) -> None:
    count = read_folder(bert).parameters
    said = codes(bert, machine(memory_of_whole(count) - 1), training_method="full", learning_rate=2e-5)
    assert "0.7 GB of memory" in said["too-large"] and "Set training_method to lora" in said["too-large"]
    assert codes(bert, machine(memory_of_whole(count)), training_method="full", learning_rate=2e-5) == {}
    said = codes(bert, disk=room_on_disk(count) - 1, training_method="full", learning_rate=2e-5)
    assert list(said) == ["disk-full"] and "GB are free" in said["disk-full"]
    assert "graphics card has" in codes(bert, machine(1, card=True), training_method="full")["too-large"]


def test_an_adapters_rate_on_a_whole_model_is_worth_a_warning(bert: Path) -> None:
    said = codes(bert, training_method="full", learning_rate=1e-3)
    assert "0.001" in said["high-rate"] and "1e-4" in said["high-rate"], "it is a small one"
    assert codes(bert, training_method="full", learning_rate=3e-4) == {}


def test_layers_are_looked_for_in_the_weights_themselves(bert: Path) -> None:
    said = codes(bert, lora_target_modules="custom", lora_target_names="query, q_proj")
    assert "'q_proj'" in said["no-such-layer"] and "query" in said["no-such-layer"]


def test_a_form_that_the_device_lacks_is_refused_with_what_to_choose(bert: Path) -> None:
    assert "auto, fp32 or bf16" in codes(bert, precision="fp16")["precision"]
    assert codes(bert, machine(card=True), precision="fp16") == {}
    absent = importlib.util.find_spec("bitsandbytes") is None
    said = codes(bert, quantization="8bit", use_dora=True)
    assert ("no-bitsandbytes" in said) == absent
    assert "4bit or none" in said["quantised-dora"]
    if absent:
        assert 'pip install "autotrain-studio[quantized]"' in said["no-bitsandbytes"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"lora_target_modules": "custom", "lora_target_names": " , "}, "lora_target_names"),
        ({"training_method": "full", "quantization": "4bit"}, "quantization"),
        ({"init_lora_weights": "pissa", "quantization": "8bit"}, "quantization"),
    ],
)
def test_what_contradicts_itself_is_no_recipe(params: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match="choose") as caught:
        AdapterParams(**params)
    assert [problem["loc"] for problem in caught.value.errors()] == [(field,)]  # type: ignore[attr-defined]


def test_the_estimate_counts_every_copy_of_a_whole_model_and_the_bits_of_a_quantised_one() -> None:
    entry = ModelEntry("owner/model", "model", "hub", parameters=1_000_000_000)
    work = Workload(1000, 100, 100, mean_tokens=20, longest_tokens=64)

    def needed(**kind: Any) -> int:
        found = estimate(entry, Workload(**{**work.__dict__, **kind}), machine(), 300e9)
        assert found is not None
        return found.memory_bytes

    plain = needed()
    assert 15e9 < needed(whole=True) - plain < 16.1e9, "four more copies of a billion weights, in 4 bytes each"
    assert needed(quantization="4bit") < needed(quantization="8bit") < plain
    tight = estimate(entry, Workload(**{**work.__dict__, "whole": True}), machine(10 * 10**9), 300e9)
    assert tight is not None and tight.fit == "too big" and "adapter instead of the whole model" in tight.sentence
