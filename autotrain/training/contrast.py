"""What is learned from texts that are alike: rows of several texts as batches, their vectors, and the losses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autotrain.data.check import text_key
from autotrain.models.vectors import pooled
from autotrain.training.fit import IGNORED

MARGIN = 0.3
"""By how much the cosine distance to the far text should be larger than that to the near one."""
NOWHERE = -1e9
"""A logit without any share in a softmax."""


@dataclass(frozen=True)
class Contrast:
    """How a batch becomes a loss.

    Attributes:
        shape: of the rows.
        loss: "contrastive" or "margin".
        scale: what cosines are multiplied by; one over the temperature.
        pooling: modes as `pooling_of` gives them.
        sizes: how many of a vector's first numbers are judged, each by itself; always also all of them.
        rows: of one batch in training; a larger batch of an evaluation is judged in parts of as many.
        most: texts that go through the model at once.
    """

    shape: str
    loss: str
    scale: float
    pooling: tuple[str, ...]
    sizes: tuple[int, ...]
    rows: int
    most: int

    def step(self, model: Any, batch: dict[str, Any], num_items_in_batch: Any = None) -> tuple[Any, Any]:
        """The mean loss over rows, and (rows, texts of a row, numbers) vectors as `logits`.

        Each row's loss is counted once and divided by the rows of all accumulated batches, so that the gradient is the
        mean over them. Accumulation does not add texts to tell apart: each batch knows its own alone, as each device
        does. A larger batch has more of them; `most` lets it fit into memory.
        """
        import torch

        vectors = self.vectors(model, batch)
        labels = batch["labels"]
        total = vectors.sum() * 0.0
        for start in range(0, len(labels), self.rows):
            part = slice(start, start + self.rows)
            total = total + self._sum(vectors[:, part], self._part(batch, part))
        count = (labels != IGNORED).sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        return total / count.to(total.device).clamp(min=1), {"logits": vectors.detach().transpose(0, 1)}

    def vectors(self, model: Any, batch: Mapping[str, Any]) -> Any:
        """(texts of a row, rows, numbers) vectors of length 1.

        More texts than `most` go through the model one part after another. What a part computed is forgotten and
        computed again when its gradient is wanted, so that memory holds one part and not the batch. This is GradCache
        (Gao et al., 2021, arXiv:2101.06983), whose second pass is torch's checkpoint: with the same dropout.
        """
        import torch
        from torch.utils.checkpoint import checkpoint

        ids, mask = batch["input_ids"], batch["attention_mask"]
        rows = len(batch["labels"])
        if len(ids) <= self.most:
            return self._encode(model, ids, mask).view(len(ids) // rows, rows, -1)
        lengths = mask.sum(dim=1)
        order = lengths.argsort(descending=True, stable=True)
        parts = []
        for chosen in order.split(self.most):
            longest = int(lengths[chosen].max())
            asked = (model, ids[chosen, :longest], mask[chosen, :longest])
            again = torch.is_grad_enabled()
            parts.append(checkpoint(self._encode, *asked, use_reentrant=False) if again else self._encode(*asked))
        return torch.cat(parts)[order.argsort()].view(len(ids) // rows, rows, -1)

    def _encode(self, model: Any, ids: Any, mask: Any) -> Any:
        return pooled(model(input_ids=ids, attention_mask=mask).last_hidden_state, mask, self.pooling)

    def _part(self, batch: Mapping[str, Any], part: slice) -> dict[str, Any]:
        """The rows of a part with all that is known of them."""
        found = {name: batch[name][part] for name in ("labels", "score", "class", "text") if name in batch}
        return found | ({"against": batch["against"][part][:, :, part]} if "against" in batch else {})

    def _sum(self, vectors: Any, batch: Mapping[str, Any]) -> Any:
        """The sum of the rows' losses, as the mean over the sizes."""
        import torch

        learned = batch["labels"] != IGNORED
        losses = []
        for size in (None, *self.sizes):
            cut = torch.nn.functional.normalize(vectors[..., :size], dim=-1)
            if self.shape == "scored-pairs":
                cosines, scores = (cut[0] * cut[1]).sum(dim=-1)[learned], batch["score"][learned]
                each = cosent(cosines, scores, self.scale) * learned.sum()
            elif self.shape == "classification":
                each = self._by_class(cut[:, learned], batch["class"][learned], batch["text"][learned])
            elif self.shape == "triplets" and self.loss == "margin":
                each = triplet(cut[:, learned]).sum()
            else:
                each = ranking(cut, batch["against"], self.scale)[learned].sum()
            losses.append(each)
        return sum(losses) / len(losses)

    def _by_class(self, vectors: Any, classes: Any, texts: Any) -> Any:
        of_each = batch_hard if self.loss == "margin" else supervised
        columns = vectors.shape[0]
        flat = (vectors.reshape(-1, vectors.shape[-1]), classes.repeat(columns), texts.T.reshape(-1))
        return of_each(*flat, self.scale).sum() / columns


def ranking(vectors: Any, against: Any, scale: float) -> Any:
    """(rows,) cross entropy of each anchor's own near text among those it is told from.

    As MultipleNegativesRankingLoss in sentence-transformers (Henderson et al., 2017, arXiv:1705.00652).

    Args:
        vectors: (texts of a row, rows, numbers): the anchor, its near text, and texts that are far.
        against: (rows, texts of a row - 1, rows) whether an anchor is told from a text; true of its own near one.
        scale: of the cosines.
    """
    import torch

    rows = vectors.shape[1]
    logits = scale * vectors[0] @ vectors[1:].reshape(-1, vectors.shape[-1]).T
    logits = logits.masked_fill(~against.reshape(rows, -1), NOWHERE)
    return torch.nn.functional.cross_entropy(logits, torch.arange(rows, device=logits.device), reduction="none")


def triplet(vectors: Any) -> Any:
    """(rows,) how much the far text is not further than the near one, by MARGIN of cosine distance.

    As TripletLoss in sentence-transformers with its cosine distance (Schroff et al., 2015, arXiv:1503.03832).
    """
    import torch

    near, far = ((vectors[0] * vectors[other]).sum(dim=-1) for other in (1, 2))
    return torch.relu(far - near + MARGIN)


def cosent(cosines: Any, scores: Any, scale: float) -> Any:
    """log(1 + Σ exp(scale · (cos_j - cos_i))) over all pairs i that have a higher score than j: one value for a batch.

    As CoSENTLoss in sentence-transformers (Huang et al., 2024, doi:10.1109/TASLP.2024.3402087).
    """
    import torch

    scaled = scale * cosines
    apart = (scaled[None, :] - scaled[:, None])[scores[:, None] > scores[None, :]]
    return torch.logsumexp(torch.cat([scaled.new_zeros(1), apart]), dim=0)


def supervised(vectors: Any, classes: Any, texts: Any, scale: float) -> Any:
    """(texts,) cross entropy of each text's own class among all others; 0 where no other text has it.

    The loss L_out of Khosla et al., 2020, "Supervised Contrastive Learning", arXiv:2004.11362. Equal texts are not
    compared.

    Args:
        vectors: (texts, numbers) of length 1.
        classes, texts: (texts,) numbers of the class and of the text.
        scale: of the cosines.
    """
    import torch

    others = texts[:, None] != texts[None, :]
    same = others & (classes[:, None] == classes[None, :])
    logits = (scale * vectors @ vectors.T).masked_fill(~others, NOWHERE)
    sure = torch.where(same, logits.log_softmax(dim=-1), torch.zeros_like(logits))
    return -sure.sum(dim=-1) / same.sum(dim=-1).clamp(min=1)


def batch_hard(vectors: Any, classes: Any, texts: Any, scale: float) -> Any:
    """(texts,) softplus(scale · (distance to the furthest of the class - to the nearest of another)), of cosines.

    As BatchHardSoftMarginTripletLoss in sentence-transformers with cosine distance and a scale of 1 (Hermans et al.,
    2017, arXiv:1703.07737).
    A text without another of its class, or without one of another class, counts nothing.
    """
    import torch

    cosines = vectors @ vectors.T
    same = (texts[:, None] != texts[None, :]) & (classes[:, None] == classes[None, :])
    other = classes[:, None] != classes[None, :]
    furthest = cosines.masked_fill(~same, torch.inf).amin(dim=-1)
    nearest = cosines.masked_fill(~other, -torch.inf).amax(dim=-1)
    there = same.any(dim=-1) & other.any(dim=-1)
    none = torch.zeros_like(nearest)
    apart = torch.where(there, nearest, none) - torch.where(there, furthest, none)
    return torch.where(there, torch.nn.functional.softplus(scale * apart), none)


def numbered(rows: Sequence[Sequence[str]]) -> list[list[int]]:
    """The texts of rows as numbers; equal texts, whatever their case and spacing, have the same."""
    numbers: dict[bytes, int] = {}
    return [[numbers.setdefault(text_key(text), len(numbers)) for text in row] for row in rows]


class Known:
    """Which texts of a split belong together: what is known to be near is never learned to be far."""

    def __init__(self, rows: Sequence[Sequence[str]]) -> None:
        """`rows` are anchor and near text, and what comes behind."""
        self.texts = numbered(rows)
        self._near: dict[int, set[int]] = {}
        for anchor, positive, *_ in self.texts:
            self._near.setdefault(anchor, {anchor}).add(positive)
            self._near.setdefault(positive, {positive}).add(anchor)

    def against(self, texts: NDArray[np.int64], blank: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(rows, texts of a row - 1, rows) whether each anchor is told from each text of a batch.

        A text that is known to be near the anchor, or is the anchor, is not; its own near text always is.

        Args:
            texts: (rows, texts of a row) numbers as in `texts`.
            blank: (rows,) which rows only fill up the batch.
        """
        rows, others = len(texts), texts[:, 1:].T
        places: dict[int, list[tuple[int, int]]] = {}
        for (column, row), text in np.ndenumerate(others):
            places.setdefault(int(text), []).append((column, row))
        allowed = np.ones((rows, len(others), rows), dtype=bool)
        allowed[:, :, blank] = False
        for place, anchor in enumerate(texts[:, 0].tolist()):
            for known in self._near[anchor] & places.keys():
                for column, at in places[known]:
                    allowed[place, column, at] = False
        allowed[range(rows), 0, range(rows)] = True
        return allowed


def collator(tokenizer: Any, device: str, known: Known | None) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """All first texts of a batch, then all second ones, padded to the longest, with what is known of the rows.

    `input_ids` and `attention_mask` are (texts of a row · rows, tokens), `labels` are (rows,) places in the split;
    with `known`, `against` as it says; `score` or `class` are (rows,), `text` is (rows, texts of a row), where items
    have them.
    """

    def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        columns = zip(*(item["input_ids"] for item in items), strict=True)
        texts = [{"input_ids": ids} for column in columns for ids in column]
        step = None if device == "cpu" else 8
        batch = dict(tokenizer.pad(texts, return_tensors="pt", pad_to_multiple_of=step))
        batch = {name: batch[name] for name in ("input_ids", "attention_mask")}
        batch["labels"] = torch.tensor([item["labels"] for item in items])
        if "score" in items[0]:
            batch["score"] = torch.tensor([item["score"] for item in items], dtype=torch.float32)
        if "class" in items[0]:
            batch["class"] = torch.tensor([item["class"] for item in items])
            batch["text"] = torch.tensor([item["text"] for item in items])
        if known is not None:
            numbers = np.array([item["text"] for item in items])
            blank = np.array([item["labels"] == IGNORED for item in items])
            batch["against"] = torch.from_numpy(known.against(numbers, blank))
        return batch

    return collate


def companions(classes: Sequence[int], seed: int) -> list[int]:
    """For each text another one of its class, each used once: so that every batch has something to bring together.

    A text whose class has no other is its own companion.
    """
    random = np.random.default_rng(seed)
    found = list(range(len(classes)))
    numbers = np.asarray(classes)
    for one in np.unique(numbers):
        members = random.permutation(np.flatnonzero(numbers == one)).tolist()
        for place, member in enumerate(members):
            found[member] = members[(place + 1) % len(members)]
    return found
