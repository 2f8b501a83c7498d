"""Compressed files: gzip, bzip2, xz and zstd, unpacked beside the import and never beyond the size limit."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from autotrain.errors import DataError

_CHUNK = 1 << 20
LARGE, MOST_RATIO = 500_000_000, 300
"""Beyond this many bytes, a file that was packed tighter than this is a bomb: texts are packed about 3 to 20 times."""


def _zstd(path: Path) -> Any:
    return pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")


_OPENERS: dict[str, Callable[[Path], Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open, "zstd": _zstd}
_SUFFIXES = (".gz", ".gzip", ".bz2", ".xz", ".lzma", ".zst", ".zstd")


def unpack(path: Path, name: str, kind: str, folder: Path, limit: int) -> tuple[Path, str]:
    """Unpack a file into `folder`; the new file and its name without the compression's suffix.

    Raises:
        DataError: it is damaged, or unpacks to more than `limit` bytes.
    """
    inner = next((name[: -len(suffix)] for suffix in _SUFFIXES if name.lower().endswith(suffix)), name)
    target, done, packed = folder / "unpacked", 0, path.stat().st_size
    try:
        with _OPENERS[kind](path) as source, target.open("wb") as file:
            while chunk := source.read(_CHUNK):
                done += len(chunk)
                if done > limit:
                    raise DataError(
                        f"{name} unpacks to more than {limit / 1e6:,.0f} MB, the most that is accepted. Take a part of "
                        "its rows, or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
                        code="too-large",
                    )
                if done > LARGE and done > MOST_RATIO * packed:
                    raise DataError(
                        f"{name} unpacks to more than {MOST_RATIO} times its size, as no table does. Unpack it "
                        "yourself if you trust it.",
                        code="too-large",
                    )
                file.write(chunk)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, pa.ArrowException, ValueError) as error:
        raise _damaged(name, kind, error) from error
    except OSError as error:
        if error.errno is None:  # bz2's own; a real one has a number and is somebody else's to explain
            raise _damaged(name, kind, error) from error
        raise
    return target, inner


def _damaged(name: str, kind: str, error: Exception) -> DataError:
    return DataError(
        f"{name} is damaged or incomplete {kind} ({str(error)[:120]}). Download or compress it again.",
        code="damaged-file",
    )
