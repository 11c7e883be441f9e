"""From what the forecasts and the memory of a series tell of each row to a score and an alarm, within a look-back.

A recursion never ends, a look-back does. So time is cut on a fixed grid, and the rows of one cell come from a recursion
that starts a fixed time before the cell: the row at t is the same, bit for bit, wherever the panel begins.
"""

import numpy as np
from numba import njit

from models.pool_forecasts import COLUMNS, FAR, HEAT, NEAR, NOVEL, QUIET_ROWS, RARE, STRANGE, forecast
from models.pool_memory import LARGEST, keep, rareness, recall

CAP, FAR_CAP = 30.0, 15.0  # deviations that the smoothed score counts at most, those of the slow pool apart
RAREST = 200.0  # deviations that rareness counts at most
QUIET_ALARM = 60  # rows of a recursion that raise no alarm
ALARMING, TIRED = 4.5, 0.1  # rareness that counts as an alarm, and by what share each raises the bar for the next
OTHERS = 0.3  # weight of the other kinds' rareness beside the novelty's


@njit(cache=True, nogil=True)
def smooth(told, span):  # type: ignore[no-untyped-def]
    """Fill the heat: the squared deviations, of forecasts and memory together, smoothed over `span` rows."""
    heat = 0.0
    for at in range(len(told)):
        together = min(told[at, NEAR], CAP) + min(told[at, NOVEL], CAP) + min(told[at, STRANGE], CAP)
        far = min(told[at, FAR], FAR_CAP)
        heat += 2.0 / (span + 1.0) * (together * together + far * far - heat)
        told[at, HEAT] = heat


@njit(cache=True, nogil=True)
def alarm(told, afresh, hold):  # type: ignore[no-untyped-def]
    """Fill how rare each row is where it is the rarest of the last `afresh` rows, held for `hold` rows; else 0.

    Every alarm within the recursion lowers what the next one counts: a series that has called often must be stranger to
    call again, which holds each series near a budget of episodes.
    """
    size = len(told)
    largest, held = np.zeros((4, LARGEST)), np.zeros(4, np.int64)
    rare, fresh = np.zeros(size), np.zeros(size)
    rarest, alarms = 0, 0
    for at in range(QUIET_ROWS, size):
        for kind in range(4):
            seen = min(told[at, (NOVEL, NEAR, FAR, STRANGE)[kind]], RAREST)
            if at >= QUIET_ALARM:
                rare[at] += (OTHERS if kind else 1.0) * rareness(largest[kind], held[kind], at, seen)
            held[kind] = keep(largest[kind], held[kind], seen)
        if at - rarest > afresh:
            rarest = at - afresh
            for back in range(at - afresh, at):
                if rare[back] >= rare[rarest]:
                    rarest = back
        if rare[at] > rare[rarest]:
            fresh[at] = rare[at] / (1.0 + TIRED * alarms)
            alarms += fresh[at] >= ALARMING
        if rare[at] >= rare[rarest]:
            rarest = at
        told[at, RARE] = fresh[max(0, at - hold + 1) : at + 1].max()


@njit(cache=True, nogil=True)
def run(values, ts, offsets, step, series, profile, known, least, bad, reach, span, depth, stride, afresh, hold, out):  # type: ignore[no-untyped-def]
    """Fill `out[rows, COLUMNS]` for these series; `reach` is the look-back of each, in microseconds.

    The columns are: expected value; scale (infinite where nothing can be said yet); deviation from the fast pool, from
    the slow one, and from every value seen; how unlike any other the window of `depth` samples `stride` rows apart is;
    the smoothed heat of all four; how rare the row is, as an alarm; level and spread of the last 500 rows; the heaviest
    forecast. A cell of the grid is a quarter of the look-back long.
    """
    for s in series:
        last = offsets[s + 1]
        length = reach[s] // 4
        cell = first = offsets[s]
        while cell < last:
            begin = ts[cell] // length * length
            end = cell
            while end < last and ts[end] < begin + length:
                end += 1
            while ts[first] <= begin + length - reach[s]:
                first += 1
            told = np.zeros((end - first, COLUMNS))
            forecast(values, ts, first, end, step[s], profile, known[s], least[s], bad[s], told)
            recall(values, first, cell, end, depth[s], stride[s], least[s], bad[s], told)
            smooth(told, span[s])
            alarm(told, afresh[s], hold[s])
            out[cell:end] = told[cell - first :]
            cell = end
