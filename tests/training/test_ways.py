"""A quicker way that does not give what the plain one gives is left out, and the log says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from autotrain.models.loading import load_causal, load_tokenizer
from autotrain.models.lora import add_lora
from autotrain.models.speed import attention, lora
from autotrain.training.ways import Ways, examples_of, quickest
from tests.training.causal import PARAMS
from tests.training.learned import Ear, Learned, learned
from tests.training.talk import chats

ROWS = [
    {"input_ids": [5, 6, 7, *range(9 * length, 10 * length)], "labels": [-100] * (3 + length)} for length in (9, 4, 12)
]


@pytest.fixture
def run(causal: Path, tmp_path: Path) -> Learned:
    columns = {"messages": "messages"}
    return learned(tmp_path, "supervised-fine-tuning", chats(40), columns, causal, **PARAMS)


def chosen(run: Learned, **params: Any) -> tuple[Ways, str, Any]:
    """The ways, what the log says, and the model."""
    ear = Ear()
    attempt = run.given(1, ear, **params)
    settings: Any = attempt.params
    model = add_lora(load_causal(run.model, load_tokenizer(run.model)), settings, kind="CAUSAL_LM")
    before = {name: part.clone() for name, part in model.named_parameters()}
    state = torch.get_rng_state()
    ways = quickest(attempt, settings, model, examples_of(ROWS), 0)
    assert torch.equal(torch.get_rng_state(), state), "no chance is used up"
    assert all(torch.equal(part, before[name]) and part.grad is None for name, part in model.named_parameters())
    return ways, " ".join(event.text for event in ear.told if event.kind == "log"), model


def test_all_of_them_are_taken_where_they_agree(run: Learned) -> None:
    ways, told, _ = chosen(run)
    assert ways == Ways(layout=True, shared=True, fused=True)
    assert "the same loss and gradients" in told


def test_with_dropout_no_beginning_is_shared_and_adapters_stay_peft_s(run: Learned) -> None:
    ways, told, _ = chosen(run, lora_dropout=0.1)
    assert ways == Ways(layout=True) and "begin alike" not in told


def test_in_16_bits_the_plain_way_stays(run: Learned) -> None:
    assert chosen(run, precision="bf16")[0] == Ways()


def test_a_wrong_gradient_switches_the_fused_adapter_off(run: Learned, monkeypatch: pytest.MonkeyPatch) -> None:
    right = lora._Linear.backward

    def wrong(ctx: Any, gradient: Any) -> Any:
        given, *others, first, second, scale = right(ctx, gradient)
        return given, *others, first * 1.01, second, scale

    monkeypatch.setattr(lora._Linear, "backward", staticmethod(wrong))
    ways, told, model = chosen(run)
    assert ways == Ways(layout=True, shared=True) and "Adapters are computed layer by layer" in told
    assert "gradient of" in told and not any("forward" in vars(part) for part in model.modules())


def test_a_wrong_attention_switches_the_layout_off(run: Learned, monkeypatch: pytest.MonkeyPatch) -> None:
    right = attention.planned
    monkeypatch.setattr(attention, "planned", lambda segments: right([type(segments[0])(0, segments[-1].end)]))
    ways, told, _ = chosen(run)
    assert ways == Ways(fused=True) and "Rows are padded" in told and "loss would be" in told


def test_an_architecture_that_fails_without_a_word_is_named_by_its_failure(
    run: Learned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_segments: Any) -> Any:
        raise NotImplementedError

    monkeypatch.setattr(attention, "planned", fail)
    ways, told, _ = chosen(run)
    assert not ways.layout and "(NotImplementedError)" in told
