"""How far the data of a day have moved away from those that a model was trained on.

A feature has drifted when its distribution is another by two measures at once: the population stability index, which
says how much has changed, and Kolmogorov and Smirnov's test, which says that it is not chance. Neighbouring points
repeat each other, so the test counts effective rows; and what days of training themselves differed by is no drift.
Beside the features: the champion's scores, how often it tells a service, and the share of series it does not know.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from include.features import BusinessHours
from include.features.panel import Floats
from models.base import Detector
from models.histogram import Column, expected_shares, population_stability
from models.reference import MEASURED, SCORE, SERVICES, Reference, told

OK, WATCH, DRIFTED, UNKNOWN = "ok", "watch", "drifted", "unknown"
ALARM_RATE, COVERAGE, ALL = "alarm_rate", "coverage", "all"
DRIFT_COLUMNS = (
    "series_class", "feature", "psi", "psi_usual", "ks", "ks_p", "points", "effective_points", "trained", "current",
    "watch_at", "drifted_at", "status", "reason",
)  # fmt: skip


@dataclass(frozen=True)
class Thresholds:
    """From where on something is watched, or has drifted; documented in docs/drift.md."""

    psi: tuple[float, float] = (0.10, 0.25)  # Siddiqi, "Credit Risk Scorecards", 2006
    over_usual: float = 2.0  # times the PSI that nine days of ten of training stayed under
    ks_p: float = 0.001
    rows: float = 30.0  # effective rows below which nothing is said
    rate: tuple[float, float] = (1.5, 2.0)  # times the trained rate of episodes, or its inverse
    rate_p: tuple[float, float] = (0.05, 0.001)
    uncovered: tuple[float, float] = (0.05, 0.20)  # share of series that the model does not know


def measure(
    reference: Reference,
    detector: Detector,
    points: pd.DataFrame,
    series: pd.DataFrame,
    *,
    since: datetime,
    hours: BusinessHours | None = None,
    limits: Thresholds | None = None,
) -> pd.DataFrame:
    """Return `DRIFT_COLUMNS`: per class and feature, and for the model as a whole, how the points from `since` on are.

    `points` start the detector's look-back before `since`; these are only looked back at.
    """
    limits = limits or Thresholds()
    now = points[points["ts"] >= since]
    if now.empty:
        return pd.DataFrame(columns=list(DRIFT_COLUMNS))
    known = points[points["series_id"].isin(reference.known.series_ids)].reset_index(drop=True)
    rows = [_coverage(reference, now, limits)]
    if (known["ts"] >= since).any():
        scores = detector.score(known, series, since)
        columns = [*reference.known.features(known, series, since=since, hours=hours), reference.known.scores(scores)]
        rows.append(_alarm_rate(reference, *told(scores, series), limits))
        for at, (name, column) in enumerate(zip((*MEASURED, SCORE), columns, strict=True)):
            rows += _feature(reference, at, name, column, limits)
    frame = pd.DataFrame(rows, columns=list(DRIFT_COLUMNS))
    order = {status: place for place, status in enumerate((DRIFTED, WATCH, UNKNOWN, OK))}
    return frame.sort_values("status", key=lambda column: column.map(order), kind="stable", ignore_index=True)


def needed_points(detector: Detector, series: pd.DataFrame) -> timedelta:
    """Return how much earlier than what is measured the points must start."""
    steps = [timedelta(seconds=float(step)) for step in series["step_seconds"].unique()]
    return max((detector.lookback(step) for step in steps), default=timedelta())


def _feature(reference: Reference, at: int, name: str, column: Column, limits: Thresholds) -> list[dict[str, Any]]:
    tally = column.tally(reference.edges[at])
    counted = tally.counts.sum(axis=(1, 2))
    expected = expected_shares(reference.counts[at], tally.counts.sum(axis=2))
    current = tally.counts.sum(axis=1) / np.maximum(counted, 1)[:, None]
    worth = tally.effective, reference.effective[at]
    psi = population_stability(expected, current) - 9.0 * sum(1 / np.maximum(one, 1.0) for one in worth)
    ks = np.abs(np.cumsum(expected, axis=1) - np.cumsum(current, axis=1)).max(axis=1)
    p = _ks_p(ks, *worth)
    rows = []
    for code, series_class in enumerate(reference.known.classes):  # a loop over classes: tens
        if not counted[code] or (series_class == SERVICES and name != SCORE):
            continue
        usual = reference.usual[at, code]
        known = bool(np.isfinite(usual))
        watch, drifted = (max(base, limits.over_usual * usual) if known else base for base in limits.psi)
        value = max(0.0, float(psi[code]))
        row = {
            "series_class": series_class, "feature": name, "psi": value, "psi_usual": float(usual) if known else None,
            "ks": float(ks[code]), "ks_p": float(p[code]), "points": int(counted[code]),
            "effective_points": float(tally.effective[code]), "trained": float(reference.middle[at, code]),
            "current": float(tally.middle[code]), "watch_at": watch, "drifted_at": drifted,
        }  # fmt: skip
        rows.append(row | _said(row, limits))
    return rows


def _said(row: dict[str, Any], limits: Thresholds) -> dict[str, str]:
    moved = f"median {row['trained']:.3g} in training, {row['current']:.3g} now"
    if row["effective_points"] < limits.rows or not np.isfinite(row["trained"]):
        few = f"{row['points']:,} points are worth {row['effective_points']:.0f} independent ones"
        return {"status": UNKNOWN, "reason": f"{few}: insufficient to judge; {moved}"}
    beyond = row["ks_p"] < limits.ks_p
    if row["psi"] > row["drifted_at"] and beyond:
        return {"status": DRIFTED, "reason": f"PSI {row['psi']:.2f} is above {row['drifted_at']:.2f}; {moved}"}
    if row["psi"] > row["watch_at"] and beyond:
        return {"status": WATCH, "reason": f"PSI {row['psi']:.2f} is above {row['watch_at']:.2f}; {moved}"}
    return {"status": OK, "reason": f"PSI {row['psi']:.2f}; {moved}"}


def _ks_p(distance: Floats, one: Floats, other: Floats) -> Floats:
    """Return the probability of a distance at least as large by chance, of two samples of so many independent rows."""
    from scipy.special import kolmogorov

    size = np.sqrt(one * other / np.maximum(one + other, 1.0))
    return kolmogorov(size * distance)


def _alarm_rate(reference: Reference, episodes: int, days: float, limits: Thresholds) -> dict[str, Any]:
    """Compare two counts: given both, the new one is binomial with the share of its exposure (Przyborowski, 1940)."""
    from scipy.stats import binomtest

    trained, current = reference.episodes / max(reference.service_days, 1e-9), episodes / max(days, 1e-9)
    both = episodes + reference.episodes
    p = binomtest(episodes, both, days / (days + reference.service_days)).pvalue if both else 1.0
    ratio = (current + 1e-9) / (trained + 1e-9)
    ratio = max(ratio, 1 / ratio)
    status = OK
    for word, most, chance in zip((WATCH, DRIFTED), limits.rate, limits.rate_p, strict=True):
        status = word if ratio > most and p < chance else status
    said = f"{current:.2f} episodes per service and day, {trained:.2f} in training (chance {p:.3f})"
    return _whole(ALARM_RATE, status, said, episodes, trained, current) | {
        "watch_at": trained * limits.rate[0],
        "drifted_at": trained * limits.rate[1],
    }


def _coverage(reference: Reference, now: pd.DataFrame, limits: Thresholds) -> dict[str, Any]:
    there = now["series_id"].unique()
    share = float((~np.isin(there, reference.known.series_ids)).mean())
    watch, drifted = limits.uncovered
    status = DRIFTED if share > drifted else WATCH if share > watch else OK
    said = f"{share:.0%} of {len(there)} series were not there in training"
    return _whole(COVERAGE, status, said, len(there), 0.0, share) | {"watch_at": watch, "drifted_at": drifted}


def _whole(feature: str, status: str, reason: str, count: int, trained: float, current: float) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(DRIFT_COLUMNS)
    return row | {
        "series_class": ALL, "feature": feature, "points": count, "trained": trained, "current": current,
        "status": status, "reason": reason,
    }  # fmt: skip
