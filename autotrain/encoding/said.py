"""What the encoding of a sample of rows tells of them: those that teach nothing, and what a template makes of turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autotrain.data.findings import Rows
from autotrain.encoding.chat import Encoded
from autotrain.encoding.lessons import ASKED, CONVERSATIONS, Lesson, Passed
from autotrain.encoding.template import render, takes_system
from autotrain.errors import DataError
from autotrain.events import Finding

_NAMES = {
    "chat": ("conversation", "{its} answers begin later"),
    "prompt-completion": ("row", "{its} answers begin later"),
    "preference": ("row", "one of {its} answers begins later"),
    "feedback": ("row", "{its} answers begin later"),
    ASKED: ("prompt", "{its} text is longer"),
    "question-answering": ("question", "no part of {its} text holds the whole answer"),
    "tagging": ("row", "no word of {its} text has a token"),
    "spans": ("row", "no word of {its} text has a token"),
}
"""What a row is called, and why nothing of it is learned at a length."""


def passed_findings(
    shape: str, passed: Passed, max_length: int, lengths: Sequence[int | None], longest: int | None
) -> Iterator[Finding]:
    """The rows that training passes over.

    Args:
        shape: the rows' shape.
        passed: the rows, counted.
        max_length: tokens kept.
        lengths: for each row that teaches nothing, the tokens at which it would teach; None if it never does.
        longest: the most tokens the model reads, where it is known.
    """
    name, why = _NAMES.get(shape, ("row", "nothing of {its} text is left"))
    if passed.refused.count:
        yield _finding(
            "template-refuses",
            f"{_share(passed.refused, passed.seen, name)} refused by the model's chat template"
            f"{_because(passed.refusal)}. {_left_out(passed.refused)}",
            "Leave out turns that the model does not know, or choose another model.",
            passed.refused,
        )
    if passed.nothing.count:
        message = (
            f"{passed.nothing.count:,} of {passed.seen:,} {name}s would teach nothing at {max_length:,} tokens, "
            f"because {why.format(its='its' if passed.nothing.count == 1 else 'their')}. {_left_out(passed.nothing)}"
        )
        every = passed.nothing.count + passed.refused.count == passed.seen
        remedy = _prompt_remedy(lengths, longest) if shape == ASKED else _length_remedy(lengths, longest)
        yield _finding("teaches-nothing", message, remedy, passed.nothing, "error" if every else "warning")


def _share(rows: Rows, seen: int, name: str) -> str:
    return f"{rows.count:,} of {seen:,} {name}s {'is' if rows.count == 1 else 'are'}"


def _because(refusal: DataError | None) -> str:
    if refusal is None:
        return ""
    said = refusal.message.partition(": ")[2].rpartition(". Leave out")[0]
    return f" ({said})" if said else ""


def _left_out(rows: Rows) -> str:
    return "Training leaves it out." if rows.count == 1 else "Training leaves them out."


def _length_remedy(lengths: Sequence[int | None], longest: int | None) -> str:
    """The length that keeps an answer in as many of the rows as the model can read."""
    reachable = [each for each in lengths if each is not None and each <= (longest or 10**9)]
    if not reachable:
        most = f" The model reads at most {longest:,} tokens." if longest else ""
        return f"Shorten what stands before the answer.{most}"
    kept = "an answer in each" if len(reachable) == len(lengths) else f"an answer in {len(reachable):,} of them"
    rest = "" if len(reachable) == len(lengths) else " Shorten what stands before the answer in the others."
    return f"A length of {max(reachable):,} tokens keeps {kept}.{rest}"


def _prompt_remedy(lengths: Sequence[int | None], longest: int | None) -> str:
    """The length at which the prompts that the model can read are whole."""
    reachable = [each for each in lengths if each is not None and each < (longest or 10**9)]
    if not reachable:
        return f"Shorten them. The model reads at most {longest:,} tokens, with the answer."
    return f"A length of {max(reachable):,} tokens keeps {len(reachable):,} of them."


def template_findings(shape: str, tokenizer: Any, sample: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """What the model's template does with system turns and tools that a person would not expect."""
    if shape not in CONVERSATIONS and shape not in ("preference", "feedback", ASKED):
        return
    conversations = [(conversation_of(shape, row), row.get("tools", ())) for row in sample]
    systems = sum(bool(turns) and turns[0]["role"] == "system" for turns, _ in conversations)
    if systems and not takes_system(tokenizer):
        yield _finding(
            "system-merged",
            f"The model's template knows no system turn, and {systems:,} of {len(sample):,} rows have one. Its text is "
            "put before that of the first user turn, here and in training.",
            "Nothing is to be done, but write it there too when you ask the model later.",
        )
    if any(tools for _, tools in conversations) and not _shows_tools(tokenizer):
        yield _finding(
            "tools-not-shown",
            "The model's template has no place for tools: what may be called is not in the text that is learned from.",
            "Choose a model whose template knows tools, or describe them in the system turn.",
        )
    calling = any(turn.get("tool_calls") for turns, _ in conversations for turn in turns)
    if calling and not _shows_calls(tokenizer):
        yield _finding(
            "calls-not-shown",
            "The model's template has no place for tool calls: the assistant's calls are not in the text.",
            "Choose a model whose template knows tools, or write the calls as the assistant's words.",
        )


def cut_target_findings(shape: str, made: Mapping[int, Lesson], max_target_length: int) -> Iterator[Finding]:
    """Targets that are learned only in part: of these the model does not learn how they end."""
    if shape != "text-to-text":
        return
    cut, longest = Rows(), 0
    for number, (_, target) in made.items():
        if isinstance(target, Encoded) and target.whole > len(target.input_ids):
            cut.add(number)
            longest = max(longest, target.whole)
    if cut.count:
        yield _finding(
            "targets-cut",
            f"{cut.count:,} of {len(made):,} targets {'is' if cut.count == 1 else 'are'} longer than "
            f"{max_target_length:,} tokens: their rest, and how they end, is not learned.",
            f"A longest target of {longest:,} tokens keeps each whole, if the model can write as much.",
            cut,
        )


def conversation_of(shape: str, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The turns of a row; of a preference those of the better answer."""
    answer = {"preference": "chosen", "feedback": "completion"}.get(shape)
    return [*row["prompt"], *row[answer]] if answer else list(row["messages"])


_CITY = {"type": "object", "properties": {"city": {"type": "string", "description": "Where"}}, "required": ["city"]}
_TOOL = {"type": "function", "function": {"name": "probe_tool", "description": "Probe", "parameters": _CITY}}
_ASKED = {"role": "user", "content": "Hi"}
_CALL: dict[str, Any] = {"type": "function", "id": "call00001", "function": {"name": "probe_tool", "arguments": {}}}


def _shows_tools(tokenizer: Any) -> bool:
    return _shows(tokenizer, [_ASKED], [_TOOL])


def _shows_calls(tokenizer: Any) -> bool:
    return _shows(tokenizer, [_ASKED, {"role": "assistant", "content": "", "tool_calls": [_CALL]}], [])


def _shows(tokenizer: Any, turns: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]]) -> bool:
    try:
        return "probe_tool" in render(tokenizer, turns, tools)
    except DataError:
        return True  # rows that it refuses are counted as such


def _finding(code: str, message: str, remedy: str, rows: Rows | None = None, severity: Any = "warning") -> Finding:
    counted = {"count": rows.count, "rows": tuple(rows.first)} if rows is not None else {}
    return Finding(severity=severity, code=code, message=message, remedy=remedy, **counted)
