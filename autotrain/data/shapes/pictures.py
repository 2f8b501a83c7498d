"""Images and sounds with a label, and images with boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from autotrain.data.check import missing_columns
from autotrain.data.labels import label_findings
from autotrain.data.nested import parsed
from autotrain.data.roles import guess_roles
from autotrain.data.shapes.shape import Faults, cells
from autotrain.events import Finding
from autotrain.table import Fit, Profile, Table
from autotrain.task import Column

_LABEL = Column("label", "label", "Label", "What is learned: one of a few classes.")


class _Labelled:
    """Files with a class."""

    roles: ClassVar[tuple[Column, ...]]

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        return missing or label_findings(table, columns["label"], columns[self.roles[0].role])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        for number, row in cells(table, columns):
            if all(cell.strip() for cell in row.values()):
                yield number, row


class ImageClassification(_Labelled):
    """An image and its class."""

    name: ClassVar[str] = "image-classification"
    title: ClassVar[str] = "Images with a label"
    description: ClassVar[str] = "Sort images into classes."
    roles: ClassVar[tuple[Column, ...]] = (Column("image", "image", "Image", "The name of its file."), _LABEL)


class AudioClassification(_Labelled):
    """A sound and its class."""

    name: ClassVar[str] = "audio-classification"
    title: ClassVar[str] = "Sounds with a label"
    description: ClassVar[str] = "Sort sounds into classes."
    roles: ClassVar[tuple[Column, ...]] = (Column("audio", "audio", "Sound", "The name of its file."), _LABEL)


class ObjectDetection:
    """An image and boxes around what it shows."""

    name: ClassVar[str] = "object-detection"
    title: ClassVar[str] = "Images with boxes"
    description: ClassVar[str] = "Find things in images, each with a box around it."
    roles: ClassVar[tuple[Column, ...]] = (
        Column("image", "image", "Image", "The name of its file."),
        Column(
            "boxes",
            "boxes",
            "Boxes",
            "Left, top, width and height in pixels, and what is in each.",
            names=("boxes", "bbox", "bboxes", "objects"),
        ),
    )
    sizes: ClassVar[tuple[str, str]] = ("width", "height")
    """Columns of the table that say how large each image is, in pixels; boxes are compared with them."""

    def suits(self, profile: Profile) -> Fit:
        return guess_roles(profile, self.roles)

    def check(self, table: Table, columns: Mapping[str, str]) -> list[Finding]:
        missing = missing_columns(table, columns)
        if missing:
            return missing
        faults = Faults(
            {
                "unreadable-boxes": ("boxes that cannot be read.", "Write a list of [left, top, width, height]."),
                "empty-box": ("a box without area.", "Width and height must be over 0: correct it, or leave it out."),
                "box-outside": ("a box that reaches out of the image.", "Correct it, or leave the row out."),
                "uneven-categories": (
                    "another number of categories than of boxes.",
                    "Write one category for each box, in the same order.",
                ),
            }
        )
        sized = {name: name for name in self.sizes if all(each in table.rows.column_names for each in self.sizes)}
        for number, row in cells(table, {**columns, **sized}):
            faults.note(number, _fault(row["boxes"], *(row.get(name, "") for name in self.sizes)))
        return faults.findings(columns["boxes"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        for number, row in cells(table, columns):
            if row["image"].strip() and _fault(row["boxes"]) is None:
                boxes, categories = read_boxes(row["boxes"]) or [], read_categories(row["boxes"])
                yield number, {"image": row["image"], "boxes": boxes, "categories": categories or [THING] * len(boxes)}


THING = "thing"
"""The category of boxes that name none."""
_CATEGORIES = ("category", "categories", "category_id", "label", "labels", "class", "name")


def read_categories(cell: str) -> list[str]:
    """What is in each box of a cell, in the order of the boxes; empty where nothing is said of it."""
    value = parsed(cell)
    listed: list[Any] = []
    if isinstance(value, Mapping):
        listed = next((value[key] for key in _CATEGORIES if isinstance(value.get(key), list)), [])
    elif isinstance(value, list):
        listed = [
            next((item[key] for key in _CATEGORIES if key in item), None) for item in value if isinstance(item, Mapping)
        ]
    return [] if None in listed else [str(each) for each in listed]


def read_boxes(cell: str) -> list[list[float]] | None:
    """Boxes of left, top, width, height: a list of them, or under `bbox`; None if they cannot be read."""
    value = parsed(cell)
    if isinstance(value, Mapping):
        value = value.get("bbox")
    if not isinstance(value, list):
        return None
    boxes: list[list[float]] = []
    for item in value:
        box = item.get("bbox") if isinstance(item, Mapping) else item
        if not isinstance(box, list) or len(box) != 4 or not all(isinstance(each, int | float) for each in box):
            return None
        boxes.append([float(each) for each in box])
    return boxes


_SLACK = 1.0
"""Pixels by which a box is out of its image; less is what tools make by rounding."""


def _fault(cell: str, image_width: str = "", image_height: str = "") -> str | None:
    boxes = read_boxes(cell)
    if boxes is None:
        return "unreadable-boxes"
    if len(read_categories(cell)) not in (0, len(boxes)):
        return "uneven-categories"
    if any(width <= 0 or height <= 0 for _, _, width, height in boxes):
        return "empty-box"
    right, bottom = _pixels(image_width), _pixels(image_height)
    outside = any(
        left <= -_SLACK or top <= -_SLACK or left + width >= right + _SLACK or top + height >= bottom + _SLACK
        for left, top, width, height in boxes
    )
    return "box-outside" if outside else None


def _pixels(cell: str) -> float:
    """A size of an image; without end where it is not known."""
    return float(cell) if cell.strip().isdigit() else float("inf")
