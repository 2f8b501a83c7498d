"""What the files of an archive are together: one table, tables of the same columns, or documents and pictures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autotrain.data.archives import Member, Unpacked
from autotrain.data.conll import SUFFIXES as CONLL
from autotrain.data.conll import is_conll
from autotrain.data.encoding import examine
from autotrain.data.media import Media, label_of, split_of
from autotrain.errors import DataError
from autotrain.events import Finding

_TABLES = frozenset(
    [".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".feather", ".xlsx", ".ods", *CONLL]
)
_TEXTS = frozenset([".txt", ".md", ".text"])
_IMAGES = frozenset([".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"])
_SOUNDS = frozenset([".wav", ".mp3", ".flac", ".ogg", ".opus", ".m4a"])
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
    media = Media("image" if kinds["image"] else "audio", kinds["image"] or kinds["audio"])
    if media.members:
        used = media.hear([member for member in unpacked.members if member not in media.members])
        if set(kinds["table"]) <= used:
            rest = [member for member in kinds["other"] if member not in used]
            rows = media.rows(folder)
            return Collected(
                rows=_written(rows, aside), findings=[*_left_out(_names(unpacked, rest)), *media.findings()]
            )
    found = _left_out(_names(unpacked, kinds["other"]))
    if kinds["table"]:
        return Collected(tables=kinds["table"], findings=found)
    if kinds["text"]:
        return _of_texts(kinds["text"], aside, found)
    raise DataError(
        f"{name} holds no table, text, image or sound. Pack a CSV file, or a folder of texts or images for each class.",
        code="not-a-table",
    )


def _names(unpacked: Unpacked, others: Sequence[Member]) -> list[str]:
    return [*unpacked.left_out, *(f"{member.name} (unknown kind)" for member in others)]


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


def _of_texts(members: Sequence[Member], aside: Path, found: list[Finding]) -> Collected:
    """A row for each document; for a single one, a row for each of its lines."""
    rows: list[dict[str, str]] = []
    for member in members:
        text = member.path.read_text(examine(member.path).encoding, errors="replace")
        row = {"label": label_of(member), "split": split_of(member), "file": str(member.name)}
        rows += [{"text": text, **row}] if len(members) > 1 else [{"text": line} for line in text.splitlines() if line]
    return Collected(rows=_written(rows, aside), findings=found)


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
