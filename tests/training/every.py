"""Every task on a toy of its own, as short as it can be: for what has to hold whatever is learned."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.training import causal, talk, toy
from tests.training.learned import Learned, learned
from tests.training.rewriters import save_rewriter

Rows = list[dict[str, Any]]
ENCODER = {**toy.PARAMS, "per_device_train_batch_size": 8, "max_steps": 12, "evaluations_per_epoch": 1}
WRITER = {**causal.PARAMS, "max_length": 48, "max_steps": 12}
NAMES = ("Anna", "Bruno", "Clara", "David")


@dataclass(frozen=True)
class Toy:
    """What a task learns from: rows made of labelled sentences, and a base made of their texts."""

    columns: Mapping[str, str]
    rows: Callable[[Sequence[tuple[str, str]]], Rows]
    base: Callable[[Sequence[str], Path], Path] = toy.save_encoder
    params: Mapping[str, Any] = field(default_factory=lambda: ENCODER)

    def learned(self, task: str, folder: Path, **params: Any) -> Learned:
        """Its run folder below `folder`, beside its base."""
        folder.mkdir(exist_ok=True)
        rows = self.rows(toy.sentences(folder, rows_of_each=60))
        model = self.base([str(value) for row in rows for value in row.values()], folder / "base")
        return learned(folder / "run", task, rows, self.columns, model, **{**self.params, **params})


def save_masked(texts: Sequence[str], folder: Path) -> Path:
    """An encoder with a head for masked words."""
    from transformers import AutoConfig, BertForMaskedLM

    toy.save_encoder(texts, folder)
    BertForMaskedLM(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    return folder


def asked(texts: Sequence[tuple[str, str]]) -> Rows:
    """Who a sentence is of; some do not say."""
    chance = random.Random(1)
    made = []
    for text, _ in texts:
        name = chance.choice((*NAMES, ""))
        context = f"{text} {name}."
        answers = {"text": [name], "answer_start": [context.rindex(name)]} if name else {"text": [], "answer_start": []}
        made.append({"context": context, "question": "Who?", "answers": answers})
    return made


def ranked(texts: Sequence[tuple[str, str]]) -> Rows:
    """Queries with two passages each, of which one is in the language of the query."""
    made = []
    for (query, own), (passage, other) in zip(texts, reversed(texts), strict=True):
        if own != other:
            made += [{"query": query, "passage": text, "relevance": int(text != passage)} for text in (own, passage)]
    return made


TOYS: dict[str, Toy] = {
    "text-classification": Toy(
        {"text": "text", "label": "label"}, lambda texts: [{"text": text, "label": label} for text, label in texts]
    ),
    "multi-label-classification": Toy(
        {"text": "text", "labels": "labels"},
        lambda texts: [{"text": text, "labels": [own] + ["long"] * (len(text) > 40)} for text, own in texts],
    ),
    "text-regression": Toy(
        {"text": "text", "target": "words"},
        lambda texts: [{"text": text, "words": len(text.split())} for text, _ in texts],
    ),
    "token-classification": Toy(
        {"tokens": "words", "tags": "tags"},
        lambda texts: [
            {"words": text.split(), "tags": [f"B-{label.upper()}"] * len(text.split())} for text, label in texts
        ],
    ),
    "question-answering": Toy({"context": "context", "question": "question", "answers": "answers"}, asked),
    "masked-language-modeling": Toy({"text": "text"}, lambda texts: [{"text": text} for text, _ in texts], save_masked),
    "sentence-embeddings": Toy(
        {"anchor": "anchor", "positive": "positive"},
        lambda texts: [{"anchor": text, "positive": " ".join(text.split()[::-1])} for text, _ in texts],
        params={**ENCODER, "mini_batch_size": 4, "matryoshka_dims": "16"},
    ),
    "reranking": Toy({"query": "query", "passage": "passage", "relevance": "relevance"}, ranked),
    "text-to-text": Toy(
        {"source": "source", "target": "target"},
        lambda texts: [{"source": text, "target": f"this is {label.lower()}"} for text, label in texts],
        lambda texts, folder: save_rewriter("t5", texts, folder),
        {**ENCODER, "max_length": 48, "max_target_length": 12, "written_rows": 8, "source_prefix": "name: "},
    ),
    "supervised-fine-tuning": Toy(
        {"messages": "messages"},
        lambda _: talk.chats(180),
        lambda _, folder: causal.save_causal(talk.said(), folder),
        {**WRITER, "written_rows": 4, "written_tokens": 8},
    ),
    "preference-tuning": Toy(
        {role: role for role in ("prompt", "chosen", "rejected")},
        lambda _: talk.preferences(180),
        causal.save_causal,
        {**WRITER, "written_rows": 2, "written_tokens": 8, "loss": "simpo"},
    ),
    "reward-modeling": Toy(
        {role: role for role in ("prompt", "chosen", "rejected")},
        lambda _: talk.preferences(180),
        causal.save_causal,
        WRITER,
    ),
    "continued-pretraining": Toy(
        {"text": "text"},
        lambda _: [{"text": f"{asked} {answer}"} for asked, answer in talk.exchanges()[:180]],
        lambda _, folder: causal.save_causal(talk.said(), folder),
        {**WRITER, "packing": False},
    ),
    "grpo": Toy(
        {"prompt": "problem", "answer": "solution"},
        lambda _: [{"problem": text, "solution": "no"} for text in talk.questions(150)],
        lambda texts, folder: causal.save_causal(texts, folder, words=True, vocabulary=40),
        {
            **WRITER,
            "max_steps": 6,
            "exact_weight": 0,
            "pattern_weight": 1,
            "pattern": r"^{answer}\b",
            "max_completion_length": 4,
            "validation_rows": 8,
            "written_rows": 16,
        },
    ),
}
