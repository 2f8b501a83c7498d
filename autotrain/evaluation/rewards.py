"""Rewards that can be computed: what a written answer earns, and how a recipe chooses them. Data, never code.

Patterns and schemas are a user's, and what they are tried on is a model's: both run in an engine whose time grows with
the length of the text and no faster, without look-around and back references, and without a network. A time limit would
make a reward depend on how busy the machine is, and a resumed training another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import orjson
from pydantic import Field

from autotrain.errors import DataError
from autotrain.evaluation.final_number import READ, final_number, same_number
from autotrain.events import Finding
from autotrain.params import AdapterParams

ANSWER = "{answer}"
"""In a pattern the place of the row's right answer."""
FULL = 1 - 1e-9
"""From here on a reward is full: sums of weights are rounded."""
PARSES = 0.5
"""What JSON earns that does not follow the schema: a step on the way, where few answers are JSON at first."""
_SPECIAL = re.compile(r"[\\.^$*+?()\[\]{}|]")
_DOT_ALL = re.compile(r"\(\?[a-z]*s[a-z]*(?:-[a-z]*)?[:)]")
_FENCE = re.compile(r"```(?:json|JSON)?[ \t]*\n(.*?)```", re.DOTALL)


REWARDS: dict[str, Any] = {"group": "What earns a reward"}


class RewardParams(AdapterParams):
    """What is rewarded. A weight of 0 leaves a reward out; the mean of the others by weight is what is learned."""

    exact_weight: float = Field(
        1.0,
        ge=0,
        le=100,
        title="Exact match: weight",
        description="For the right answer, word by word; case, spaces and a last full stop do not count.",
    )
    exact_place: Literal["whole answer", "last line", "anywhere"] = Field(
        "whole answer",
        title="Exact match: where",
        description="Where in the written text the right answer must stand.",
        json_schema_extra=REWARDS,
    )
    number_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Number: weight",
        description="For the right number: after ####, in \\boxed{}, or the last one. 1,200 and 3/4 are read too.",
    )
    number_tolerance: float = Field(
        1e-6,
        ge=0,
        le=1e12,
        title="Number: tolerance",
        description="How far off a number may be and still be right.",
        json_schema_extra=REWARDS,
    )
    pattern_weight: float = Field(
        0.0, ge=0, le=100, title="Pattern: weight", description="For a text that the regular expression matches."
    )
    pattern: str = Field(
        "",
        max_length=5000,
        title="Pattern",
        description="A regular expression; {answer} in it is the right answer. After (?i) case does not count.",
        json_schema_extra=REWARDS,
    )
    pattern_place: Literal["whole answer", "anywhere"] = Field(
        "anywhere",
        title="Pattern: where",
        description="Whether the whole text must match, or a part of it.",
        json_schema_extra=REWARDS,
    )
    json_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title="JSON: weight",
        description="For JSON, alone or in a code block; half without the form below.",
    )
    json_schema: str = Field(
        "",
        max_length=50_000,
        title="JSON schema",
        description='What the JSON must be, such as {"type": "object", "required": ["name"]}; empty takes any JSON.',
        json_schema_extra=REWARDS,
    )
    length_weight: float = Field(
        0.0,
        ge=0,
        le=100,
        title="Length: weight",
        description="For a length between these two; less the further it is away.",
    )
    length_least: int = Field(
        1,
        ge=0,
        le=1_000_000,
        title="Length: at least",
        description="What is shorter earns less.",
        json_schema_extra=REWARDS,
    )
    length_most: int = Field(
        200,
        ge=1,
        le=1_000_000,
        title="Length: at most",
        description="What is longer earns less.",
        json_schema_extra=REWARDS,
    )
    length_unit: Literal["tokens", "characters"] = Field(
        "tokens", title="Length: unit", description="What the length is counted in.", json_schema_extra=REWARDS
    )
    max_completion_length: int = Field(
        128,
        ge=1,
        le=4096,
        title="Longest answer, in tokens",
        description="Answers are cut off there. What does not come to its end in time is rewarded as it stands.",
    )


@dataclass(frozen=True)
class Said:
    """A written answer: its text, its tokens, and whether it came to its own end."""

    text: str
    tokens: int
    finished: bool = True


@dataclass(frozen=True)
class Reward:
    """One reward: `earned` is from 0 to 1 for what was written and the row's right answer."""

    name: str
    weight: float
    earned: Callable[[Said, str], float]


def rewards_of(params: RewardParams) -> tuple[Reward, ...]:
    """The rewards with a weight, in the order of the form.

    Raises:
        DataError: none has one, or one cannot be computed.
    """
    refuse(reward_faults(params))
    every = (
        Reward("exact", params.exact_weight, lambda said, answer: exact(said.text, answer, params.exact_place)),
        Reward("number", params.number_weight, lambda said, answer: number(said.text, answer, params.number_tolerance)),
        Reward(
            "pattern",
            params.pattern_weight,
            lambda said, answer: pattern(said.text, answer, params.pattern, params.pattern_place),
        ),
        Reward("json", params.json_weight, lambda said, _: follows(said.text, params.json_schema)),
        Reward(
            "length",
            params.length_weight,
            lambda said, _: in_range(
                said.tokens if params.length_unit == "tokens" else len(said.text),
                params.length_least,
                params.length_most,
            ),
        ),
    )
    return tuple(each for each in every if each.weight)


def earned(rewards: Sequence[Reward], said: Said, answer: str) -> tuple[float, tuple[float, ...]]:
    """The mean of what is earned, by weight, from 0 to 1; and each by itself."""
    each = tuple(reward.earned(said, answer) for reward in rewards)
    total = sum(reward.weight for reward in rewards)
    return sum(reward.weight * value for reward, value in zip(rewards, each, strict=True)) / total, each


def exact(text: str, answer: str, place: str = "whole answer") -> float:
    """1 for the right answer, else 0; an empty one is never right."""
    wanted = _plain(answer)
    if place == "last line":
        text = next((line for line in reversed(text.splitlines()) if line.strip()), "")
    written = _plain(text)
    if not wanted:
        return 0.0
    return float(_contains(written, wanted) if place == "anywhere" else written == wanted)


def number(text: str, answer: str, tolerance: float) -> float:
    """1 where both come to the same number, else 0."""
    written, right = final_number(text), final_number(answer)
    return float(written is not None and right is not None and same_number(written, right, tolerance))


def pattern(text: str, answer: str, expression: str, place: str = "anywhere") -> float:
    """1 where the expression matches, else 0; a row without an answer matches nothing that asks for it."""
    if ANSWER in expression and not answer:
        return 0.0
    return float(_matcher(expression, answer if ANSWER in expression else "", place).is_valid(text[:READ]))


def follows(text: str, schema: str) -> float:
    """1 for JSON that follows the schema, a half for other JSON, else 0."""
    text = text.strip()
    fenced = _FENCE.findall(text)
    for candidate in (text, *(fenced if len(fenced) == 1 else ())):
        try:
            value = orjson.loads(candidate)
        except ValueError:
            continue
        return 1.0 if not schema.strip() or _validator(schema).is_valid(value) else PARSES
    return 0.0


def in_range(length: int, least: int, most: int) -> float:
    """1 from `least` to `most`, less in proportion to what is missing or too much, 0 from twice `most` on."""
    if length < least:
        return length / least
    return 1.0 if length <= most else max(0.0, 1 - (length - most) / most)


def reward_faults(params: RewardParams) -> list[Finding]:
    """What keeps the chosen rewards from being computed, whatever the rows are."""
    weights = (
        params.exact_weight,
        params.number_weight,
        params.pattern_weight,
        params.json_weight,
        params.length_weight,
    )
    if not any(weights):
        return [
            _fault("no-reward", "No reward has a weight above 0.", 'Give one a weight, such as "Number: weight" 1.')
        ]
    made = []
    if params.pattern_weight:
        made += _pattern_faults(params)
    if params.json_weight and params.json_schema.strip():
        made += _schema_faults(params.json_schema)
    if params.length_weight:
        made += _length_faults(params)
    return made


def answer_faults(params: RewardParams) -> tuple[str, ...]:
    """The rewards that compare with the row's answer, by their titles."""
    named = (
        ("Exact match", params.exact_weight > 0),
        ("Number", params.number_weight > 0),
        (f"Pattern, with {ANSWER},", params.pattern_weight > 0 and ANSWER in params.pattern),
    )
    return tuple(name for name, asks in named if asks)


def refuse(findings: Iterable[Finding]) -> None:
    """Raise DataError with all of them, if there are any."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        raise DataError("\n".join(finding.sentence() for finding in errors), code=errors[0].code)


def _pattern_faults(params: RewardParams) -> list[Finding]:
    if not params.pattern.strip():
        remedy = 'Write one, such as ^Answer: \\d+$, or set "Pattern: weight" to 0.'
        return [_fault("no-pattern", "The pattern has a weight, but there is none.", remedy)]
    if _DOT_ALL.search(params.pattern):  # the engine would take it and not heed it
        remedy = "Write [\\s\\S] for any sign and leave the s out."
        return [_fault("bad-pattern", f"In the pattern {_shown(params.pattern)} (?s) cannot be used.", remedy)]
    try:
        _matcher(params.pattern, "", params.pattern_place)
    except ValueError:
        shown, why = _shown(params.pattern), _reason(params.pattern)
        remedy = (
            "Close every bracket, write \\( or \\{ for the sign itself, and do without look-around such as (?=...) and "
            "back references such as \\1, whose time has no limit."
        )
        return [_fault("bad-pattern", f"The pattern {shown} is no regular expression to be used: {why}.", remedy)]
    return []


def _reason(expression: str) -> str:
    """What Python says of an expression; one that it takes asks for what has no limit, or is too large."""
    try:
        re.compile(expression.replace(ANSWER, ""))
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return "it looks around, refers back, or is too large"


def _schema_faults(schema: str) -> list[Finding]:
    try:
        orjson.loads(schema)
    except ValueError as error:
        remedy = 'Write JSON such as {"type": "object", "required": ["name"]}, or leave it empty.'
        return [_fault("bad-json-schema", f"The JSON schema {_shown(schema)} is no JSON ({error}).", remedy)]
    try:
        _validator(schema)
    except ValueError as error:
        said = str(getattr(error, "message", error)).splitlines()[0].rstrip(".")
        return [
            _fault(
                "bad-json-schema",
                f"The JSON schema {_shown(schema)} cannot be used: {said}.",
                "Correct it; it must be whole by itself, without a $ref to another place, and its patterns without "
                "look-around.",
            )
        ]
    return []


def _length_faults(params: RewardParams) -> list[Finding]:
    least, most = params.length_least, params.length_most
    if least > most:
        message = f'"Length: at least" is {least:,}, which is more than "Length: at most", {most:,}.'
        return [_fault("empty-range", message, "Lower the one or raise the other.")]
    if params.length_unit == "tokens" and least > params.max_completion_length:
        message = (
            f'"Length: at least" is {least:,} tokens, but answers are cut off at {params.max_completion_length:,}.'
        )
        return [_fault("length-out-of-reach", message, f'Raise "Longest answer, in tokens" to {least:,} or more.')]
    return []


def _fault(code: str, message: str, remedy: str) -> Finding:
    return Finding(severity="error", code=code, message=message, remedy=remedy)


def _shown(text: str) -> str:
    return f'"{text}"' if len(text) <= 80 else f'"{text[:79]}…"'


def _plain(text: str) -> str:
    """Lower case, single spaces, no full stop at the end; letters of any width alike."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".").strip()


def _contains(text: str, wanted: str) -> bool:
    """Whether words stand in a text as words: 1 does not stand in 12."""
    start = text.find(wanted)
    while start >= 0:
        before, after = text[start - 1 : start], text[start + len(wanted) : start + len(wanted) + 1]
        if not (before.isalnum() and wanted[0].isalnum()) and not (after.isalnum() and wanted[-1].isalnum()):
            return True
        start = text.find(wanted, start + 1)
    return False


@lru_cache(maxsize=4096)
def _matcher(expression: str, answer: str, place: str) -> Any:
    """What matches an expression with this answer in it. Raises ValueError for one that is none."""
    import jsonschema_rs

    filled = expression.replace(ANSWER, _SPECIAL.sub(lambda sign: f"\\{sign[0]}", answer))
    wanted = rf"\A(?:{filled})\z" if place == "whole answer" else filled
    return jsonschema_rs.Draft202012Validator({"pattern": wanted}, pattern_options=jsonschema_rs.RegexOptions())


@lru_cache(maxsize=16)
def _validator(schema: str) -> Any:
    """What validates against a schema. Raises ValueError for one that is none, or not whole by itself."""
    import jsonschema_rs

    return jsonschema_rs.validator_for(orjson.loads(schema), pattern_options=jsonschema_rs.RegexOptions(), offline=True)
