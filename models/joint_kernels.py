"""Compiled loops over `[time, metrics]` of one service: fading means, means of the most deviant metrics, rolling means.

Every window is cut into blocks that stand still in time: a window is the end of one block and the start of the next, so
a mean costs two additions a point and is bit for bit the same wherever the frame starts.
"""

import numpy as np
from numba import njit

from include.features.panel import Floats


@njit(cache=True, nogil=True)
def fading_mean(values: Floats, first: int, size: int, tau: float, out: Floats) -> None:
    """Fill the mean of the `size` rows *before* each one, with weights that fall by e every `tau` rows.

    `values` is `[rows, columns]`, NaN where nothing is known; the result is NaN where nothing was. `first` is the
    number of the first row on the absolute grid, by which the blocks are laid.
    """
    fade = np.exp(-1.0 / tau)
    rows, columns = values.shape
    tail = np.zeros((size + 1, 2))
    power = np.empty(size + 1)
    for age in range(size + 1):
        power[age] = fade**age
    for column in range(columns):
        total, weight = 0.0, 0.0
        tail[:] = 0.0
        for row in range(rows):
            place = (first + row) % size
            if place == 0:
                total, weight = 0.0, 0.0
                tail[size, :] = 0.0
                for at in range(size - 1, -1, -1):
                    back = row - size + at
                    tail[at] = tail[at + 1]
                    if back >= 0 and not np.isnan(values[back, column]):
                        tail[at, 0] += power[size - 1 - at] * values[back, column]
                        tail[at, 1] += power[size - 1 - at]
            whole = weight + power[place] * tail[place, 1]
            if whole > 0.0:
                out[row, column] = (total + power[place] * tail[place, 0]) / whole
            else:
                out[row, column] = np.nan
            total *= fade
            weight *= fade
            if not np.isnan(values[row, column]):
                total += values[row, column]
                weight += 1.0


@njit(cache=True, nogil=True)
def highest_mean(values: Floats, share: float, out: Floats) -> None:
    """Fill, per row, the mean of the highest `share` of the known values (at least one); NaN where none is known."""
    kept = np.empty(values.shape[1])
    for row in range(values.shape[0]):
        known = 0
        for column in range(values.shape[1]):
            if not np.isnan(values[row, column]):
                kept[known] = values[row, column]
                known += 1
        if known == 0:
            out[row] = np.nan
            continue
        count = max(1, int(np.ceil(share * known - 1e-9)))
        ordered = np.sort(kept[:known])
        total = 0.0
        for at in range(known - count, known):
            total += ordered[at]
        out[row] = total / count


@njit(cache=True, nogil=True)
def rolling_mean(values: Floats, size: int, out: Floats) -> None:
    """Fill the mean of the known values of the `size` rows that end with each; NaN where none is known."""
    for row in range(len(values)):
        total = 0.0
        known = 0
        for back in range(max(0, row - size + 1), row + 1):
            if not np.isnan(values[back]):
                total += values[back]
                known += 1
        out[row] = total / known if known else np.nan
