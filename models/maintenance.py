"""Which points and episodes fall into planned work or known incidents: not told about, and not "normal" to learn from.

Everything is over all services at once: intervals and times are put on one line, service after service, where one
sorted search finds the interval that holds each time.
"""

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.config.calendar import PlannedTime
from include.features.panel import Longs
from models.flags import QUIET

SILENCED = "silenced"
BEFORE_INCIDENT = timedelta(minutes=30)
"""Trouble begins before somebody opens an incident."""
LONGEST_INCIDENT = timedelta(days=1)
"""So much of an incident is left out at most: one that stays open for weeks says nothing about the machines."""

Mask = npt.NDArray[np.bool_]


def in_maintenance(service: npt.ArrayLike, ts: pd.Series, windows: Sequence[PlannedTime]) -> Mask:
    """Return which of the times lie in a maintenance window of the service beside them.

    `service` holds names, `ts` aware times, both of one length.
    """
    codes, names = pd.factorize(np.asarray(service, dtype=object))
    if not windows or not len(codes):
        return np.zeros(len(codes), bool)
    first, last = ts.min().to_pydatetime(), ts.max().to_pydatetime() + timedelta(microseconds=1)
    found = [
        (code, stretch.start, stretch.end)
        for window in windows
        for stretch in window.within(first, last)
        for code, name in enumerate(names)
        if window.covers(name)
    ]
    intervals = pd.DataFrame(found, columns=["code", "start", "end"])
    return _inside(codes, _micros(ts), intervals["code"].to_numpy(np.int64), _micros(intervals["start"]),
                   _micros(intervals["end"]))  # fmt: skip


def silenced(episodes: pd.DataFrame, windows: Sequence[PlannedTime]) -> pd.DataFrame:
    """Return the episodes, those of planned work in the state `silenced`: they are kept, and nobody is told.

    An episode is of planned work when it begins in a maintenance window of its service and ends at the latest 30 quiet
    minutes after it. What goes on for longer is told; so is what began before. Episodes in the state `learning` stay.
    """
    if episodes.empty or not windows:
        return episodes
    begins = in_maintenance(episodes["service"], episodes["first_ts"], windows)
    grace = pd.Timedelta(QUIET, "us")
    latest = (episodes["last_ts"] - grace).where(episodes["last_ts"] - grace > episodes["first_ts"])
    ends = in_maintenance(episodes["service"], latest.fillna(episodes["first_ts"]), windows)
    planned = begins & ends & (episodes["state"] != "learning").to_numpy()
    return episodes.assign(state=episodes["state"].where(~planned, SILENCED))


def normal_only(
    points: pd.DataFrame, series: pd.DataFrame, incidents: pd.DataFrame, windows: Sequence[PlannedTime]
) -> pd.DataFrame:
    """Return the points without those of known incidents and of planned work of their service, in the same order.

    `points` is `[series_id, ts, value]`, `series` has `[series_id, service]`, `incidents` is `[service, opened_at,
    resolved_at]` with null while one lasts. The half hour before an incident was opened goes too; of one that lasts,
    a day.
    """
    if points.empty:
        return points
    # The service of a series, not of a point: a text for each of a hundred million points would not fit.
    of_series = series.set_index("series_id")["service"]
    ids, known = pd.factorize(points["series_id"])
    codes, names = pd.factorize(of_series.reindex(known).fillna("").to_numpy())
    own, ts = codes[ids], _micros(points["ts"])
    first, last = points["ts"].min().to_pydatetime(), points["ts"].max().to_pydatetime() + timedelta(microseconds=1)
    code_of = {name: code for code, name in enumerate(names)}
    planned = [
        (code, stretch.start, stretch.end)
        for window in windows
        for stretch in window.within(first, last)
        for name, code in code_of.items()
        if window.covers(name)
    ]
    known_trouble = incidents[incidents["service"].isin(code_of.keys())]
    starts = known_trouble["opened_at"] - BEFORE_INCIDENT
    ends = known_trouble["opened_at"] + LONGEST_INCIDENT
    ends = known_trouble["resolved_at"].where(known_trouble["resolved_at"] < ends, ends)
    trouble = pd.DataFrame({"code": known_trouble["service"].map(code_of), "start": starts, "end": ends})
    frames = [pd.DataFrame(planned, columns=["code", "start", "end"]), trouble]
    code, begin, end = (
        np.concatenate([_micros(one[name]) if name != "code" else one[name].to_numpy(np.int64) for one in frames])
        for name in ("code", "start", "end")
    )
    out = _inside(own, ts, code, begin, end)
    return points[~out].reset_index(drop=True) if out.any() else points


def _micros(times: pd.Series) -> Longs:
    """Return times as microseconds since 1970."""
    return pd.DatetimeIndex(pd.to_datetime(times, utc=True)).as_unit("us").asi8


def _inside(group: Longs, ts: Longs, of: Longs, start: Longs, end: Longs) -> Mask:
    """Return which times lie in an interval `[start, end)` of their own group; `of` is the group of each interval."""
    if not len(of) or not len(ts):
        return np.zeros(len(ts), bool)
    low = int(ts.min())
    width = int(ts.max()) - low + 2
    begin, over = (of * width + np.clip(side - low, 0, width - 1) for side in (start, end))
    order = np.argsort(begin, kind="stable")
    reach = np.maximum.accumulate(over[order])  # intervals of one group may overlap; a later group is further on
    here = group.astype(np.int64) * width + (ts - low)
    at = np.searchsorted(begin[order], here, side="right") - 1
    return (at >= 0) & (here < reach[np.maximum(at, 0)])
