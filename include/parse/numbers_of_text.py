"""Text of fixed width as a matrix of bytes, and the month names and zone offsets in it as numbers."""

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.uint8]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CODES = np.array([int.from_bytes(name.encode()) for name in _MONTHS], np.int64)
_ORDER = np.argsort(_CODES)
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_UTC = frozenset({"z", "utc", "gmt"})


def matrix(text: pa.Array, width: int) -> Matrix:
    """Return texts of `width` ASCII characters, none null, as rows of bytes.

    Raises `ValueError` where one is shorter or longer.
    """
    offsets_ = np.frombuffer(text.buffers()[1], np.int32)[text.offset : text.offset + len(text) + 1]
    if np.any(np.diff(offsets_) != width):
        raise ValueError(f"Texts of {width} characters are wanted, and some are not.")
    whole = np.frombuffer(text.buffers()[2], np.uint8)
    return whole[offsets_[0] : offsets_[-1]].reshape(len(text), width)


def month_numbers(digits: Matrix, at: int) -> Ints:
    """Return 1 to 12 for the English month names of three letters at column `at`, and 0 for what is none."""
    letters = digits[:, at : at + 3].astype(np.int64) | 32
    code = letters[:, 0] << 16 | letters[:, 1] << 8 | letters[:, 2]
    found = _ORDER[np.minimum(np.searchsorted(_CODES[_ORDER], code), 11)]
    return np.where(_CODES[found] == code, found + 1, 0)


def offsets(zone: pa.Array) -> pa.Array:
    """Return microseconds east of UTC for `+0200`, `-03:30`, `Z`, `UTC`; null for none and for other abbreviations.

    >>> offsets(pa.array(["+0200", "Z", "", "CEST"])).to_pylist()
    [7200000000, 0, None, None]
    """
    encoded = pc.utf8_trim_whitespace(zone).dictionary_encode()
    known = pa.array([_offset(text) for text in encoded.dictionary.to_pylist()], pa.int64())
    return known.take(encoded.indices)


def _offset(text: str) -> int | None:
    if text.lower() in _UTC:
        return 0
    if found := _OFFSET.fullmatch(text):
        seconds = int(found[2]) * 3600 + int(found[3]) * 60
        return (-seconds if found[1] == "-" else seconds) * 1_000_000
    return None
