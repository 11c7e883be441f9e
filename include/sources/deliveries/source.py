"""Reads what a webhook's provider has delivered: from the inbox, by time of receipt.

A record's `updated_at` is when the delivery with its newest version came, so the window's own run reads exactly what
was received in it. Which version is newest, the sender's own time says where it gives one, for deliveries may overtake
each other; what the newest leaves open, earlier ones fill in.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from include.config.options.webhook import Provider, WebhookFeed, WebhookOptions
from include.config.source import Feed
from include.datasets import dataset
from include.inbox import Delivery, Inbox
from include.sources.base import Source, SourceRejected, SourceUnavailable
from include.sources.deliveries import READERS, NotUnderstood, Version
from include.sources.deliveries.alertmanager import left_out
from include.sources.deliveries.version import unreadable
from include.sources.opening import Opening, cannot
from include.window import Window

EARLIER: Mapping[Provider, timedelta] = {
    "alertmanager": timedelta(0),
    "grafana": timedelta(0),
    "pagerduty": timedelta(days=1),
    "datadog": timedelta(days=1),
    "generic": timedelta(days=1),
}
"""How far before a window deliveries may still say more, or something newer, of its records."""
IDENTITY = {
    "alert": "alert_id", "incident": "incident_id", "change_event": "change_id", "feedback": "feedback_id"
}  # fmt: skip
BEGINNING = {
    "alert": "starts_at", "incident": "opened_at", "change_event": "started_at", "feedback": "created_at"
}  # fmt: skip
_STAYS_OPEN = frozenset({"ends_at", "resolved_at", "ended_at", "raw"})
_BATCH = 5_000


class WebhookSource:
    """Reads one feed of one source of type webhook."""

    def __init__(self, name: str, feed: Feed, options: WebhookOptions, inbox: Inbox) -> None:
        self._name, self._feed, self._options, self._inbox = name, feed, options, inbox
        self.warnings: list[str] = []

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:
        """Yield the records of which something new was received in the window, each once, as of its end."""
        self.warnings = []
        newest: dict[str, tuple[tuple[datetime, datetime], dict[str, Any]]] = {}
        rows: list[dict[str, Any]] = []
        for delivery in self._deliveries(window):
            for version in self._versions(delivery, window):
                row = {**dict.fromkeys(self._schema.names), **version.row, "updated_at": delivery.received}
                if row["raw"] is not None:
                    rows += [row] if delivery.received in window else []
                    continue
                order = (min(version.said_at or delivery.received, delivery.received), delivery.received)
                identity = row[IDENTITY[self._feed.dataset]]
                known_order, known = newest.get(identity, (order, row))
                if order < known_order:
                    _fill(known, row)
                else:
                    _fill(row, known)
                    newest[identity] = (order, row)
        rows += [self._settled(row) for _, row in newest.values() if row["updated_at"] in window]
        rows.sort(key=lambda row: (row["updated_at"], row[IDENTITY[self._feed.dataset]] or ""))
        for at in range(0, len(rows), _BATCH):
            storable = [{name: _storable(value) for name, value in row.items()} for row in rows[at : at + _BATCH]]
            yield pa.RecordBatch.from_pylist(storable, schema=self._schema)

    @property
    def _schema(self) -> pa.Schema:
        return dataset(self._feed.dataset).schema

    def _deliveries(self, window: Window) -> Iterator[Delivery]:
        """Yield the deliveries of the window and of the time before it that matters, one with an id once."""
        seen: set[str] = set()
        wide = window.with_lookback(EARLIER[self._options.provider])
        try:
            for delivery in self._inbox.read(self._name, wide):
                if delivery.delivery_id is None or delivery.key not in seen:
                    seen.add(delivery.key)
                    yield delivery
        except OSError as error:
            raise SourceUnavailable(
                f"Source {self._name!r}: its inbox cannot be read ({error}). Mend the landing store and try again."
            ) from error

    def _versions(self, delivery: Delivery, window: Window) -> list[Version]:
        if delivery.broken is not None:
            return [unreadable(self._feed.dataset, delivery.broken)]
        if delivery.received in window and (number := left_out(delivery.document)):
            self.warnings.append(
                f"A delivery of {delivery.received:%Y-%m-%d %H:%M:%S} left out {number} alerts of its group. Set "
                "max_alerts: 0 where it is sent."
            )
        try:
            return list(READERS[self._options.provider][0](delivery.document, self._feed))
        except NotUnderstood:
            return [unreadable(self._feed.dataset, delivery.document)]

    def _settled(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a row with what no delivery said: the feed's defaults, and a beginning at receipt at the latest."""
        defaults = self._feed.options_as(WebhookFeed).defaults
        begins = BEGINNING[self._feed.dataset]
        for name, text in defaults.items():
            if row.get(name) is None:
                row[name] = text
        if row[begins] is None:
            ends = [row[name] for name in ("ends_at", "resolved_at", "ended_at") if row.get(name)]
            row[begins] = min([row["updated_at"], *ends])
        row["deleted"] = bool(row["deleted"])
        return row


def open_webhook(opening: Opening) -> Source:
    """Return the deliveries of a webhook.

    Raises `SourceRejected` for a dataset that its provider does not deliver, and for columns that it does not have.
    """
    options = opening.source.options_as(WebhookOptions)
    if opening.feed.dataset not in READERS[options.provider][1]:
        raise cannot(opening)
    _check_columns(opening.feed, options.provider)
    if opening.inbox is None:
        raise SourceRejected(f"Source {opening.source.name!r} is a webhook, but nobody said where its inbox is.")
    return WebhookSource(opening.source.name, opening.feed, options, Inbox(opening.inbox))


def _check_columns(feed: Feed, provider: Provider) -> None:
    options = feed.options_as(WebhookFeed)
    schema = dataset(feed.dataset).schema
    texts = {field.name for field in schema if pa.types.is_string(field.type)} - {"raw", "labels"}
    known = {"defaults": texts, "words": texts, "columns": set(schema.names) - {"raw"}}
    for option, names in known.items():
        if wrong := set(getattr(options, option)) - names:
            raise SourceRejected(
                f"Feed {feed.name!r}: {option} names {', '.join(sorted(wrong))}. Of {feed.dataset} it may name "
                f"{', '.join(sorted(names))}."
            )
    if provider != "generic" and (options.records or options.columns or options.words):
        raise SourceRejected(
            f"Feed {feed.name!r}: records, columns and words are for provider generic; what {provider} delivers has "
            "its own form. Take them out."
        )


def _fill(row: dict[str, Any], earlier: Mapping[str, Any]) -> None:
    """Fill in what a newer version of a record leaves open and an earlier one said; an end is never carried on."""
    for name, value in earlier.items():
        if (
            row[name] is None
            and name not in _STAYS_OPEN
            and not (name == "acknowledged_at" and row["status"] == "open")
        ):
            row[name] = value


def _storable(value: Any) -> Any:
    # PostgreSQL refuses NUL in text, and a lone surrogate cannot be written as UTF-8 at all.
    return value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else value
