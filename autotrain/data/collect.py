"""What the files of an archive are together: one table, tables of the same columns, or documents and pictures."""

from __future__ import annotations

import csv
import json
import shutil
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autotrain.data.archives import Member, Unpacked
from autotrain.data.conll import SUFFIXES as CONLL
from autotrain.data.conll import is_conll
from autotrain.data.encoding import examine
from autotrain.data.parts import part_of
from autotrain.errors import DataError
from autotrain.events import Finding

FILES_FOLDER = "files"
"""Where images and sounds of a dataset lie, below its folder."""

_TABLES = frozenset(
    [".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".xlsx", ".ods", *CONLL]
)
_TEXTS = frozenset([".txt", ".md", ".text"])
_IMAGES = frozenset([".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"])
_SOUNDS = frozenset([".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a"])
_PARTS = ("train", "validation", "test")
LARGEST_IMAGE = 100_000_000
"""Pixels of an image once unpacked; more is a bomb, or has to be made smaller first."""
_LISTED = 5


@dataclass
class Collected:
    """Either `tables`, each with its part of the split, or a file `rows` of JSON lines made of the documents."""

    tables: list[Member] = field(default_factory=list)
    rows: Path | None = None
    findings: list[Finding] = field(default_factory=list)


def collect(unpacked: Unpacked, name: str, aside: Path, folder: Path) -> Collected:
    """Find out what an archive holds.

    Args:
        unpacked: its files.
        name: what messages call it.
        aside: a folder for what is written meanwhile.
        folder: the dataset's, whose `files` takes images and sounds.

    Raises:
        DataError: it holds nothing that can be read as rows.
    """
    kinds = _by_kind(unpacked.members)
    found = _left_out([*unpacked.left_out, *(f"{member.name} (unknown kind)" for member in kinds["other"])])
    media = kinds["image"] or kinds["audio"]
    metadata = [member for member in kinds["table"] if member.name.stem == "metadata"]
    if media and len(kinds["table"]) == len(metadata):
        return _of_media(media, "image" if kinds["image"] else "audio", metadata, aside, folder, found)
    if kinds["table"]:
        return Collected(tables=kinds["table"], findings=found)
    if kinds["text"]:
        return _of_texts(kinds["text"], aside, found)
    raise DataError(
        f"{name} holds no table, text, image or sound. Pack a CSV file, or a folder of texts or images for each class.",
        code="not-a-table",
    )


def _by_kind(members: Sequence[Member]) -> dict[str, list[Member]]:
    kinds: dict[str, list[Member]] = {kind: [] for kind in ("table", "text", "image", "audio", "other")}
    for member in members:
        suffix = member.name.suffix.casefold()
        by_suffix = {"table": _TABLES, "text": _TEXTS, "image": _IMAGES, "audio": _SOUNDS}
        kinds[next((kind for kind, suffixes in by_suffix.items() if suffix in suffixes), "other")].append(member)
    # The classic sets call their parts train.txt and test.txt.
    tagged = [member for member in kinds["text"] if is_conll(member.path, member.name.name, "utf-8")]
    kinds["table"] += tagged
    kinds["text"] = [member for member in kinds["text"] if member not in tagged]
    readme = [member for member in kinds["text"] if member.name.stem.casefold() in ("readme", "license", "licence")]
    kinds["text"] = [member for member in kinds["text"] if member not in readme]
    kinds["other"] += readme
    return kinds


def split_of(member: Member) -> str:
    """The part of the split that a folder or the file's name speaks of; empty if none does."""
    for part in (*member.folders, member.name.stem):
        number = part_of(part)
        if number is not None:
            return _PARTS[number]
    return ""


def _label_of(member: Member) -> str:
    """The innermost folder that names no part of the split."""
    return next((part for part in reversed(member.folders) if part_of(part) is None), "")


def _of_texts(members: Sequence[Member], aside: Path, found: list[Finding]) -> Collected:
    """A row for each document; for a single one, a row for each of its lines."""
    rows: list[dict[str, str]] = []
    for member in members:
        text = member.path.read_text(examine(member.path).encoding, errors="replace")
        row = {"label": _label_of(member), "split": split_of(member), "file": str(member.name)}
        rows += [{"text": text, **row}] if len(members) > 1 else [{"text": line} for line in text.splitlines() if line]
    return Collected(rows=_written(rows, aside), findings=found)


def _of_media(
    members: Sequence[Member], kind: str, metadata: Sequence[Member], aside: Path, folder: Path, found: list[Finding]
) -> Collected:
    """A row for each image or sound that can be read, with what the metadata says of it."""
    (folder / FILES_FOLDER).mkdir(exist_ok=True)
    told = _told(metadata)
    damaged: list[str] = []
    rows: list[dict[str, str]] = []
    for number, member in enumerate(members):
        if kind == "image" and (why := _flaw_of_image(member.path)):
            damaged.append(f"{member.name} ({why})")
            continue
        kept = f"{FILES_FOLDER}/{number:06d}{member.name.suffix.casefold()}"
        shutil.move(member.path, folder / kept)
        row = {kind: kept, "label": _label_of(member), "split": split_of(member), "file": str(member.name)}
        rows.append(row | told.get(str(member.name), told.get(member.name.name, {})))
    if not rows:
        raise DataError(f"No {kind} can be read: {', '.join(damaged[:_LISTED])}.", code="damaged-file")
    return Collected(rows=_written(rows, aside), findings=[*found, *_damaged(damaged, kind)])


def _told(metadata: Sequence[Member]) -> dict[str, dict[str, str]]:
    """What `metadata.csv` or `metadata.jsonl` says of each file, by `file_name`, as `datasets` reads it."""
    told: dict[str, dict[str, str]] = {}
    for member in metadata:
        try:
            told |= _told_by(member)
        except (ValueError, csv.Error, AttributeError) as error:
            raise DataError(
                f"{member.name} cannot be read ({str(error)[:100]}). Write one line for each file, with its file_name.",
                code="damaged-file",
            ) from error
    return told


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


def _flaw_of_image(path: Path) -> str:
    """Why an image cannot be used; empty if it can. Only its header is read, so a bomb is never unpacked."""
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
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return "too large" if isinstance(error, Image.DecompressionBombError) else "damaged or no image"
    return ""


def _written(rows: list[dict[str, str]], aside: Path) -> Path:
    """Rows as JSON lines; columns that are empty in every row are left away."""
    used = Counter(key for row in rows for key, value in row.items() if value)
    path = aside / "rows.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({key: row.get(key, "") for key in used}, ensure_ascii=True) + "\n")
    return path


def _left_out(names: list[str]) -> list[Finding]:
    if not names:
        return []
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return [
        Finding(
            severity="warning",
            code="files-left-out",
            message=f"{len(names)} {'file was' if len(names) == 1 else 'files were'} left out: "
            f"{', '.join(names[:_LISTED])}{more}.",
            remedy="Nothing is to be done, unless they hold data.",
            count=len(names),
        )
    ]


def _damaged(names: list[str], kind: str) -> list[Finding]:
    if not names:
        return []
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return [
        Finding(
            severity="warning",
            code="damaged-files",
            message=f"{len(names)} {kind} {'file' if len(names) == 1 else 'files'} cannot be used: "
            f"{', '.join(names[:_LISTED])}{more}.",
            remedy="They are left out; replace them if they matter.",
            count=len(names),
        )
    ]
