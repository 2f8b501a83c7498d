"""The store of imported datasets: one folder for each, named after the content of its file."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
from pydantic import AwareDatetime, BaseModel

from autotrain.data.archives import pack
from autotrain.data.child import import_guarded
from autotrain.data.parts import part_of
from autotrain.data.read import PROFILE_FILE, check_file, plain_errors
from autotrain.data.reading import Progress, stretch
from autotrain.data.remote import Fetch, fetch, is_url, shown
from autotrain.data.samples import write_sample
from autotrain.data.writing import TABLE_FILE
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import ROW_COLUMN, Profile, Table

ID_CHARACTERS = 16
"""Hex digits of the SHA-256 that name a dataset: 64 bits, a collision by chance needs billions of datasets."""

_ABANDONED_SECONDS = 24 * 3600
"""A half-built folder this old belongs to a process that was killed; no import takes a day."""

STEPS_FOLDER = "steps"
"""Within a dataset: what steps made of it."""

_CARD_FILE = "dataset.json"
_ORIGINAL_FILE = "original"
"""A workbook with several sheets, kept so that another one can be chosen."""

_FETCHED = 0.9
"""The share of an import from the Hub that the Hub takes."""

_CHECKED = 0.1
"""The share of an import's time that the first pass takes, which hashes the file and finds its encoding."""


class _Card(BaseModel):
    name: str
    created_at: AwareDatetime
    source: str = ""


@dataclass(frozen=True)
class Dataset:
    """An imported dataset. `id` is the beginning of the SHA-256 of the file it came from.

    `source` names where it was fetched from, exactly; it is empty for files of this machine.
    """

    id: str
    name: str
    folder: Path
    profile: Profile
    created_at: datetime
    source: str = ""

    def table(self) -> Table:
        """Its rows, memory-mapped: opening costs nothing, whatever the size. Raises DataError if damaged."""
        try:
            rows = pa.ipc.open_file(pa.memory_map(str(self.folder / TABLE_FILE))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise _damaged(self.id) from error
        return Table(self.profile, rows)

    @property
    def files_folder(self) -> Path:
        """The folder in which the names in columns of images and sounds lie; steps leave it where it is."""
        return self.folder.parent.parent if "." in self.id else self.folder

    def disk_bytes(self) -> int:
        """What it takes on the disk, with images, sounds and what steps made of it."""
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def head(self, count: int) -> list[dict[str, str]]:
        """The first `count` rows by column name, without the hidden row number."""
        return self.slice(0, count)

    def slice(self, start: int, count: int) -> list[dict[str, str]]:
        """`count` rows from the position `start`, by column name. Only what is asked for is read."""
        rows = self.table().rows.drop_columns([ROW_COLUMN]).slice(start, count)
        return list(rows.to_pylist())


class DatasetStore:
    """Datasets on disk. A dataset is built aside and made real by one rename, so that none is ever half there."""

    def __init__(self, settings: Settings, hub: Fetch | None = None) -> None:
        """`hub` fetches what `hub:owner/name` names; without it such sources are refused."""
        self._settings, self._hub = settings, hub
        self._root = settings.datasets

    def add(
        self,
        path: Path,
        name: str | None = None,
        progress: Progress | None = None,
        *,
        sheet: str | None = None,
        source: str = "",
    ) -> Dataset:
        """Import a file. A file whose content is here already is not imported again.

        Args:
            path: the file.
            name: what it is called, where it is not its own name.
            progress: called with bytes done and bytes in all; what it raises ends the import.
            sheet: which sheet of a workbook; the first that holds a table unless one is named.
            source: where it was fetched from.

        Raises:
            DataError: the file is no table, is empty, too large, or the disk is full.
        """
        name = name or path.name
        examined = check_file(path, self._settings, name, stretch(progress, 0, _CHECKED))
        dataset_id = examined.sha256[:ID_CHARACTERS]
        if (known := self._intact(dataset_id)) is not None and sheet in (None, known.profile.sheet):
            return known
        if sheet is not None:
            dataset_id = sha256(f"{examined.sha256}#{sheet}".encode()).hexdigest()[:ID_CHARACTERS]
            if (known := self._intact(dataset_id)) is not None:
                return known
        with self._aside(name) as folder:
            reading = stretch(progress, _CHECKED, 1)
            profile = import_guarded(path, examined, folder, self._settings, reading, name=name, sheet=sheet)
            if len(profile.sheets) > 1:
                shutil.copyfile(path, folder / _ORIGINAL_FILE)
            called = name if sheet is None else f"{name} ({profile.sheet})"
            card = _Card(name=called, created_at=datetime.now(UTC), source=source)
            (folder / _CARD_FILE).write_text(card.model_dump_json(), "utf-8")
            self._make_real(folder, dataset_id)
        return self.get(dataset_id)

    def choose_sheet(self, dataset_id: str, sheet: str, progress: Progress | None = None) -> Dataset:
        """Another sheet of the workbook that a dataset was made from, as a dataset of its own. Raises DataError."""
        dataset = self.get(dataset_id)
        if sheet == dataset.profile.sheet:
            return dataset
        original = dataset.folder / _ORIGINAL_FILE
        if not original.is_file():
            raise DataError(f"{dataset.name} is not one of several sheets. Choose its file again.", code="no-sheets")
        name = dataset.name.removesuffix(f" ({dataset.profile.sheet})")
        return self.add(original, name, progress, sheet=sheet)

    def add_several(
        self,
        files: Sequence[tuple[str, Path]],
        progress: Progress | None = None,
        *,
        name: str | None = None,
        source: str = "",
    ) -> Dataset:
        """Import several files as one dataset, by name: train, validation and test are known by their names.

        Raises:
            DataError: they are no tables, texts, images or sounds, or do not go together.
        """
        if len(files) == 1:
            return self.add(files[0][1], name or files[0][0], progress, source=source)
        names = sorted((name for name, _ in files), key=lambda name: (part_of(name) or 0, name))
        name = name or f"{names[0]} and {len(names) - 1} more"
        with self._aside(name) as folder:
            path = folder / "files.tar"
            pack(list(files), path)
            return self.add(path, name, progress, source=source)

    def add_url(self, url: str, progress: Progress | None = None) -> Dataset:
        """Import what a web address or a cloud store holds. Raises DataError."""
        with self._aside(url) as folder:
            path, name = fetch(url, folder, self._settings, progress)
            return self.add(path, name, progress, source=shown(urlsplit(url)))

    def add_hub(self, source: str, progress: Progress | None = None) -> Dataset:
        """Import a dataset of the Hub, as `hub:owner/name@revision#config/split` names it.

        Raises:
            DataError: it cannot be read, or the Hub may not be asked from here.
            HubError: the Hub does not answer, or does not give it.
        """
        if (known := next((each for each in self.list() if each.source == source), None)) is not None:
            return known
        if self._hub is None:
            raise DataError(f"{source} cannot be fetched from here. Download it and name its file.", code="no-hub")
        with self._aside(source) as folder:
            fetched = self._hub(source, folder, stretch(progress, 0, _FETCHED))
            rest = stretch(progress, _FETCHED, 1)
            return self.add_several(fetched.files, rest, name=fetched.name, source=fetched.source)

    def add_text(self, pasted: str, name: str = "Pasted rows", progress: Progress | None = None) -> Dataset:
        """Import pasted rows, the first of which holds the column names. Raises DataError."""
        with self._aside(name) as folder:
            path = folder / "pasted.csv"
            path.write_text(pasted, "utf-8", errors="replace", newline="")
            return self.add(path, name, progress)

    def get(self, dataset_id: str) -> Dataset:
        """The dataset with this id. Raises DataError."""
        folder = self._root / dataset_id
        if not _is_id(dataset_id) or not (folder / _CARD_FILE).is_file():
            raise DataError(f"There is no dataset {dataset_id}. Import the file again.", code="no-such-dataset")
        try:
            card = _Card.model_validate_json((folder / _CARD_FILE).read_bytes())
            profile = Profile.model_validate_json((folder / PROFILE_FILE).read_bytes())
        except (OSError, ValueError) as error:
            raise _damaged(dataset_id) from error
        return Dataset(dataset_id, card.name, folder, profile, card.created_at, card.source)

    def list(self) -> list[Dataset]:
        """Every dataset that can be read, newest first."""
        found: list[Dataset] = []
        for folder in self._root.glob("*") if self._root.is_dir() else ():
            try:
                found.append(self.get(folder.name))
            except DataError:
                continue  # a half-built or damaged folder must not hide the others
        return sorted(found, key=lambda dataset: (dataset.created_at, dataset.id), reverse=True)

    def rename(self, dataset_id: str, name: str) -> Dataset:
        """Give a dataset another name; nothing else changes. Raises DataError."""
        dataset = self.get(dataset_id)
        card = _Card(name=name, created_at=dataset.created_at, source=dataset.source)
        aside = dataset.folder / f".{_CARD_FILE}"
        with plain_errors(dataset.name):
            aside.write_text(card.model_dump_json(), "utf-8")
            aside.replace(dataset.folder / _CARD_FILE)
        return self.get(dataset_id)

    def delete(self, dataset_id: str) -> None:
        """Remove a dataset; runs keep their own copy of the rows. Raises DataError."""
        if not _is_id(dataset_id) or not (self._root / dataset_id).is_dir():
            raise DataError(f"There is no dataset {dataset_id}.", code="no-such-dataset")
        with plain_errors(dataset_id), tempfile.TemporaryDirectory(prefix=".gone-", dir=self._root) as gone:
            (self._root / dataset_id).rename(Path(gone) / dataset_id)

    def resolve(self, source: str | Path, progress: Progress | None = None) -> Dataset:
        """The dataset that a recipe names.

        Args:
            source: `sample:<name>`, the id of an imported dataset, a web address, `hub:owner/name` for one of the
                Hub, or the path of a file or folder; of a workbook a sheet may be named after a `#`, as in
                `book.xlsx#Second sheet`.
            progress: called with bytes done and bytes in all.

        Raises:
            DataError: there is no such thing, or it is no table.
        """
        text = str(source)
        if text.startswith("sample:"):
            name = text.removeprefix("sample:")
            with self._aside(name) as folder:
                path = folder / f"{name}.csv"
                write_sample(name, path)
                return self.add(path, name, progress)
        if text.startswith("hub:"):
            return self.add_hub(text, progress)
        if is_url(text):
            return self.add_url(text, progress)
        if _is_id(text) and not Path(text).is_file():
            return self.get(text)
        return self._of_path(text, progress)

    def _of_path(self, text: str, progress: Progress | None) -> Dataset:
        path = _at_home(text)
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and not each.is_symlink())
            return self.add_several([(str(each.relative_to(path)), each) for each in inside], progress)
        book, _, sheet = text.rpartition("#")
        if sheet and not path.is_file() and _at_home(book).is_file():
            return self.add(_at_home(book), None, progress, sheet=sheet)
        return self.add(path, None, progress)

    def _intact(self, dataset_id: str) -> Dataset | None:
        """The dataset if it is here and whole; one that is damaged is removed, so that an import mends it."""
        if not (self._root / dataset_id).is_dir():
            return None
        try:
            dataset = self.get(dataset_id)
            dataset.table()
        except DataError:
            self.delete(dataset_id)
            return None
        return dataset

    def _make_real(self, folder: Path, dataset_id: str) -> None:
        for path in folder.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        try:
            folder.rename(self._root / dataset_id)
        except OSError:
            # Another process imported the same content meanwhile: its folder is as good as ours.
            if not (self._root / dataset_id).is_dir():
                raise

    @contextmanager
    def _aside(self, name: str) -> Iterator[Path]:
        """A folder that is gone afterwards, unless it was renamed."""
        with plain_errors(name):
            self._root.mkdir(parents=True, exist_ok=True)
            self.sweep()
            folder = Path(tempfile.mkdtemp(prefix=".import-", dir=self._root))
            folder.chmod(0o755)
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Delete what imports, removals and steps left behind that were killed."""
        oldest = time.time() - _ABANDONED_SECONDS
        halves = (".import-*", ".gone-*", f"*/{STEPS_FOLDER}/.making-*")
        for folder in (path for half in halves for path in self._root.glob(half) if not path.is_symlink()):
            try:
                if folder.stat().st_mtime < oldest:
                    shutil.rmtree(folder, ignore_errors=True)
            except FileNotFoundError:
                continue


def _damaged(dataset_id: str) -> DataError:
    return DataError(
        f"The stored dataset {dataset_id} is damaged. Import its file again, which mends it.", code="damaged-dataset"
    )


def _at_home(text: str) -> Path:
    path = Path(text)
    with suppress(RuntimeError):  # ~somebody, and there is no such user: then it is a name like any other
        path = path.expanduser()
    return path


def _is_id(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f]{{{ID_CHARACTERS}}}", text) is not None
