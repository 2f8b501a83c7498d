"""Preferences: two answers of which one is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.conversation import TOOLS, with_tools
from autotrain.data.shapes.shape import Faults, cells
from autotrain.data.shapes.turns import FAULTS, Messages, fault_of, read_messages, read_tools
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
        TOOLS,
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(_FAULTS)
        for number, row in cells(table, columns):
            faults.note(number, _fault(row))
        return faults.findings(columns["rejected"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`prompt`, `chosen` and `rejected`, each a list of messages; the prompt is what both answers begin with."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                yield number, with_tools(dict(_as_messages(row)), row)


_FAULTS = {
    "empty-answer": ("an empty answer.", "Write both answers, or leave the row out."),
    "same-answers": ("two equal answers, of which none is better.", "Correct one, or leave the row out."),
    "empty-prompt": (
        "no prompt, so that nobody knows what the two answers are to.",
        "Write what was asked, choose the column that holds it, or leave the row out.",
    ),
    **FAULTS,
}


def _fault(row: Mapping[str, str]) -> str | None:
    chosen, rejected = row["chosen"].strip(), row["rejected"].strip()
    if not chosen or not rejected:
        return "empty-answer"
    if chosen == rejected:
        return "same-answers"
    if read_tools(row.get("tools", "")) is None:
        return "unreadable-tools"
    if read_messages(chosen) is None and read_messages(rejected) is None and not row.get("prompt", "").strip():
        return "empty-prompt"
    made = _as_messages(row)
    if not made["chosen"] or not made["rejected"]:
        return "same-answers"
    found = (fault_of([*made["prompt"], *made[side]]) for side in ("chosen", "rejected"))
    return next((fault for fault in found if fault is not None), None)


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
    # Whole conversations repeat the prompt, or hold the turns before it too.
    asked = chosen[:shared] if not prompt or prompt[-1] in chosen[:shared] else [*prompt, *chosen[:shared]]
    return {"prompt": asked, "chosen": chosen[shared:], "rejected": rejected[shared:]}
