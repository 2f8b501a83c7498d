"""What one update of a language model with an adapter has to compute and to keep, counted from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autotrain.models.speed.layout import laid_out


def useful(model: Any, rows: Sequence[dict[str, Any]]) -> float:
    """Operations: products with the weights forwards and backwards, the adapter's, attention over what is seen, and
    the head where a token is learned. Nothing that is computed twice counts twice."""
    layout = laid_out([row["input_ids"] for row in rows])
    tokens, config = len(layout.input_ids), model.config
    frozen = sum(part.base_layer.weight.numel() for name, part in model.named_modules() if hasattr(part, "base_layer"))
    adapter = sum(part.numel() for part in model.parameters() if part.requires_grad)
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    seen = sum(
        len(each.places(each.end)) * each.length - each.length * (each.length - 1) / 2 for each in layout.segments
    )
    attention = 12 * seen * width * config.num_attention_heads * config.num_hidden_layers
    head = 4 * len(_learned(layout, rows)) * config.vocab_size * config.hidden_size
    return float(4 * frozen * tokens + 6 * adapter * tokens + attention + head)


def activations(model: Any, rows: Sequence[dict[str, Any]]) -> float:
    """Bytes that one step of a Llama keeps for its backward pass, and the scores of a part of the vocabulary."""
    layout, config = laid_out([row["input_ids"] for row in rows]), model.config
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    heads, groups = config.num_attention_heads * width, config.num_key_value_heads * width
    # Both norms keep what they are given and what they give; query, key, value and what attention gives; of the
    # gated layer both halves, the activated one, and their product.
    each = 4 * config.hidden_size + 2 * heads + 2 * groups + 4 * config.intermediate_size
    scores = len(_learned(layout, rows)) * config.vocab_size
    return float(4 * (len(layout.input_ids) * each * config.num_hidden_layers + scores))


def _learned(layout: Any, rows: Sequence[dict[str, Any]]) -> set[tuple[int, int]]:
    """(place, token) of what is learned."""
    return {
        (places[number - 1], label)
        for places, row in zip(layout.rows, rows, strict=True)
        for number, label in enumerate(row["labels"])
        if label != -100
    }
