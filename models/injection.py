"""Known anomalies planted into a real slice: the gate's labels where too few real events are labelled.

Five kinds, each scaled to the series' own noise (the median absolute change from sample to sample): spike, shift,
drift, variance, dropout. Seeded by series, so that every detector is asked about the same anomalies.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Panel
from include.features.panel import Floats, Longs
from include.window import stable_hash

KINDS = ("spike", "shift", "drift", "variance", "dropout")
PER_SERIES = 4
LENGTHS = (3, 60)  # points
SIZES = (4.0, 10.0)  # noises


@dataclass(frozen=True)
class Planted:
    """A panel with planted anomalies, and which of its rows they changed."""

    panel: Panel
    labels: npt.NDArray[np.bool_]


def plant(panel: Panel, since: int, direction: npt.NDArray[np.int8], seed: int) -> Planted:
    """Plant `PER_SERIES` anomalies per series into the rows at or after `since` (microseconds).

    `direction` is +1 where only high is bad, -1 where only low is, 0 for both: planted anomalies follow it.
    """
    values, labels = panel.values.copy(), np.zeros(len(panel), bool)
    for s, series_id in enumerate(panel.series_ids):  # a loop over series: four slices of each are changed
        first, last = int(panel.offsets[s]), int(panel.offsets[s + 1])
        begin = first + int(np.searchsorted(panel.ts[first:last], since))
        room = (last - begin) // PER_SERIES
        if room < 2 * LENGTHS[0]:
            continue
        rng = np.random.default_rng([seed, int(series_id) & 0xFFFFFFFF])
        noise = _noise(panel.values[first:last])
        for slot in range(PER_SERIES):
            kind = KINDS[rng.integers(len(KINDS))]
            length = 1 if kind == "spike" else int(rng.integers(LENGTHS[0], min(LENGTHS[1], room // 2) + 1))
            at = begin + slot * room + int(rng.integers(0, room - length))
            sign = float(direction[s]) or float(rng.choice([-1.0, 1.0]))
            rows = slice(at, at + length)
            values[rows] = _changed(values[rows], kind, sign * noise * rng.uniform(*SIZES), rng)
            labels[rows] = True
    return Planted(panel.with_values(values), labels)


def _noise(values: Floats) -> float:
    change = float(np.median(np.abs(np.diff(values)))) if len(values) > 1 else 0.0
    spread = float(np.median(np.abs(values - np.median(values))))
    return change or 0.1 * spread or 0.01 * float(np.abs(values).mean()) or 1.0


def _changed(values: Floats, kind: str, size: float, rng: np.random.Generator) -> Floats:
    if kind in ("spike", "shift"):
        return values + size
    if kind == "drift":
        return values + size * np.linspace(0.2, 1.5, len(values))
    if kind == "variance":
        return values + size * np.abs(rng.normal(size=len(values))) * rng.choice([1.0, 0.25], len(values))
    lost = values.min() - abs(size) if size < 0 else values.max() + abs(size)
    return np.full(len(values), lost)


def interval_labels(ts: Longs, starts: Longs, ends: Longs) -> npt.NDArray[np.bool_]:
    """Return which times lie in one of the half-open intervals (microseconds)."""
    order = np.sort(starts), np.sort(ends)
    return np.searchsorted(order[0], ts, side="right") > np.searchsorted(order[1], ts, side="right")


def plant_together(
    panel: Panel, service: npt.NDArray[np.object_], since: int, direction: npt.NDArray[np.int8], seed: int
) -> Planted:
    """Plant `PER_SERIES` anomalies per service: each changes 20% to 60% of its series, at least two, at the same time.

    `service` has one name per series. The times are those of the service's longest series.
    """
    values, labels = panel.values.copy(), np.zeros(len(panel), bool)
    lengths = np.diff(panel.offsets)
    for name in pd.unique(service):  # a loop over services: a few slices of each are changed
        members = np.flatnonzero(service == name)
        longest = members[np.argmax(lengths[members])]
        ts = panel.ts[panel.offsets[longest] : panel.offsets[longest + 1]]
        ts = ts[ts >= since]
        room = len(ts) // PER_SERIES
        if room < 2 * LENGTHS[0] or len(members) < 2:
            continue
        rng = np.random.default_rng([seed, stable_hash(str(name)) & 0xFFFFFFFF])
        for slot in range(PER_SERIES):
            kind = KINDS[rng.integers(len(KINDS))]
            length = 2 if kind == "spike" else int(rng.integers(LENGTHS[0], min(LENGTHS[1], room // 2) + 1))
            at = slot * room + int(rng.integers(0, room - length))
            hit = rng.choice(members, max(2, round(len(members) * rng.uniform(0.2, 0.6))), replace=False)
            for s in hit:
                first, last = int(panel.offsets[s]), int(panel.offsets[s + 1])
                bounds = np.searchsorted(panel.ts[first:last], [ts[at], ts[at + length - 1] + 1])
                rows = slice(first + int(bounds[0]), first + int(bounds[1]))
                if rows.stop == rows.start:
                    continue
                size = _noise(panel.values[first:last]) * rng.uniform(*SIZES)
                sign = float(direction[s]) or float(rng.choice([-1.0, 1.0]))
                values[rows] = _changed(values[rows], kind, sign * size, rng)
                labels[rows] = True
    return Planted(panel.with_values(values), labels)
