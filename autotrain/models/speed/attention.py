"""Attention over a layout, block by block: no padding, no mask of the whole, and little that is not seen.

transformers asks for attention by name; within `attending`, a model's name is ours.
"""

# ruff: noqa: TID253  # imported by the trainer process alone, when a training begins

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

from autotrain.models.speed.layout import Ranges, Segment, ranges_of

NAME = "autotrain_layout"
BLOCK = 96
"""Queries that are multiplied together: fewer are slower by their calls, more by scores that nobody sees."""


@dataclass(frozen=True)
class Block:
    """Queries that follow one another in the layout, the keys that any of them sees, and what hides the others.

    `mask` is (queries, keys) of the last keys, 0 or -inf; every query sees those before.
    """

    start: int
    end: int
    ranges: Ranges
    mask: Any

    @property
    def length(self) -> int:
        """How many queries."""
        return self.end - self.start


class _Attention(torch.autograd.Function):
    """Softmax attention; the backward pass makes the probabilities again, so that none of them are kept."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any, scale: float, plan: Sequence[Block]) -> Any:
        """query (heads, tokens, width), key and value (groups, tokens, width) to (tokens, heads, width)."""
        heads, tokens, width = query.shape
        groups = key.shape[0]
        share = heads // groups
        query = query.mul(scale).view(groups, share, tokens, width)
        out = value.new_empty(tokens, groups, share, value.shape[-1])
        for block in plan:
            found = torch.bmm(_scores(query, key, block).softmax(-1), _seen(value, block.ranges))
            out[block.start : block.end] = found.view(groups, share, block.length, -1).permute(2, 0, 1, 3)
        ctx.save_for_backward(query, key, value)
        ctx.scale, ctx.plan = scale, plan
        return out.view(tokens, heads, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        """The gradients of query, key and value."""
        query, key, value = ctx.saved_tensors
        groups, share, tokens, width = query.shape
        gradient = gradient.view(tokens, groups, share, -1)
        of_query, of_key, of_value = torch.empty_like(query), torch.zeros_like(key), torch.zeros_like(value)
        for block in ctx.plan:
            part, rows = slice(block.start, block.end), share * block.length
            chances = _scores(query, key, block).softmax(-1)
            own = gradient[part].permute(1, 2, 0, 3).reshape(groups, rows, -1)
            _add(of_value, block.ranges, torch.bmm(chances.transpose(1, 2), own))
            steep = torch.bmm(own, _seen(value, block.ranges).transpose(1, 2))
            steep = torch.ops.aten._softmax_backward_data(steep, chances, -1, steep.dtype)
            of_query[:, :, part] = torch.bmm(steep, _seen(key, block.ranges)).view(groups, share, -1, width)
            asked = query[:, :, part].reshape(groups, rows, width)
            _add(of_key, block.ranges, torch.bmm(steep.transpose(1, 2), asked))
        return of_query.mul_(ctx.scale).view(groups * share, tokens, width), of_key, of_value, None, None


def _scores(query: Any, key: Any, block: Block) -> Any:
    """(groups, queries of all its heads, keys) what they make of each other, -inf where one is not seen."""
    groups, share, _, width = query.shape
    asked = query[:, :, block.start : block.end].reshape(groups, share * block.length, width)
    scores = torch.bmm(asked, _seen(key, block.ranges).transpose(1, 2))
    scores.view(groups, share, block.length, -1)[..., -block.mask.shape[1] :].add_(block.mask)
    return scores


def _seen(values: Any, ranges: Ranges) -> Any:
    if len(ranges) == 1:
        return values[:, ranges[0][0] : ranges[0][1]]
    return torch.cat([values[:, start:end] for start, end in ranges], 1)


def _add(total: Any, ranges: Ranges, values: Any) -> None:
    at = 0
    for start, end in ranges:
        total[:, start:end].add_(values[:, at : at + end - start])
        at += end - start


def planned(segments: Sequence[Segment]) -> tuple[Block, ...]:
    """The layout in blocks."""
    blocks, tokens = [], segments[-1].end
    for start in range(0, tokens, BLOCK):
        end = min(start + BLOCK, tokens)
        inside = [each for each in segments if each.start < end and each.end > start]
        seen = sorted({place for each in inside for place in each.places(end)})
        if len(inside) == 1:
            mask = torch.full((end - start, end - start), float("-inf")).triu_(1)
        else:
            column = {place: number for number, place in enumerate(seen)}
            mask = torch.full((end - start, len(seen)), float("-inf"))
            for each in inside:
                places = each.places(end)
                first = max(start, each.start)
                last = min(end, each.end)
                columns = torch.tensor([column[place] for place in places])
                ahead = len(places) - (last - first)
                triangle = torch.full((last - first, len(places)), float("-inf")).triu_(ahead + 1)
                mask[first - start : last - start, columns] = triangle
        blocks.append(Block(start, end, ranges_of(seen), mask))
    return tuple(blocks)


class _Now:
    """What is attended over at the moment; one model learns at a time."""

    plan: tuple[Block, ...] = ()


UNKNOWN = ("softcap", "s_aux", "position_bias", "head_mask")
"""What some architectures ask of their attention beyond this one."""


def reaches(model: Any, longest: int) -> bool:
    """Whether every token of a row of that length sees all those before it, as this attention has it."""
    config = model.config.get_text_config()
    windows = [getattr(config, "attention_chunk_size", None)]
    if getattr(config, "use_sliding_window", True):
        windows.append(getattr(config, "sliding_window", None))
    return all(window is None or window >= longest for window in windows)


def _attend(
    module: Any,
    query: Any,
    key: Any,
    value: Any,
    attention_mask: Any,
    scaling: float | None = None,
    dropout: float = 0.0,
    **others: Any,
) -> tuple[Any, None]:
    """As `transformers` calls it: (1, heads, tokens, width) each, to (1, tokens, heads, width)."""
    asked = [name for name in UNKNOWN if others.get(name) is not None]
    if asked or dropout or attention_mask is not None:
        raise ValueError(f"attention with {', '.join(asked) or 'dropout or a mask'} is not this one")
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return _Attention.apply(query[0], key[0], value[0], scale, _Now.plan)[None], None  # type: ignore[no-untyped-call]


AttentionInterface.register(NAME, _attend)


@contextlib.contextmanager
def attending(model: Any, segments: Sequence[Segment]) -> Iterator[None]:
    """Within, the model's row of tokens is the layout that has these segments."""
    config = model.config.get_text_config()
    before, config._attn_implementation = config._attn_implementation, NAME
    _Now.plan = planned(segments)
    try:
        yield
    finally:
        config._attn_implementation, _Now.plan = before, ()
