"""From scores to flagged points and runs: n of the last m points at or above 1, and 30 quiet minutes end a run."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from include.features import Panel
from include.features.panel import Floats, Longs

QUIET = 1_800_000_000  # microseconds without a flagged point that end a run


@dataclass(frozen=True)
class Rule:
    """Flag a point at or above the threshold when at least `hits` of the last `of` points are."""

    hits: int
    of: int


# The slower the samples come, the less confirmation can be waited for: (longest step in seconds, rule).
RULES = ((60, Rule(3, 5)), (300, Rule(2, 3)), (1 << 40, Rule(1, 1)))


@njit(cache=True, nogil=True)
def _flag(over, ts, offsets, step, hits, of, out):  # type: ignore[no-untyped-def]
    for s in range(len(offsets) - 1):
        for row in range(offsets[s], offsets[s + 1]):
            if not over[row]:
                continue
            seen = 0
            for back in range(max(offsets[s], row - of[s] + 1), row + 1):
                seen += over[back] and ts[back] > ts[row] - of[s] * step[s] - step[s] // 2
            out[row] = seen >= hits[s]


def flag(panel: Panel, over: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return which rows are flagged, given which are over the threshold; the rule follows each series' step."""
    seconds = panel.step // 1_000_000
    bounds = np.array([step for step, _ in RULES])
    which = np.searchsorted(bounds, seconds)
    hits, of = (np.array([getattr(rule, part) for _, rule in RULES])[which] for part in ("hits", "of"))
    out = np.zeros(len(panel), bool)
    _flag(over, panel.ts, panel.offsets, panel.step, hits, of, out)
    return out


def runs(subject: Longs, ts: Longs, quiet: int = QUIET) -> Longs:
    """Return a running number of the run to which each flagged point belongs; sorted by subject and time."""
    if not len(ts):
        return np.zeros(0, np.int64)
    new = (subject[1:] != subject[:-1]) | (ts[1:] - ts[:-1] > quiet)
    return np.concatenate(([0], np.cumsum(new))).astype(np.int64)


def episodes_per_day(panel: Panel, score: Floats, threshold: float, group: npt.NDArray[np.int64]) -> float:
    """Return how many runs of flagged points a group (a service) has per day; `group` has one entry per series."""
    flagged = flag(panel, score >= threshold)
    members = pd.DataFrame({"group": group[panel.series_of_row[flagged]], "ts": panel.ts[flagged]})
    members = members.sort_values(["group", "ts"], ignore_index=True)
    found = runs(members["group"].to_numpy(), members["ts"].to_numpy())
    days = max((panel.ts.max() - panel.ts.min()) / 86_400_000_000, 1e-9)
    return float((int(found[-1]) + 1 if len(found) else 0) / days / len(np.unique(group)))
