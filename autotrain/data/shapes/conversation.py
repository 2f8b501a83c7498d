"""Conversations: lists of turns in several spellings, and prompts with their completion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.nested import parsed
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

Messages = list[dict[str, str]]
"""Turns in order, each with `role` (system, user, assistant, tool) and `content`."""

_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool",
}  # fmt: skip

FAULTS: dict[str, tuple[str, str]] = {
    "no-conversation": (
        "no conversation that can be read.",
        'Write a list such as [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}].',
    ),
    "unknown-role": ("a turn of an unknown role.", "Roles are system, user, assistant and tool."),
    "empty-turn": ("a turn without a word.", "Write what was said, or leave the row out."),
    "late-system": ("a system turn that is not the first.", "Move it to the beginning, or leave the row out."),
    "not-alternating": (
        "two turns of the same side in a row.",
        "User and assistant must take turns: join the two, or leave the row out.",
    ),
    "no-last-answer": (
        "a last turn that is not the assistant's, so there is nothing to learn from it.",
        "Add the answer, or leave the row out.",
    ),
}


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
    )

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(FAULTS)
        for number, row in cells(table, columns):
            messages = read_messages(row["messages"])
            faults.note(number, "no-conversation" if messages is None else fault_of(messages))
        return faults.findings(columns["messages"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Messages]]:
        for number, row in cells(table, columns):
            messages = read_messages(row["messages"])
            if messages and fault_of(messages) is None:
                yield number, messages


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

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Messages]]:
        for number, row in cells(table, columns):
            if row["prompt"].strip() and row["completion"].strip():
                asked = "\n\n".join(part for part in (row["prompt"], row.get("input", "")) if part.strip())
                system = [{"role": "system", "content": row["system"]}] if row.get("system", "").strip() else []
                answer = {"role": "assistant", "content": row["completion"]}
                yield number, [*system, {"role": "user", "content": asked}, answer]


def read_messages(cell: str) -> Messages | None:
    """The turns of a cell, whatever the spelling: role/content, or from/value as ShareGPT has it; None if none."""
    value = parsed(cell)
    if isinstance(value, Mapping):
        value = value.get("messages") or value.get("conversations")
    if not isinstance(value, list) or not value:
        return None
    turns = [_turn(item) for item in value]
    return None if any(turn is None for turn in turns) else [turn for turn in turns if turn is not None]


def _turn(item: Any) -> dict[str, str] | None:
    if not isinstance(item, Mapping):
        return None
    role, content = item.get("role", item.get("from")), item.get("content", item.get("value"))
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in content if isinstance(part, Mapping))
    if not isinstance(role, str):
        return None
    return {"role": _ROLES.get(role.casefold(), role), "content": content if isinstance(content, str) else ""}


def fault_of(messages: Sequence[Mapping[str, str]]) -> str | None:
    """The first thing wrong with a conversation, as a code of `FAULTS`; None if it can be learned from."""
    roles = [message["role"] for message in messages]
    if not set(roles) <= {"system", "user", "assistant", "tool"}:
        return "unknown-role"
    if any(not message["content"].strip() for message in messages if message["role"] != "assistant"):
        return "empty-turn"
    if "system" in roles[1:]:
        return "late-system"
    spoken = [role for role in roles if role in ("user", "assistant")]
    alternating = all(one != other for one, other in zip(spoken, spoken[1:], strict=False)) or "tool" in roles
    if not alternating or spoken[:1] == ["assistant"]:
        return "not-alternating"
    if roles[-1] != "assistant":
        return "no-last-answer"
    return "empty-turn" if not messages[-1]["content"].strip() else None
