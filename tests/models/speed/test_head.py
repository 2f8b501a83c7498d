"""Losses at chosen places are torch's cross entropy with its gradients, however many places are computed at once."""

from __future__ import annotations

import pytest
import torch

from autotrain.models.speed import head as speed
from tests.training.causal import tiny_causal


@pytest.mark.parametrize("at_once", [1, 60, 10**9])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("frozen", [True, False])
def test_losses_and_gradients_are_those_of_torch(
    at_once: int, bias: bool, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "AT_ONCE", at_once)
    torch.manual_seed(0)
    head = torch.nn.Linear(6, 20, bias=bias).double().requires_grad_(not frozen)
    hidden = torch.randn(11, 6, dtype=torch.float64, requires_grad=True)
    targets, factors = torch.randint(0, 20, (11,)), torch.randn(11, dtype=torch.float64)
    learned = [hidden, *(() if frozen else head.parameters())]
    losses, right = speed.losses(head, hidden, targets)
    scores = head(hidden)
    golden = torch.nn.functional.cross_entropy(scores, targets, reduction="none")
    assert torch.allclose(losses, golden, atol=1e-12)
    assert torch.equal(right, scores.argmax(-1) == targets)
    for one, other in zip(
        torch.autograd.grad((losses * factors).sum(), learned),
        torch.autograd.grad((golden * factors).sum(), learned),
        strict=True,
    ):
        assert torch.allclose(one, other, atol=1e-12)


def test_a_model_that_changes_its_scores_keeps_its_own_way() -> None:
    from transformers import AutoModelForCausalLM, Gemma2Config

    assert speed.stands_alone(tiny_causal("gemma", 50, 2)) and speed.stands_alone(tiny_causal("gpt2", 50, 2))
    sizes = {"hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4}
    capped = Gemma2Config(
        vocab_size=50, head_dim=12, num_key_value_heads=2, final_logit_softcapping=0.5, pad_token_id=0, **sizes
    )
    assert not speed.stands_alone(AutoModelForCausalLM.from_config(capped))


def test_within_headless_a_model_gives_what_its_head_is_given() -> None:
    model, ids = tiny_causal("llama", 50, 2).eval(), torch.tensor([[3, 4, 5]])
    golden = model(input_ids=ids).logits
    with speed.headless(model) as head:
        hidden = model(input_ids=ids).logits
    assert torch.allclose(head(hidden), golden) and torch.equal(model(input_ids=ids).logits, golden)
