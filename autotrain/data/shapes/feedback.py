"""Thumbs: an answer to a prompt, and whether people liked it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import error_finding, missing_columns, warning_finding
from autotrain.data.numbers import NO, YES, number_of
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.conversation import TOOLS, with_tools
from autotrain.data.shapes.shape import Faults, cells
from autotrain.data.shapes.turns import FAULTS, Messages, fault_of, read_messages, read_tools
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_UP = YES | {
    "up",
    "thumbs up",
    "thumb up",
    "thumbsup",
    "👍",
    "like",
    "liked",
    "good",
    "desirable",
    "upvote",
    "positive",
}
_DOWN = NO | {
    *("down", "thumbs down", "thumb down", "thumbsdown", "👎", "dislike", "disliked", "bad", "undesirable"),
    *("downvote", "negative"),
}
_SHADES = re.compile("[\ufe0f\U0001f3fb-\U0001f3ff]")
"""What only colours an emoji."""
_JOINED = re.compile(r"(?<=[^\W\d_])[-_](?=[^\W\d_])")
"""As in thumbs_up."""
FEW = 0.05
"""Of all rows; with fewer of one kind the other one is nearly all that is learned."""


def thumb_of(cell: str) -> bool | None:
    """Whether a cell says that an answer was liked: yes or no, 1 or 0, 👍 or 👎, up or down; None if it says neither.

    -1 is a thumb down too, as votes are counted; other numbers are grades and no thumbs.
    """
    plain = _JOINED.sub(" ", _SHADES.sub("", cell).strip().casefold())
    if plain in _UP:
        return True
    if plain in _DOWN:
        return False
    return {1.0: True, 0.0: False, -1.0: False}.get(number_of(plain) if plain else None)  # type: ignore[arg-type]


class Feedback:
    """A prompt, one answer, and a thumb: what the buttons below a chat's answers collect."""

    name: ClassVar[str] = "feedback"
    title: ClassVar[str] = "Answers with thumbs up or down"
    description: ClassVar[str] = "Teach a language model which of its answers are liked, one answer at a time."
    roles: ClassVar[tuple[Column, ...]] = (
        Column(
            "prompt",
            "text",
            "Prompt",
            "What was asked.",
            names=("prompt", "question", "instruction", "query"),
            by_name=True,
        ),
        Column(
            "completion",
            "text",
            "Answer",
            "What was answered.",
            names=("completion", "response", "reply", "output", "generation"),
            by_name=True,
        ),
        Column(
            "rating",
            "label",
            "Thumb",
            "Whether the answer was liked: true or false, 1 or 0, 👍 or 👎, up or down.",
            names=("thumb", "thumbs", "rating", "feedback", "liked", "like", "vote", "desirable", "label"),
            by_name=True,
        ),
        TOOLS,
    )

    def suits(self, profile: Profile) -> Fit:
        """As its roles say; not at all where what is called a rating holds anything but thumbs."""
        fit = guess_roles(profile, self.roles)
        rating = profile.column(fit.mapping[2].column or "")
        if rating is None or all(thumb_of(value) is not None for value, _ in rating.top_values):
            return fit
        return Fit(0.0, f'"{rating.name}" holds more than thumbs up and down', fit.mapping)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults, thumbs = Faults(_FAULTS), {True: 0, False: 0}
        for number, row in cells(table, columns):
            fault = _fault(row)
            faults.note(number, fault)
            if fault is None:
                thumbs[bool(thumb_of(row["rating"]))] += 1
        return [*faults.findings(columns["rating"]), *_one_sided(thumbs, columns["rating"])]

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """`prompt` and `completion`, each a list of messages, and `liked`."""
        for number, row in cells(table, columns):
            if _fault(row) is None:
                yield number, with_tools({**_as_messages(row), "liked": bool(thumb_of(row["rating"]))}, row)


_FAULTS = {
    "empty-prompt": ("no prompt.", "Write what was asked, or leave the row out."),
    "empty-completion": ("no answer.", "Write the answer, or leave the row out."),
    "no-thumb": ("no thumb.", "Write true or false, 1 or 0, 👍 or 👎, up or down; or leave the row out."),
    **FAULTS,
}


def _fault(row: Mapping[str, str]) -> str | None:
    empty = next((role for role in ("prompt", "completion") if not row[role].strip()), None)
    if empty is not None:
        return f"empty-{empty}"
    if thumb_of(row["rating"]) is None:
        return "no-thumb"
    if read_tools(row.get("tools", "")) is None:
        return "unreadable-tools"
    made = _as_messages(row)
    return fault_of([*made["prompt"], *made["completion"]])


def _as_messages(row: Mapping[str, str]) -> dict[str, Messages]:
    prompt = read_messages(row["prompt"]) or [{"role": "user", "content": row["prompt"]}]
    return {
        "prompt": prompt,
        "completion": read_messages(row["completion"]) or [{"role": "assistant", "content": row["completion"]}],
    }


def _one_sided(thumbs: Mapping[bool, int], column: str) -> Iterator[Finding]:
    """Rows of one kind only, or nearly so."""
    rows = thumbs[True] + thumbs[False]
    fewer = thumbs[True] < thumbs[False]
    few, other = ("up", "down") if fewer else ("down", "up")
    if not rows:
        return
    if not thumbs[fewer]:
        yield error_finding(
            "one-sided-thumbs",
            f"All {rows:,} answers have a thumb {other}, so that nothing tells a liked answer from another.",
            f"Add answers with a thumb {few}."
            + ("" if fewer else " Liked answers alone are what chat and instruction tuning learns from."),
            column,
        )
    elif thumbs[fewer] < FEW * rows:
        yield warning_finding(
            "few-thumbs",
            f"Only {thumbs[fewer]:,} of {rows:,} answers have a thumb {few}.",
            f"Add some, or give them a larger weight among the settings (weight of thumbs {few}).",
            column,
            thumbs[fewer],
        )
