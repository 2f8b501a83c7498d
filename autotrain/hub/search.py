"""Base models on the Hub, found by name. Quick or not at all: a dropdown waits for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from autotrain.hub.client import connect, within
from autotrain.hub.failures import translated
from autotrain.models.catalogue import HubModel

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

SECONDS = 4.0
"""Longer than the Hub takes on a slow line, shorter than a person waits for a list."""

_DETAILS = ("downloads", "likes", "gated", "pipeline_tag", "safetensors", "config", "tags", "siblings")
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}


def search_models(
    query: str,
    limit: int = 20,
    *,
    token: str | None = None,
    pipeline_tag: str | None = None,
    timeout: float = SECONDS,
) -> list[HubModel]:
    """Models whose id contains `query`, the most downloaded first; only those that transformers can load safely.

    Args:
        pipeline_tag: only models published for this purpose. Base models seldom carry the tag of the task that they
            are tuned for, so leave it out unless the person asked for it.

    Raises:
        HubUnreachable: the Hub did not answer within `timeout` seconds.
        TokenError: the token is wrong.
    """
    asked = {
        "search": query,
        "filter": "safetensors",
        "sort": "downloads",
        "limit": limit,
        "expand": list(_DETAILS),
        **({"pipeline_tag": pipeline_tag} if pipeline_tag else {}),
    }
    api = connect(token)

    def ask() -> list[HubModel]:
        with translated():
            return [_model(info) for info in _page(api, asked, timeout) if _is_transformer(info)]

    return within(timeout, ask)


def _page(api: HfApi, query: Mapping[str, Any], timeout: float) -> list[ModelInfo]:
    """One page of the list. `HfApi.list_models` would try six times over half a minute, each with a warning."""
    from huggingface_hub import ModelInfo, get_session
    from huggingface_hub.utils._headers import build_hf_headers
    from huggingface_hub.utils._http import hf_raise_for_status

    headers = build_hf_headers(token=api.token, library_name=api.library_name)
    answer = get_session().get(f"{api.endpoint}/api/models", params=query, headers=headers, timeout=timeout)
    hf_raise_for_status(answer)
    parse: Callable[..., ModelInfo] = ModelInfo
    return [parse(**{"siblings": None, **item}) for item in answer.json()]


def _is_transformer(info: ModelInfo) -> bool:
    """Whether transformers could load it: image generators have safetensors too, but no model type."""
    return not info.config or "model_type" in info.config


def _model(info: ModelInfo) -> HubModel:
    """One search result; what the list leaves out stays unknown."""
    config: Mapping[str, Any] = info.config or {}
    weights = info.safetensors
    sizes = weights.parameters if weights else {}
    return HubModel(
        id=info.id,
        downloads=info.downloads or 0,
        likes=info.likes or 0,
        license=license_of(info.tags or ()),
        gated=bool(info.gated),
        pipeline_tag=info.pipeline_tag,
        architecture=config.get("model_type"),
        parameters=weights.total if weights else None,
        size_bytes=sum(count * _BYTES.get(kind, 1) for kind, count in sizes.items()) or None,
        files=tuple(sibling.rfilename for sibling in info.siblings or ()),
    )


def license_of(tags: tuple[str, ...] | list[str]) -> str | None:
    """The licence among a model's tags (`license:mit`)."""
    return next((tag.removeprefix("license:") for tag in tags if tag.startswith("license:")), None)
