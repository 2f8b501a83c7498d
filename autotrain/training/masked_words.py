"""Batches of blocks with masked words, and what a model makes of the words under the masks."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.encoding.masking import Masker
from autotrain.evaluation.language import Told
from autotrain.training.fit import IGNORED

EVALUATION_TOKENS = 8192
"""Tokens in one batch of an evaluation."""
PAD_MULTIPLE = 8


class MaskingCollator:
    """Blocks as a batch, filled up on the right to the longest.

    A block with a `key` is masked here, by the epoch that `begin_epoch` was last told; its `labels` say which tokens
    may be. One without comes as it is to be seen.
    """

    def __init__(self, pad_token_id: int, masker: Masker, *, multiple: int = 1) -> None:
        self._pad, self._masker, self._multiple, self._epoch = pad_token_id, masker, multiple, 0

    def begin_epoch(self, epoch: int) -> None:
        """Called by the loop before the first batch of an epoch, also of one that is gone on with."""
        self._epoch = epoch

    def __call__(self, items: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        rows = [self._seen(item) if "key" in item else (item["input_ids"], item["labels"]) for item in items]
        length = math.ceil(max(len(ids) for ids, _ in rows) / self._multiple) * self._multiple
        fill = [length - len(ids) for ids, _ in rows]
        return {
            "input_ids": torch.tensor([[*ids, *[self._pad] * more] for (ids, _), more in zip(rows, fill, strict=True)]),
            "attention_mask": torch.tensor(
                [[1] * len(ids) + [0] * more for (ids, _), more in zip(rows, fill, strict=True)]
            ),
            "labels": torch.tensor(
                [[*labels, *[IGNORED] * more] for (_, labels), more in zip(rows, fill, strict=True)]
            ),
        }

    def _seen(self, item: dict[str, Any]) -> tuple[Sequence[int], list[int]]:
        own = [label != IGNORED for label in item["labels"]]
        masked = self._masker.learned(item["input_ids"], own, item["key"], self._epoch)
        return masked.input_ids, labels_of(item["input_ids"], masked.chosen)


def labels_of(input_ids: Sequence[int], chosen: Sequence[bool]) -> list[int]:
    """The tokens at chosen places; IGNORED elsewhere."""
    return [token if taken else IGNORED for token, taken in zip(input_ids, chosen, strict=True)]


def masked_step(model: Any, batch: dict[str, Any], items: Any = None) -> tuple[Any, dict[str, Any]]:
    """Cross entropy at the masked places, divided by `items`; the `logits` are of each row the sum, the places and the
    right ones, (rows, 3)."""
    import torch

    labels = batch["labels"]
    chosen = labels != IGNORED
    targets = labels[chosen]
    logits = logits_at(model, batch, chosen)
    losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    row = chosen.nonzero()[:, 0]
    each = torch.stack([losses, torch.ones_like(losses), (logits.argmax(-1) == targets).to(losses.dtype)], dim=1)
    sums = torch.zeros(len(labels), 3, dtype=losses.dtype, device=losses.device).index_add(0, row, each.detach())
    count = torch.as_tensor(items if items is not None else len(targets))
    return losses.sum() / count.to(losses.device).clamp(min=1), {"logits": sums}


def logits_at(model: Any, batch: dict[str, Any], chosen: Any) -> Any:
    """(places, vocabulary) logits at the chosen places of a batch.

    The head is given these places alone: over a whole vocabulary it costs a small encoder more than its body does.
    """
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
    with _only_at(model, chosen) as narrowed:
        logits = model(**inputs).logits.float()
    return logits[0] if narrowed else logits[chosen]


@contextlib.contextmanager
def _only_at(model: Any, chosen: Any) -> Iterator[bool]:
    """Within, the body's last states are (1, places, hidden), where the architecture has a body apart from its head."""
    headed = getattr(model, "module", model)  # of several processes each wraps its own
    headed = headed.get_base_model() if hasattr(headed, "get_base_model") else headed
    body = getattr(headed, headed.base_model_prefix, None)
    if body is None or body is headed:
        yield False
        return

    def narrow(_module: Any, _inputs: Any, output: Any) -> Any:
        output["last_hidden_state"] = output["last_hidden_state"][chosen][None]
        return output

    hook = body.register_forward_hook(narrow)
    try:
        yield True
    finally:
        hook.remove()


def tell(model: Any, items: Sequence[dict[str, Any]], collator: MaskingCollator) -> Told:
    """The sums over each row's masked places, in the order of the rows."""
    import torch

    made: NDArray[np.float64] = np.zeros((len(items), 3))
    order = sorted(range(len(items)), key=lambda place: -len(items[place]["input_ids"]))
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        while order:
            size = max(1, EVALUATION_TOKENS // len(items[order[0]]["input_ids"]))
            part, order = order[:size], order[size:]
            batch = {name: each.to(device) for name, each in collator([items[place] for place in part]).items()}
            made[part] = masked_step(model, batch)[1]["logits"].cpu().double().numpy()
    model.train(was_training)
    return Told.of(made)
