"""A file's text as a stream of UTF-8, whatever encoding it is in, of which what is not needed yet can be given back."""

from __future__ import annotations

import codecs
from typing import BinaryIO

_CHUNK = 1 << 20


class Utf8Stream:
    """The bytes of a text file as UTF-8. Damaged bytes become U+FFFD, unless `clean` promises that there are none."""

    def __init__(self, file: BinaryIO, encoding: str, *, clean: bool) -> None:
        self._file = file
        self._decoder = None if clean and encoding == "utf-8" else codecs.getincrementaldecoder(encoding)("replace")
        self._held = b""
        self.ended = False
        """Whether the file has been read to its end; something may be held still."""

    def peek(self, size: int) -> bytes:
        """What comes next: at least `size` bytes, or all there is. Nothing is used up."""
        if len(self._held) < size and not self.ended:
            pieces, held = [self._held], len(self._held)
            while held < size and not self.ended:
                piece = self._more()
                pieces.append(piece)
                held += len(piece)
            self._held = b"".join(pieces)
        return self._held

    def skip(self, count: int) -> None:
        """Use up `count` bytes of what `peek` showed."""
        self._held = self._held[count:]

    def take_lines(self, size: int, most: int) -> str:
        """About `size` bytes of text that end at the end of a line; empty at the end of the file.

        Args:
            size: bytes wanted.
            most: bytes that are taken although no line ends in them.
        """
        while True:
            held = self.peek(size)
            end = len(held) if self.ended else _last_line_end(held)
            if end or self.ended or len(held) >= most:
                end = end or len(held)
                self.skip(end)
                return held[:end].decode("utf-8", "replace")
            size = min(2 * max(size, len(held)), most)

    def give_back(self, text: str) -> None:
        """Put text that was taken and not used back at the front."""
        self._held = text.encode("utf-8") + self._held

    def _more(self) -> bytes:
        piece = self._file.read(_CHUNK)
        self.ended = not piece
        if self._decoder is None:
            return piece
        return self._decoder.decode(piece, final=self.ended).encode("utf-8", "replace")


def _last_line_end(text: bytes) -> int:
    """The length of `text` up to its last line end; a return at the very end may be half of one, so it is none."""
    return text.rfind(b"\n") + 1 or text.rfind(b"\r", 0, -1) + 1
