"""Sizes and deletions that never follow a symbolic link, since what it leads to is not ours."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def size_of(path: Path) -> int:
    """Bytes of the files below a folder, or of a file. What is deleted meanwhile counts as nothing."""
    total = 0
    with suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            return path.lstat().st_size
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += (Path(folder) / name).lstat().st_size
    return total


def newest(path: Path) -> float:
    """When anything in a folder was last changed, in seconds since the epoch. Raises OSError when it is gone."""
    latest = path.lstat().st_mtime
    for folder, names, files in os.walk(path):
        for name in (*names, *files):
            with suppress(OSError):
                latest = max(latest, (Path(folder) / name).lstat().st_mtime)
    return latest


def remove(path: Path) -> None:
    """Delete a folder with all in it, a file, or a link itself. What resists stays for the next time."""
    if path.is_symlink() or path.is_file():
        with suppress(OSError):
            path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)


def folders(path: Path) -> Iterator[Path]:
    """The folders in a folder, without links and what is hidden; none where it is not there."""
    with suppress(OSError):
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                yield Path(entry.path)
