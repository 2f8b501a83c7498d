"""Queries with their passages as batches, and what is learned from them: each pair by itself, or a list as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autotrain.training.fit import IGNORED, Rows


def items_of(
    groups: Sequence[Sequence[int]],
    ids: Sequence[list[int]],
    relevance: Sequence[float],
    most: int,
    loss: str,
    *,
    training: bool,
) -> Rows:
    """Queries with at most so many passages each; a longer list becomes several.

    Args:
        groups: the places of each query's pairs.
        ids: token ids of each pair.
        relevance: of each pair, from 0 to 1.
        most: passages in one item, at least 2.
        loss: "bce" counts pairs, "listwise" counts lists.
        training: whether lists for the listwise loss are completed with a relevant passage, and those without an order
            left out; else each pair is there once, so that the order of all can be judged.
    """
    complete = training and loss == "listwise"
    made = []
    for query, places in enumerate(groups):
        for part in _lists(places, relevance, most) if complete else _parts(places, most):
            learned = [relevance[place] for place in part]
            labels: Any = learned if loss == "bce" else (0 if _ordered(learned) else IGNORED)
            made.append(
                {"input_ids": [ids[place] for place in part], "relevance": learned, "query": query, "labels": labels}
            )
    return Rows(made, tokens=lambda item: sum(map(len, item["input_ids"])))


def _parts(places: Sequence[int], most: int) -> list[Sequence[int]]:
    return [places[start : start + most] for start in range(0, len(places), most)]


def _lists(places: Sequence[int], relevance: Sequence[float], most: int) -> list[Sequence[int]]:
    """Lists that each have an order to learn: some relevant passages with some that are not, every one used."""
    ordered = sorted(places, key=lambda place: -relevance[place])
    if not _ordered([relevance[place] for place in ordered]):
        return []
    if len(ordered) <= most:
        return [ordered]
    right = [place for place in ordered if relevance[place] > 0]
    wrong = [place for place in ordered if relevance[place] == 0]
    if not wrong or len(right) >= most:  # graded throughout, or hardly anything to tell it from
        best, others = ordered[: most // 2], ordered[most // 2 :]
        return [[*best, *part] for part in _parts(others, most - len(best))]
    return [[*right, *part] for part in _parts(wrong, most - len(right))]


def _ordered(relevance: Sequence[float]) -> bool:
    return len(set(relevance)) > 1


def collator(tokenizer: Any, device: str) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
    """Pairs of all queries of a batch under each other, padded to the longest; by query, relevance and labels.

    `input_ids` and `attention_mask` are (pairs, tokens), `relevance` is (queries, passages) with IGNORED where a list
    is shorter than the longest, `query` is (queries,); `labels` are like `relevance`, or (queries,) for whole lists.
    """

    def collate(items: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        pairs = [{"input_ids": ids} for item in items for ids in item["input_ids"]]
        step = None if device == "cpu" else 8
        batch = dict(tokenizer.pad(pairs, return_tensors="pt", pad_to_multiple_of=step))
        longest = max(len(item["relevance"]) for item in items)

        def by_query(name: str) -> Any:
            rows = [item[name] + [IGNORED] * (longest - len(item[name])) for item in items]
            return torch.tensor(rows, dtype=torch.float32)

        whole = isinstance(items[0]["labels"], int)
        labels = torch.tensor([item["labels"] for item in items]) if whole else by_query("labels")
        query = torch.tensor([item["query"] for item in items])
        return batch | {"relevance": by_query("relevance"), "query": query, "labels": labels}

    return collate


def loss_step(name: str) -> Callable[[Any, dict[str, Any], Any], tuple[Any, Any]]:
    """What is learned from a batch of queries.

    "bce" is binary cross entropy of each pair against its relevance from 0 to 1. "listwise" is the cross entropy of the
    softmax over a query's passages against their relevance divided by its sum (ListNet's top one: Cao et al., 2007,
    "Learning to Rank: From Pairwise Approach to Listwise Approach").

    The step's `logits` are (queries, passages, 3): score, relevance and number of the query.
    """

    def step(model: Any, batch: dict[str, Any], num_items_in_batch: Any = None) -> tuple[Any, Any]:
        import torch

        output = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits.float().view(-1)
        relevance, labels = batch["relevance"], batch["labels"]
        there = relevance != IGNORED
        scores = torch.zeros_like(relevance).masked_scatter(there, output)
        each = _each_pair(scores, relevance, there) if name == "bce" else _each_list(scores, relevance, there)
        learned = labels != IGNORED
        total = torch.where(learned, each, torch.zeros_like(each)).sum()
        count = learned.sum() if num_items_in_batch is None else torch.as_tensor(num_items_in_batch)
        loss = total / count.to(total.device).clamp(min=1)  # lists without an order may fill a whole batch
        query = batch["query"].to(scores.dtype)[:, None].expand_as(scores)
        return loss, {"logits": torch.stack([scores.detach(), relevance, query], dim=-1)}

    return step


def _each_pair(scores: Any, relevance: Any, there: Any) -> Any:
    """(queries, passages) binary cross entropy."""
    import torch

    target = torch.where(there, relevance, torch.zeros_like(relevance))
    return torch.nn.functional.binary_cross_entropy_with_logits(scores, target, reduction="none")


def _each_list(scores: Any, relevance: Any, there: Any) -> Any:
    """(queries,) cross entropy of the softmax over the passages."""
    import torch

    target = torch.where(there, relevance, torch.zeros_like(relevance))
    target = target / target.sum(dim=-1, keepdim=True).clamp(min=1e-9)
    sure = scores.masked_fill(~there, -1e9).log_softmax(dim=-1)
    return -(target * sure).sum(dim=-1)
