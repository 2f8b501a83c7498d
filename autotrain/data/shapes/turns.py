"""The turns of a conversation in the spellings people write them, with the tools that are called, and their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autotrain.data.nested import parsed

Message = dict[str, Any]
Messages = list[Message]
"""Turns in order, each with `role` (system, user, assistant, tool) and `content`; an assistant may have `tool_calls`, a
tool `tool_call_id` and `name`, as `apply_chat_template` of transformers takes them."""
Tools = list[dict[str, Any]]
"""What may be called: `{"type": "function", "function": {"name", "description", "parameters"}}`, a JSON schema each."""

_ROLES = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "prompter": "user", "customer": "user",
    "assistant": "assistant", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant",
    "function_call": "assistant", "tool_call": "assistant",
    "tool": "tool", "function": "tool", "observation": "tool", "function_response": "tool", "tool_response": "tool",
}  # fmt: skip
_CALLING = frozenset({"function_call", "tool_call"})
"""Roles whose words are a call, as ShareGPT has them."""
_KEPT = ("name", "tool_call_id", "reasoning_content", "thinking")
"""What else of a turn a template may show."""

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
    "unreadable-call": (
        "a tool call that cannot be read.",
        'Write {"type": "function", "function": {"name": "weather", "arguments": {"city": "Rome"}}}.',
    ),
    "unreadable-tools": (
        "tools that cannot be read.",
        'Write a list such as [{"type": "function", "function": {"name": "weather", "parameters": {}}}].',
    ),
    "call-without-result": (
        "a tool call in the middle that no tool answers.",
        "Add the tool's turn after it, or leave the row out.",
    ),
    "result-without-call": (
        "a tool's turn where the assistant called none.",
        "Add the assistant's turn with the call before it, or leave the row out.",
    ),
    "unknown-call": (
        "a tool's turn whose tool_call_id is of no call before it.",
        "Write the id of the call that it answers, or leave the row out.",
    ),
}
"""What a conversation can have wrong: the end of a sentence, and the remedy."""


def read_messages(cell: str) -> Messages | None:
    """The turns of a cell, whatever the spelling: role/content, or from/value as ShareGPT has it; None if none."""
    value = parsed(cell)
    if isinstance(value, Mapping):
        value = value.get("messages") or value.get("conversations")
    if not isinstance(value, list) or not value:
        return None
    turns = [_turn(item) for item in value]
    return None if any(turn is None for turn in turns) else [turn for turn in turns if turn is not None]


def read_tools(cell: str) -> Tools | None:
    """The tools of a cell as JSON schemas, bare ones wrapped; none for an empty cell, None if unreadable."""
    if not cell.strip():
        return []
    value = parsed(cell.strip())
    tools = [value] if isinstance(value, Mapping) else value
    if not isinstance(tools, list) or not all(isinstance(tool, Mapping) for tool in tools):
        return None
    made = [dict(tool) if "function" in tool else {"type": "function", "function": dict(tool)} for tool in tools]
    named = (isinstance(tool["function"], Mapping) and isinstance(tool["function"].get("name"), str) for tool in made)
    return made if all(named) else None


def fault_of(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """The first thing wrong with a conversation, as a code of `FAULTS`; None if it can be learned from."""
    roles = [message["role"] for message in messages]
    if not set(roles) <= {"system", "user", "assistant", "tool"}:
        return "unknown-role"
    if any(message.get("tool_calls") == [] for message in messages):
        return "unreadable-call"
    if any(_is_empty(message) for message in messages):
        return "empty-turn"
    if "system" in roles[1:]:
        return "late-system"
    return _order_fault(messages) or ("no-last-answer" if roles[-1] != "assistant" else None)


def _is_empty(message: Mapping[str, Any]) -> bool:
    """Whether a turn says nothing; a tool may well return nothing."""
    return message["role"] != "tool" and not message["content"].strip() and not message.get("tool_calls")


_FOLLOWS: dict[str, frozenset[str]] = {
    "": frozenset({"system", "user"}),
    "system": frozenset({"user"}),
    "user": frozenset({"assistant"}),
    # Some write the call as words, as Hermes does, so that a tool may follow what looks like an answer.
    "assistant": frozenset({"user", "tool"}),
    "calling": frozenset({"tool"}),
    "tool": frozenset({"tool", "assistant"}),
}
"""Which roles may come after a turn; an assistant's turn with calls is `calling`."""


def _order_fault(messages: Sequence[Mapping[str, Any]]) -> str | None:
    before = ""
    known: set[str] = set()
    for message in messages:
        role = message["role"]
        if role not in _FOLLOWS[before]:
            return "result-without-call" if role == "tool" else _BROKEN.get(before, "not-alternating")
        if role == "assistant":
            known = {str(call["id"]) for call in message.get("tool_calls", ()) if call.get("id")}
        if role == "tool" and known and message.get("tool_call_id") and message["tool_call_id"] not in known:
            return "unknown-call"
        before = "calling" if message.get("tool_calls") else role
    return None


_BROKEN = {"calling": "call-without-result"}


def _turn(item: Any) -> Message | None:
    if not isinstance(item, Mapping):
        return None
    role, content = item.get("role", item.get("from")), item.get("content", item.get("value"))
    if not isinstance(role, str):
        return None
    text = _text(content)
    turn: Message = {"role": _ROLES.get(role.casefold(), role), "content": text}
    if role.casefold() in _CALLING:
        turn |= {"content": "", "tool_calls": _calls(parsed(text.strip()))}
    elif called := item.get("tool_calls") or item.get("function_call"):
        turn["tool_calls"] = _calls(called)
    return turn | {key: item[key] for key in _KEPT if isinstance(item.get(key), str) and item[key]}


def _text(content: Any) -> str:
    """What is said: text, the texts of parts, or a tool's result as JSON."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and all(isinstance(part, Mapping) and "type" in part for part in content):
        return "".join(part["text"] for part in content if isinstance(part.get("text"), str))
    if content is None:
        return ""
    import orjson

    return orjson.dumps(content, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _calls(value: Any) -> list[dict[str, Any]]:
    """Calls in the one form; empty if any of them cannot be read."""
    calls = [_call(each) for each in (value if isinstance(value, list) else [value])]
    return [] if any(call is None for call in calls) else [call for call in calls if call is not None]


def _call(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, Mapping):
        return None
    function = item.get("function", item)
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return None
    given = function.get("arguments", function.get("parameters"))
    # OpenAI writes arguments as a string of JSON; templates write what they get as JSON once more.
    read = parsed(given.strip()) if isinstance(given, str) else given
    arguments = {} if given in (None, "") else given if read is None else read
    identified = {"id": str(item["id"])} if item.get("id") else {}
    return {**identified, "type": "function", "function": {"name": function["name"], "arguments": arguments}}
