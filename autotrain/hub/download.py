"""A base model from the Hub into the shared Hugging Face cache: configuration, tokenizer and safetensors only."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotrain.errors import HubError, HubUnreachable, ModelError, RepositoryError
from autotrain.hub.client import connect, endpoint, offline
from autotrain.hub.failures import translated
from autotrain.models.catalogue import cache_folder, parse_ref
from autotrain.models.check import check_listing
from autotrain.models.folder import read_config, weight_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

Progress = Callable[[int, int], None]

WANTED = ("*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.safetensors")
"""What transformers reads. Pickles and code are never downloaded, so they can never be loaded."""

UNWANTED = ("[!1]*/*", "1[!_]*/*", "*/*/*", "*.fp16.safetensors", "*.non_ema.safetensors", "consolidated*.safetensors")
"""Folders hold exports for other runtimes, all but `1_Pooling`, which says how an encoder's vectors are made; variants
and `consolidated` files hold the same weights again."""


def download(
    ref: str, token: str | None = None, progress: Progress | None = None, *, cache: Path | None = None
) -> Path:
    """The folder of a Hub model (`owner/name` or `owner/name@revision`), downloaded unless it is in the cache.

    A complete copy in the cache is used without asking the Hub. `progress` gets bytes done and total.

    Raises:
        ModelError: it has pickle weights only, or needs code of its own.
        RepositoryError: it does not exist, is private, or is gated.
        TokenError: the token is wrong.
        HubUnreachable: the Hub does not answer, and the cache has no complete copy.
        HubError: the disk has not enough room.
    """
    name, revision = parse_ref(ref)
    place = cache or cache_folder()
    cached = find_cached(name, revision, place)
    if cached is not None:
        return cached
    if offline():
        raise HubUnreachable(
            f"{ref} is not on this machine, and HF_HUB_OFFLINE is set. Unset it to download the model, "
            "or choose a model that is on this machine.",
            code="offline",
        )
    with translated(name):
        return _fetch(connect(token), name, revision, progress, cache=place)


def download_into(name: str, folder: Path, progress: Progress | None = None, *, token: str | None = None) -> Path:
    """A Hub model's files in a folder of its own, for models that are added by name. Raises: as `download`."""
    with translated(name):
        _fetch(connect(token), name, None, progress, folder=folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # the client's notes on where each file came from
    return folder


def find_cached(name: str, revision: str | None, cache: Path) -> Path | None:
    """The folder of a complete copy in the cache. No request is made."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            name,
            revision=revision,
            cache_dir=cache,
            local_files_only=True,
            allow_patterns=list(WANTED),
            ignore_patterns=list(UNWANTED),
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    folder = Path(found)
    try:
        if not weight_files(folder):
            return None
        _refuse_code(name, folder)
    except ModelError as error:
        if error.code == "remote-code":
            raise
        return None
    return folder


def _fetch(
    api: HfApi,
    name: str,
    revision: str | None,
    progress: Progress | None,
    *,
    cache: Path | None = None,
    folder: Path | None = None,
) -> Path:
    """Look before taking: the listing, then the configuration, then the weights; into a cache or a folder."""
    from huggingface_hub.utils._paths import filter_repo_objects

    info = api.model_info(name, revision=revision, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    files = list(filter_repo_objects(sizes, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED)))
    _refuse_listing(name, list(sizes))
    total = sum(sizes[file] for file in files)
    _refuse_without_room(name, total, folder or cache or cache_folder())
    config = api.hf_hub_download(name, "config.json", revision=info.sha, cache_dir=cache, local_dir=folder)
    _refuse_code(name, Path(config).parent)
    report = _Monotonic(progress, total)
    snapshot = api.snapshot_download(
        name,
        revision=revision,
        cache_dir=cache,
        local_dir=folder,
        allow_patterns=list(WANTED),
        ignore_patterns=list(UNWANTED),
        tqdm_class=report.bar,
    )
    report.finish()
    return Path(snapshot)


def _refuse_listing(name: str, files: Sequence[str]) -> None:
    if "config.json" not in files:
        if "adapter_config.json" in files:
            raise ModelError(
                f"{name} is an adapter, not a base model. Choose the model that it was made for, named on "
                f"{endpoint()}/{name}.",
                code="adapter",
            )
        raise RepositoryError(
            f"{name} has no config.json, so it is not a model of transformers. Choose another model.", code="no-config"
        )
    for finding in check_listing(name, None, False, files, ""):
        if finding.severity == "error":
            raise ModelError(finding.sentence(), code=finding.code)


def _refuse_code(name: str, folder: Path) -> None:
    if "auto_map" in read_config(folder):
        raise ModelError(
            f"{name} runs Python code that comes with it (auto_map in config.json), which is never executed here. "
            "Choose a model whose architecture is part of transformers.",
            code="remote-code",
        )


def _refuse_without_room(name: str, needed: int, place: Path) -> None:
    existing = next(path for path in (place.absolute(), *place.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if needed > free:
        raise HubError(
            f"{name} needs {needed / 1e9:.1f} GB, and the disk of {place} has {free / 1e9:.1f} GB left. "
            "Free some space, or set HF_HOME to a larger disk.",
            code="disk-full",
        )


class _Monotonic:
    """Turns the client's progress bars into bytes done and total: only the bar that counts written bytes matters."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0
        self._lock = threading.Lock()
        report = self

        class Bar(_SilentBar):
            def update(self, n: float | None = 1) -> None:
                super().update(n)
                if self.counts_bytes:
                    report.add(int(n or 0))

        self.bar: Any = Bar

    def add(self, count: int) -> None:
        """More bytes lie on the disk. Files download in parallel, so one thread at a time reports."""
        with self._lock:
            self._done = min(self._done + count, self._total)
            if self._progress is not None:
                self._progress(self._done, self._total)

    def finish(self) -> None:
        """All is there: files that were in the cache before never passed through a bar."""
        self.add(self._total - self._done)


class _SilentBar:
    """What huggingface_hub asks of a progress bar, drawing nothing."""

    def __init__(self, *_: object, **options: Any) -> None:
        self.total = options.get("total") or 0
        self.n = options.get("initial") or 0
        # snapshot_download opens three: bytes off the network, bytes written to disk, and files.
        self.counts_bytes = options.get("unit") == "B" and str(options.get("desc", "")).startswith("Reconstruct")
        self.format_dict: dict[str, Any] = {}

    def update(self, n: float | None = 1) -> None:
        self.n += n or 0

    def __enter__(self) -> _SilentBar:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to put away."""

    def refresh(self, *_: object, **__: object) -> None:
        """Nothing to draw."""

    set_description = set_description_str = set_postfix_str = refresh
