"""Recognising a file's format by its content, and refusing what is no table by saying what it is and what to do."""

from __future__ import annotations

import codecs
import re
import unicodedata
import zipfile
from pathlib import Path

from autotrain.data.archives import is_tar
from autotrain.errors import DataError

HEAD_BYTES = 65_536
"""How much of a file's beginning is looked at: magic numbers need bytes, the share of control bytes needs a sample."""

_SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "a PDF document", "Copy its table into a spreadsheet and save that as CSV."),
    (b"\x89PNG\r\n\x1a\n", "a PNG image", "Choose the table that holds your texts, saved as CSV."),
    (b"\xff\xd8\xff", "a JPEG image", "Choose the table that holds your texts, saved as CSV."),
    (b"GIF8", "a GIF image", "Choose the table that holds your texts, saved as CSV."),
    (b"II*\x00", "a TIFF image", "Choose the table that holds your texts, saved as CSV."),
    (b"MM\x00*", "a TIFF image", "Choose the table that holds your texts, saved as CSV."),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it and choose the CSV file inside."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it and choose the CSV file inside."),
    (b"\xd0\xcf\x11\xe0", "an old Office document", "Open it in a spreadsheet and save the sheet as CSV."),
    (b"SQLite format 3\x00", "an SQLite database", "Export the table as CSV."),
    (b"\x7fELF", "a program", "Choose a table saved as CSV."),
    (b"MZ\x90\x00", "a program", "Choose a table saved as CSV."),
    (b"\x80\x04\x95", "a Python pickle", "Save the table as CSV; pickles can run code and are never opened."),
    (b"OggS", "a sound file", "Choose the table that holds your texts, saved as CSV."),
    (b"ID3", "a sound file", "Choose the table that holds your texts, saved as CSV."),
    (b"RIFF", "a sound, video or image file", "Choose the table that holds your texts, saved as CSV."),
)


ARCHIVES = frozenset({"zip", "tar"})
COMPRESSED = frozenset({"gzip", "bzip2", "xz", "zstd"})
_READABLE: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"FEA1", "arrow"),
    (b"\xff\xff\xff\xff", "arrow"),  # a stream, as datasets keeps its tables
)


_JSON_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson"})
"""Under these names a bracket at the beginning is JSON's; elsewhere `[1] see below` may begin a text."""


_COMMENTS = re.compile(r"(\s|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
"""What people write above the first bracket, though JSON knows no comments."""


def format_of(path: Path) -> str | None:
    """`parquet`, `arrow`, `json`, `workbook`, `zip`, `tar`, a compression; None for text and what cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    for signature, kind in _READABLE:
        if head.startswith(signature):
            return kind
    if head.startswith(b"PK\x03\x04") and _is_workbook(path):
        return "workbook"
    if head.startswith(b"PK\x03\x04") and _is_archive(path):
        return "zip"
    if is_tar(head):
        return "tar"
    start = _as_text(head[:2_000]).lstrip()[:200]
    if path.suffix.casefold() in _JSON_SUFFIXES and _COMMENTS.sub("", start, count=1)[:1] in ("[", "{"):
        return "json"
    return "json" if re.match(r'[\[{]\s*["{\[]', start) or _is_list(start) else None


def _is_list(start: str) -> bool:
    """Whether the first line is a list of numbers and more, as in `[1, "a text"]`; `[1]` is a footnote's."""
    line = start.split("\n", 1)[0].rstrip()
    return bool(re.fullmatch(r"\[\s*(-?\d[\d.eE+-]*|null|true|false)\s*,.*\]", line))


def _as_text(head: bytes) -> str:
    """The beginning of a text, whichever Unicode it is written in; other encodings agree on what is looked for."""
    marks = (
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
        (b"\xff\xfe", "utf-16-le"),
        (b"\xfe\xff", "utf-16-be"),
        (b"\xef\xbb\xbf", "utf-8"),
    )
    encoding = next((each for mark, each in marks if head.startswith(mark)), looks_like_utf16(head) or "latin-1")
    return head.decode(encoding, "replace").removeprefix("\ufeff")


def _is_workbook(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            kind = archive.read("mimetype")[:100] if "mimetype" in names else b""
    except (zipfile.BadZipFile, OSError, ValueError, RuntimeError, NotImplementedError):
        return False
    return any(name.startswith("xl/") for name in names) or kind.startswith(
        b"application/vnd.oasis.opendocument.spreadsheet"
    )


def _is_archive(path: Path) -> bool:
    """Whether a ZIP is an archive of files, and not a document or a program that happens to be packed as one."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return True  # what is wrong with it is said when it is unpacked
    packed = ("word/", "ppt/", "visio/", "META-INF/")
    return "content.xml" not in names and not any(name.startswith(packed) for name in names)


def refuse_other_formats(path: Path, name: str) -> None:
    """Let tables pass, in whatever format they can be read, and refuse what is known to be something else.

    Raises:
        DataError: `empty-file` or `not-a-table`; the message names the format and the way to a CSV.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not head.strip(b"\x00\xef\xbb\xbf\xff\xfe \t\r\n"):
        raise DataError(
            f"{name} is empty. Choose a file with column names in its first row and data below.", code="empty-file"
        )
    if format_of(path) is not None:
        return
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise _refusal(name, *_inside_zip(path))
    for signature, what, remedy in _SIGNATURES:
        if head.startswith(signature):
            raise _refusal(name, what, remedy)
    if head[4:8] == b"ftyp":
        raise _refusal(name, "a video or photo", "Choose the table that holds your texts, saved as CSV.")
    _refuse_other_text(head, name)


def looks_like_utf16(head: bytes) -> str | None:
    """`utf-16-le` or `utf-16-be` where there is no byte-order mark, but zeros stand as they do in UTF-16.

    Every second byte of Western text is zero; of other text at least the line ends have one, and it decodes to text.
    """
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = max(1, len(head) // 2)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    return next((each for each in ("utf-16-le", "utf-16-be") if _is_text_in(head, each)), None) if even + odd else None


def _is_text_in(head: bytes, encoding: str) -> bool:
    """Whether bytes that are no UTF-8 text are lines of assigned characters in a double-byte encoding."""
    if _is_utf8(head) and _control(head) == head.count(0):
        return False
    try:
        text = head[: len(head) & ~1].decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just half a character at the end
            return False
        text = head[: error.start].decode(encoding)
    # As few line feeds as half a line feed's bytes elsewhere would be chance.
    if 2 * text.count("\n") < head.count(b"\n"):
        return False
    odd = sum(unicodedata.category(letter) in ("Cn", "Co", "Cs") or letter < "\t" for letter in text)
    return "\n" in text and odd == 0


def _control(head: bytes) -> int:
    """Bytes that hardly occur in text: control characters but for tab, newline, return, form feed and escape."""
    return sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\x0c\x1b")


def _refuse_other_text(head: bytes, name: str) -> None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or looks_like_utf16(head):
        return
    if _control(head) > 0.1 * len(head) or (head.count(0) > 0.01 * len(head) and not _is_utf8(head)):
        raise _refusal(name, "binary data, not text", "Choose a table saved as CSV.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if _MARKUP.match(start):
        raise _refusal(
            name, "a web page or XML", "Save the table itself as CSV; a download link may have led to a page."
        )
    for pattern, what, remedy in _OTHER_TEXTS:
        if pattern.match(start):
            raise _refusal(name, what, remedy)


_MARKUP = re.compile(
    rb"(<!--(?:(?!-->).)*-->\s*)*(<!doctype|<\?xml|<(html|head|body|table|div|script|svg|rss|feed)[\s>]"
    rb"|<([a-z][\w:.-]*)(\s[^<>]*)?>\s*<[^<>]*>.*</\4>\s*\Z)",  # one element around all others
    re.IGNORECASE | re.DOTALL,
)
_OTHER_TEXTS: tuple[tuple[re.Pattern[bytes], str, str], ...] = (
    (re.compile(rb"{\\rtf"), "an RTF document", "Copy its table into a spreadsheet and save that as CSV."),
    (
        re.compile(rb"(?=[^\n|]*\|)[^\n]*\n[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(\|[ \t]*:?-{2,}:?[ \t]*)*\|?\s*(\n|\Z)"),
        "a Markdown table, drawn for the eye",
        "Paste it into a spreadsheet and save that as CSV.",
    ),
    (
        re.compile(rb"\+(-{2,}\+)+[ \t]*\r?\n"),
        "a table drawn with lines by a terminal",
        "Export it as CSV from the same program.",
    ),
    (
        re.compile(rb"(--[^\n]*\n\s*)*(insert\s+into|create\s+table|drop\s+table)\s[^,]*[(;]", re.IGNORECASE),
        "a list of SQL commands",
        "Run them in a database and export the table as CSV.",
    ),
    (re.compile(rb"@relation\s", re.IGNORECASE), "an ARFF file", "Open it in Weka or Orange and save it as CSV."),
)


def _is_utf8(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _inside_zip(path: Path) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        names = []
    if any(name.startswith("word/") for name in names):
        return "a Word document", "Copy its table into a spreadsheet and save that as CSV."
    if "content.xml" in names:
        return "an OpenDocument file", "Open it and save the sheet as CSV."
    return "a ZIP archive", "Unpack it and choose the CSV file inside."


def _refusal(name: str, what: str, remedy: str) -> DataError:
    return DataError(f"{name} is {what}, which is no table. {remedy}", code="not-a-table")
