"""Unpacks gzip in pieces, and refuses what unpacks to more than any honest file would."""

import zlib
from collections.abc import Iterable, Iterator

from include.errors import AlmanacError

MAGIC = b"\x1f\x8b"
MOST_BYTES = 4 << 30
"""What one file may unpack to."""
MOST_RATIO = 1000
FREE_BYTES = 64 << 20
"""What may unpack to more than `MOST_RATIO` times its size: some logs of a quiet night do."""
_PIECE = 4 << 20


class UnreadableFileError(AlmanacError):
    """A file that is not of its form at all."""


def gunzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of gzip, of one member or several, in pieces of at most four mebibytes.

    Raises `UnreadableFileError` where it is cut off or no gzip, and where it unpacks to more than `MOST_BYTES`, or,
    beyond `FREE_BYTES`, to more than `MOST_RATIO` times its size.
    """
    packed = unpacked = 0
    member = zlib.decompressobj(wbits=31)
    begun = False
    for piece in pieces:
        packed += len(piece)
        rest = piece
        while rest:
            if member.eof:
                # Zeros between and after members are padding, as tapes and some tools leave it.
                rest = rest.lstrip(b"\0")
                if not rest:
                    break
                member = zlib.decompressobj(wbits=31)
            begun = True
            try:
                out = member.decompress(rest, _PIECE)
            except zlib.error as error:
                raise UnreadableFileError(f"it is not whole gzip ({error}). Copy it again.") from error
            rest = member.unused_data if member.eof else member.unconsumed_tail
            unpacked += len(out)
            if unpacked > MOST_BYTES or (unpacked > FREE_BYTES and unpacked > MOST_RATIO * packed):
                raise UnreadableFileError(
                    f"its gzip unpacks to more than {unpacked:,} bytes from {packed:,}, which no honest file does. "
                    f"Split it into files of less than {MOST_BYTES:,} bytes if it is one."
                )
            if out:
                yield out
    if begun and not member.eof:
        # All input may be taken while a little of the output still waits.
        yield member.flush()
    if begun and not member.eof:
        raise UnreadableFileError("it is not whole gzip (its end is missing). Copy it again.")
