"""Token vectors become one vector as the model's own folder says, with the numbers of sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers.sentence_transformer.modules.pooling import Pooling

from autotrain.errors import ModelError
from autotrain.models.vectors import MODES, pooled, pooling_of


def folder(path: Path, config: dict[str, Any] | None, *modules: str) -> Path:
    path.mkdir(exist_ok=True)
    if modules:
        (path / "modules.json").write_text(json.dumps([{"type": f"sentence_transformers.models.{m}"} for m in modules]))
    if config is not None:
        (path / "1_Pooling").mkdir()
        (path / "1_Pooling" / "config.json").write_text(json.dumps(config))
    return path


@pytest.mark.parametrize(
    ("config", "modes"),
    [
        (None, ("mean",)),
        ({"word_embedding_dimension": 8, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, ("cls",)),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, ("max", "mean")),
        ({"embedding_dimension": 8, "pooling_mode": "cls"}, ("cls",)),
        ({"pooling_mode": ["mean", "max"]}, ("mean", "max")),
    ],
)
def test_a_folder_says_how_its_vectors_are_made(tmp_path: Path, config: dict[str, Any] | None, modes: Any) -> None:
    assert pooling_of(folder(tmp_path / "m", config, "Transformer", "Pooling", "Normalize")) == modes


def test_what_is_not_done_here_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="pools its tokens by 'lasttoken'"):
        pooling_of(folder(tmp_path / "last", {"pooling_mode": "lasttoken"}))
    with pytest.raises(ModelError, match="a part of its own, Dense"):
        pooling_of(folder(tmp_path / "dense", {"pooling_mode": "cls"}, "Transformer", "Pooling", "Dense"))
    broken = folder(tmp_path / "broken", {})
    (broken / "1_Pooling" / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        pooling_of(broken)


@pytest.mark.parametrize("modes", [*((mode,) for mode in MODES), ("cls", "mean")])
def test_vectors_are_those_of_sentence_transformers(modes: tuple[Any, ...]) -> None:
    states = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    golden = Pooling(8, modes)({"token_embeddings": states.clone(), "attention_mask": mask})["sentence_embedding"]
    found = pooled(states, mask, modes)
    assert torch.allclose(found, torch.nn.functional.normalize(golden, dim=-1), atol=1e-6)
