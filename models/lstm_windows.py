"""The windows that the LSTM autoencoder reads: the newest residuals up to each row, all rows at once.

A window holds the last `SEQUENCE` samples, none older than `SEQUENCE` steps. After a gap and at the start of a series
it holds fewer, and the places before them are 0: what was expected.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from include.features import Panel
from include.features.panel import Longs

SEQUENCE = 60
Windows = npt.NDArray[np.float32]


@njit(cache=True, nogil=True)
def _fill(values, ts, offsets, step, rows, owner, out, held):  # type: ignore[no-untyped-def]
    size = out.shape[1]
    for at in range(len(rows)):
        row = rows[at]
        begin = offsets[owner[at]]
        oldest = ts[row] - size * step[owner[at]]
        count = 0
        while count < size and row - count >= begin and ts[row - count] > oldest:
            out[at, size - 1 - count] = values[row - count]
            count += 1
        held[at] = count


def windows_of(panel: Panel, rows: Longs, owner: Longs) -> tuple[Windows, Longs]:
    """Return the windows `[len(rows), SEQUENCE]` that end with these rows, and how many samples each holds (1 or more).

    `owner` is the position of each row's series in the panel. Values are squashed by arcsinh: ordinary ones, of some
    deviations, stay about as they are, and one far outside does not drown the rest of its window.
    """
    out, held = np.zeros((len(rows), SEQUENCE), np.float32), np.empty(len(rows), np.int64)
    _fill(panel.values, panel.ts, panel.offsets, panel.step, rows, owner, out, held)
    return np.arcsinh(out), held
