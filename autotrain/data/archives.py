"""Archives: ZIP and TAR, unpacked to numbered files so that no name in them ever becomes a path of this machine."""

from __future__ import annotations

import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from autotrain.data.unpack import LARGE, MOST_RATIO
from autotrain.errors import DataError

MOST_FILES = 200_000
"""Files of one archive; a folder of more belongs in a table."""
_CHUNK = 1 << 20
_JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini", ".git", ".ipynb_checkpoints"})


@dataclass(frozen=True)
class Member:
    """A file of an archive: the name it has there, and where it lies now."""

    name: PurePosixPath
    path: Path

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders it lay in, the outermost first."""
        return self.name.parts[:-1]


@dataclass
class Unpacked:
    """The files of an archive in the order of their names, and what was left out and why."""

    members: list[Member]
    left_out: list[str] = field(default_factory=list)


def is_tar(head: bytes) -> bool:
    """Whether a file that begins like this is a TAR archive."""
    return head[257:262] == b"ustar"


def unpack_archive(path: Path, name: str, kind: str, folder: Path, limit: int) -> Unpacked:
    """Unpack a ZIP or TAR into `folder`.

    Links, devices and what file managers leave behind are left out. Names are kept as names only.

    Raises:
        DataError: it is damaged, locked, holds too many files, or unpacks to more than `limit` bytes.
    """
    folder.mkdir(exist_ok=True)
    writer = _Writer(name, folder, limit, path.stat().st_size)
    try:
        for inner, open_file in (_zip if kind == "zip" else _tar)(path, name, writer):
            writer.write(inner, open_file)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise DataError(
            f"{name} is a damaged or incomplete archive ({str(error)[:120]}). Download or pack it again.",
            code="damaged-file",
        ) from error
    writer.made.members.sort(key=lambda member: _natural(member.name))
    return writer.made


def _natural(name: PurePosixPath) -> tuple[str, str]:
    digits = "".join(f"{part:0>12}" if part.isdigit() else part for part in _runs(str(name)))
    return digits.casefold(), str(name)


def _runs(text: str) -> Iterator[str]:
    run = ""
    for char in text:
        if run and char.isdigit() != run[-1].isdigit():
            yield run
            run = ""
        run += char
    yield run


@dataclass
class _Writer:
    """Writes members one after the other and watches how much it becomes."""

    name: str
    folder: Path
    limit: int
    packed: int
    done: int = 0
    made: Unpacked = field(default_factory=lambda: Unpacked([]))

    def leave_out(self, name: str, why: str) -> None:
        self.made.left_out.append(f"{name} ({why})")

    def write(self, name: PurePosixPath, open_file: Callable[[], BinaryIO]) -> None:
        if len(self.made.members) >= MOST_FILES:
            raise DataError(
                f"{self.name} holds more than {MOST_FILES:,} files. Put their contents into a table.", code="too-large"
            )
        target = self.folder / f"{len(self.made.members):06d}"
        with open_file() as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                self.done += len(chunk)
                self._check_size()
                file.write(chunk)
        self.made.members.append(Member(name, target))

    def _check_size(self) -> None:
        if self.done > self.limit:
            raise DataError(
                f"{self.name} unpacks to more than {self.limit / 1e6:,.0f} MB, the most that is accepted. Take a part "
                "of its files, or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                code="too-large",
            )
        if self.done > LARGE and self.done > MOST_RATIO * self.packed:
            raise DataError(
                f"{self.name} unpacks to more than {MOST_RATIO} times its size, as no data does. Unpack it yourself if "
                "you trust it.",
                code="too-large",
            )


Found = Iterator[tuple[PurePosixPath, Callable[[], BinaryIO]]]


def _zip(path: Path, name: str, writer: _Writer) -> Found:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            inner = _plain(entry.filename)
            if entry.is_dir() or inner is None:
                continue
            if entry.flag_bits & 1:
                raise DataError(
                    f"{name} is locked with a password. Unpack it and choose what is inside.", code="locked"
                )
            if stat.S_ISLNK(entry.external_attr >> 16):
                writer.leave_out(str(inner), "a link")
                continue
            yield inner, lambda entry=entry: archive.open(entry)  # type: ignore[misc]


def _tar(path: Path, name: str, writer: _Writer) -> Found:
    with tarfile.open(path, "r:") as archive:
        for entry in archive:
            inner = _plain(entry.name)
            if entry.isdir() or inner is None:
                continue
            if not entry.isreg():
                writer.leave_out(str(inner), "a link" if entry.islnk() or entry.issym() else "no file")
                continue
            yield inner, lambda entry=entry: archive.extractfile(entry)  # type: ignore[misc]


def _plain(name: str) -> PurePosixPath | None:
    """A name without a drive, a root or ways up; None for what file managers leave behind."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    if not parts or _JUNK & set(parts) or parts[-1].startswith("._"):
        return None
    return PurePosixPath(*parts)


def pack(files: list[tuple[str, Path]], target: Path) -> None:
    """Several files as one TAR that is the same for the same files, whatever their dates and owners."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, path in sorted(files):
            entry = tarfile.TarInfo(name)
            entry.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(entry, file)
