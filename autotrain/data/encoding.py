"""Which character encoding a file is in: byte-order mark, then strict UTF-8 over the whole file, then a guess."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from autotrain.data.formats import HEAD_BYTES, looks_like_utf16

_CHUNK = 1 << 20
_SAMPLE = 1 << 16
_BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "koi8_r",
    "gb18030",
    "big5",
    "shift_jis",
    "euc_jp",
    "euc_kr",
    "mac_roman",
]


@dataclass(frozen=True)
class Examined:
    """What one pass over a file's bytes tells. `guessed` says that the encoding is not certain."""

    sha256: str
    size: int
    encoding: str
    guessed: bool


def examine(path: Path, progress: Callable[[int, int], None] | None = None) -> Examined:
    """Hash a file and find its encoding, in one pass and flat memory."""
    size, done = path.stat().st_size, 0
    digest = hashlib.sha256()
    utf8 = _Utf8Watch()
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            utf8.see(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done, max(size, done))
    encoding, guessed = _decide(head, utf8)
    return Examined(digest.hexdigest(), done, encoding, guessed)


def as_utf8(path: Path, encoding: str, target: Path) -> Path:
    """Write a text anew in UTF-8, without a byte-order mark; what does not belong to its encoding becomes U+FFFD."""
    with path.open(encoding=encoding, errors="replace", newline="") as text, target.open("wb") as file:
        while chunk := text.read(_CHUNK):
            file.write(chunk.encode("utf-8", "replace"))
    return target


def _decide(head: bytes, utf8: _Utf8Watch) -> tuple[str, bool]:
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, False
    if (utf16 := looks_like_utf16(head)) is not None:
        return utf16, False
    # A few broken bytes in a file full of valid multi-byte characters are damage, not another encoding.
    if utf8.broken == 0 or utf8.valid > 3 * utf8.broken:
        return "utf-8", utf8.broken > 0
    return _legacy(bytes(utf8.sample)), True


class _Utf8Watch:
    """Counts valid and broken multi-byte sequences, and keeps a sample of lines for the guess."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.valid, self.broken = 0, 0
        self.sample = bytearray()

    def see(self, chunk: bytes) -> None:
        if chunk.isascii() and self._decoder.getstate()[0] == b"":
            return
        text = self._decoder.decode(chunk)
        self.broken += max(0, text.count("\ufffd") - chunk.count(b"\xef\xbf\xbd"))
        self.valid += max(0, len(chunk) - len(text))
        if self.broken and len(self.sample) < _SAMPLE:
            lines = (line for line in chunk.splitlines() if not line.isascii())
            for line in lines:
                self.sample += line[:2000] + b"\n"
                if len(self.sample) >= _SAMPLE:
                    break


def _legacy(sample: bytes) -> str:
    """The 8-bit or East Asian encoding of `sample`.

    Measured: charset-normalizer takes a line or two of French for Big5 and of German for cp1250, so Western European
    text is recognised here, by its accented letters standing alone among plain ones, and the rest is left to it.
    """
    if _western(sample):
        return "cp1254" if _turkish(sample) else "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(sample, cp_isolation=_LEGACY).best()
    return best.encoding if best is not None else "cp1252"


def _turkish(sample: bytes) -> bool:
    """Turkish ğ, ı and ş stand where Icelandic has ð, ý and þ; only Icelandic also writes æ, and never ç or ü."""
    letters = set(sample.decode("cp1252", "replace").lower())
    return bool(letters & set("ðýþ")) and bool(letters & set("çü")) and "æ" not in letters


def _western(sample: bytes) -> bool:
    text = sample.decode("cp1252", "replace")
    if text.count("\ufffd") > 0.01 * len(text):
        return False
    words = re.findall(r"[^\W\d_]+", text)
    letters = sum(map(len, words))
    accented = sum(not char.isascii() for word in words for char in word)
    # ³, ¹, ¿ or ¼ inside a word is a Central European letter read with the wrong table; ’ inside a word is Western.
    strange = len(re.findall(r"(?<=[^\W\d_])[^\w\s\x00-\x7f’‘´…–—“”«»](?=[^\W\d_])", text))
    strange += len(re.findall(r"[^\W\d_][¹³²¼½¾]+[^\W\d_]", text))
    lonely = len(re.findall(r"[^\x00-\x7f]{3,}", text))
    return letters > 0 and accented < 0.3 * letters and strange == 0 and lonely == 0
