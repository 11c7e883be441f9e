"""A text file in blocks of whole lines, whatever its size: gzip or plain, UTF-8 or UTF-16."""

import codecs
from collections.abc import Iterable, Iterator
from typing import IO

from include.sources.files.gunzip import MAGIC, UnreadableFileError, gunzip

BLOCK = 16 << 20
"""Bytes that are read at once; a worker needs about ten times as much memory for them."""
_PIECE = 1 << 20
_BYTE_ORDER_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_OTHER_PACKERS = {
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    **{b"BZh%d1AY&SY" % level: "bzip2" for level in range(1, 10)},
}
"""They would be read as text that says nothing, and come in every window."""


class LineBlocks:
    """Reads one file; `cut` counts the lines that were longer than `longest` bytes and lost their ends."""

    def __init__(self, file: IO[bytes], longest: int) -> None:
        self._file = file
        self._longest = longest
        self.cut = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield blocks of about `BLOCK` bytes, each of whole lines; only the file's last line may lack its end.

        Raises `UnreadableFileError` where gzip is not whole or unpacks to too much, and where it is packed otherwise.
        """
        held = bytearray()
        dropped = 0
        for piece in _utf8(_unpacked(iter(lambda: self._file.read(_PIECE), b""))):
            rest = piece
            if dropped:
                dropped, rest = self._end_of_cut(held, dropped, rest)
            held += rest
            if len(held) < BLOCK:
                continue
            whole = held.rfind(b"\n") + 1
            if whole:
                yield bytes(held[:whole])
                del held[:whole]
            if len(held) > self._longest:
                dropped = len(held) - self._longest
                del held[self._longest :]
        if dropped:
            self._note(held, dropped)
        if held:
            yield bytes(held)

    def _end_of_cut(self, held: bytearray, dropped: int, piece: bytes) -> tuple[int, bytes]:
        """Return how much of a line that is cut was dropped so far (0: its end came), and what follows its end."""
        end = piece.find(b"\n")
        if end < 0:
            return dropped + len(piece), b""
        self._note(held, dropped + end)
        return 0, piece[end:]

    def _note(self, held: bytearray, dropped: int) -> None:
        self.cut += 1
        held += f" … {dropped:,} bytes more".encode()


def _unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    for mark, name in _OTHER_PACKERS.items():
        if first.startswith(mark):
            raise UnreadableFileError(f"it is packed with {name}, which is not read. Pack it with gzip, or exclude it.")
    whole = _chained(first, pieces)
    return gunzip(whole) if first[:2] == MAGIC else whole


def _utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    first = next(pieces, b"")
    if first[:3] == codecs.BOM_UTF8:
        first = first[3:]
    whole = _chained(first, pieces)
    name = _BYTE_ORDER_MARKS.get(first[:2])
    return whole if name is None else _recoded(whole, name)


def _recoded(pieces: Iterable[bytes], name: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(name)("replace")
    for piece in pieces:
        yield decoder.decode(piece).replace("\ufeff", "").encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _chained(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from pieces
