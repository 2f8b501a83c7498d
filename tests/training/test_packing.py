"""Several rows in one are learned from as each alone: the same logits, loss and gradients, or packing is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from autotrain.training.fit import IGNORED
from autotrain.training.language import tell
from autotrain.training.next_token import next_token_step
from autotrain.training.packing import CausalCollator, blocks, keeps_apart, packed
from tests.training.causal import KINDS, tiny_causal

WORDS, END, CLOSE = 97, 2, 1e-4
APART = ("llama", "qwen2", "gemma", "gpt2")


def rows_of(lengths: list[int], seed: int = 0) -> list[dict[str, Any]]:
    """Rows of tokens of which some are learned."""
    chance = random.Random(seed)
    made = []
    for length in lengths:
        ids = [chance.randrange(3, WORDS) for _ in range(length)]
        labels = [IGNORED, *(token if chance.random() < 0.6 else IGNORED for token in ids[1:])]
        made.append({"input_ids": ids, "labels": labels})
    return made


def model_of(kind: str) -> Any:
    torch.manual_seed(1)
    return tiny_causal(kind, WORDS, END).eval()


def logits_of(model: Any, rows: list[dict[str, Any]]) -> list[torch.Tensor]:
    """(tokens, words) of each row, padding left out."""
    batch = CausalCollator(0)(rows)
    batch.pop("labels")
    with torch.inference_mode():
        found = model(**batch, use_cache=False).logits
    return [found[place, : len(row["input_ids"])] for place, row in enumerate(rows)]


def parts_of(row: dict[str, Any]) -> list[list[int]]:
    """The rows that lie in a packed one: where positions begin again."""
    starts = [place for place, position in enumerate(row["position_ids"]) if position == 0]
    edges = [*starts, len(row["input_ids"])]
    return [row["input_ids"][start:end] for start, end in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_architecture_that_ignores_positions_is_found_out(kind: str) -> None:
    assert keeps_apart(model_of(kind), WORDS) is (kind in APART)


@pytest.mark.parametrize("kind", APART)
def test_the_logits_of_packed_rows_are_those_of_each_alone(kind: str) -> None:
    model, rows = model_of(kind), rows_of([9, 5, 17, 3, 12, 8])
    alone = {tuple(row["input_ids"]): logits_of(model, [row])[0] for row in rows}
    joined = packed(rows, 24)
    assert len(joined) == 3 < len(rows)
    for row, found in zip(joined, logits_of(model, joined), strict=True):
        golden = torch.cat([alone[tuple(part)] for part in parts_of(row)])
        assert torch.allclose(found, golden, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("kind", APART)
def test_loss_and_gradient_of_packed_rows_are_those_of_the_rows(kind: str) -> None:
    rows = rows_of([9, 5, 17, 3, 12, 8], seed=1)
    found = []
    for given_rows in (rows, packed(rows, 24)):
        model = model_of(kind)
        loss, outputs = next_token_step(model, CausalCollator(0, multiple=8)(given_rows))
        loss.backward()
        gradients = {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
        found.append((loss.item(), outputs["logits"].sum(0), gradients))
    (loss, sums, gradients), (packed_loss, packed_sums, packed_gradients) = found
    assert packed_loss == pytest.approx(loss, abs=1e-6)
    assert torch.allclose(packed_sums, sums, atol=1e-3) and packed_sums[1] == sums[1]
    assert gradients.keys() == packed_gradients.keys()
    for name, gradient in gradients.items():
        assert torch.allclose(packed_gradients[name], gradient, atol=1e-5), name


@pytest.mark.parametrize("kind", APART)
def test_the_step_s_loss_is_the_model_s_own(kind: str) -> None:
    model, rows = model_of(kind), rows_of([9, 5, 17])
    batch = CausalCollator(0)(rows)
    golden = model(**batch).loss.item()
    assert next_token_step(model, batch)[0].item() == pytest.approx(golden, abs=1e-5)
    each = tell(model, rows, CausalCollator(0))
    assert each.loss.sum() / each.tokens.sum() == pytest.approx(golden, abs=1e-5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=30), st.integers(8, 64))
def test_packing_loses_and_repeats_no_row_and_holds_the_length(lengths: list[int], capacity: int) -> None:
    rows = rows_of(lengths)
    joined = packed(rows, capacity)
    parts = sorted(part for row in joined for part in parts_of(row))
    assert parts == sorted(row["input_ids"] for row in rows)
    assert all(len(row["input_ids"]) <= capacity or len(parts_of(row)) == 1 for row in joined)
    assert all(len(row["labels"]) == len(row["input_ids"]) == len(row["position_ids"]) for row in joined)
    learned = sum(label != IGNORED for row in rows for label in row["labels"])
    assert sum(label != IGNORED for row in joined for label in row["labels"]) == learned
    starts = [
        label for row in joined for label, place in zip(row["labels"], row["position_ids"], strict=True) if not place
    ]
    assert set(starts) == {IGNORED}, "the end of one row never foretells the beginning of the next"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=8), st.integers(8, 32))
def test_blocks_learn_every_token_but_the_first_of_a_document_once(lengths: list[int], capacity: int) -> None:
    documents = [list(range(1000 * n, 1000 * n + length)) for n, length in enumerate(lengths)]
    made = blocks(documents, capacity)
    learned = [label for row in made for label in row["labels"] if label != IGNORED]
    assert sorted(learned) == sorted(token for document in documents for token in document[1:])
    assert all(1 < len(row["input_ids"]) <= capacity for row in made)
