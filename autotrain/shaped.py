"""What every task has whose rows have a shape: which table suits it, what is checked, which columns it wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from autotrain.data.shapes import SHAPES
from autotrain.data.shapes.shape import Shape
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column, Effort, Masking, Params


class Shaped:
    """A task that learns from tables of one shape or of several, the first one being the usual one.

    `columns` are the roles of all of them; required is what every shape requires.
    """

    shapes: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[Column, ...]]
    asks: ClassVar[tuple[Column, ...]]

    def shape_for(self, columns: Mapping[str, str]) -> str:
        """The shape whose roles these are: with the fewest roles it does not know, then the fewest that are missing."""
        return min(self.shapes, key=lambda name: _strangeness(SHAPES[name], columns))

    def missing(self, columns: Mapping[str, str]) -> list[Column]:
        """The required roles that have no column yet."""
        return [role for role in SHAPES[self.shape_for(columns)].roles if role.required and not columns.get(role.role)]

    def reads(self, columns: Mapping[str, str]) -> Mapping[str, str]:
        """What is read of each row of a table: the same that a person gives."""
        return {role.role: columns.get(role.role, "") for role in self.asks if role.role in columns or role.required}

    def suits(self, profile: Profile) -> Fit:
        """How well a table suits the task: in the shape that fits it best."""
        return max((SHAPES[name].suits(profile) for name in self.shapes), key=lambda fit: fit.score)

    def check(self, table: Table, columns: Mapping[str, str], params: Params) -> list[Finding]:
        """What is wrong or worth knowing about the rows in their shape."""
        return SHAPES[self.shape_for(columns)].check(table, columns)

    def masking(self, params: Mapping[str, Any]) -> Masking | None:
        """Nothing is hidden."""
        return None

    def effort(self, params: Params, columns: Mapping[str, str]) -> Effort:
        """A row is one text; beside it a probe of the base reads the training rows."""
        return Effort()


def roles_of(*shapes: str) -> tuple[Column, ...]:
    """The roles of several shapes, each once; required is what every one of them requires."""
    from dataclasses import replace

    found: dict[str, Column] = {}
    for name in shapes:
        for role in SHAPES[name].roles:
            everywhere = all(_requires(SHAPES[other], role.role) for other in shapes)
            found.setdefault(role.role, replace(role, required=role.required and everywhere))
    return tuple(found.values())


def _requires(shape: Shape, role: str) -> bool:
    return any(each.role == role and each.required for each in shape.roles)


def _strangeness(shape: Shape, columns: Mapping[str, str]) -> tuple[int, int]:
    known = {role.role for role in shape.roles}
    missing = sum(role.required and not columns.get(role.role) for role in shape.roles)
    return sum(role not in known for role in columns), missing
