"""Attention over a layout gives what torch's own gives to every row alone, with its gradients."""

from __future__ import annotations

import random

import pytest
import torch

from autotrain.models.speed import attention
from autotrain.models.speed.layout import laid_out
from tests.training.causal import tiny_causal

HEADS, GROUPS, WIDTH = 6, 2, 8


def rows_of(lengths: list[int], alike: int) -> list[list[int]]:
    chance = random.Random(0)
    return [[*range(alike), *(chance.randrange(50, 90) for _ in range(length))] for length in lengths]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("block", [5, 96])
def test_outputs_and_gradients_are_those_of_torch_on_each_row(
    shared: bool, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention, "BLOCK", block)
    rows = rows_of([9, 3, 14, 1, 7], alike=6)
    layout = laid_out(rows, shared=shared)
    torch.manual_seed(0)
    sizes = [(heads, len(layout.input_ids), WIDTH) for heads in (HEADS, GROUPS, GROUPS)]
    given = [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]
    found = attention._Attention.apply(*given, 0.3, attention.planned(layout.segments))
    golden = torch.zeros_like(found)
    for places in layout.rows:
        query, key, value = (each[None, :, places] for each in given)
        alone = torch.nn.functional.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=0.3, enable_gqa=True
        )
        golden = golden.index_copy(0, torch.tensor(places), alone[0].transpose(0, 1))
    assert torch.allclose(found, golden, atol=1e-12)
    pull = torch.randn_like(found)
    for one, other in zip(
        torch.autograd.grad((found * pull).sum(), given), torch.autograd.grad((golden * pull).sum(), given), strict=True
    ):
        assert torch.allclose(one, other, atol=1e-12)


def test_a_window_that_is_shorter_than_a_row_is_not_reached() -> None:
    model = tiny_causal("llama", 50, 2)
    assert attention.reaches(model, 128)
    model.config.sliding_window = 64
    assert attention.reaches(model, 64) and not attention.reaches(model, 65)
    model.config.use_sliding_window = False
    assert attention.reaches(model, 128)


def test_attention_of_another_kind_is_refused_and_the_model_is_as_before() -> None:
    model = tiny_causal("llama", 50, 2)
    before = model.config._attn_implementation
    layout = laid_out([[1, 2, 3]])
    with (
        pytest.raises(ValueError, match="softcap"),
        attention.attending(model, layout.segments),
    ):
        attention._attend(None, *[torch.zeros(1, 1, 3, 4)] * 3, None, softcap=30.0)
    assert model.config._attn_implementation == before
