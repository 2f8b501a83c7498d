"""Prompts that are answered in training: whole or not at all, up to where the answer begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autotrain.encoding.batch import encoded_batch
from autotrain.encoding.lessons import Passed, lessons

SHORT = {"messages": [{"role": "user", "content": "where is paris ?"}], "answer": "france"}
LONG = {"messages": [{"role": "user", "content": "paris " * 40}], "answer": "rome"}


def test_a_prompt_ends_where_its_answer_begins_and_nothing_of_it_is_learned(words: Callable[..., Any]) -> None:
    tokenizer = words()
    ((_, (made,)),) = lessons("prompt-answer", tokenizer, [(1, SHORT)], 32)
    assert tokenizer.decode(made.input_ids).split()[-3:] == ["<s>", "assistant", ":"]  # type: ignore[union-attr]
    assert not any(made.learned)  # type: ignore[union-attr]
    batch = encoded_batch("prompt-answer", [SHORT], tokenizer, 32)
    assert batch.rendered is not None and batch.rendered.endswith("<s>assistant :")
    assert not any(token.learned for token in batch.rows[0].tokens) and "earns more reward" in batch.explanation


def test_a_prompt_that_is_too_long_is_left_out_and_never_cut(words: Callable[..., Any]) -> None:
    tokenizer, passed = words(), Passed()
    rows = [(2, SHORT), (5, LONG)]
    assert [number for number, _ in lessons("prompt-answer", tokenizer, rows, 16, passed=passed)] == [2]
    assert passed.nothing.known == [5]
    made = encoded_batch("prompt-answer", [SHORT, LONG], tokenizer, 16, numbers=[2, 5], longest=512)
    (finding,) = made.findings
    assert finding.code == "teaches-nothing" and finding.rows == (5,)
    assert finding.message.startswith("1 of 2 prompts would teach nothing at 16 tokens, because its text is longer.")
    length = int(finding.remedy.split()[3])
    assert finding.remedy == f"A length of {length} tokens keeps 1 of them."
    assert [number for number, _ in lessons("prompt-answer", tokenizer, rows, length)] == [2, 5]
    assert [number for number, _ in lessons("prompt-answer", tokenizer, rows, length - 1)] == [2]
    (short,) = encoded_batch("prompt-answer", [SHORT, LONG], tokenizer, 16, longest=20).findings
    assert short.remedy == "Shorten them. The model reads at most 20 tokens, with the answer."
