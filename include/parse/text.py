"""Bytes of a text file as its lines: UTF-8, one character for each byte that is none, no colours, no NUL."""

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUL = "\N{SYMBOL FOR NULL}"
"""What stands for a NUL character, which databases refuse."""

_COLOURS = r"\x1b(?:\[[0-9:;<=>?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[()][0-9A-Za-z]|[=>78cDEHMNOZ])"
_COLOURS_OF_BYTES = re.compile(_COLOURS.encode())
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def lines_of(data: bytes) -> pa.Array:
    r"""Return the lines of less than 2 GiB, without their ends; a line of nothing but an end is no line.

    >>> lines_of(b"a\r\n\n\x1b[31mb\x00\xff\n").to_pylist() == ["a", "b␀\ufffd"]
    True
    """
    if b"\x1b" in data:
        data = _COLOURS_OF_BYTES.sub(b"", data)
    if b"\x00" in data:
        data = data.replace(b"\x00", NUL.encode())
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    data = _utf8(data).removesuffix(b"\r")
    if data and not data.endswith(b"\n"):
        data += b"\n"
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    # Without the ends themselves, the bytes are the lines one after the other, and need no second copy.
    bounds = np.concatenate(([0], ends - np.arange(len(ends)))).astype(np.int32)
    whole = pa.StringArray.from_buffers(
        len(ends), pa.py_buffer(bounds.tobytes()), pa.py_buffer(data.replace(b"\n", b""))
    )
    there = np.diff(bounds) > 0
    return whole if there.all() else whole.filter(pa.array(there))


def without_controls(column: pa.Array) -> pa.Array:
    """Return texts without colours and NUL, for those that were hidden in escapes of JSON."""
    if pc.any(pc.match_substring(column, "\x1b")).as_py():
        column = pc.replace_substring_regex(column, _COLOURS, "")
    if pc.any(pc.match_substring(column, "\x00")).as_py():
        column = pc.replace_substring(column, "\x00", NUL)
    return column


def _utf8(data: bytes) -> bytes:
    if data.isascii():
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return _NOT_UTF8.sub("\N{REPLACEMENT CHARACTER}", data.decode("utf-8", "surrogateescape")).encode()
    return data
