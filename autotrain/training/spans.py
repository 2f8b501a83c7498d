"""Where an answer begins and ends: windows of texts as batches, what is learned from them, the best span of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autotrain.encoding.answers import Window
from autotrain.training.fit import IGNORED

LONGEST_ANSWER = 30
"""Tokens that an answer may always have, as in the field; more where the training rows have longer ones."""
FAR = -1e4
"""Score of a token that is no place of an answer; finite, and small enough in every float type."""
BATCH_TOKENS = 8192
"""Tokens in one batch of answering."""
PAD_MULTIPLE = 8


class Picked(NamedTuple):
    """The best span of a window. `odds` is its score above that of no answer, in nats; tokens are of the window."""

    odds: float
    start: int
    end: int
    confidence: float
    none: float
    """The probability that the window holds no answer."""


def item_of(window: Window, place: int, *, learned: bool = True) -> dict[str, Any]:
    """A window as the loop takes it. `place` is its number; one that is not learned has IGNORED for labels."""
    return {
        "input_ids": list(window.input_ids),
        "token_type_ids": list(window.token_type_ids),
        "allowed": [offset is not None for offset in window.offsets],
        "nowhere": window.nowhere,
        "place": place,
        "labels": [window.start, window.end] if learned else [IGNORED, IGNORED],
    }


class WindowCollator:
    """Windows as a batch, filled up on the right to the longest.

    `input_ids`, `attention_mask`, `allowed` (a token of the text, or the one for no answer) and, for models that read
    them, `token_type_ids` are (windows, tokens); `nowhere` and `place` (windows,); `labels` (windows, 2).
    """

    def __init__(self, pad_token_id: int, *, multiple: int = 1) -> None:
        self._pad, self._multiple = pad_token_id, multiple

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        longest = max(len(item["input_ids"]) for item in items)
        length = -(-longest // self._multiple) * self._multiple

        def filled(name: str, value: int) -> Any:
            return torch.tensor([[*item[name], *[value] * (length - len(item[name]))] for item in items])

        batch = {
            "input_ids": filled("input_ids", self._pad),
            "attention_mask": torch.tensor(
                [[1] * len(item["input_ids"]) + [0] * (length - len(item["input_ids"])) for item in items]
            ),
            "allowed": filled("allowed", False).bool(),
        }
        if items[0]["token_type_ids"]:
            batch["token_type_ids"] = filled("token_type_ids", 0)
        for name in ("nowhere", "place", "labels"):
            batch[name] = torch.tensor([item[name] for item in items])
        batch["allowed"][torch.arange(len(items)), batch["nowhere"]] = True
        return batch


def scores_of_places(model: Any, batch: dict[str, Any]) -> tuple[Any, Any]:
    """(windows, tokens) scores as an answer's first and last token; FAR where no answer can be."""
    read = {name: batch[name] for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
    output = model(**read)
    far = ~batch["allowed"]
    return output.start_logits.float().masked_fill(far, FAR), output.end_logits.float().masked_fill(far, FAR)


def span_step(longest: int) -> Callable[[Any, dict[str, Any], Any], tuple[Any, Any]]:
    """Cross entropy of the first and of the last token, averaged (Devlin et al., 2019, section 4.2).

    The softmax is over the tokens of the text and the one that stands for no answer: question and padding are no
    choice, here as in answering. The step's `logits` are (windows, 6): the window's place, then the fields of `Picked`.
    """

    def step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, Any]:
        import torch

        start, end = scores_of_places(model, batch)
        labels = batch["labels"]
        entropy = torch.nn.functional.cross_entropy
        total = sum(
            entropy(scores, labels[:, side], ignore_index=IGNORED, reduction="sum")
            for side, scores in enumerate((start, end))
        )
        count = (labels != IGNORED).sum() if items is None else torch.as_tensor(items)
        loss = total / count.to(start.device).clamp(min=1)
        place = batch["place"].to(start.dtype)[:, None]
        return loss, {"logits": torch.cat([place, best_spans(start, end, batch, longest)], dim=1).detach()}

    return step


def best_spans(start: Any, end: Any, batch: dict[str, Any], longest: int) -> Any:
    """(windows, 5) the fields of `Picked` of the best span of at most `longest` tokens in each window.

    A softmax knows scores only up to a constant of its window, so that the scores of two windows of one text cannot be
    compared as they are; their odds against no answer, which every window knows, can.
    """
    import torch

    rows = torch.arange(len(start), device=start.device)
    nowhere = batch["nowhere"]
    none = start[rows, nowhere] + end[rows, nowhere]
    open_start, open_end = start.clone(), end.clone()
    open_start[rows, nowhere] = open_end[rows, nowhere] = 2 * FAR
    best = torch.full_like(none, 4 * FAR)
    first, last = torch.zeros_like(nowhere), torch.zeros_like(nowhere)
    for more in range(min(longest, start.shape[1])):
        sums = open_start[:, : start.shape[1] - more] + open_end[:, more:]
        value, place = sums.max(dim=1)
        better = value > best
        best = torch.where(better, value, best)
        first, last = torch.where(better, place, first), torch.where(better, place + more, last)
    sure_start, sure_end = start.softmax(dim=1), end.softmax(dim=1)
    confidence = sure_start[rows, first] * sure_end[rows, last]
    sure_none = sure_start[rows, nowhere] * sure_end[rows, nowhere]
    return torch.stack([best - none, first.float(), last.float(), confidence, sure_none], dim=1)


def picks(model: Any, collator: WindowCollator, windows: Sequence[Window], longest: int) -> Iterator[list[Any]]:
    """Batches of (place, Picked) for windows, the longest first."""
    import torch

    items = [item_of(window, place) for place, window in enumerate(windows)]
    order = sorted(range(len(items)), key=lambda place: -len(items[place]["input_ids"]))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        while order:
            size = max(1, BATCH_TOKENS // len(items[order[0]]["input_ids"]))
            part, order = order[:size], order[size:]
            with torch.inference_mode():
                batch = {name: each.to(device) for name, each in collator([items[place] for place in part]).items()}
                found = best_spans(*scores_of_places(model, batch), batch, longest).cpu().double().numpy()
            yield [(place, picked_of(row)) for place, row in zip(part, found, strict=True)]
    finally:
        model.train(was_training)


def picked_of(row: NDArray[np.float64]) -> Picked:
    """From the five numbers of a row of `best_spans`."""
    return Picked(float(row[0]), int(row[1]), int(row[2]), min(1.0, float(row[3])), min(1.0, float(row[4])))
