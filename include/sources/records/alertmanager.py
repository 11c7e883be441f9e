"""Reads alerts from Alertmanager (API v2): what fires now, silenced or not; and the past, where a Prometheus is named.

Alertmanager forgets an alert when it ends. With `history_from` the firings come from that Prometheus' `ALERTS`, ends
included, and Alertmanager adds what only it knows: the summary, the link, and whether somebody silenced it.
"""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from include.config.source import Feed, SourceConfig
from include.datasets import ALERT, canonical_labels
from include.http import HttpClient
from include.sources.base import Source, SourceAnswerInvalid, speaking_of
from include.sources.opening import Opening, cannot
from include.sources.prometheus.firings import alert_id, read_firings, to_row
from include.window import Window

ALERTS_PATH = "/api/v2/alerts"
_SUMMARY = ("summary", "message", "description")
_MICROSECOND = timedelta(microseconds=1)


class AlertmanagerSource:
    """Reads the alerts of one Alertmanager, and of the Prometheus behind it where that is given."""

    def __init__(
        self,
        source: SourceConfig,
        query: Feed,
        connect: Callable[[], HttpClient],
        history: tuple[SourceConfig, Callable[[], HttpClient]] | None = None,
    ) -> None:
        self._source = source
        self._query = query
        self._connect = connect
        self._history = history
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the alerts that were active in the window, as of its end.

        `status` is suppressed while a silence or an inhibition holds the alert back. `updated_at` is when the alert
        was last heard of, but never beyond the window, because an active alert is heard of all the time.
        """
        with self._connect() as client, speaking_of(self._source.name):
            answer = client.get_json(ALERTS_PATH)
        if not isinstance(answer, list):
            raise SourceAnswerInvalid(
                f"Source {self._source.name!r} did not answer with a list of alerts. Check that its API v2 is there."
            )
        current = [row for alert in answer if (row := self._row(alert, window)) is not None]
        rows = [*self._past(current, window), *current]
        unique = {(row["alert_id"], row["raw"]): row for row in reversed(rows)}
        if unique:
            ordered = sorted(
                unique.values(), key=lambda row: (row["updated_at"] or window.start, row["alert_id"] or "")
            )
            yield pa.RecordBatch.from_pylist(ordered, schema=ALERT.schema)

    def _past(self, current: list[dict[str, Any]], window: Window) -> list[dict[str, Any]]:
        """Return the firings that Prometheus knows; a current alert that is one of them is merged into it."""
        if self._history is None:
            return []
        source, connect = self._history
        with connect() as client:
            firings = [to_row(firing, self._query) for firing in read_firings(client, source, window)]
        active = {row["fingerprint"]: row for row in current if row["raw"] is None}
        for row in firings:
            known = active.get(row["fingerprint"])
            if known is not None and row["ends_at"] is None:
                row.update({name: known[name] for name in ("summary", "url", "status")})
                current.remove(known)
        return firings

    def _row(self, alert: Any, window: Window) -> dict[str, Any] | None:
        """Return an alert as a row, or None when it lies outside the window; what is no alert goes out with `raw`."""
        try:
            labels = {str(name): str(value) for name, value in alert["labels"].items()}
            starts_at, ends_at = _time(alert["startsAt"]), _time(alert["endsAt"])
            updated_at = min(_time(alert["updatedAt"]), window.end - _MICROSECOND)
            identity, held = str(alert["fingerprint"]), alert["status"]["state"] == "suppressed"
            notes = alert.get("annotations") or {}
        except (KeyError, TypeError, ValueError, AttributeError):
            return {**dict.fromkeys(ALERT.schema.names), "raw": json.dumps(alert)}
        if starts_at >= window.end or updated_at < window.start or ends_at <= window.start:
            return None
        over = ends_at < window.end
        return {
            "alert_id": alert_id(identity, starts_at),
            "fingerprint": identity,
            "name": labels.get("alertname"),
            "service": next((labels[name] for name in self._query.service_labels if labels.get(name)), None),
            "severity": labels.get(self._query.severity_label),
            "status": "resolved" if over else "suppressed" if held else "firing",
            "starts_at": starts_at,
            "ends_at": ends_at if over else None,
            "summary": next((str(notes[name]) for name in _SUMMARY if notes.get(name)), labels.get("alertname")),
            "labels": canonical_labels(labels),
            "url": alert.get("generatorURL") or None,
            "updated_at": max(updated_at, min(starts_at, window.end - _MICROSECOND)),
            "deleted": False,
            "raw": None,
        }


def open_alertmanager(opening: Opening) -> Source:
    """Return the alerts of an Alertmanager."""
    if isinstance(opening.query, Feed) and opening.query.dataset == "alert":
        return AlertmanagerSource(opening.source, opening.query, opening.connect, opening.connect_history())
    raise cannot(opening)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
