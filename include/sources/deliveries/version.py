"""One version of a record as a delivery says it, and the small readings that all providers share."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from include.datasets import canonical_labels, dataset
from include.sources.prometheus.firings import alert_id

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_FIRST = datetime(1970, 1, 2, tzinfo=UTC)


class NotUnderstood(ValueError):  # noqa: N818 - reads as a sentence
    """A document that is not of the provider's form; the whole of it goes out with `raw`."""


@dataclass(frozen=True)
class Version:
    """One version of a record.

    `row` holds the dataset's columns but `updated_at`, those that are not said left out. `said_at` is when the sender
    says that the record came to be so; None where only the order of receipt tells.
    """

    row: Mapping[str, Any]
    said_at: datetime | None = None


def unreadable(dataset_name: str, text: Any) -> Version:
    """Return what a delivery says of a record that cannot be read: nothing, but its own text."""
    raw = text if isinstance(text, str) else json.dumps(text, ensure_ascii=False)
    return Version({**dict.fromkeys(dataset(dataset_name).schema.names), "raw": raw})


def said(value: Any) -> str | None:
    """Return a text or number as text; None for what is empty, no plain value, or a variable that nobody filled in."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value).strip()
    return None if text in {"", "null", "None"} or (text.startswith("$") and text[1:2].isalpha()) else text


def moment(value: Any, unit: str = "iso") -> datetime | None:
    """Return a time; None for what is no time, or one that systems write for never (year 1, the epoch)."""
    try:
        if unit == "iso":
            found = datetime.fromisoformat(str(value).strip())
            found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
        else:
            found = _EPOCH + timedelta(seconds=float(value) / _PER_SECOND[unit])
    except (ValueError, TypeError, OverflowError):
        return None
    return found if found >= _FIRST else None


def label_set(value: Any) -> dict[str, str]:
    """Return an object's plain values as labels; what is no object has none."""
    if not isinstance(value, dict):
        return {}
    return {str(name): text for name, one in value.items() if (text := said(one)) is not None}


def labels_text(labels: Mapping[str, str]) -> str:
    """Return labels as the contract has them."""
    return canonical_labels(labels)


def first_label(labels: Mapping[str, str], names: Sequence[str]) -> str | None:
    """Return the value of the first label that is there and not empty."""
    return next((labels[name] for name in names if labels.get(name)), None)


def firing_id(fingerprint: str, starts_at: datetime | None) -> str:
    """Return the id of one firing; without a start, the alert itself stands for its newest firing."""
    return alert_id(fingerprint, starts_at) if starts_at else fingerprint
