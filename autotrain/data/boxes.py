"""Boxes in the files that annotation tools write: COCO's JSON, YOLO's text files, Pascal VOC's XML.

Each becomes what the shape `object-detection` reads: for each image the cell
`{"bbox": [[left, top, width, height], …], "category": [name, …]}` in pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

from autotrain.data.archives import Member
from autotrain.errors import DataError

Told = dict[str, dict[str, str]]
"""What is said of each image, by its name in the archive or by the last part of it."""

_CLASS_FILES = ("classes.txt", "obj.names", "labels.txt")
_LARGEST_TEXT = 5_000_000


def boxes_of(others: Sequence[Member], images: Sequence[tuple[Member, tuple[int, int]]]) -> tuple[Told, set[Member]]:
    """What the files beside some images say of boxes, and which of the files that were.

    Args:
        others: the files of an archive that are no images.
        images: its images, with width and height in pixels.

    Raises:
        DataError: a file that looks like one of these formats cannot be read as it.
    """
    for read in (_coco, _voc, _yolo):
        told, used = read(others, images)
        if told:
            return told, used
    return {}, set()


def _coco(others: Sequence[Member], _: object) -> tuple[Told, set[Member]]:
    """https://cocodataset.org/#format-data: `images`, `annotations` and `categories` in one JSON file."""
    told: Told = {}
    used: set[Member] = set()
    for member in others:
        if member.name.suffix.casefold() != ".json":
            continue
        try:
            whole = json.loads(member.path.read_bytes())
        except ValueError:
            continue
        if not isinstance(whole, dict) or not {"images", "annotations"} <= set(whole):
            continue
        try:
            told |= _told_by_coco(whole)
        except (KeyError, TypeError, AttributeError) as error:
            raise _unreadable(member, f"{error} is missing") from error
        used.add(member)
    return told, used


def _told_by_coco(whole: Mapping[str, Any]) -> Told:
    names = {each["id"]: str(each["name"]) for each in whole.get("categories", [])}
    found: dict[Any, tuple[list[Any], list[str]]] = {each["id"]: ([], []) for each in whole["images"]}
    for each in whole["annotations"]:
        if each["image_id"] in found and not each.get("iscrowd"):
            boxes, categories = found[each["image_id"]]
            boxes.append(each["bbox"])
            categories.append(names.get(each["category_id"], str(each["category_id"])))
    return {str(each["file_name"]): _cell(*found[each["id"]]) for each in whole["images"]}


def _voc(others: Sequence[Member], _: object) -> tuple[Told, set[Member]]:
    """http://host.robots.ox.ac.uk/pascal/VOC: an XML file for each image; places count from 1."""
    told: Told = {}
    used: set[Member] = set()
    for member in others:
        if member.name.suffix.casefold() != ".xml" or member.path.stat().st_size > _LARGEST_TEXT:
            continue
        content = member.path.read_bytes()
        if b"<annotation" not in content:
            continue
        if b"<!DOCTYPE" in content or b"<!ENTITY" in content:  # entities may grow without end
            raise _unreadable(member, "it declares entities")
        try:
            root = ElementTree.fromstring(content)
            boxes, categories = [], []
            for each in root.iter("object"):
                box = each.find("bndbox")
                left, top, right, bottom = (float(box.findtext(name, "")) for name in ("xmin", "ymin", "xmax", "ymax"))  # type: ignore[union-attr]
                boxes.append([left - 1, top - 1, right - left + 1, bottom - top + 1])
                categories.append(str(each.findtext("name", "")))
        except (ElementTree.ParseError, ValueError, AttributeError) as error:
            raise _unreadable(member, str(error)) from error
        told[root.findtext("filename") or f"{member.name.stem}.jpg"] = _cell(boxes, categories)
        used.add(member)
    return told, used


def _yolo(others: Sequence[Member], images: Sequence[tuple[Member, tuple[int, int]]]) -> tuple[Told, set[Member]]:
    """https://docs.ultralytics.com/datasets/detect: a text file for each image, places as shares of its size."""
    texts = {member.name.stem: member for member in others if member.name.suffix.casefold() == ".txt"}
    classes, used = _yolo_classes(others)
    told: Told = {}
    for image, (width, height) in images:
        member = texts.get(image.name.stem)
        if member is None or member.path.stat().st_size > _LARGEST_TEXT:
            continue
        boxes, categories = [], []
        for line in member.path.read_text("utf-8", errors="replace").splitlines():
            parts = line.split()
            if not parts:
                continue
            try:
                number, (x, y, w, h) = int(parts[0]), map(float, parts[1:5])
            except ValueError:
                return {}, set()  # these are texts of another kind
            boxes.append([(x - w / 2) * width, (y - h / 2) * height, w * width, h * height])
            categories.append(classes[number] if number < len(classes) else str(number))
        told[str(image.name)] = _cell([[round(place, 2) for place in box] for box in boxes], categories)
        used.add(member)
    return told, used


def _yolo_classes(others: Sequence[Member]) -> tuple[list[str], set[Member]]:
    import yaml

    for member in others:
        name = member.name.name.casefold()
        if name in _CLASS_FILES:
            lines = member.path.read_text("utf-8", errors="replace").splitlines()
            return [line.strip() for line in lines if line.strip()], {member}
        if name in ("data.yaml", "data.yml", "dataset.yaml") and member.path.stat().st_size < _LARGEST_TEXT:
            try:
                names = (yaml.safe_load(member.path.read_text("utf-8", errors="replace")) or {}).get("names")
            except (yaml.YAMLError, AttributeError) as error:
                raise _unreadable(member, "it is no YAML") from error
            listed = [names[key] for key in sorted(names)] if isinstance(names, dict) else names or []
            return [str(each) for each in listed], {member}
    return [], set()


def _cell(boxes: Sequence[Sequence[float]], categories: Sequence[str]) -> dict[str, str]:
    return {"objects": json.dumps({"bbox": list(boxes), "category": list(categories)}, ensure_ascii=False)}


def _unreadable(member: Member, why: str) -> DataError:
    name = PurePosixPath(member.name)
    return DataError(
        f"{name} looks like boxes for images, but cannot be read ({why[:120]}). Export it again as COCO, YOLO or "
        "Pascal VOC.",
        code="damaged-file",
    )
