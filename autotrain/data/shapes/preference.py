"""Preferences: two answers of which one is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.conversation import Messages, read_messages
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column


class Preference:
    """A chosen and a rejected answer, as texts or as whole conversations."""

    name: ClassVar[str] = "preference"
    title: ClassVar[str] = "Preferences"
    description: ClassVar[str] = "Teach a language model which of two answers is better."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "chosen",
            "text",
            "Better answer",
            "What is preferred.",
            names=("chosen", "preferred", "accepted", "win", "winner"),
            by_name=True,
        ),
        Column(
            "rejected",
            "text",
            "Worse answer",
            "What is not.",
            names=("rejected", "dispreferred", "lose", "loser"),
            by_name=True,
        ),
        Column(
            "prompt",
            "text",
            "Prompt",
            "What was asked.",
            required=False,
            names=("prompt", "question", "instruction", "query"),
            by_name=True,
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(
            {
                "empty-answer": ("an empty answer.", "Write both answers, or leave the row out."),
                "same-answers": ("two equal answers, of which none is better.", "Correct one, or leave the row out."),
            }
        )
        for number, row in cells(table, columns):
            chosen, rejected = row["chosen"].strip(), row["rejected"].strip()
            fault = "empty-answer" if not chosen or not rejected else "same-answers" if chosen == rejected else None
            faults.note(number, fault)
        return faults.findings(columns["rejected"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`prompt`, `chosen` and `rejected`, each a list of messages; the prompt is what both answers begin with."""
        for number, row in cells(table, columns):
            if row["chosen"].strip() and row["rejected"].strip() and row["chosen"] != row["rejected"]:
                yield number, _as_messages(row)


def _as_messages(row: Mapping[str, str]) -> dict[str, Messages]:
    prompt = read_messages(row.get("prompt", "")) or (
        [{"role": "user", "content": row["prompt"]}] if row.get("prompt", "").strip() else []
    )
    chosen, rejected = (
        read_messages(row[role]) or [{"role": "assistant", "content": row[role]}] for role in ("chosen", "rejected")
    )
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    return {"prompt": prompt or chosen[:shared], "chosen": chosen[shared:], "rejected": rejected[shared:]}
