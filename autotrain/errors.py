"""
Every exception this package raises on purpose.

* AutotrainError             carries a sentence for people and a `code` for programs
  * SettingsError            an AUTOTRAIN_* setting or the data home cannot be used
  * RecipeError              a recipe that cannot be used; carries every problem at once
  * DataError                a file or table that cannot be used
  * ModelError               a base model or adapter that cannot be used
  * TrainingError            a training that cannot go on
  * HubError                 the Hugging Face Hub refused or could not be reached
    * HubUnreachable         no answer: no network, or the Hub is down
    * TokenError             the token is missing, wrong or lacks a permission
    * RepositoryError        the repository's name is invalid, taken, gated or absent
  * JudgeError               the judge of answers is not set up, refused or could not be reached
  * BackupError              a backup that cannot be made or restored
  * RecordSilent             the record does not answer now; what was asked of it may be tried again
  * RunError                 the record refused
    * UnknownRun             no such run
    * ImpossibleTransition   a run in this state cannot do that
    * LeaseLost              another attempt owns the run; stop without side effects

A message names the thing, the value and the remedy, in plain words, so that it can be shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class AutotrainError(Exception):
    """Base class: catch this to catch everything raised on purpose."""

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        self.message = message
        self.code = code or self.default_code
        super().__init__(message)


class SettingsError(AutotrainError):
    """A setting or the data home cannot be used."""

    default_code = "settings"


class RecipeError(AutotrainError):
    """A recipe that cannot be used. Reports every problem, not the first."""

    default_code = "recipe"

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.source, self.problems = source, tuple(problems)
        super().__init__("\n".join(f"{source}: {problem}" for problem in problems))


class DataError(AutotrainError):
    """A file or a table that cannot be used."""

    default_code = "data"


class ModelError(AutotrainError):
    """A base model or an adapter that cannot be used."""

    default_code = "model"


class TrainingError(AutotrainError):
    """A training that cannot go on."""

    default_code = "training"


class HubError(AutotrainError):
    """The Hugging Face Hub refused."""

    default_code = "hub"


class HubUnreachable(HubError):
    """The Hub did not answer."""

    default_code = "hub-unreachable"


class TokenError(HubError):
    """The token is missing, wrong, or lacks a permission."""

    default_code = "token"


class RepositoryError(HubError):
    """The repository's name is invalid, taken, gated or absent."""

    default_code = "repository"


class JudgeError(AutotrainError):
    """The judge of answers is not set up, refused, or did not answer."""

    default_code = "judge"


class BackupError(AutotrainError):
    """A backup that cannot be made or restored."""

    default_code = "backup"


class RecordSilent(AutotrainError):
    """The record does not answer now: its server is gone, is being restarted, or takes no more connections."""

    default_code = "record-silent"


class RunError(AutotrainError):
    """The record refused."""

    default_code = "run"


class UnknownRun(RunError):
    """There is no run with this id."""

    default_code = "unknown-run"


class ImpossibleTransition(RunError):
    """A run in this state cannot do what was asked."""

    default_code = "impossible-transition"


class LeaseLost(RunError):
    """This attempt no longer owns its run: stop without side effects."""

    default_code = "lease-lost"


def flaw(problem: Mapping[str, Any]) -> str:
    """What pydantic found wrong with a value, to stand after the value: `7 must be at most 1`."""
    bounds = problem.get("ctx", {})
    match problem["type"]:
        case "int_parsing" | "int_type" | "int_from_float":
            return "is not a whole number"
        case "float_parsing" | "float_type":
            return "is not a number"
        case "bool_parsing" | "bool_type":
            return "is neither true nor false"
        case "greater_than_equal":
            return f"must be at least {bounds['ge']:g}"
        case "greater_than":
            return f"must be more than {bounds['gt']:g}"
        case "less_than_equal":
            return f"must be at most {bounds['le']:g}"
        case "less_than":
            return f"must be less than {bounds['lt']:g}"
        case "literal_error" | "enum":
            return f"must be {bounds['expected']}"
        case "extra_forbidden":
            return "stands under a name that is not known here"
        case _:
            return f"cannot be used: {problem['msg'].removeprefix('Value error, ')}"
