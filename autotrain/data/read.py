"""Reading a file of any size and format into an Arrow table of text and a profile, in flat memory."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from autotrain.data.archives import Member, unpack_archive
from autotrain.data.collect import collect
from autotrain.data.columnar import read_columnar
from autotrain.data.conll import is_conll, read_conll
from autotrain.data.delimited import import_delimited
from autotrain.data.encoding import Examined, as_utf8, examine
from autotrain.data.findings import FileFacts, Rows, file_findings
from autotrain.data.formats import ARCHIVES, COMPRESSED, format_of, refuse_other_formats
from autotrain.data.header import refuse_too_many
from autotrain.data.json_tables import read_json
from autotrain.data.plain_text import is_plain_text, read_plain_text
from autotrain.data.profile import TableWatch
from autotrain.data.reading import Progress, Reading, Records, stretch
from autotrain.data.records import LINE_CELLS
from autotrain.data.several import Part, read_several
from autotrain.data.unpack import unpack
from autotrain.data.workbook import read_workbook
from autotrain.data.writing import TABLE_FILE, write_rows
from autotrain.errors import DataError
from autotrain.settings import Settings
from autotrain.table import Profile

PROFILE_FILE = "profile.json"


def import_table(
    source: Path, folder: Path, settings: Settings, progress: Progress | None = None, *, name: str | None = None
) -> Profile:
    """Read `source` into `folder`/table.arrow and `folder`/profile.json.

    Every cell is kept as the file has it; values of typed formats become text, nested ones JSON. Rows are numbered as
    a person would find them: as a spreadsheet shows them, as lines of JSON lines, as places in an array.

    Args:
        source: delimited text in any encoding, JSON, JSON lines, Parquet, Arrow, Feather, Excel, OpenDocument, or
            one of these compressed with gzip, bzip2, xz or zstd.
        folder: an existing folder, to be filled.
        settings: gives the limits on the file and on a cell.
        progress: called with bytes done and bytes in all.
        name: what messages call the file, where it is not its own name.

    Raises:
        DataError: the file is no table, is empty, too large, or the disk is full.
    """
    name = name or source.name
    return import_examined(source, check_file(source, settings, name), folder, settings, progress, name=name)


def check_file(source: Path, settings: Settings, name: str | None = None, progress: Progress | None = None) -> Examined:
    """Refuse what cannot be a table and find out the encoding, in one pass over the bytes. Raises DataError."""
    name = name or source.name
    with plain_errors(name):
        if not source.exists():
            raise DataError(f"There is no file {source}. Check the path.", code="no-such-file")
        if not source.is_file():
            raise DataError(f"{source} is not a file. Choose a table saved as CSV.", code="not-a-table")
        check_size(name, source.stat().st_size, settings)
        refuse_other_formats(source, name)
        return examine(source, progress)


def check_size(name: str, size: int, settings: Settings) -> None:
    """Refuse a file over the limit. Raises DataError."""
    limit = settings.max_upload_bytes
    if size > limit:
        raise DataError(
            f"{name} has {size_text(size)}, and at most {size_text(limit)} are accepted. Take a part of its rows, "
            "or raise AUTOTRAIN_MAX_UPLOAD_BYTES.",
            code="too-large",
        )


def import_examined(
    source: Path,
    examined: Examined,
    folder: Path,
    settings: Settings,
    progress: Progress | None,
    *,
    name: str,
    sheet: str | None = None,
) -> Profile:
    """`import_table` for a file that `check_file` has seen; of a workbook the sheet that is named."""
    with plain_errors(name):
        kind = format_of(source)
        if sheet is not None and kind != "workbook":
            raise DataError(f'{name} is no workbook and has no sheet "{sheet}". Name it without one.', code="no-sheets")
        if kind in ARCHIVES:
            profile = _import_archive(source, examined, folder, settings, progress, name, kind)
        elif kind in COMPRESSED:
            profile = _import_compressed(source, examined, folder, settings, progress, name, kind)
        elif kind == "json":
            profile = _import_json(source, examined, folder, settings, progress, name)
        elif kind is not None:
            profile = _import_reading(
                _reading(source, name, kind, progress, sheet), _certain(examined), folder, settings, name
            )
        elif is_conll(source, name, examined.encoding):
            reading = read_conll(source, name, examined, progress)
            profile = _import_reading(reading, examined, folder, settings, name)
        elif is_plain_text(source, name, examined.encoding):
            reading = read_plain_text(source, examined, progress)
            profile = _import_reading(reading, examined, folder, settings, name)
        else:
            profile = import_delimited(source, examined, folder, settings, progress, name)
        (folder / PROFILE_FILE).write_text(profile.model_dump_json(indent=1), "utf-8")
    return profile


def _import_compressed(
    source: Path, examined: Examined, folder: Path, settings: Settings, progress: Progress | None, name: str, kind: str
) -> Profile:
    """What is inside, under the compressed file's own hash and size."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        unpacked, inner = unpack(source, name, kind, Path(aside), settings.max_upload_bytes)
        if format_of(unpacked) in COMPRESSED:
            raise DataError(
                f"{name} is compressed twice. Unpack it once and choose what is inside.", code="not-a-table"
            )
        found = check_file(unpacked, settings, inner)
        profile = import_examined(unpacked, found, folder, settings, progress, name=inner)
    return profile.model_copy(update={"sha256": examined.sha256, "size_bytes": examined.size})


def _import_archive(
    source: Path, examined: Examined, folder: Path, settings: Settings, progress: Progress | None, name: str, kind: str
) -> Profile:
    """What the files inside are together, under the archive's own hash and size."""
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        inside = unpack_archive(source, name, kind, Path(aside) / "members", settings.max_upload_bytes)
        found = collect(inside, name, Path(aside), folder)
        if found.rows is not None:
            profile = import_table(found.rows, folder, settings, progress, name=name)
            profile = profile.model_copy(update={"format": "archive"})
        else:
            profile = _import_tables(found.tables, Path(aside), folder, settings, progress, name)
    findings = [*found.findings, *(each for each in profile.findings if each not in found.findings)]
    return profile.model_copy(
        update={"sha256": examined.sha256, "size_bytes": examined.size, "findings": tuple(findings)}
    )


def _import_tables(
    tables: Sequence[Member], aside: Path, folder: Path, settings: Settings, progress: Progress | None, name: str
) -> Profile:
    for member in tables:
        if format_of(member.path) in ARCHIVES | COMPRESSED:
            raise DataError(
                f"{member.name} in {name} is packed once more. Unpack it and choose what is inside.", code="not-a-table"
            )
    if len(tables) == 1:
        return import_table(tables[0].path, folder, settings, progress, name=tables[0].name.name)
    parts: list[Part] = []
    for number, member in enumerate(tables):
        own = aside / f"table-{number}"
        own.mkdir()
        share = stretch(progress, number / len(tables), (number + 1) / len(tables))
        parts.append((member, own, import_table(member.path, own, settings, share, name=str(member.name))))
    reading = read_several(parts, name)
    return _import_reading(reading, Examined("", 0, "utf-8", False), folder, settings, name)


def _import_json(
    source: Path, examined: Examined, folder: Path, settings: Settings, progress: Progress | None, name: str
) -> Profile:
    """JSON is UTF-8; what some tools write in another encoding is written anew."""
    limit = LINE_CELLS * settings.max_cell_characters
    with tempfile.TemporaryDirectory(dir=folder) as aside:
        if examined.encoding not in ("utf-8", "utf-8-sig") or examined.guessed:
            source = as_utf8(source, examined.encoding, Path(aside) / "utf-8.json")
        reading = read_json(source, name, limit, progress)
        return _import_reading(reading, examined, folder, settings, name)


def _reading(source: Path, name: str, kind: str, progress: Progress | None, sheet: str | None) -> Reading:
    if kind == "workbook":
        return read_workbook(source, name, progress, sheet)
    return read_columnar(source, name, kind, progress)


def _certain(examined: Examined) -> Examined:
    """What is guessed of bytes says nothing of a file that is no text."""
    return replace(examined, encoding="utf-8", guessed=False)


def _import_reading(reading: Reading, examined: Examined, folder: Path, settings: Settings, name: str) -> Profile:
    if not reading.header.names:
        raise DataError(f"{name} has rows without a single value. Choose a file with columns.", code="empty-file")
    refuse_too_many(len(reading.header.names), name)
    watch = TableWatch(reading.header.names)
    write_rows(_within(reading.records, settings, name), reading.header, watch, folder / TABLE_FILE)
    if watch.rows == 0:
        raise DataError(f"{name} has names but no rows. Add at least one row of data.", code="header-only")
    columns, none = watch.profiles(), Rows()
    facts = FileFacts(examined, reading.header, columns, watch.rows, none, none, none, reading.names_in_file)
    return Profile(
        rows=watch.rows,
        columns=columns,
        duplicate_rows=watch.duplicate_rows,
        size_bytes=examined.size,
        sha256=examined.sha256,
        encoding=examined.encoding,
        format=reading.format,
        sheet=reading.sheet,
        sheets=reading.sheets,
        findings=(*reading.findings, *file_findings(facts)),
    )


def _within(records: Records, settings: Settings, name: str) -> Records:
    """The records; a cell over the limit ends the import."""
    limit = settings.max_cell_characters
    for number, cells in records:
        if any(len(cell) > limit for cell in cells):
            raise DataError(
                f"Row {number} of {name} has a cell longer than {limit:,} characters. Shorten it or split it into "
                "several rows.",
                code="cell-too-long",
            )
        yield number, cells


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """Turn the operating system's refusals into sentences."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DataError(
                f"There is no space left on the disk for {name}. Free some space and try again; "
                "nothing half-finished was left behind.",
                code="disk-full",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise DataError(
                f"{name} may not be read or its import not be written ({error.strerror}). Check the permissions of "
                f"{error.filename or name}, or set AUTOTRAIN_HOME to a folder you may write to.",
                code="not-readable",
            ) from error
        raise DataError(f"{name} could not be read: {error}. Check the disk and try again.", code="io") from error


def size_text(count: int) -> str:
    """A size in bytes for people, in powers of ten as file managers show it."""
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
