"""Compiled loops over `[time, metrics]` of one service: means over windows, of the most deviant metrics, distances.

Every window is cut into blocks that stand still in time: a window is the end of one block and the start of the next, so
a mean costs two additions a point and is bit for bit the same wherever the frame starts.
"""

import numpy as np
from numba import njit

from include.features.panel import Floats


@njit(cache=True, nogil=True)
def window_mean(values: Floats, first: int, size: int, tau: float, own: bool, out: Floats) -> None:
    """Fill the mean of `size` rows up to each one, with weights that fall by e every `tau` rows (inf: equal weights).

    `values` is `[rows, columns]`, NaN where nothing is known; the result is NaN where nothing was. With `own` the row
    itself is the last of them, else the row before. `first` is the number of the first row on the absolute grid, by
    which the blocks are laid.
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
                for at in range(size - 1, -1, -1):
                    back = row - size + at
                    tail[at] = tail[at + 1]
                    if back >= 0 and not np.isnan(values[back, column]):
                        tail[at, 0] += power[size - 1 - at] * values[back, column]
                        tail[at, 1] += power[size - 1 - at]
            value = values[row, column]
            if own:
                total, weight = total * fade, weight * fade
                place += 1
                if not np.isnan(value):
                    total, weight = total + value, weight + 1.0
            whole = weight + power[place] * tail[place, 1]
            out[row, column] = (total + power[place] * tail[place, 0]) / whole if whole > 0.0 else np.nan
            if not own:
                total, weight = total * fade, weight * fade
                if not np.isnan(value):
                    total, weight = total + value, weight + 1.0


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
def unexplained(values: Floats, middle: Floats, axes: Floats, out: Floats) -> None:
    """Fill what is left of `values - middle` without its projections on `axes` `[columns, components]`.

    NaN counts as 0 in the projections and stays NaN. Written out, since a matrix product rounds a row by the number of
    rows around it.
    """
    rows, columns = values.shape
    centred = np.empty(columns)
    for row in range(rows):
        for column in range(columns):
            gap = values[row, column] - middle[column]
            centred[column] = 0.0 if np.isnan(gap) else gap
            out[row, column] = gap
        for component in range(axes.shape[1]):
            along = 0.0
            for column in range(columns):
                along += centred[column] * axes[column, component]
            for column in range(columns):
                out[row, column] -= along * axes[column, component]


@njit(cache=True, nogil=True, fastmath={"reassoc"})
def _apart(one: Floats, other: Floats) -> float:
    total = 0.0
    for column in range(len(one)):
        total += (one[column] - other[column]) * (one[column] - other[column])
    return total


@njit(cache=True, nogil=True)
def nearest(values: Floats, known: Floats, rank: int, out: Floats) -> None:
    """Fill, per row, the Euclidean distance to its `rank`-th nearest among the rows of `known`."""
    least = np.empty(rank)
    for row in range(len(values)):
        least[:] = np.inf
        for at in range(len(known)):
            gap = _apart(values[row], known[at])
            if gap < least[rank - 1]:
                place = rank - 1
                while place > 0 and least[place - 1] > gap:
                    least[place] = least[place - 1]
                    place -= 1
                least[place] = gap
        out[row] = np.sqrt(least[rank - 1])
