"""The gate: may a challenger replace the champion? Judged on a later slice than any model was trained on.

Measure, in this order: real incidents per service where there are at least 30; else anomalies planted into the real
slice (`injection.py`). VUS-PR per subject, the difference to the champion and to the robust z with a bootstrap over
subjects; and the false episodes per service and day on the untouched slice. A challenger passes when it is better than
both beyond chance and does not flood people. It never reads the simulated fleet's truth.
"""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Panel
from include.features.panel import Floats, Longs
from models.base import Detector
from models.flags import episodes_per_day
from models.injection import interval_labels, plant
from models.profile import directions
from models.vus import vus_pr

MIN_EVENTS = 30
WINDOW = 20  # tolerance of VUS-PR, in points
DRAWS = 2_000
MAX_SERIES = 120  # judged, drawn by seed: more say nothing new
MOST_FALSE, MORE_FALSE = 1.0, 1.25  # episodes per service and day at most; or this many times the champion's


@dataclass(frozen=True)
class Difference:
    """Mean difference in VUS-PR, challenger minus other, with its 95% interval by bootstrap over subjects."""

    other: str
    mean: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond chance."""
        return self.low > 0


@dataclass(frozen=True)
class Comparison:
    """What the gate found."""

    measure: str  # "incidents" or "planted anomalies"
    subjects: int
    quality: dict[str, float]  # VUS-PR per role: challenger, champion, robust_z
    false_episodes: dict[str, float]  # per service and day, per role
    differences: tuple[Difference, ...]
    accepted: bool
    verdict: str  # in plain words, with the figures


def compare(
    challenger: Detector,
    champion: Detector | None,
    baseline: Detector,
    points: pd.DataFrame,
    series: pd.DataFrame,
    *,
    since: datetime,
    incidents: pd.DataFrame | None = None,
    seed: int = 7,
) -> Comparison:
    """Judge the challenger on the points from `since` on; earlier points are only looked back at.

    `incidents` is `[service, opened_at, resolved_at]`. Without a champion only the baseline has to be beaten.
    """
    points, series = _drawn(points, series, seed)
    roles = {"challenger": challenger, "robust_z": baseline} | ({"champion": champion} if champion else {})
    panel = Panel.of(points, series)
    start = int(since.timestamp() * 1_000_000)
    later = panel.where(panel.ts >= start)
    service = pd.factorize(series.set_index("series_id")["service"].reindex(later.series_ids))[0]
    untouched = {role: model.score(points, series, since) for role, model in roles.items()}
    alarm = {role: scores["alarm"].to_numpy() for role, scores in untouched.items()}
    events = pd.DataFrame() if incidents is None else incidents[incidents["opened_at"] >= since]
    if len(events) >= MIN_EVENTS:
        measure = "incidents"
        quality = {
            role: _by_service(later, scores["score"].to_numpy(), series, events) for role, scores in untouched.items()
        }
        calm = {role: np.where(_in_incident(later, series, events), 0.0, score) for role, score in alarm.items()}
    else:
        measure, calm = "planted anomalies", alarm
        planted = plant(panel, start, directions(panel, series), seed)
        touched = points.assign(value=planted.panel.values)
        labels = planted.labels[panel.ts >= start]
        quality = {
            role: _by_series(later, model.score(touched, series, since)["score"].to_numpy(), labels)
            for role, model in roles.items()
        }
    false = {role: episodes_per_day(later, score, 1.0, service) for role, score in calm.items()}
    others = [role for role in ("champion", "robust_z") if role in roles]
    differences = tuple(_difference(role, quality["challenger"], quality[role], seed) for role in others)
    means = {role: float(np.nanmean(values)) for role, values in quality.items()}
    accepted, verdict = _verdict(means, false, differences)
    return Comparison(measure, len(quality["challenger"]), means, false, differences, accepted, verdict)


def _drawn(points: pd.DataFrame, series: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    ids = np.sort(points["series_id"].unique())
    if len(ids) > MAX_SERIES:
        ids = np.random.default_rng(seed).choice(ids, MAX_SERIES, replace=False)
        points = points[points["series_id"].isin(ids)].reset_index(drop=True)
    return points, series[series["series_id"].isin(ids)]


def _by_series(panel: Panel, score: Floats, labels: npt.NDArray[np.bool_]) -> Floats:
    bounds = zip(panel.offsets[:-1], panel.offsets[1:], strict=True)
    return np.array([vus_pr(labels[a:b], score[a:b], WINDOW) for a, b in bounds])


def _by_service(panel: Panel, score: Floats, series: pd.DataFrame, events: pd.DataFrame) -> Floats:
    """Return VUS-PR per service with an incident: its score is the highest of its series at each time."""
    service = series.set_index("series_id")["service"].reindex(panel.row_ids).to_numpy()
    frame = pd.DataFrame({"service": service, "ts": panel.ts, "score": score})
    found = []
    for name, group in frame.groupby("service"):
        own = events[events["service"] == name]
        highest = group.groupby("ts")["score"].max()
        labels = interval_labels(highest.index.to_numpy(), *_intervals(own))
        found.append(vus_pr(labels, highest.to_numpy(), WINDOW))
    return np.array(found)


def _in_incident(panel: Panel, series: pd.DataFrame, events: pd.DataFrame) -> npt.NDArray[np.bool_]:
    service = series.set_index("series_id")["service"].reindex(panel.row_ids).to_numpy()
    inside = np.zeros(len(panel), bool)
    for name, own in events.groupby("service"):
        inside |= (service == name) & interval_labels(panel.ts, *_intervals(own))
    return inside


def _intervals(events: pd.DataFrame) -> tuple[Longs, Longs]:
    starts = events["opened_at"].dt.as_unit("us").astype("int64").to_numpy()
    ends = events["resolved_at"].fillna(pd.Timestamp.max.tz_localize("UTC").floor("D")).dt.as_unit("us")
    return starts, ends.astype("int64").to_numpy()


def _difference(other: str, challenger: Floats, values: Floats, seed: int) -> Difference:
    gap = challenger - values
    gap = gap[np.isfinite(gap)]
    if not len(gap):
        return Difference(other, 0.0, 0.0, 0.0)
    drawn = np.random.default_rng(seed).integers(0, len(gap), (DRAWS, len(gap)))
    low, high = np.quantile(gap[drawn].mean(axis=1), [0.025, 0.975])
    return Difference(other, float(gap.mean()), float(low), float(high))


def _verdict(
    quality: dict[str, float], false: dict[str, float], differences: tuple[Difference, ...]
) -> tuple[bool, str]:
    said = "; ".join(
        f"{gap.mean:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) against {gap.other}'s {quality[gap.other]:.3f}"
        for gap in differences
    )
    allowed = max(MOST_FALSE, MORE_FALSE * false[differences[0].other])
    flood = false["challenger"] > allowed
    worse = [gap.other for gap in differences if not gap.better]
    figures = f"VUS-PR {quality['challenger']:.3f}: {said}; {false['challenger']:.2f} episodes per service and day."
    if worse:
        return False, f"Refused: not better than {' and '.join(worse)} beyond chance. {figures}"
    if flood:
        return False, f"Refused: more than {allowed:.2f} episodes per service and day on the untouched slice. {figures}"
    return True, f"Accepted: better than {' and '.join(gap.other for gap in differences)} beyond chance. {figures}"
