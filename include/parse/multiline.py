"""Lines that belong together: a line that fits no form continues the one before it, as in a stack trace."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.parse.line_format import Mask
from include.parse.numbers_of_text import Ints

MOST_LINES = 1000
MOST_BYTES = 1 << 20
"""Where a text goes on for longer it is continued in a row of its own: nothing is lost, and no row is a whole file."""


def heads_of(begins: Mask, lines: pa.Array) -> Ints:
    """Return the places of the lines that begin a row; the first line always does.

    `begins` marks those that do by themselves. A row of `MOST_LINES` lines or `MOST_BYTES` bytes is full.
    """
    size = len(begins)
    if begins.all():
        return np.arange(size)
    heads = begins.copy()
    heads[0] = True
    places = np.arange(size)
    head = np.maximum.accumulate(np.where(heads, places, 0))
    length = np.cumsum(pc.binary_length(lines).to_numpy().astype(np.int64) + 1)
    ordinal = places - head
    page = np.maximum(ordinal // MOST_LINES, (length - length[head]) // MOST_BYTES)
    heads[1:] |= page[1:] > page[:-1]
    return np.flatnonzero(heads)


def joined(lines: pa.Array, heads: Ints, cut: Mask | None = None) -> pa.Array:
    """Return the text of each row: its lines with newlines between them, but for those whose line was `cut`."""
    if len(heads) == len(lines):
        return lines
    bounds = pa.array(np.append(heads, len(lines)), pa.int32())
    if cut is None or not cut.any():
        return pc.binary_join(pa.ListArray.from_arrays(bounds, lines), "\n")
    ends = np.zeros(len(lines), bool)
    ends[heads[1:] - 1] = ends[-1] = True
    lines = pc.if_else(pa.array(ends | cut), lines, pc.binary_join_element_wise(lines, "\n", ""))
    return pc.binary_join(pa.ListArray.from_arrays(bounds, lines), "")
