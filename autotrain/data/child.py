"""Files of complicated formats are read by a child process, so that the worst of them kills a child and not the app.

Delimited and plain text are read by Python itself, with limits of its own on cells and lines: a child would only cost
the half second of its start.
"""

from __future__ import annotations

import resource
from dataclasses import asdict
from pathlib import Path
from typing import Any

from autotrain.asking import answer_with, ask
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
        try:
            ask(
                "autotrain.data.child",
                asked,
                seconds=settings.import_seconds,
                what=f"{name} was not read",
                progress=progress,
            )
        except DataError as error:
            raise (_killed(name, settings) if error.code in ("too-slow", "child-broke") else error) from error
        return Profile.model_validate_json((folder / PROFILE_FILE).read_bytes())


def _killed(name: str, settings: Settings) -> DataError:
    return DataError(
        f"Reading {name} needed more than {size_text(settings.import_memory_bytes)} of memory or "
        f"{settings.import_seconds:,} s, or broke its reader, and was stopped. Save it as CSV, which is read in little "
        "memory, or raise AUTOTRAIN_IMPORT_MEMORY_BYTES or AUTOTRAIN_IMPORT_SECONDS.",
        code="reader-stopped",
    )


def read(asked: dict[str, Any], tell: Progress) -> None:
    """The child's work: read what it is told to, in as much memory as it may have.

    A parser's way to say that it has not enough memory is no refusal of the file: it ends the child.
    """
    settings = Settings(**asked["settings"])
    limit = settings.import_memory_bytes
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    source, folder, examined = Path(asked["source"]), Path(asked["folder"]), Examined(**asked["examined"])
    try:
        import_examined(source, examined, folder, settings, tell, name=asked["name"], sheet=asked["sheet"])
    except (AutotrainError, MemoryError, RecursionError) as error:
        if not isinstance(error, AutotrainError) or "not enough memory" in error.message.casefold():
            raise SystemExit(1) from error
        raise


if __name__ == "__main__":
    answer_with(read)
