"""Any other sender: where the records stand and what is called what, as the feed's options say.

A column without an option is looked up under its own name, so a sender that speaks our words needs no options.
"""

import hashlib
from collections.abc import Iterator
from typing import Any

from include.config.options.webhook import WebhookFeed
from include.config.source import Feed
from include.datasets import UTC_TIME, dataset
from include.inbox.body import at_path
from include.sources.deliveries.version import (
    NotUnderstood,
    Version,
    firing_id,
    first_label,
    label_set,
    labels_text,
    moment,
    said,
    unreadable,
)

_OURS = frozenset({"updated_at", "deleted", "raw", "labels"})


def read_generic(document: Any, feed: Feed) -> Iterator[Version]:
    """Yield the records of a document. Raises `NotUnderstood` where they are not where the options say."""
    options = feed.options_as(WebhookFeed)
    found = at_path(document, options.records) if options.records else document
    if not isinstance(found, dict | list):
        raise NotUnderstood(f"no records at {options.records or 'the top'}")
    for record in found if isinstance(found, list) else [found]:
        yield _record(record, feed, options) if isinstance(record, dict) else unreadable(feed.dataset, record)


def _record(record: dict[str, Any], feed: Feed, options: WebhookFeed) -> Version:
    row: dict[str, Any] = {}
    for field in dataset(feed.dataset).schema:
        if field.name in _OURS:
            continue
        value = at_path(record, options.columns.get(field.name, field.name))
        if field.type == UTC_TIME:
            row[field.name] = moment(value, options.time_unit)
        else:
            text = said(value)
            row[field.name] = options.words.get(field.name, {}).get(text, text) if text else None
    labels = label_set(at_path(record, options.columns.get("labels", "labels")))
    row["labels"] = labels_text(labels)
    row["service"] = row["service"] or first_label(labels, feed.service_labels)
    if "severity" in row:
        row["severity"] = row["severity"] or labels.get(feed.severity_label)
    deleted = at_path(record, options.columns.get("deleted", "deleted"))
    row["deleted"] = deleted if isinstance(deleted, bool) else False
    version = Version(row, moment(at_path(record, options.columns.get("updated_at", "updated_at")), options.time_unit))
    identity = _identified(row, feed.dataset)
    return version if identity else unreadable(feed.dataset, record)


def _identified(row: dict[str, Any], name: str) -> str | None:
    """Return the record's id; where it has none, one is made of what does not change about it."""
    if name == "alert":
        row["fingerprint"] = row["fingerprint"] or (_hash(row["name"], row["service"]) if row["name"] else None)
        if not row["alert_id"] and row["fingerprint"]:
            row["alert_id"] = firing_id(row["fingerprint"], row["starts_at"])
        return row["alert_id"]
    if name == "change_event":
        if not row["change_id"] and row["title"]:
            row["change_id"] = _hash(row["kind"], row["service"], row["title"], row["started_at"])
        return row["change_id"]
    if name == "feedback":
        if not row["feedback_id"] and row["subject_id"]:
            row["feedback_id"] = _hash(row["subject_kind"], row["subject_id"], row["person"])
        return row["feedback_id"]
    return row["incident_id"]


def _hash(*parts: object) -> str:
    return hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "replace"), digest_size=8).hexdigest()
