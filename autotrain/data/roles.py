"""Guessing which column plays which role of a task: by what the cells hold first, by whole words of the name second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from autotrain.data.kinds import name_words
from autotrain.data.label_lists import looks_parted
from autotrain.data.numbers import relevance_of
from autotrain.data.parts import says_the_split
from autotrain.table import Certainty, ColumnKind, ColumnProfile, Fit, Profile, RoleGuess
from autotrain.task import Column

_CONTENT: dict[str, dict[ColumnKind, float]] = {
    "text": {"text": 1.0, "long text": 1.0, "category": 0.25, "url": 0.1},
    "label": {"category": 1.0, "boolean": 0.9, "text": 0.2, "number": 0.15},
    "number": {"number": 1.0, "category": 0.3, "boolean": 0.2},
    "messages": {"messages": 1.0},
    "relevance": {"number": 1.0, "boolean": 1.0, "category": 0.6},
    "labels": {"list": 1.0, "category": 0.2},
    "list": {"list": 1.0},
    "spans": {"spans": 1.0},
    "answers": {"answers": 1.0},
    "image": {"image": 1.0},
    "audio": {"audio": 1.0},
    "boxes": {"boxes": 1.0},
}
"""How well each kind of column suits each kind of role, from 0 (never) to 1."""

_TEXT_NAMES = """
text texts sentence sentences message messages review comment content body tweet question query utterance document
description title headline subject input prompt sms email mail post feedback request
texto texte testo tekst nachricht satz beschreibung mensaje mensagem phrase frase kommentar
текст сообщение 文本 内容 句子
"""
_LABEL_NAMES = """
label labels class classes category target sentiment intent topic type tag y emotion rating stars score spam language
lang genre group output answer grade polarity toxic
klasse kategorie etiqueta categoria catégorie étiquette clase classe rótulo метка категория класс 标签 类别
"""
_NUMBER_NAMES = "target value price score rating amount y label wert preis"
_NAMES: dict[str, frozenset[str]] = {
    "text": frozenset(_TEXT_NAMES.split()),
    "label": frozenset(_LABEL_NAMES.split()),
    "number": frozenset(_NUMBER_NAMES.split()),
}

_VAGUE_NAMES = """
title headline subject description type genre group language lang output answer stars score rating grade
"""
_VAGUE = frozenset(_VAGUE_NAMES.split())
"""Names that fit a role but describe as often a property of the row: alone they make nothing sure."""

_FEW_VALUES = 20
"""More different short values than this may be what is read (names, titles) and not what is learned."""
_ENOUGH = 0.3
"""Below this a column is not even offered as a guess."""
_OFTEN, _REPEATED = 0.05, 0.5
"""A text of which each value comes twenty times and more is a property of many rows, such as a title."""
_SPLIT = 0.2
"""How much of a label a column is that says which rows are for training."""
_PARTED = 0.4
"""How much of a single label a column is whose cells hold several."""
_NAMED_LABELS = frozenset({"labels", "tags", "topics", "genres", "categories", "classes", "keywords"})
_NAME_BONUS = 0.35
"""A fitting name lifts a column over its rivals but never makes an id a text."""


@dataclass(frozen=True)
class _Candidate:
    column: ColumnProfile
    content: float
    named: bool
    plainly: bool = False
    """Named in a word that hardly means anything else."""

    @property
    def score(self) -> float:
        return self._score(self.named)

    @property
    def plain_score(self) -> float:
        """The score when a vague name counts for nothing."""
        return self._score(self.plainly)

    def _score(self, named: bool) -> float:
        return self.content * (1 + (_NAME_BONUS if named else 0.0)) * (0.8 + 0.2 * self.column.confidence)


def guess_roles(profile: Profile, columns: tuple[Column, ...]) -> Fit:
    """Suggest a mapping from roles to columns.

    Args:
        profile: the table, described.
        columns: the roles of a task, the most important one first.

    Returns:
        The mapping with a certainty and a reason for each role; the score is that of the weakest required role.
    """
    guesses: list[RoleGuess] = []
    scores: list[float] = []
    taken: set[str] = set()
    for role in columns:
        guess, score = _guess(profile, role, taken)
        guesses.append(guess)
        if guess.column is not None:
            taken.add(guess.column)
        if role.required:
            scores.append(score)
    weakest = min(scores, default=0.0)
    return Fit(round(weakest, 2), _summary(guesses), tuple(guesses))


def _guess(profile: Profile, role: Column, taken: set[str]) -> tuple[RoleGuess, float]:
    free = [column for column in profile.columns if column.name not in taken]
    ranked = sorted((_candidate(column, role, profile.rows) for column in free), key=lambda each: -each.score)
    fitting = [each for each in ranked if each.score >= _ENOUGH]
    if not fitting:
        # A role named outright is worth showing even when the cells do not look it, but only as a question.
        named = next((each for each in ranked if each.named and each.content > 0), None)
        if named is None:
            return RoleGuess(role.role, None, "needs you", _nothing(free, role)), 0.0
        reason = f"its name fits, but its cells do not look like a {role.kind}: {named.column.reason}"
        return RoleGuess(role.role, named.column.name, "needs you", reason), named.score
    best, rivals = fitting[0], fitting[1:]
    return RoleGuess(role.role, best.column.name, _certainty(best, rivals), _reason(best, rivals)), min(1.0, best.score)


def _candidate(column: ColumnProfile, role: Column, rows: int) -> _Candidate:
    content = _CONTENT[role.kind].get(column.kind, 0.0)
    if role.kind == "label":
        content *= _label_like(column) * (_SPLIT if says_the_split(column) else 1.0)
        content *= _PARTED if looks_parted(column, named=bool(_NAMED_LABELS & set(name_words(column.name)))) else 1.0
    elif role.kind == "relevance" and any(relevance_of(value) is None for value, _ in column.top_values):
        content = 0.0
    elif role.kind == "labels" and looks_parted(
        column, named=bool(frozenset(role.names) & set(name_words(column.name)))
    ):
        content = 0.95
    elif role.kind == "text" and column.kind in ("text", "long text"):
        # Of several text columns the one with more to read is the likelier text: 5 characters 0.6, 40 and more 1.
        content *= 0.55 + 0.45 * min(1.0, column.mean_length / 40)
        content *= _REPEATED if column.distinct < _OFTEN * rows else 1.0
    elif role.kind == "text" and column.kind == "category" and column.distinct > _FEW_VALUES:
        content = 0.45
    usual = frozenset(role.names) or _NAMES.get(role.kind, frozenset())
    fitting = set(name_words(column.name)) & (usual | {role.role})
    if role.by_name and role.kind == "text":
        content = (1.0 if column.kind not in ("empty", "list", "spans", "boxes") else 0.0) if fitting else 0.0
    elif role.by_name and not fitting:
        content = 0.0
    return _Candidate(column, content, bool(fitting), bool(fitting - _VAGUE))


def _label_like(column: ColumnProfile) -> float:
    """Less for a single value, for many classes, and for long names; 1 for the usual handful of short labels."""
    if column.distinct < 2:
        return 0.4
    return (1.0 if column.distinct <= 50 else 0.7) * (1.0 if column.mean_length <= 30 else 0.7)


def _certainty(best: _Candidate, rivals: Sequence[_Candidate]) -> Certainty:
    closest = rivals[0].score if rivals else 0.0
    clear = best.plain_score - max((rival.plain_score for rival in rivals), default=0.0) >= 0.25
    if best.content >= 0.6 and best.column.confidence >= 0.7 and (clear or (best.plainly and not rivals[0].plainly)):
        return "sure"
    if best.named or clear or best.score - closest >= 0.05:
        return "guess"
    return "needs you"


def _reason(best: _Candidate, rivals: Sequence[_Candidate]) -> str:
    parts = [best.column.reason]
    if best.named:
        parts.append("its name fits")
    if rivals and best.score - rivals[0].score < 0.25:
        parts.append(f'"{rivals[0].column.name}" could be meant too')
    return "; ".join(parts)


def _nothing(free: Sequence[ColumnProfile], role: Column) -> str:
    if role.by_name:
        return f"no column is called {' or '.join(role.names[:4]) or role.role}"
    if not free:
        return f"no column is left for the {role.kind}"
    listed = ", ".join(f'"{column.name}" is {_KIND_WORDS[column.kind]}' for column in free[:3])
    return f"no column looks like a {role.kind}: {listed}"


_KIND_WORDS: dict[ColumnKind, str] = {
    "text": "text",
    "long text": "long text",
    "category": "a category",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a date",
    "id": "an identifier",
    "url": "a web address",
    "empty": "empty",
    "list": "a list",
    "spans": "marked places",
    "messages": "a conversation",
    "image": "an image",
    "audio": "a sound",
    "boxes": "boxes in an image",
    "answers": "answers with their places",
}


def _summary(guesses: Sequence[RoleGuess]) -> str:
    missing = [guess.role for guess in guesses if guess.column is None]
    if missing:
        return f"no column found for: {', '.join(missing)}"
    return ", ".join(f'{guess.role} from "{guess.column}" ({guess.certainty})' for guess in guesses)
