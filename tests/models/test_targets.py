"""Attention's layers of every family, by where they lie; and names that are checked against the model."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedModel

from autotrain.errors import ModelError
from autotrain.models.lora import add_lora
from autotrain.models.targets import linear_layers, target_modules
from autotrain.params import AdapterParams

SIZE = {
    "vocab_size": 40,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
LLAMA = {**SIZE, "num_key_value_heads": 1, "head_dim": 8}
GPT2 = {
    "vocab_size": 40,
    "n_embd": 16,
    "n_layer": 2,
    "n_head": 2,
    "n_positions": 32,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
BART = {
    "vocab_size": 40,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "max_position_embeddings": 32,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "pad_token_id": 0,
}
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
FAMILIES: list[tuple[str, Any, dict[str, Any], set[str], int]] = [
    ("bert", AutoModel, SIZE, {"query", "key", "value", "dense"}, 8),
    ("roberta", AutoModel, SIZE, {"query", "key", "value", "dense"}, 8),
    (
        "distilbert",
        AutoModel,
        {"vocab_size": 40, "dim": 16, "hidden_dim": 32, "n_layers": 2, "n_heads": 2},
        {"q_lin", "k_lin", "v_lin", "out_lin"},
        8,
    ),
    ("deberta", AutoModel, SIZE, {"in_proj", "dense"}, 4),
    ("deberta-v2", AutoModel, SIZE, {"query_proj", "key_proj", "value_proj", "dense"}, 8),
    ("modernbert", AutoModel, {**SIZE, "cls_token_id": 1, "sep_token_id": 2}, {"Wqkv", "Wo"}, 4),
    ("t5", AutoModelForSeq2SeqLM, T5, {"q", "k", "v", "o"}, 24),
    ("bart", AutoModelForSeq2SeqLM, BART, {"q_proj", "k_proj", "v_proj", "out_proj"}, 24),
    ("llama", AutoModelForCausalLM, LLAMA, {"q_proj", "k_proj", "v_proj", "o_proj"}, 8),
    ("qwen2", AutoModelForCausalLM, LLAMA, {"q_proj", "k_proj", "v_proj", "o_proj"}, 8),
    ("qwen3", AutoModelForCausalLM, LLAMA, {"q_proj", "k_proj", "v_proj", "o_proj"}, 8),
    ("gemma", AutoModelForCausalLM, LLAMA, {"q_proj", "k_proj", "v_proj", "o_proj"}, 8),
    ("gemma3_text", AutoModelForCausalLM, LLAMA, {"q_proj", "k_proj", "v_proj", "o_proj"}, 8),
    ("phi", AutoModelForCausalLM, SIZE, {"q_proj", "k_proj", "v_proj", "dense"}, 8),
    ("phi3", AutoModelForCausalLM, {**SIZE, "num_key_value_heads": 1}, {"qkv_proj", "o_proj"}, 4),
    ("gpt2", AutoModelForCausalLM, GPT2, {"c_attn", "c_proj"}, 4),
    ("gpt_neox", AutoModelForCausalLM, SIZE, {"query_key_value", "dense"}, 4),
    ("falcon", AutoModelForCausalLM, SIZE, {"query_key_value", "dense"}, 4),
    (
        "mpt",
        AutoModelForCausalLM,
        {"vocab_size": 40, "d_model": 16, "n_layers": 2, "n_heads": 2, "max_seq_len": 32},
        {"Wqkv", "out_proj"},
        4,
    ),
]


def made(family: str, kind: Any, settings: dict[str, Any]) -> PreTrainedModel:
    """A model of two layers with random weights."""
    torch.manual_seed(0)
    return kind.from_config(AutoConfig.for_model(family, **settings))


@pytest.mark.parametrize(("family", "kind", "settings", "ends", "count"), FAMILIES, ids=[one[0] for one in FAMILIES])
def test_attention_is_found_in_every_family_and_nothing_besides_it(
    family: str, kind: Any, settings: dict[str, Any], ends: set[str], count: int
) -> None:
    model = made(family, kind, settings)
    adapted = [
        name.removesuffix(".lora_A.default").removeprefix("base_model.model.")
        for name, _ in add_lora(
            model, AdapterParams(lora_target_modules="attention", lora_r=2), kind="FEATURE_EXTRACTION"
        ).named_modules()
        if name.endswith(".lora_A.default")
    ]
    assert {name.rsplit(".", 1)[-1] for name in adapted} == ends
    assert len(adapted) == count
    assert all("attn" in name.lower() or "attention" in name.lower() for name in adapted)
    assert not any(word in name for name in adapted for word in ("mlp", "ffn", "intermediate"))


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_named_layers_get_an_adapter_alone(family: str) -> None:
    _, kind, settings, _, _ = next(one for one in FAMILIES if one[0] == family)
    names = {"gpt2": "mlp.c_proj", "llama": "up_proj,  1.self_attn.v_proj"}[family]
    params = AdapterParams(lora_target_modules="custom", lora_target_names=names, lora_r=2)
    tuned = add_lora(made(family, kind, settings), params, kind="CAUSAL_LM")
    adapted = [name for name, _ in tuned.named_modules() if name.endswith(".lora_A.default")]
    assert len(adapted) == {"gpt2": 2, "llama": 3}[family]


def test_a_name_that_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    model = made("gpt2", AutoModelForCausalLM, GPT2)
    params = AdapterParams(lora_target_modules="custom", lora_target_names="c_attn, q_proj")
    with pytest.raises(ModelError, match="gpt2.*'q_proj'. It has c_attn, c_fc, c_proj. Correct") as caught:
        target_modules(model, params)
    assert caught.value.code == "no-such-layer"


def test_the_layer_that_gives_the_logits_and_new_heads_are_never_targets() -> None:
    model = made("llama", AutoModelForCausalLM, LLAMA)
    assert not any("lm_head" in name for name in linear_layers(model))
    params = AdapterParams(lora_target_modules="custom", lora_target_names="lm_head")
    with pytest.raises(ModelError, match="no layer named 'lm_head'"):
        target_modules(model, params)
    attention = target_modules(model, AdapterParams(lora_target_modules="attention"), ["model.layers.0"])
    assert attention == ["self_attn.k_proj", "self_attn.o_proj", "self_attn.q_proj", "self_attn.v_proj"]
