"""Prompts whose answers can be checked: what is asked, and what an answer must come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import error_finding, missing_columns
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.data.shapes.turns import FAULTS, Messages, fault_of, read_messages
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

SHORT_ANSWER = 80
"""Characters, in the mean, up to which a column of answers looks like results and not like texts to learn by heart."""
_UNTOLD = 0.3
"""How much of this shape a table is whose columns may as well be prompts with a text to learn."""
_RESULTS = frozenset({"solution", "truth", "expected", "result", "gold"})
"""Words of a column's name that speak for a result to compare with."""

_FAULTS = {
    **FAULTS,
    "empty-prompt": ("no prompt.", "Write what is asked, or leave the row out."),
    "answered-prompt": (
        "a prompt whose last turn is the assistant's, so that there is nothing to answer.",
        "Let it end with the user's turn and put the answer into its own column, or leave the row out.",
    ),
}


class PromptAnswer:
    """A prompt, and the answer that a written one is checked against; without it only the form can be checked."""

    name: ClassVar[str] = "prompt-answer"
    title: ClassVar[str] = "Prompts with a checkable answer"
    description: ClassVar[str] = "Let a language model try, and reward what comes out right."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "prompt",
            "text",
            "Prompt",
            "What is asked: a text, or a conversation that ends with the user's turn.",
            names=("prompt", "problem", "question", "task", "instruction", "query"),
            by_name=True,
        ),
        Column(
            "answer",
            "text",
            "Right answer",
            "What a written answer is compared with, such as 42. Not needed where only the form is checked.",
            required=False,
            names=("answer", *sorted(_RESULTS), "label", "target"),
            by_name=True,
        ),
        Column(
            "system",
            "text",
            "System",
            "What the model is told before.",
            required=False,
            names=("system",),
            by_name=True,
        ),
    )

    def suits(self, profile: Profile) -> Fit:
        """As its roles say; little where nothing tells a result from a text to learn by heart."""
        fit = guess_roles(profile, self.roles)
        named = {guess.role: guess.column for guess in fit.mapping}
        answer = profile.column(named["answer"] or "")
        words = set((named["answer"] or "").casefold().replace("-", "_").replace(" ", "_").split("_"))
        told = answer is not None and bool(words & _RESULTS) and answer.mean_length <= SHORT_ANSWER
        return fit if told else Fit(round(fit.score * _UNTOLD, 2), fit.reason, fit.mapping)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        if columns["prompt"] == columns.get("answer"):
            message = f'"{columns["prompt"]}" is chosen both as prompt and as right answer.'
            return [error_finding("same-column", message, "Choose another column for one of them.", columns["prompt"])]
        faults = Faults(_FAULTS)
        for number, row in cells(table, columns):
            faults.note(number, _fault(row))
        return faults.findings(columns["prompt"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`messages` up to the user's last turn, and `answer`, which may be empty."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                yield number, {"messages": _asked(row), "answer": row.get("answer", "").strip()}


def _asked(row: Mapping[str, str]) -> Messages:
    turns = read_messages(row["prompt"]) or [{"role": "user", "content": row["prompt"]}]
    told = row.get("system", "").strip()
    return [{"role": "system", "content": row["system"]}, *turns] if told and turns[0]["role"] != "system" else turns


def _fault(row: Mapping[str, str]) -> str | None:
    if not row["prompt"].strip():
        return "empty-prompt"
    turns = _asked(row)
    if turns[-1]["role"] == "assistant":
        return "answered-prompt"
    return fault_of([*turns, {"role": "assistant", "content": "."}])
