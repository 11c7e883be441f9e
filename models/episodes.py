"""From scores to the tables `anomaly` and `episode`: a pure function of the points around a window.

An episode is a run of flagged points of one series without 30 quiet minutes. Its id is the hash of its subject and
first flagged point, so it is the same in every window that sees it. Only the last `EPISODE_LOOKBACK` is looked at,
therefore a run that has gone on unbroken for six hours is cut at the next clock line of six hours (UTC): any window of
up to six hours finds the same cuts.

Series and services are described alike. The value of a service is its score, its range that of an ordinary score; its
severity comes from the metrics that deviate, and its `z15` is the highest of theirs.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from include.features import FEATURES, BusinessHours, Calendar, Panel, rolling_features
from include.features.panel import Floats, Longs
from include.window import Window, stable_hash
from models.base import SERVICE, Detector, service_id
from models.flags import QUIET, flag, runs
from models.severity import SEVERITIES, TRENDS, Ladder, trend_codes

EPISODE_LOOKBACK = timedelta(hours=13)
TOGETHER = "all metrics"  # what a service's anomalies have in place of a query
LEARNING = timedelta(days=14)
_CUT = 6 * 3_600_000_000
_DAY = 86_400_000_000
ANOMALY_COLUMNS = (
    "subject_kind", "subject_id", "service", "query", "ts", "score", "value", "expected_lower", "expected",
    "expected_upper", "z15", "percentile", "severity", "trend", "volatility", "business_hours", "weekend", "detector",
    "model_version", "episode_id", "reason", "evidence",
)  # fmt: skip
TEXT = (
    "subject_kind", "service", "query", "severity", "trend", "detector", "model_version", "episode_id", "reason",
    "state", "description",
)  # fmt: skip
EPISODE_COLUMNS = (
    "episode_id", "subject_kind", "subject_id", "service", "query", "first_ts", "last_ts", "peak_ts", "points",
    "peak_score", "severity", "state", "description", "evidence",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What a window holds: rows of `anomaly` and of `episode`, without the columns that every result has."""

    anomaly: pd.DataFrame
    episode: pd.DataFrame


def history(detector: Detector, step: timedelta) -> timedelta:
    """Return how much earlier than the window the points of this step, given to `detect`, must start."""
    return detector.lookback(step) + EPISODE_LOOKBACK


def detect(
    detector: Detector,
    points: pd.DataFrame,
    series: pd.DataFrame,
    window: Window,
    *,
    model_version: str,
    hours: BusinessHours | None = None,
    ladder: Ladder | None = None,
) -> Found:
    """Return the anomalies of a window and the episodes that are open or end in it.

    `points` starts `history(detector)` before the window, and ends with it. With `first_seen` in `series`, a series
    that is younger than 14 days is scored, but its episodes stay in the state `learning`.
    """
    points = points[points["ts"] < window.end]
    if points.empty:
        return Found(pd.DataFrame(columns=list(ANOMALY_COLUMNS)), pd.DataFrame(columns=list(EPISODE_COLUMNS)))
    since = window.start - EPISODE_LOOKBACK
    judged = judge(detector, points, series, since)
    panel, scores, subjects = judged.panel, judged.scores, judged.subjects
    tail = panel.where(panel.ts >= _us(since))
    hit = np.flatnonzero(flag(tail, scores["alarm"].to_numpy() >= 1.0))
    rows = np.flatnonzero(panel.ts >= _us(since))[hit]
    flagged = scores.iloc[hit].reset_index(drop=True)
    flagged["row"] = rows
    flagged["us"] = panel.ts[rows]
    flagged["episode"] = episode_numbers(flagged["subject_id"].to_numpy(), flagged["us"].to_numpy())
    known = subjects.set_index("series_id")
    for column in ("service", "query"):
        flagged[column] = known[column].reindex(flagged["subject_id"]).to_numpy()
    _describe(flagged, panel, Calendar.of(panel, subjects, hours), scores, ladder or Ladder())
    episode = _episodes(flagged, window, _learning(known, panel, window)).copy()
    flagged["episode_id"] = flagged["episode"].map(episode.set_index("episode")["episode_id"])
    _reason(flagged, episode, judged, detector=detector, points=points, series=series, window=window)
    return Found(_anomaly_rows(flagged, window, detector, model_version), _episode_rows(episode, flagged))


@dataclass(frozen=True)
class Judged:
    """The scores of subjects from a time on, and the panel of their values with what came before.

    `subjects` has the columns of `series`, one row per subject, its id as `series_id`.
    """

    scores: pd.DataFrame
    panel: Panel
    subjects: pd.DataFrame


def judge(detector: Detector, points: pd.DataFrame, series: pd.DataFrame, since: datetime) -> Judged:
    """Score the points. Rows of a service are numbered as in `score` without `since`, those of a series as points."""
    if detector.subject != SERVICE:
        return Judged(detector.score(points, series, since), Panel.of(points, series), series)
    scores = detector.score(points, series)
    services = series.sort_values("step_seconds").drop_duplicates("service", keep="last")
    services = services.assign(series_id=services["service"].map(service_id), query=TOGETHER)
    if "first_seen" in series:
        services["first_seen"] = services["service"].map(series.groupby("service")["first_seen"].min())
    values = pd.DataFrame({"series_id": scores["subject_id"], "ts": scores["ts"], "value": scores["score"]})
    return Judged(scores[scores["ts"] >= since].reset_index(drop=True), Panel.of(values, services), services)


def _us(moment: datetime) -> int:  # microseconds since 1970
    return int(moment.timestamp() * 1_000_000)


def episode_numbers(subject: Longs, ts: Longs) -> Longs:
    """Return the number of the episode of each flagged point: runs, cut on six-hour lines after six unbroken hours."""
    run = runs(subject, ts)
    if not len(run):
        return run
    begin = ts[np.searchsorted(run, run)]
    line = ts // _CUT * _CUT
    piece = np.where(begin <= line - _CUT, line, 0)
    new = (np.diff(run) != 0) | (np.diff(piece) != 0)
    return np.concatenate(([0], np.cumsum(new))).astype(np.int64)


@njit(cache=True, nogil=True)
def _day_rank(values: Floats, ts: Longs, begin: Longs, rows: Longs, out: Floats) -> None:
    """Fill the mid-rank of each row's value among the 24 hours that end with it."""
    for at in range(len(rows)):
        row = rows[at]
        here = values[row]
        below = 0.0
        count = 0
        back = row
        while back >= begin[at] and ts[back] > ts[row] - _DAY:
            below += 1.0 if values[back] < here else (0.5 if values[back] == here else 0.0)
            count += 1
            back -= 1
        out[at] = below / count


def _describe(flagged: pd.DataFrame, panel: Panel, calendar: Calendar, scores: pd.DataFrame, ladder: Ladder) -> None:
    """Add value, z15, percentile, severity, trend, volatility and calendar to the flagged points."""
    rows = flagged["row"].to_numpy()
    owner = panel.series_of_row[rows]
    width = (scores["upper"] - scores["expected"]).groupby(scores["subject_id"]).median()
    scale = width.reindex(panel.series_ids).fillna(0.0).to_numpy()
    x = pd.DataFrame(rolling_features(panel, calendar, rows=rows, floor=0.05 * scale), columns=list(FEATURES))
    rank = np.empty(len(rows))
    _day_rank(panel.values, panel.ts, panel.offsets[owner], rows, rank)
    flagged["value"] = panel.values[rows]
    flagged["z15"] = x["z_15"]
    flagged["percentile"] = rank
    extreme = np.where(flagged["value"] >= flagged["expected"], rank, 1.0 - rank)
    flagged["code"] = ladder.codes(x["z_15"].to_numpy(), extreme, flagged["score"].to_numpy())
    trend = trend_codes(x["mean_5"].to_numpy(), x["mean_15"].to_numpy(), scale[owner])
    flagged["trend"] = np.array(TRENDS, dtype=object)[trend]
    flagged["volatility"] = x["volatility"] / np.where(scale[owner] > 0, scale[owner], 1.0)
    flagged["business_hours"] = x["business_hours"].to_numpy() > 0
    flagged["weekend"] = x["weekend"].to_numpy() > 0


def _learning(known: pd.DataFrame, panel: Panel, window: Window) -> npt.NDArray[np.int64]:
    """Return the ids of series too young to be told about."""
    if "first_seen" not in known:
        return np.zeros(0, np.int64)
    first = pd.to_datetime(known["first_seen"].reindex(panel.series_ids), utc=True)
    young = (first > window.end - LEARNING).to_numpy()
    return panel.series_ids[young]


def _episodes(flagged: pd.DataFrame, window: Window, learning: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return one row per episode that has a flagged point in the window or ends in it."""
    peak = flagged.loc[flagged.groupby("episode")["score"].idxmax(), ["episode", "ts", "score"]]
    grouped = flagged.groupby("episode", as_index=False)
    found = grouped.agg(
        subject_kind=("subject_kind", "first"), subject_id=("subject_id", "first"), service=("service", "first"),
        query=("query", "first"), first_ts=("ts", "first"), last_ts=("ts", "last"), points=("ts", "size"),
        code=("code", "max"), us=("us", "first"),
    )  # fmt: skip
    found["peak_ts"], found["peak_score"], found["peak"] = peak["ts"].to_numpy(), peak["score"].to_numpy(), peak.index
    found["peak_ts"] = pd.to_datetime(found["peak_ts"], utc=True)
    ends = found["last_ts"] + pd.Timedelta(QUIET, "us")
    closed = (ends <= window.end).to_numpy()
    young = np.isin(found["subject_id"], learning)
    found["state"] = np.select([young, closed], ["learning", "closed"], "open")
    found["episode_id"] = [
        f"{stable_hash(kind, str(subject), str(us)) & (1 << 64) - 1:016x}"
        for kind, subject, us in zip(found["subject_kind"], found["subject_id"], found["us"], strict=True)
    ]
    return found[(ends > window.start) & (found["first_ts"] < window.end)]


def _reason(
    flagged: pd.DataFrame,
    episode: pd.DataFrame,
    judged: Judged,
    *,
    detector: Detector,
    points: pd.DataFrame,
    series: pd.DataFrame,
    window: Window,
) -> None:
    """Add sentence, evidence and what follows from it to the window's flagged points and to each episode's peak."""
    told = ((flagged["ts"] >= window.start) | flagged.index.isin(episode["peak"])).to_numpy()
    some = flagged[told]
    why = _evidence(detector, points, series, judged.panel, some)
    flagged["reason"], flagged["evidence"] = "", None
    columns = zip(some["value"], some["lower"], some["upper"], some["trend"], why, strict=True)
    flagged.loc[told, "reason"] = [sentence(*row[:4], row[4]["features"]) for row in columns]
    flagged.loc[told, "evidence"] = pd.Series(why, index=some.index, dtype=object)
    for place, found in zip(some.index, why, strict=True):  # a loop over what is told: a handful per window
        if "severity" in found:  # a detector whose own ladder counts: of reconstruction errors, of several metrics
            flagged.loc[place, "code"] = SEVERITIES.index(found["severity"])
        if found.get("metrics"):
            flagged.loc[place, "z15"] = max((one["z"] for one in found["metrics"]), key=abs)
    worst = flagged[told].groupby("episode")["code"].max() if detector.subject == SERVICE else None
    if worst is not None:
        episode["code"] = episode["episode"].map(worst).fillna(0).astype(int)


def _evidence(
    detector: Detector, points: pd.DataFrame, series: pd.DataFrame, panel: Panel, some: pd.DataFrame
) -> list[dict[str, Any]]:
    """Return the evidence of these flagged rows, asked of their own subjects alone: the others are many."""
    if some.empty:
        return []
    subjects = some["subject_id"].unique()
    own = series["service"].map(service_id) if detector.subject == SERVICE else series["series_id"]
    known = series[own.isin(subjects)]
    mine = points[points["series_id"].isin(known["series_id"])].reset_index(drop=True)
    place = np.cumsum(np.isin(panel.row_ids, subjects)) - 1
    return detector.evidence(mine, known, place[some["row"].to_numpy()])


def sentence(value: float, lower: float, upper: float, trend: str, why: list[str]) -> str:
    """Say in words what is unusual.

    >>> sentence(0.92, 0.31, 0.48, "rising", ["rate of change", "volatility"])
    'Value 0.92 is above the expected 0.31 to 0.48 and rising; most unusual: rate of change, volatility.'
    """
    moving = "" if trend == "steady" else f" and {trend}"
    if lower <= value <= upper:
        text = f"Value {value:.4g} is within the expected {lower:.4g} to {upper:.4g}{moving}, but its course is unusual"
    else:
        side = "above" if value > upper else "below"
        text = f"Value {value:.4g} is {side} the expected {lower:.4g} to {upper:.4g}{moving}"
    return f"{text}; most unusual: {', '.join(why)}." if why else f"{text}."


def _anomaly_rows(flagged: pd.DataFrame, window: Window, detector: Detector, model_version: str) -> pd.DataFrame:
    rows = flagged[flagged["ts"] >= window.start].rename(columns={"lower": "expected_lower", "upper": "expected_upper"})
    rows = rows.assign(
        severity=np.array(SEVERITIES, dtype=object)[rows["code"].to_numpy(np.int64)],
        detector=detector.name,
        model_version=model_version,
    )
    return _typed(rows[list(ANOMALY_COLUMNS)])


def _episode_rows(episode: pd.DataFrame, flagged: pd.DataFrame) -> pd.DataFrame:
    minutes = ((episode["last_ts"] - episode["first_ts"]).dt.total_seconds() / 60).round().astype(int)
    reasons = flagged["reason"].reindex(episode["peak"]).to_numpy()
    rows = episode.assign(
        evidence=flagged["evidence"].reindex(episode["peak"]).to_numpy(object),
        severity=np.array(SEVERITIES, dtype=object)[episode["code"].to_numpy(np.int64)],
        description=[
            f"{query} of {service}: {points} unusual points in {length} min. At the peak: {reason}"
            for query, service, points, length, reason in zip(
                episode["query"], episode["service"], episode["points"], minutes, reasons, strict=True
            )
        ],
    )
    return _typed(rows[list(EPISODE_COLUMNS)])


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with text as text, also where there are none."""
    return rows.astype({name: "str" for name in TEXT if name in rows}).reset_index(drop=True)
