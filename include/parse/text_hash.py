"""Hashes of whole columns of text, the same on every machine and in every version of the libraries.

A polynomial over the bytes modulo 2⁶⁴ (Rabin and Karp), from prefix sums over the column's one buffer, and a
finaliser (splitmix64) that makes every bit count. Good enough to draw samples; no defence against a forger.
"""

from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BASE = 0x100000001B3
_INVERSE = pow(_BASE, -1, 2**64)
_BYTES = 1 << 16
"""Bytes hashed at once, so that eight times as many stay in the processor's cache."""

Hashes = NDArray[np.uint64]


def text_hashes(column: pa.Array) -> Hashes:
    """Return the hash of each text; a null one hashes as the empty text."""
    column = column.fill_null("").cast(pa.large_string())
    offsets = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column) + 1]
    data = column.buffers()[2]
    content = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    out = np.empty(len(column), np.uint64)
    first = 0
    while first < len(column):
        last = max(first + 1, int(np.searchsorted(offsets, offsets[first] + _BYTES, side="right")) - 1)
        begin, end = int(offsets[first]), int(offsets[last])
        out[first:last] = _part(content[begin:end], offsets[first : last + 1] - begin)
        first = last
    return mixed(out + np.diff(offsets).astype(np.uint64))


def mixed(values: Hashes) -> Hashes:
    """Return the values with their bits mixed: splitmix64's finaliser."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(values ^ (values >> np.uint64(31)))


def combined(*parts: Hashes) -> Hashes:
    """Return one hash of several columns' hashes; the order of the parts matters."""
    total = np.zeros(len(parts[0]), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            total = mixed(total * np.uint64(_BASE) + part + np.uint64(0x9E3779B97F4A7C15))
    return total


def _part(content: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    bases, inverses = _usual_powers() if len(content) <= _BYTES else _powers(len(content))
    with np.errstate(over="ignore"):
        terms = content.astype(np.uint64)
        terms += np.uint64(1)
        terms *= bases[: len(content)]
        sums = np.zeros(len(content) + 1, np.uint64)
        np.cumsum(terms, out=sums[1:])
        return np.asarray((sums[offsets[1:]] - sums[offsets[:-1]]) * inverses[offsets[:-1]])


@lru_cache(maxsize=1)
def _usual_powers() -> tuple[Hashes, Hashes]:
    return _powers(_BYTES)


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Return the base and its inverse to the powers from 0 to `count`."""
    powers = np.full((2, count + 1), np.array([[_BASE], [_INVERSE]], np.uint64))
    powers[:, 0] = 1
    bases, inverses = np.cumprod(powers, axis=1)
    return bases, inverses
