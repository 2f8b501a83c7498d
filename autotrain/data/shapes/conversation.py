"""Conversations: lists of turns in several spellings with the tools they call, and prompts with their completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.data.shapes.turns import FAULTS, fault_of, read_messages, read_tools
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

TOOLS = Column(
    "tools",
    "text",
    "Tools",
    "What the assistant may call, as a list of JSON schemas.",
    required=False,
    names=("tools", "functions"),
    by_name=True,
)


class Chat:
    """A conversation in every row, as JSON."""

    name: ClassVar[str] = "chat"
    title: ClassVar[str] = "Conversations"
    description: ClassVar[str] = "Teach a language model to answer as the assistant of these conversations does."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "messages",
            "messages",
            "Conversation",
            "A list of turns with role and content.",
            names=("messages", "conversations", "conversation", "dialog", "dialogue", "chat"),
        ),
        TOOLS,
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(FAULTS)
        for number, row in cells(table, columns):
            faults.note(number, _fault(row))
        return faults.findings(columns["messages"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`messages`, and `tools` where there are any."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                yield number, with_tools({"messages": read_messages(row["messages"])}, row)


def _fault(row: Mapping[str, str]) -> str | None:
    messages = read_messages(row["messages"])
    if messages is None:
        return "no-conversation"
    return "unreadable-tools" if read_tools(row.get("tools", "")) is None else fault_of(messages)


def with_tools(made: dict[str, Any], row: Mapping[str, str]) -> dict[str, Any]:
    """A row with its tools, if it has any."""
    tools = read_tools(row.get("tools", ""))
    return made | {"tools": tools} if tools else made


class PromptCompletion:
    """A prompt, instruction or question and what is to be answered."""

    name: ClassVar[str] = "prompt-completion"
    title: ClassVar[str] = "Prompts with an answer"
    description: ClassVar[str] = "Teach a language model to answer instructions or questions as these rows do."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "prompt",
            "text",
            "Prompt",
            "What is asked.",
            names=("prompt", "instruction", "question", "query", "user"),
            by_name=True,
        ),
        Column(
            "input",
            "text",
            "Input",
            "What the instruction is about.",
            required=False,
            names=("input", "context"),
            by_name=True,
        ),
        Column(
            "completion",
            "text",
            "Answer",
            "What is learned.",
            names=("completion", "output", "response", "answer", "assistant", "reply"),
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
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(
            {
                "empty-prompt": ("no prompt.", "Write what is asked, or leave the row out."),
                "empty-completion": ("no answer to learn.", "Write the answer, or leave the row out."),
            }
        )
        for number, row in cells(table, columns):
            empty = next((f"empty-{role}" for role in ("prompt", "completion") if not row[role].strip()), None)
            faults.note(number, empty)
        return faults.findings(columns["completion"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`messages`: a system turn if there is one, the prompt and its completion."""
        for number, row in cells(table, columns):
            if row["prompt"].strip() and row["completion"].strip():
                asked = "\n\n".join(part for part in (row["prompt"], row.get("input", "")) if part.strip())
                system = [{"role": "system", "content": row["system"]}] if row.get("system", "").strip() else []
                answer = {"role": "assistant", "content": row["completion"]}
                yield number, {"messages": [*system, {"role": "user", "content": asked}, answer]}
