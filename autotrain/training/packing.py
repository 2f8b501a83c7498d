"""Several rows in one: less padding, and no row sees another."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from autotrain.training.fit import IGNORED

AGREES = 1e-3
"""How far the logits of a packed row may be from those of its parts: rounding, and nothing else."""

PAD_MULTIPLE = 8
"""Tokens to which a batch is filled up on a GPU, which its kernels like."""


def packed(rows: Sequence[dict[str, Any]], capacity: int) -> list[dict[str, Any]]:
    """Rows put together, first-fit decreasing, so that each holds at most `capacity` tokens.

    The positions of every part begin at 0 again: by that the model keeps the parts from each other.

    Args:
        rows: with `input_ids` and `labels` of equal length, of which the first label is IGNORED.
        capacity: in tokens; a longer row stays alone.

    Returns:
        rows with `input_ids`, `labels` and `position_ids`, in the order of their first part.
    """
    order = sorted(range(len(rows)), key=lambda place: (-len(rows[place]["input_ids"]), place))
    bins: list[list[int]] = []
    room: list[int] = []
    # With many short rows the first bins are full long before the last row: those are not looked at again.
    opened = 0
    for place in order:
        length = len(rows[place]["input_ids"])
        found = next((number for number in range(opened, len(bins)) if room[number] >= length), None)
        if found is None:
            bins.append([])
            room.append(capacity)
            found = len(bins) - 1
        bins[found].append(place)
        room[found] -= length
        while opened < len(bins) and room[opened] < 2:
            opened += 1
    return [_joined([rows[place] for place in sorted(parts)]) for parts in sorted(bins, key=min)]


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "input_ids": [token for part in parts for token in part["input_ids"]],
        "labels": [label for part in parts for label in part["labels"]],
        "position_ids": [place for part in parts for place in range(len(part["input_ids"]))],
    }


def blocks(documents: Iterable[Sequence[int]], capacity: int) -> list[dict[str, Any]]:
    """Documents as rows of at most `capacity` tokens, every token but each row's first one learned.

    A document that is longer becomes several rows; consecutive ones share one token, so that none is left unlearned.
    """
    rows = []
    for document in documents:
        step = capacity - 1
        for number in range(max(1, math.ceil((len(document) - 1) / step))):
            part = list(document[number * step : number * step + capacity])
            if len(part) > 1:
                rows.append({"input_ids": part, "labels": [IGNORED, *part[1:]]})
    return rows


class CausalCollator:
    """Rows as a batch for a causal language model, padded on the right to the longest one.

    Packed rows bring `position_ids` and get no attention mask: the padding is one more part of its own.
    """

    def __init__(self, pad_token_id: int, *, multiple: int = 1) -> None:
        self._pad, self._multiple = pad_token_id, multiple

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        longest = max(len(row["input_ids"]) for row in rows)
        length = math.ceil(longest / self._multiple) * self._multiple

        def filled(values: Sequence[int], rest: Iterable[int]) -> list[int]:
            return [*values, *rest]

        batch = {
            "input_ids": [filled(row["input_ids"], [self._pad] * (length - len(row["input_ids"]))) for row in rows],
            "labels": [filled(row["labels"], [IGNORED] * (length - len(row["labels"]))) for row in rows],
        }
        if any("position_ids" in row for row in rows):
            batch["position_ids"] = [
                filled(
                    row.get("position_ids") or list(range(len(row["input_ids"]))),
                    range(length - len(row["input_ids"])),
                )
                for row in rows
            ]
        else:
            batch["attention_mask"] = [
                filled([1] * len(row["input_ids"]), [0] * (length - len(row["input_ids"]))) for row in rows
            ]
        return {name: torch.tensor(values) for name, values in batch.items()}


class LayoutCollator:
    """Rows as a batch without padding: one row of tokens for all of them, what they begin alike only once.

    `labels` are (rows, tokens) as a `CausalCollator` has them, so that every row keeps its own count. Beside the one
    row of `input_ids` and `position_ids` with its `segments` stand `kept`, the places at which anything is learned; for
    each of the `targets` that are learned there its number among them, in `places`; for each label its target, in
    `which`.
    """

    def __init__(self, *, shared: bool) -> None:
        self._shared = shared

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        from autotrain.models.speed.layout import laid_out

        parts = [_parts(row) for row in rows]
        layout = laid_out([part for each in parts for part in each], shared=self._shared)
        laid = iter(layout.rows)
        targets: dict[tuple[int, int], int] = {}
        which = []
        for row, own in zip(rows, parts, strict=True):
            places = [place for _ in own for place in next(laid)]
            which.append(
                [
                    0 if label == IGNORED else targets.setdefault((places[number - 1], label), len(targets))
                    for number, label in enumerate(row["labels"])
                ]
            )
        longest = max(len(row["labels"]) for row in rows)
        labels = [[*row["labels"], *[IGNORED] * (longest - len(row["labels"]))] for row in rows]
        kept = sorted({place for place, _ in targets})
        number = {place: at for at, place in enumerate(kept)}
        return {
            "labels": torch.tensor(labels),
            "which": torch.tensor([[*each, *[0] * (longest - len(each))] for each in which]),
            "input_ids": torch.tensor([layout.input_ids]),
            "position_ids": torch.tensor([layout.position_ids]),
            "segments": layout.segments,
            "kept": torch.tensor(kept, dtype=torch.long),
            "places": torch.tensor([number[place] for place, _ in targets], dtype=torch.long),
            "targets": torch.tensor([target for _, target in targets], dtype=torch.long),
        }


def _parts(row: dict[str, Any]) -> list[list[int]]:
    """The tokens of a row; of a packed one, those of each part."""
    ids = row["input_ids"]
    starts = [at for at, position in enumerate(row.get("position_ids", ())) if position == 0] or [0]
    return [ids[start:end] for start, end in zip(starts, [*starts[1:], len(ids)], strict=True)]


def keeps_apart(model: Any, vocabulary: int) -> bool:
    """Whether this model answers to packed rows as to each alone; not every architecture looks at the positions.

    Args:
        model: a causal language model.
        vocabulary: how many tokens it knows.
    """
    import torch

    generator = torch.Generator().manual_seed(0)
    parts = [torch.randint(0, vocabulary, (1, length), generator=generator).to(model.device) for length in (7, 5)]
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            # With a cache, as a model has by default, none of them looks at where positions begin again.
            alone = torch.cat([model(input_ids=part, use_cache=False).logits for part in parts], dim=1)
            positions = torch.tensor([[*range(7), *range(5)]], device=model.device)
            together = model(input_ids=torch.cat(parts, dim=1), position_ids=positions, use_cache=False).logits
    except (TypeError, ValueError, RuntimeError):  # an architecture that takes no positions
        return False
    finally:
        model.train(was_training)
    return bool(torch.allclose(alone, together, atol=AGREES, rtol=AGREES))
