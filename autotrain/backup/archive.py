"""The file of a backup: a tar whose last members say what is in it, so that a torn or damaged one is known as such.

record.sqlite          the record, without secrets
datasets/<id>/…        every imported dataset
runs/<id>/…            every run folder, with the last complete checkpoint of a run that may still go on
manifest.json          format, schema, and the size and SHA-256 of each file that counts
manifest.sha256        of the manifest itself
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel, ConfigDict, ValidationError

from autotrain.errors import BackupError

FORMAT = 1
RECORD, DATASETS, RUNS = "record.sqlite", "datasets", "runs"
MANIFEST, SEAL = "manifest.json", "manifest.sha256"
CHUNK_BYTES = 1 << 20


class Manifest(BaseModel):
    """What a backup holds. Files that the tar has and this has not were given up while it was made."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int
    made_by: str
    made_at: float
    schema_revision: str
    files: dict[str, tuple[int, str]]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for size, _ in self.files.values())

    def within(self, folder: str) -> set[str]:
        """Names of what lies directly in a folder: ids of runs or datasets."""
        return {PurePosixPath(name).parts[1] for name in self.files if name.startswith(f"{folder}/")}


class Writer:
    """Adds files and remembers what they were."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar, self._files = tar, dict[str, tuple[int, str]]()

    def add(self, name: str, path: Path) -> None:
        """Add a file as long as it is now; it may grow meanwhile. Raises FileNotFoundError when it is gone."""
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            member = tarfile.TarInfo(name)
            member.size, member.mtime = status.st_size, int(status.st_mtime)
            reader = _Hashing(file)
            self._tar.addfile(member, reader)
        self._files[name] = (member.size, reader.digest())

    def give_up(self, folder: str) -> None:
        """What was added of this folder does not count."""
        self._files = {name: known for name, known in self._files.items() if not name.startswith(f"{folder}/")}

    def seal(self, made_by: str, schema_revision: str) -> Manifest:
        """Write down what the backup holds, last of all."""
        manifest = Manifest(
            format=FORMAT,
            made_by=made_by,
            made_at=time.time(),
            schema_revision=schema_revision,
            files=self._files,
        )
        said = manifest.model_dump_json(indent=0).encode()
        for name, content in ((MANIFEST, said), (SEAL, hashlib.sha256(said).hexdigest().encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))
        return manifest


@contextmanager
def writing_to(path: Path) -> Iterator[Writer]:
    """A backup that is built aside, flushed to disk and made real by one rename. Only its owner may read it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
                yield Writer(tar)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


class Reader:
    """A backup that is whole, as far as its table of contents goes; `extract` looks at every byte."""

    def __init__(self, path: Path) -> None:
        """Raises BackupError when the file is no backup, is torn, or was made by a newer version."""
        self._path = path
        try:
            self._tar = tarfile.open(path, "r:")  # noqa: SIM115  # closed by `close`
        except OSError as error:
            raise BackupError(f"{path} cannot be read ({error.strerror or error}).", code="not-readable") from error
        except tarfile.TarError as error:
            raise BackupError(f"{path} is no backup of AutoTrain Studio ({error}).", code="no-backup") from error
        try:
            self._members = {member.name: member for member in self._tar.getmembers()}
        except (OSError, tarfile.TarError) as error:
            raise self._damaged("it has no end: making it was broken off, or copying it was") from error
        said, seal = self._small(MANIFEST), self._small(SEAL)
        if hashlib.sha256(said).hexdigest().encode() != seal:
            raise self._damaged("its table of contents does not match its checksum")
        try:
            number = json.loads(said)["format"]
            if number > FORMAT:
                raise BackupError(
                    f"{path} was made by a newer version of AutoTrain Studio (format {number}, this one reads "
                    f"{FORMAT}). Update AutoTrain Studio, then restore.",
                    code="newer",
                )
            self.manifest = Manifest.model_validate_json(said)
        except (ValidationError, KeyError, TypeError, ValueError) as error:
            raise self._damaged("its table of contents cannot be read") from error

    def close(self) -> None:
        """Let go of the file."""
        self._tar.close()

    def extract(self, folder: Path) -> None:
        """Write every file that counts below `folder`. Raises BackupError at the first that is not what it was."""
        for name, (size, digest) in self.manifest.files.items():
            place = PurePosixPath(name)
            if place.is_absolute() or ".." in place.parts or place.parts[0] not in {RECORD, DATASETS, RUNS}:
                raise self._damaged(f"{name} would lie outside of a data home")
            member = self._members.get(name)
            content = self._tar.extractfile(member) if member is not None and member.isreg() else None
            if content is None:
                raise self._damaged(f"{name} is missing")
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            reader = _Hashing(content)
            try:
                with target.open("wb") as file:
                    shutil.copyfileobj(reader, file, CHUNK_BYTES)
                    written = file.tell()
            except tarfile.ReadError as error:
                raise self._damaged(f"{name} ends too early") from error
            if (written, reader.digest()) != (size, digest):
                raise self._damaged(f"{name} does not match its checksum")

    def _small(self, name: str) -> bytes:
        member = self._members.get(name)
        content = self._tar.extractfile(member) if member is not None and member.isreg() else None
        if content is None:
            raise self._damaged("it has no end: making it was broken off, or copying it was")
        return content.read()

    def _damaged(self, how: str) -> BackupError:
        return BackupError(
            f"{self._path} is damaged: {how}. Nothing was restored. Take another copy of it, or an older backup.",
            code="damaged",
        )


class _Hashing:
    """Reads on behalf of another, and knows the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._hash = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    def digest(self) -> str:
        return self._hash.hexdigest()
