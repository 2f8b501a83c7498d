"""Files of complicated formats are read by a child process, so that the worst of them kills a child and not the app.

Delimited and plain text are read by Python itself, with limits of its own on cells and lines: a child would only cost
the half second of its start.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autotrain.data.encoding import Examined
from autotrain.data.formats import format_of
from autotrain.data.read import PROFILE_FILE, import_examined, plain_errors, size_text
from autotrain.data.reading import Progress
from autotrain.errors import AutotrainError, DataError
from autotrain.settings import Settings
from autotrain.table import Profile


def import_guarded(
    source: Path,
    examined: Examined,
    folder: Path,
    settings: Settings,
    progress: Progress | None,
    *,
    name: str,
    sheet: str | None = None,
) -> Profile:
    """`import_examined`, in a child where the format is one that libraries take apart.

    Raises:
        DataError: as `import_examined`; or the file needed more memory or time than is allowed, or broke its reader.
    """
    with plain_errors(name):
        if format_of(source) is None:
            return import_examined(source, examined, folder, settings, progress, name=name, sheet=sheet)
        asked = {
            "source": str(source.resolve()),
            "folder": str(folder),
            "name": name,
            "sheet": sheet,
            "examined": asdict(examined),
            "settings": settings.model_dump(mode="json"),
        }
        return _by_child(asked, folder, settings, progress, name)


def _by_child(asked: dict[str, Any], folder: Path, settings: Settings, progress: Progress | None, name: str) -> Profile:
    command = [sys.executable, "-m", "autotrain.data.child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        patience = threading.Timer(settings.import_seconds, child.kill)
        patience.start()
        try:
            error = _heard(child, asked, progress)
            code = child.wait()
        finally:  # a person who stops waiting stops the child
            patience.cancel()
            child.kill()
    if error is not None:
        raise DataError(error["message"], code=error["code"])
    if code:
        raise _killed(name, settings)
    return Profile.model_validate_json((folder / PROFILE_FILE).read_bytes())


def _heard(child: subprocess.Popen[bytes], asked: dict[str, Any], progress: Progress | None) -> dict[str, str] | None:
    """What the child says until it ends: progress is passed on, an error is the answer."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError):
        child.stdin.write(json.dumps(asked).encode())
        child.stdin.close()
    error: dict[str, str] | None = None
    for line in child.stdout:
        said = json.loads(line)
        if "error" in said:
            error = said["error"]
        elif progress is not None:
            progress(*said["progress"])
    return error


def _killed(name: str, settings: Settings) -> DataError:
    return DataError(
        f"Reading {name} needed more than {size_text(settings.import_memory_bytes)} of memory or "
        f"{settings.import_seconds:,} s, or broke its reader, and was stopped. Save it as CSV, which is read in little "
        "memory, or raise AUTOTRAIN_IMPORT_MEMORY_BYTES or AUTOTRAIN_IMPORT_SECONDS.",
        code="reader-stopped",
    )


def main() -> int:
    """The child: read what it is told to, and say how far it is."""
    asked = json.loads(sys.stdin.buffer.read())
    settings = Settings(**asked["settings"])
    limit = settings.import_memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    examined = Examined(**asked["examined"])
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        if total and (done / total >= told + 0.01 or done == total):
            told = done / total
            _say({"progress": [done, total]})

    try:
        import_examined(
            Path(asked["source"]),
            examined,
            Path(asked["folder"]),
            settings,
            tell,
            name=asked["name"],
            sheet=asked["sheet"],
        )
    except AutotrainError as error:
        if "not enough memory" in error.message.casefold():  # a parser's way to say it; the file may be fine
            return 1
        _say({"error": {"message": error.message, "code": error.code}})
    except (MemoryError, RecursionError):
        return 1
    return 0


def _say(what: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
