"""What the columns of a Hub dataset hold, at any depth: classes, whose numbers become names, and files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

FILES = frozenset({"Image", "Audio", "Video", "Pdf", "Nifti"})
"""Features whose values are files."""


def has_classes(feature: Any) -> bool:
    """Whether numbers stand for the names of classes somewhere in a column."""
    return "ClassLabel" in set(_kinds(feature))


def has_files(feature: Any) -> bool:
    """Whether there are files somewhere in a column."""
    return bool(FILES & set(_kinds(feature)))


def with_names(value: Any, feature: Any) -> Any:
    """A value with names in place of the numbers of classes; a class that nobody may know becomes an empty text."""
    if value is None:
        return None
    if type(feature).__name__ == "ClassLabel":
        return feature.int2str(value) if 0 <= value < feature.num_classes else ""
    if isinstance(feature, dict):
        return {key: with_names(value.get(key), each) for key, each in feature.items()}
    inner = _inner(feature)
    return value if inner is None else [with_names(each, inner) for each in value]


def named(column: pa.ChunkedArray, feature: Any) -> Any:
    """A column with names in place of the numbers of classes; its type is the same in a batch without any value."""
    import pyarrow as pa

    if not has_classes(feature):
        return column
    return pa.array([with_names(value, feature) for value in column.to_pylist()], _type(column.type, feature))


def _type(known: pa.DataType, feature: Any) -> pa.DataType:
    import pyarrow as pa

    if type(feature).__name__ == "ClassLabel":
        return pa.string()
    if isinstance(feature, dict):
        return pa.struct([(field.name, _type(field.type, feature[field.name])) for field in known])
    inner = _inner(feature)
    return known if inner is None else pa.list_(_type(known.value_type, inner))


def _kinds(feature: Any) -> Iterator[str]:
    yield type(feature).__name__
    if isinstance(feature, dict):
        for each in feature.values():
            yield from _kinds(each)
    elif (inner := _inner(feature)) is not None:
        yield from _kinds(inner)


def _inner(feature: Any) -> Any:
    """What a list holds, or None; the library has had three ways to write a list."""
    return feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
