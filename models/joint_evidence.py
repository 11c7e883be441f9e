"""What a joint anomaly may mean: which metrics are abnormal, which known pairs moved together, what that points to.

Metrics are known by their roles, which the kinds and names of the queries tell. A hypothesis is a metric that would
cause the trouble, one that would show it, and the pair of them; its confidence says how much of that is seen.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from include.features.panel import Floats
from models.severity import SEVERITIES

ABNORMAL = 2.5  # z from which a metric counts as abnormal
STRONG = 6.0  # z from which it counts fully
TOGETHER = 0.7  # |correlation| from which a pair moved together
FEWEST = 5  # points of the last hour for a correlation
CERTAIN_Z, MANY = (2.0, 3.0, 5.0), (2, 3, 5)  # steps from LOW up to MEDIUM, HIGH, CRITICAL
MOST = 5  # metrics told in words
COMBINED = "no single metric is abnormal, their combination is"
LEAST_CONFIDENCE = 0.3  # below it a hypothesis is not worth naming


def severity_codes(highest_z: Floats, abnormal: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return positions in `models.severity.SEVERITIES`, by the highest |z| (> 2, 3, 5) or abnormal metrics (≥ 2, 3, 5).

    >>> severity_codes(np.array([1.0, 2.5, 5.0, 5.1, 0.0]), np.array([1, 1, 1, 1, 5])).tolist()
    [0, 1, 2, 3, 3]
    """
    by_z = np.searchsorted(CERTAIN_Z, np.abs(highest_z))
    return np.maximum(by_z, np.searchsorted(MANY, abnormal, side="right")).astype(np.int64)


@dataclass(frozen=True)
class Metric:
    """One metric of a service at one time; `z` in standard deviations, signed; `recent` its values of the last hour."""

    series_id: int
    query: str
    kind: str
    z: float
    harmful: bool  # it deviates to the side that is bad for it
    value: float
    expected: float
    recent: Floats  # NaN where missing

    @property
    def abnormal(self) -> bool:
        """Whether it deviates enough, to its bad side."""
        return self.harmful and abs(self.z) > ABNORMAL

    @property
    def deviation_percent(self) -> float | None:
        """How far the value is from what was expected, in percent of that; None where nothing was expected."""
        return 100 * (self.value - self.expected) / abs(self.expected) if self.expected else None

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        whole = {"query": self.query, "series_id": self.series_id, "z": self.z, "value": self.value}
        return {**whole, "expected": self.expected, "deviation_percent": self.deviation_percent}

    def words(self) -> str:
        """Return a sentence about it."""
        percent = self.deviation_percent
        told = "" if percent is None else f" ({percent:+.0f}%)"
        return f"{self.query} is {self.value:.4g}, expected {self.expected:.4g}{told}, z {self.z:+.1f}"


@dataclass(frozen=True)
class Role:
    """Which metrics play a part, by kind and by words in the query's name (`_` counts as a break between words)."""

    kinds: tuple[str, ...]
    names: str = ""
    without: str = "(?!)"

    def plays(self, metric: Metric) -> bool:
        """Return whether the metric plays this part."""
        name = metric.query.replace("_", " ").lower()
        known = metric.kind in self.kinds and re.search(self.names, name) is not None
        return known and re.search(self.without, name) is None


_DATABASE = r"\b(db|database|sql)\b"
ROLES = {
    "latency": Role(("latency",), without=_DATABASE),
    "database time": Role(("latency",), _DATABASE),
    "connections": Role(("saturation", "usage"), r"\b(connections?|pool)\b"),
    "errors": Role(("errors",)),
    "memory": Role(("usage", "saturation"), r"\b(memory|heap|rss)\b"),
    "throughput": Role(("traffic",), r"\b(requests?|rps|throughput|calls)\b"),
    "CPU": Role(("saturation", "usage"), r"\bcpu\b"),
    "cache hits": Role(("efficiency",), r"\b(hits?|cache)\b"),
}
# The pairs that are known to move together, and in which direction.
PAIRS = (
    ("latency", "database time", 1),
    ("latency", "connections", 1),
    ("errors", "memory", 1),
    ("throughput", "CPU", 1),
    ("cache hits", "latency", -1),
)


@dataclass(frozen=True)
class Pair:
    """Two metrics that a known pair names, and how they correlate over the last hour."""

    first: Metric
    second: Metric
    roles: tuple[str, str]
    correlation: float
    points: int

    def plain(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "pair": f"{self.roles[0]} with {self.roles[1]}",
            "queries": [self.first.query, self.second.query],
            "series_ids": [self.first.series_id, self.second.series_id],
            "correlation": self.correlation,
            "points": self.points,
        }

    def words(self) -> str:
        """Return a sentence about it."""
        how = "together" if self.correlation > 0 else "against each other"
        return f"{self.first.query} and {self.second.query} moved {how} in the last hour (r {self.correlation:+.2f})"


def pairs(metrics: Sequence[Metric]) -> list[Pair]:
    """Return, of each known pair with an abnormal member, the two metrics that moved together most, strongest first."""
    found = []
    for one, other, sign in PAIRS:
        firsts, seconds = (_playing(metrics, role) for role in (one, other))
        both = [(a, b) for a in firsts for b in seconds if a.series_id != b.series_id and (a.abnormal or b.abnormal)]
        moved = [Pair(a, b, (one, other), *_correlation(a.recent, b.recent)) for a, b in both]
        moved = [pair for pair in moved if sign * pair.correlation >= TOGETHER]
        found += sorted(moved, key=lambda pair: -abs(pair.correlation))[:1]
    return sorted(found, key=lambda pair: -abs(pair.correlation))


def _playing(metrics: Sequence[Metric], role: str) -> list[Metric]:
    return [metric for metric in metrics if ROLES[role].plays(metric)]


def _correlation(one: Floats, other: Floats) -> tuple[float, int]:
    known = np.isfinite(one) & np.isfinite(other)
    points = int(known.sum())
    if points < FEWEST or np.ptp(one[known]) == 0 or np.ptp(other[known]) == 0:
        return 0.0, points
    return float(np.corrcoef(one[known], other[known])[0, 1]), points


@dataclass(frozen=True)
class Suspicion:
    """A cause to look for: the metric that would be it, on which side, those that would show it, and what to do."""

    name: str
    cause: str
    side: int  # +1: the cause is a high value, -1: a low one
    shown_by: tuple[str, ...]
    remediation: str


SUSPICIONS = (
    Suspicion(
        "connection-pool exhaustion", "connections", 1, ("database time", "latency", "errors"),
        "Look for connections that are not given back and for slow queries; raise the pool's limit only after that.",
    ),
    Suspicion(
        "memory pressure", "memory", 1, ("errors", "latency", "CPU"),
        "Compare the memory with its limit; look for a leak since the last deployment; restart one instance at a time.",
    ),
    Suspicion(
        "CPU bottleneck", "CPU", 1, ("throughput", "latency", "errors"),
        "Add instances or CPU; profile what is hot; shed or delay batch work.",
    ),
    Suspicion(
        "cache loss", "cache hits", -1, ("latency", "database time", "CPU"),
        "Check evictions, restarts and changed keys of the cache; warm it before full traffic; protect the database.",
    ),
)  # fmt: skip
UNKNOWN = "Compare the abnormal metrics with deployments, changes and upstream services of the same time."


def hypotheses(metrics: Sequence[Metric], together: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return `[name, confidence, evidence, remediation]` of every cause worth naming, most likely first.

    Confidence, 0 to 1: half for the cause's own metric, by its z (full from 6); 0.3 for the metric that shows it;
    0.2 for a known pair of the two. `unknown` has what the best of them leaves.
    """
    found = [_suspected(suspicion, metrics, together) for suspicion in SUSPICIONS]
    named = [one for one in found if one["confidence"] >= LEAST_CONFIDENCE]
    rest = 1.0 - max((one["confidence"] for one in named), default=0.0)
    abnormal = sorted((metric for metric in metrics if metric.abnormal), key=lambda metric: -abs(metric.z))
    seen = [metric.words() for metric in abnormal[:3]] or [COMBINED]
    unknown = {"name": "unknown", "confidence": round(rest, 3), "evidence": seen, "remediation": UNKNOWN}
    return sorted([*named, unknown], key=lambda one: -one["confidence"])


def told(metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return what JSON can hold of one time: `features` in words, `metrics`, `pairs`, `hypotheses` and `severity`."""
    abnormal = sorted((metric for metric in metrics if metric.abnormal), key=lambda metric: -abs(metric.z))
    together = pairs(metrics)
    highest = np.array([max((abs(metric.z) for metric in metrics if metric.harmful), default=0.0)])
    code = int(severity_codes(highest, np.array([len(abnormal)]))[0])
    return {
        "features": words(metrics, together),
        "metrics": [metric.plain() for metric in abnormal],
        "pairs": [pair.plain() for pair in together],
        "hypotheses": hypotheses(metrics, together),
        "severity": SEVERITIES[code],
    }


def words(metrics: Sequence[Metric], together: Sequence[Pair]) -> list[str]:
    """Return what was strange, in words: the abnormal metrics, strongest first, then the pairs."""
    ordered = sorted(metrics, key=lambda metric: -abs(metric.z))
    abnormal = [metric.words() for metric in ordered if metric.abnormal][:MOST]
    alone = [COMBINED, *(metric.words() for metric in ordered[:2])]
    return [*(abnormal or alone), *(pair.words() for pair in together)]


def _suspected(suspicion: Suspicion, metrics: Sequence[Metric], together: Sequence[Pair]) -> dict[str, Any]:
    causes = [one for one in _playing(metrics, suspicion.cause) if one.abnormal and one.z * suspicion.side > 0]
    cause = max(causes, key=lambda one: abs(one.z), default=None)
    whole = {"name": suspicion.name, "confidence": 0.0, "evidence": [], "remediation": suspicion.remediation}
    if cause is None:
        return whole
    shown = [one for role in suspicion.shown_by for one in _playing(metrics, role) if one.abnormal]
    shows = max(shown, key=lambda one: abs(one.z), default=None)
    linked = [pair for pair in together if suspicion.cause in pair.roles]
    confidence = 0.5 * min(abs(cause.z) / STRONG, 1.0)
    confidence += 0.3 * min(abs(shows.z) / STRONG, 1.0) if shows else 0.0
    confidence += 0.2 * max((abs(pair.correlation) for pair in linked), default=0.0)
    evidence = [cause.words(), *([shows.words()] if shows else []), *(pair.words() for pair in linked)]
    return {**whole, "confidence": round(confidence, 3), "evidence": evidence}
