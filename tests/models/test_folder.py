"""What is read from a model's files agrees with what the libraries that wrote them say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.errors import ModelError
from autotrain.models.folder import count_parameters, read_folder, shape_of, weight_files
from tests.models.conftest import save_bert


def test_parameters_are_those_of_the_model(bert: Path) -> None:
    from transformers import AutoModel

    found = read_folder(bert)
    assert found.parameters == sum(weight.numel() for weight in AutoModel.from_pretrained(bert).parameters())
    assert found.model_type == "bert"
    assert found.weight_bytes < found.size_bytes == sum(file.stat().st_size for file in bert.rglob("*"))


def test_integer_tables_are_not_parameters(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    weights = {"position_ids": torch.arange(512), "weight": torch.ones(3, 4, dtype=torch.bfloat16)}
    save_file(weights, tmp_path / "w.safetensors")
    assert count_parameters(tmp_path / "w.safetensors") == 12


def test_a_sharded_model_counts_all_its_shards(tmp_path: Path, bert: Path) -> None:
    sharded = save_bert(tmp_path / "sharded", shard="8KB")
    assert len(weight_files(sharded)) > 1
    assert read_folder(sharded).parameters == read_folder(bert).parameters


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    sharded = save_bert(tmp_path / "sharded", shard="8KB")
    lost = weight_files(sharded)[1]
    lost.unlink()
    with pytest.raises(ModelError, match=lost.name):
        weight_files(sharded)


def test_an_index_cannot_point_outside_its_folder(tmp_path: Path, bert: Path) -> None:
    (tmp_path / "m").mkdir()
    index = {"weight_map": {"w": "../tiny-bert/model.safetensors"}}
    (tmp_path / "m" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="lacks 1 of its 1 weight files"):
        weight_files(tmp_path / "m")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_truncation_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    import numpy
    from safetensors.numpy import save

    whole = save({"a": numpy.ones((3, 5), numpy.float32), "b": numpy.ones(7, numpy.float16)})
    path = tmp_path_factory.mktemp("cut") / "model.safetensors"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ModelError, match="damaged"):
        count_parameters(path)


@settings(max_examples=100, deadline=None)
@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_are_damaged_not_a_crash(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "model.safetensors"
    path.write_bytes(body)
    with pytest.raises(ModelError, match="damaged"):
        count_parameters(path)


@pytest.mark.parametrize("text", ["", "{", "[]", "\ud800"])
def test_a_broken_configuration_is_named(bert: Path, text: str) -> None:
    (bert / "config.json").write_text(text, errors="surrogatepass")
    with pytest.raises(ModelError, match=r"config\.json"):
        read_folder(bert)


def test_the_licence_is_the_model_cards(bert: Path) -> None:
    assert read_folder(bert).license is None
    (bert / "README.md").write_text("---\nlanguage: en\nlicense: 'mit'\n---\nlicense: not this one\n")
    assert read_folder(bert).license == "mit"
    (bert / "README.md").write_text("# No front matter\nlicense: mit\n")
    assert read_folder(bert).license is None


def test_sizes_go_by_their_usual_names() -> None:
    assert shape_of({"n_embd": 8, "n_layer": 2, "n_head": 4, "vocab_size": 10}).intermediate == 32
    distil = shape_of({"dim": 8, "n_layers": 6, "hidden_dim": 99, "n_heads": 2, "max_position_embeddings": 512})
    assert (distil.hidden, distil.layers, distil.intermediate, distil.positions) == (8, 6, 99, 512)
    assert shape_of({"hidden_size": "large", "num_hidden_layers": True}).layers == 0


def test_an_encoder_decoder_has_the_layers_of_both_halves() -> None:
    from transformers import BartConfig, BertConfig, T5Config

    halves = {"encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 99, "encoder_attention_heads": 4}
    bart = shape_of(BartConfig(**halves).to_dict())
    t5 = shape_of(T5Config(num_layers=3, num_decoder_layers=2, num_heads=4, d_ff=99).to_dict())
    for found in (bart, t5):
        assert (found.layers, found.heads, found.intermediate) == (5, 4, 99)
    assert shape_of(BertConfig(num_hidden_layers=3).to_dict()).layers == 3
