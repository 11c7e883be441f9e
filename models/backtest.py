"""The back-test behind the gate: a later slice than any model was trained on, and the same events for every role.

Measure, in this order: real incidents and what people said of episodes, per service, where there are at least 30; else
anomalies planted into the real slice (`injection.py`). VUS-PR per subject, the share of events flagged and how soon,
and the false episodes per service and day on the untouched slice. It never reads the simulated fleet's truth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import Panel
from include.features.panel import Floats, Longs
from models.base import SERVICE, Detector, service_id
from models.flags import episodes_per_day, flag
from models.gate import CHALLENGER, CHAMPION, ClassQuality, Comparison, difference, verdict
from models.injection import interval_labels, plant, plant_together
from models.profile import directions
from models.vus import segments, vus_pr

MIN_EVENTS = 30
WINDOW = 20  # tolerance of VUS-PR, in points
MAX_SERIES = 120  # judged, drawn by seed: more say nothing new
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Scored:
    """A detector's rows from `since` on, as a panel of subjects."""

    panel: Panel  # values are the scores
    alarm: Floats
    service: npt.NDArray[np.object_]  # per subject

    @classmethod
    def of(cls, detector: Detector, points: pd.DataFrame, series: pd.DataFrame, since: datetime) -> "Scored":
        """Score the points, and arrange what comes back."""
        scores = detector.score(points, series, since)
        ids = scores["subject_id"].to_numpy(np.int64)
        starts = np.flatnonzero(np.concatenate(([True], ids[1:] != ids[:-1]))) if len(ids) else np.zeros(0, np.int64)
        subjects = ids[starts]
        if detector.subject == SERVICE:
            steps = series.groupby("service")["step_seconds"].max()
            known = pd.DataFrame({"service": steps.index, "step": steps.to_numpy()})
            known.index = pd.Index([service_id(name) for name in steps.index])
        else:
            known = series.set_index("series_id")[["service", "step_seconds"]].set_axis(["service", "step"], axis=1)
        known = known.loc[subjects]
        panel = Panel(
            subjects,
            np.append(starts, len(ids)).astype(np.int64),
            scores["ts"].dt.as_unit("us").astype("int64").to_numpy(),
            scores["score"].to_numpy(np.float64),
            (known["step"].to_numpy(np.float64) * 1e6).astype(np.int64),
        )
        return cls(panel, scores["alarm"].to_numpy(np.float64), known["service"].to_numpy(object))

    def false_episodes(self, calm: Flags | None = None) -> float:
        """Return the episodes per service and day; rows where `calm` is false do not count."""
        alarm = self.alarm if calm is None else np.where(calm, self.alarm, 0.0)
        return episodes_per_day(self.panel, alarm, 1.0, pd.factorize(self.service)[0])

    def quality(self, labels: Flags) -> Floats:
        """Return VUS-PR per subject, NaN where it has no label."""
        score, bounds = self.panel.values, zip(self.panel.offsets[:-1], self.panel.offsets[1:], strict=True)
        return np.array([vus_pr(labels[a:b], score[a:b], WINDOW) for a, b in bounds])

    def caught(self, labels: Flags) -> tuple[float, float]:
        """Return the share of events with a flagged point, and the median delay of those in samples."""
        flagged = flag(self.panel, self.alarm >= 1.0)
        delays: list[float] = []
        for a, b in zip(self.panel.offsets[:-1], self.panel.offsets[1:], strict=True):
            for first, last in zip(*segments(labels[a:b]), strict=True):
                hit = np.flatnonzero(flagged[a + first : a + last + 1])
                delays.append(float(hit[0]) if len(hit) else np.inf)
        found = np.array(delays)
        seen = found[np.isfinite(found)]
        if not len(found):
            return float("nan"), float("nan")
        return len(seen) / len(found), float(np.median(seen)) if len(seen) else float("nan")


@dataclass(frozen=True)
class Backtest:
    """What was found, and the rows behind it, for pictures."""

    comparison: Comparison
    untouched: Mapping[str, Scored]  # per role: the slice as it was
    judged: Mapping[str, Scored]  # per role: the slice on which events were sought (with planted ones, or as it was)
    labels: Flags  # of the challenger's judged rows
    values: pd.DataFrame  # [series_id, ts, value] of the judged slice


def backtest(
    challenger: Detector,
    champion: Detector | None,
    baseline: Detector,
    points: pd.DataFrame,
    series: pd.DataFrame,
    *,
    since: datetime,
    incidents: pd.DataFrame | None = None,
    seed: int = 7,
) -> Backtest:
    """Judge the challenger on the points from `since` on; earlier points are only looked back at.

    `incidents` is `[service, opened_at, resolved_at]`, episodes that people called real among them. Without a champion
    only the baseline has to be beaten.
    """
    together = challenger.subject == SERVICE
    points, series = _drawn(points, series, seed, "service" if together else "series_id")
    roles: dict[str, Detector] = {CHALLENGER: challenger, baseline.name: baseline}
    if champion is not None:
        roles[CHAMPION] = champion
    untouched = {role: Scored.of(model, points, series, since) for role, model in roles.items()}
    events = pd.DataFrame() if incidents is None else incidents[incidents["opened_at"] >= since]
    recall: dict[str, float] | None = None
    delay: dict[str, float] | None = None
    judged, values = untouched, points
    if len(events) >= MIN_EVENTS:
        measure = "incidents"
        found = {role: _by_service(scored, events) for role, scored in untouched.items()}
        subjects = next(iter(found.values())).index.to_numpy()
        quality = {role: values.reindex(subjects).to_numpy() for role, values in found.items()}
        false = {role: scored.false_episodes(~_in_incident(scored, events)) for role, scored in untouched.items()}
        classes = np.asarray(subjects, object)
        labels = _in_incident(untouched[CHALLENGER], events)
    else:
        measure = "planted anomalies"
        values, planted = _planted(points, series, since, seed, together)
        judged = {role: Scored.of(model, values, series, since) for role, model in roles.items()}
        quality = {role: scored.quality(planted(scored.panel)) for role, scored in judged.items()}
        seen = {role: scored.caught(planted(scored.panel)) for role, scored in judged.items()}
        labels = planted(judged[CHALLENGER].panel)
        recall, delay = ({role: pair[at] for role, pair in seen.items()} for at in (0, 1))
        false = {role: scored.false_episodes() for role, scored in untouched.items()}
        classes = _classes(untouched[CHALLENGER], series, together)
    others = [role for role in (CHAMPION, baseline.name) if role in roles]
    gaps = tuple(difference(role, quality[CHALLENGER], quality[role], seed) for role in others)
    means = {role: float(np.nanmean(values)) for role, values in quality.items()}
    accepted, said = verdict(means, false, gaps)
    comparison = Comparison(
        measure, len(quality[CHALLENGER]), means, false, gaps, accepted, said,
        _by_class(classes, quality), recall, delay,
    )  # fmt: skip
    return Backtest(comparison, untouched, judged, labels, values[values["ts"] >= since])


def _drawn(points: pd.DataFrame, series: pd.DataFrame, seed: int, unit: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return at most about `MAX_SERIES` series; those of one service stay together where the unit is the service."""
    there = series[series["series_id"].isin(points["series_id"].unique())]
    units = np.sort(there[unit].unique())
    most = MAX_SERIES if unit == "series_id" else max(1, MAX_SERIES * len(units) // max(1, len(there)))
    if len(units) > most:
        there = there[there[unit].isin(np.random.default_rng(seed).choice(units, most, replace=False))]
        points = points[points["series_id"].isin(there["series_id"])].reset_index(drop=True)
    return points, there


class _Labels:
    """The planted labels, by subject and time."""

    def __init__(self, panel: Panel, labels: Flags, series: pd.DataFrame, together: bool) -> None:
        ids, ts = panel.row_ids[labels], panel.ts[labels]
        if together:
            owner = series.set_index("series_id")["service"].map(service_id)
            ids = owner.reindex(ids).to_numpy(np.int64)
        self._index = pd.MultiIndex.from_arrays([ids, ts]).unique()

    def __call__(self, panel: Panel) -> Flags:
        """Return which rows of a panel of subjects are planted."""
        rows = pd.MultiIndex.from_arrays([panel.row_ids, panel.ts])
        return np.asarray(rows.isin(self._index), bool)


def _planted(
    points: pd.DataFrame, series: pd.DataFrame, since: datetime, seed: int, together: bool
) -> tuple[pd.DataFrame, _Labels]:
    panel = Panel.of(points, series)
    start = int(since.timestamp() * 1_000_000)
    bad = directions(panel, series)
    if together:
        service = series.set_index("series_id")["service"].reindex(panel.series_ids).to_numpy(object)
        planted = plant_together(panel, service, start, bad, seed)
    else:
        planted = plant(panel, start, bad, seed)
    return points.assign(value=planted.panel.values), _Labels(panel, planted.labels, series, together)


def _by_service(scored: Scored, events: pd.DataFrame) -> pd.Series:
    """Return VUS-PR per service with an event: its score is the highest of its subjects at each time."""
    owner = scored.service[scored.panel.series_of_row]
    frame = pd.DataFrame({"service": owner, "ts": scored.panel.ts, "score": scored.panel.values})
    found: dict[str, float] = {}
    for name, group in frame[frame["service"].isin(events["service"])].groupby("service"):
        highest = group.groupby("ts")["score"].max()
        labels = interval_labels(highest.index.to_numpy(), *_intervals(events[events["service"] == name]))
        found[str(name)] = vus_pr(labels, highest.to_numpy(), WINDOW)
    return pd.Series(found, dtype=np.float64)


def _in_incident(scored: Scored, events: pd.DataFrame) -> Flags:
    owner = scored.service[scored.panel.series_of_row]
    inside = np.zeros(len(scored.panel), bool)
    for name, own in events.groupby("service"):
        inside |= (owner == name) & interval_labels(scored.panel.ts, *_intervals(own))
    return inside


def _intervals(events: pd.DataFrame) -> tuple[Longs, Longs]:
    starts = events["opened_at"].dt.as_unit("us").astype("int64").to_numpy()
    ends = events["resolved_at"].fillna(pd.Timestamp.max.tz_localize("UTC").floor("D")).dt.as_unit("us")
    return starts, ends.astype("int64").to_numpy()


def _classes(scored: Scored, series: pd.DataFrame, together: bool) -> npt.NDArray[np.object_]:
    """Return the class of each subject: kind and step of a series, the step of a service."""
    seconds = (scored.panel.step // 1_000_000).astype(str).astype(object)
    if together:
        return np.asarray("service/" + seconds, object)
    kind = series.set_index("series_id")["kind"].reindex(scored.panel.series_ids).astype(str).to_numpy(object)
    return np.asarray(kind + "/" + seconds, object)


def _by_class(classes: npt.NDArray[np.object_], quality: Mapping[str, Floats]) -> tuple[ClassQuality, ...]:
    frame = pd.DataFrame(dict(quality)).assign(name=classes)
    found = []
    for name, own in frame.groupby("name"):
        means = {role: float(own[role].mean()) for role in quality}
        found.append(ClassQuality(str(name), len(own), means))
    return tuple(found)
