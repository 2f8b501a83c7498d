"""Images and sounds of an archive, and what lies beside them: metadata, folders that name classes, boxes."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from autotrain.data.archives import Member
from autotrain.data.boxes import Told, boxes_of
from autotrain.data.parts import part_of
from autotrain.errors import DataError
from autotrain.events import Finding

FILES_FOLDER = "files"
"""Where images and sounds of a dataset lie, below its folder."""

LARGEST_IMAGE = 100_000_000
"""Pixels of an image once unpacked; more is a bomb, or has to be made smaller first."""
_PARTS = ("train", "validation", "test")
_LISTED = 5


class Media:
    """The images, or the sounds, of an archive. `kind` is `image` or `audio`."""

    def __init__(self, kind: str, members: Sequence[Member]) -> None:
        self.kind, self.members = kind, members
        self._told: Told = {}
        self._sizes: dict[Member, tuple[int, int]] = {}
        self._flaws = {member: why for member in members if (why := self._flaw(member))}

    def hear(self, others: Sequence[Member]) -> set[Member]:
        """Learn from the other files what there is to know of these; returns those that said something.

        Raises:
            DataError: metadata or boxes cannot be read.
        """
        metadata = {
            member
            for member in others
            if member.name.stem == "metadata" and member.name.suffix.casefold() in (".csv", ".jsonl")
        }
        for member in sorted(metadata, key=lambda member: member.name):
            self._told |= _metadata(member)
        if self._told or self.kind != "image":
            return metadata
        self._told, used = boxes_of(others, list(self._sizes.items()))
        return metadata | used

    def rows(self, folder: Path) -> list[dict[str, str]]:
        """A row for each that can be read; the files move to the dataset's folder. Raises DataError if none can."""
        (folder / FILES_FOLDER).mkdir(exist_ok=True)
        rows: list[dict[str, str]] = []
        for number, member in enumerate(self.members):
            if member in self._flaws:
                continue
            kept = f"{FILES_FOLDER}/{number:06d}{member.name.suffix.casefold()}"
            shutil.move(member.path, folder / kept)
            rows.append({self.kind: kept, **self._said(member), "file": str(member.name)})
        if not rows:
            raise DataError(
                f"No {self.kind} can be read: {', '.join(self._damaged()[:_LISTED])}. Replace them by files that can.",
                code="damaged-file",
            )
        return rows

    def findings(self) -> list[Finding]:
        """Which of them cannot be used."""
        names = self._damaged()
        if not names:
            return []
        more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
        return [
            Finding(
                severity="warning",
                code="damaged-files",
                message=f"{len(names)} {self.kind} {'file' if len(names) == 1 else 'files'} cannot be used: "
                f"{', '.join(names[:_LISTED])}{more}.",
                remedy="They are left out; replace them if they matter.",
                count=len(names),
            )
        ]

    def _damaged(self) -> list[str]:
        return [f"{member.name} ({why})" for member, why in self._flaws.items()]

    def _said(self, member: Member) -> dict[str, str]:
        """What is known of one: by its whole name, by the last part of it, by its folders."""
        told = self._told.get(str(member.name), self._told.get(member.name.name, {}))
        if "objects" in told:  # then its folder is a place and no class
            width, height = self._sizes[member]
            return {"width": str(width), "height": str(height), "split": split_of(member), **told}
        if self._told and self.kind == "image" and any("objects" in each for each in self._told.values()):
            width, height = self._sizes[member]
            empty = json.dumps({"bbox": [], "category": []})
            return {"width": str(width), "height": str(height), "split": split_of(member), "objects": empty}
        return {"label": label_of(member), "split": split_of(member), **told}

    def _flaw(self, member: Member) -> str:
        """Why it cannot be used; empty if it can. Only headers are read, so a bomb is never unpacked."""
        if self.kind == "audio":
            return _flaw_of_sound(member.path)
        size = _size_of_image(member.path)
        if isinstance(size, str):
            return size
        self._sizes[member] = size
        return ""


def split_of(member: Member) -> str:
    """The part of the split that a folder or the file's name speaks of; empty if none does."""
    for part in (*member.folders, member.name.stem):
        number = part_of(part)
        if number is not None:
            return _PARTS[number]
    return ""


def label_of(member: Member) -> str:
    """The innermost folder that names no part of the split."""
    return next((part for part in reversed(member.folders) if part_of(part) is None), "")


def _metadata(member: Member) -> Told:
    """What `metadata.csv` or `metadata.jsonl` says of each file, by `file_name`, as `datasets` reads it."""
    try:
        return _told_by(member)
    except (ValueError, csv.Error, AttributeError) as error:
        raise DataError(
            f"{member.name} cannot be read ({str(error)[:100]}). Write one line for each file, with its file_name.",
            code="damaged-file",
        ) from error


def _told_by(member: Member) -> dict[str, dict[str, str]]:
    told: dict[str, dict[str, str]] = {}
    with member.path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines: Iterator[Mapping[str, object]]
        if member.name.suffix.casefold() == ".csv":
            lines = iter(csv.DictReader(file))
        else:
            lines = (json.loads(line) for line in file if line.strip())
        for line in lines:
            values = {str(key): value for key, value in line.items() if value is not None}
            name = str(values.pop("file_name", ""))
            told["/".join([*member.folders, name])] = {
                key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
            }
    return told


def _size_of_image(path: Path) -> tuple[int, int] | str:
    """Width and height in pixels; or why the image cannot be used."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(path)
        with image:
            width, height = image.size
            if width * height > LARGEST_IMAGE:
                return f"{width:,} by {height:,} pixels"
            image.verify()
            return width, height
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return "too large" if isinstance(error, Image.DecompressionBombError) else "damaged or no image"


def _flaw_of_sound(path: Path) -> str:
    """Why a sound cannot be used; empty if it can."""
    import soundfile

    try:
        sound = soundfile.info(path)
    except (soundfile.LibsndfileError, OSError, ValueError):
        return "damaged, or none of WAV, FLAC, MP3, OGG"
    return "" if sound.frames else "without a sound"
