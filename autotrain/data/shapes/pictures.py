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
            "Left, top, width and height in pixels.",
            names=("boxes", "bbox", "bboxes", "objects"),
        ),
    )

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
                "box-outside": ("a box that begins left of or above the image.", "Correct it, or leave the row out."),
            }
        )
        for number, row in cells(table, columns):
            faults.note(number, _fault(row["boxes"]))
        return faults.findings(columns["boxes"])

    def rows(self, table: Table, columns: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
        for number, row in cells(table, columns):
            if row["image"].strip() and _fault(row["boxes"]) is None:
                yield number, {"image": row["image"], "boxes": read_boxes(row["boxes"])}


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


def _fault(cell: str) -> str | None:
    boxes = read_boxes(cell)
    if boxes is None:
        return "unreadable-boxes"
    if any(width <= 0 or height <= 0 for _, _, width, height in boxes):
        return "empty-box"
    return "box-outside" if any(left < 0 or top < 0 for left, top, _, _ in boxes) else None
