"""Alerts of the past, from the series `ALERTS{alertstate="firing"}` that a Prometheus keeps of its own rules.

A firing is a run of points without a gap. It is known to have ended when a step passes without a point; so the same
firing is told once while it lasts, per window, and once with its end, always under the same id.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.config.source import Feed, SourceConfig
from include.datasets import ALERT, canonical_labels
from include.http import HttpClient
from include.sources.prometheus.ranges import read_ranges
from include.window import Window

FIRING = 'ALERTS{alertstate="firing"}'
STEP = 60
LOOKBACKS = (timedelta(days=1), timedelta(days=8), timedelta(days=64))
_FNV_OFFSET, _FNV_PRIME = 0xCBF29CE484222325, 0x100000001B3


@dataclass(frozen=True)
class Firing:
    """One firing of one alert; `ends_at` is None while it lasts. Times are those of the points, a minute apart."""

    labels: Mapping[str, str]
    starts_at: datetime
    ends_at: datetime | None
    seen_at: datetime


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return the fingerprint that Alertmanager gives a label set: 64-bit FNV-1a over sorted names and values."""
    digest = _FNV_OFFSET
    for name in sorted(labels):
        for byte in name.encode() + b"\xff" + labels[name].encode() + b"\xff":
            digest = ((digest ^ byte) * _FNV_PRIME) & (2**64 - 1)
    return f"{digest:016x}"


def read_firings(client: HttpClient, source: SourceConfig, window: Window) -> list[Firing]:
    """Return the firings that lasted into the window or ended in it.

    A firing that is as old as the look-back is looked for further back, up to 64 days, so that its start, and with it
    its id, does not depend on the window.
    """
    found: list[Firing] = []
    for lookback in LOOKBACKS:
        wide = window.with_lookback(lookback)
        found = [one for one in _firings(client, source, wide) if _touches(one, window)]
        if all(one.starts_at >= wide.start + timedelta(seconds=2 * STEP) for one in found):
            break
    return found


def to_row(firing: Firing, query: Feed, url: str = "") -> dict[str, Any]:
    """Return a firing as a row of the alert contract."""
    labels = dict(firing.labels)
    identity = fingerprint(labels)
    return {
        "alert_id": alert_id(identity, firing.starts_at),
        "fingerprint": identity,
        "name": labels.get("alertname"),
        "service": next((labels[name] for name in query.service_labels if labels.get(name)), None),
        "severity": labels.get(query.severity_label),
        "status": "resolved" if firing.ends_at else "firing",
        "starts_at": firing.starts_at,
        "ends_at": firing.ends_at,
        "summary": labels.get("alertname"),
        "labels": canonical_labels(labels),
        "url": url or None,
        "updated_at": firing.ends_at or firing.seen_at,
        "deleted": False,
        "raw": None,
    }


def alert_id(identity: str, starts_at: datetime) -> str:
    """Return the id of one firing: its alert's fingerprint and its start."""
    return f"{identity}-{starts_at:%Y%m%dT%H%M%SZ}"


class FiringsSource:
    """Reads the alerts of the past from one Prometheus."""

    def __init__(self, source: SourceConfig, query: Feed, connect: Callable[[], HttpClient]) -> None:
        self._source = source
        self._query = query
        self._connect = connect
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the alerts that fired in the window, as of its end."""
        with self._connect() as client:
            rows = [to_row(one, self._query) for one in read_firings(client, self._source, window)]
        if rows:
            yield pa.RecordBatch.from_pylist(rows, schema=ALERT.schema)


def _touches(firing: Firing, window: Window) -> bool:
    return (firing.ends_at or firing.seen_at) in window


def _firings(client: HttpClient, source: SourceConfig, window: Window) -> Iterator[Firing]:
    points: dict[tuple[tuple[str, str], ...], list[np.ndarray]] = {}
    for matrix in read_ranges(client, source, FIRING, STEP, window, far=True):
        bounds = np.cumsum(matrix.lengths)
        for metric, first, end in zip(matrix.metrics, bounds - matrix.lengths, bounds, strict=True):
            labels = {name: value for name, value in metric.items() if name not in ("__name__", "alertstate")}
            points.setdefault(tuple(sorted(labels.items())), []).append(matrix.ts[first:end])
    last = int((window.end - timedelta(microseconds=1)).timestamp()) // STEP * STEP
    for key, parts in points.items():
        yield from _runs(dict(key), np.sort(np.concatenate(parts)) // 1_000_000, last)


def _runs(labels: Mapping[str, str], seconds: Sequence[int] | np.ndarray, last: int) -> Iterator[Firing]:
    """Yield the runs without a gap of one series; the run that reaches the window's last grid point still lasts."""
    for run in np.split(seconds, np.flatnonzero(np.diff(seconds) > STEP) + 1):
        if len(run):
            first, end = int(run[0]), int(run[-1])
            firing = Firing(labels, _at(first), None, _at(end))
            yield firing if end >= last else replace(firing, ends_at=_at(end + STEP))


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
