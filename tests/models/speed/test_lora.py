"""A layer and its adapter in one give what peft gives, and what peft does with adapters stays as it is."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from autotrain.models.speed.lora import fuse, unfuse
from tests.training.causal import tiny_causal

IDS = torch.tensor([[3, 4, 5, 6, 7]])


def tuned(kind: str = "qwen2", **config: Any) -> Any:
    torch.manual_seed(0)
    model = get_peft_model(
        tiny_causal(kind, 50, 2), LoraConfig(task_type="CAUSAL_LM", r=4, target_modules="all-linear", **config)
    )
    for name, part in model.named_parameters():
        if ".lora_B." in name:
            torch.nn.init.normal_(part, std=0.1)
    return model.double()


def learned(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    logits = model(input_ids=IDS).logits
    (logits**2).sum().backward()
    return logits.detach(), {name: part.grad for name, part in model.named_parameters() if part.grad is not None}


@pytest.mark.parametrize("config", [{}, {"use_rslora": True, "lora_alpha": 3}], ids=["lora", "rslora"])
def test_scores_and_gradients_are_those_of_peft(config: dict[str, Any]) -> None:
    model = tuned(**config)
    golden, gradients = learned(model)
    assert fuse(model) == 14
    found, own = learned(model)
    assert torch.allclose(found, golden, atol=1e-12) and own.keys() == gradients.keys()
    assert all(torch.allclose(own[name], part, atol=1e-11) for name, part in gradients.items())
    with model.disable_adapter():
        untouched = model(input_ids=IDS).logits
    model.merge_adapter()
    assert torch.allclose(model(input_ids=IDS).logits, golden) and not torch.allclose(untouched, golden)
    model.unmerge_adapter()
    unfuse(model)
    assert not any("forward" in vars(part) for part in model.modules())


@pytest.mark.parametrize("config", [{"lora_dropout": 0.1}, {"use_dora": True}, {"lora_bias": True}], ids=str)
def test_what_is_more_than_plain_lora_stays_peft_s(config: dict[str, Any]) -> None:
    assert fuse(tuned(**config)) == 0
    assert fuse(tuned("gpt2")) == 0, "its layers hold their weights the other way round"
