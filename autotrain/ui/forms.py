"""A task's parameters as a form: each pydantic field becomes a widget's description, declared nowhere else."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from autotrain.task import Params

Kind = Literal["integer", "number", "choice", "switch", "text"]


class Widget(BaseModel):
    """One field of the form. `above` and `below` are bounds that the value itself may not reach. Fields of a `group`
    are folded up together; those without one are always seen."""

    name: str
    title: str
    help: str
    kind: Kind
    default: Any = None
    optional: bool = False
    choices: list[str] = []
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None
    below: float | None = None
    group: str | None = None


class Change(BaseModel):
    """A setting that is not as the preset has it."""

    name: str
    title: str
    preset: Any
    value: Any


def widgets(params: type[BaseModel]) -> list[Widget]:
    """The form of a task, in the order in which the fields are declared."""
    return [_widget(name, field) for name, field in params.model_fields.items()]


def changes(params: type[Params], preset: Mapping[str, Any], chosen: Mapping[str, Any]) -> list[Change]:
    """The settings that differ from the preset. Values are compared as the task reads them, so `1e-3` is `0.001`."""
    before, after = params.model_validate(dict(preset)), params.model_validate(dict(chosen))
    return [
        Change(name=name, title=_title(name, field), preset=getattr(before, name), value=getattr(after, name))
        for name, field in params.model_fields.items()
        if getattr(before, name) != getattr(after, name)
    ]


def _title(name: str, field: FieldInfo) -> str:
    return field.title or name.replace("_", " ").capitalize()


def _widget(name: str, field: FieldInfo) -> Widget:
    kind, choices, optional = _kind(field.annotation)
    bounds: dict[str, float] = {}
    for rule in field.metadata:
        for ours, theirs in (("minimum", "ge"), ("maximum", "le"), ("above", "gt"), ("below", "lt")):
            if (value := getattr(rule, theirs, None)) is not None:
                bounds[ours] = value
    return Widget(
        name=name,
        title=_title(name, field),
        help=field.description or "",
        kind=kind,
        default=None if field.is_required() else field.get_default(call_default_factory=True),
        optional=optional,
        choices=choices,
        group=extra.get("group") if isinstance(extra := field.json_schema_extra, dict) else None,
        **bounds,
    )


def _kind(annotation: Any) -> tuple[Kind, list[str], bool]:
    optional = False
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [part for part in get_args(annotation) if part is not type(None)]
        optional = len(inner) < len(get_args(annotation))
        annotation = inner[0] if len(inner) == 1 else str
    if get_origin(annotation) is Literal:
        return "choice", [str(choice) for choice in get_args(annotation)], optional
    kinds: dict[Any, Kind] = {bool: "switch", int: "integer", float: "number"}
    return kinds.get(annotation, "text"), [], optional
