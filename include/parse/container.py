"""What a container runtime writes around each line of a container: the CRI form of containerd and CRI-O.

Both cut lines at 16 KiB; the pieces of a line are put together again. Docker's own form is JSON lines, see
`json_lines.py`.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.parse.line_format import Found, Mask, PatternFormat
from include.parse.moments import ISO, Clues

_CRI = PatternFormat("CRI", rf"^{ISO.pattern} (?P<stream>stdout|stderr) (?P<part>[FP])(?::\S*)? (?P<message>.*)$", ISO)


class ContainerLines:
    """A time, the stream, F for a full line or P for a piece of one, and the text."""

    name = _CRI.name
    moment = _CRI.moment

    def fits(self, lines: pa.Array) -> Mask:
        """Return which lines look like this form."""
        return _CRI.fits(lines)

    def read(self, lines: pa.Array, clues: Clues) -> Found:
        """Return what the lines of this form say; a piece goes on if the next line is of the same stream."""
        found = _CRI.read(lines, clues)
        part = found.texts.pop("part")
        if not len(part):
            return found
        return replace(found, open=goes_on(pc.equal(part, "P"), found.texts["stream"]))


def goes_on(piece: pa.Array, stream: pa.Array) -> Mask:
    """Return which pieces have their next piece in the line after them."""
    same = np.append(pc.equal(stream[:-1], stream[1:]).to_numpy(zero_copy_only=False), [False])
    found: Mask = pc.fill_null(piece, False).to_numpy(zero_copy_only=False) & same.astype(bool)
    return found
