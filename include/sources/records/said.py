"""Reads single values out of a vendor's JSON record, and keeps a record whole that cannot be read.

The readers raise `ValueError`, `KeyError` or `TypeError` (`UNREADABLE`) on what is not of the form; whoever builds a
row catches these once and sends the record out with `raw`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def text_or_none(value: Any) -> str | None:
    """Return a value as text, None for null and for empty text.

    Raises `ValueError` for text that cannot be stored: a lone surrogate has no UTF-8, and PostgreSQL refuses NUL.
    """
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        raise TypeError("a text, not a structure")
    text = value if isinstance(value, str) else json.dumps(value)
    if b"\x00" in text.encode():
        raise ValueError("a NUL cannot be stored")
    return text


def text(value: Any) -> str:
    """Return a value as text, which must be there."""
    found = text_or_none(value)
    if found is None:
        raise ValueError("a text that is not empty")
    return found


def time(value: Any) -> datetime:
    """Return an ISO 8601 time as UTC; one without a zone is UTC, because these systems are asked for UTC.

    >>> time("2023-09-05T20:21:21.49+02:00").isoformat()
    '2023-09-05T18:21:21.490000+00:00'
    """
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def time_or_none(value: Any) -> datetime | None:
    """Return an ISO 8601 time as UTC, None for null and for empty text."""
    return None if value is None or value == "" else time(value)


def raw_of(record: Any) -> str:
    """Return a record as JSON text of plain ASCII, which can always be stored and parsed again."""
    return json.dumps(record, separators=(",", ":"))


def unread(schema: pa.Schema, record: Any) -> dict[str, Any]:
    """Return the row of a record that could not be read: nothing but `raw`."""
    return {**dict.fromkeys(schema.names), "raw": raw_of(record)}


def labels_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return what is there of some values as labels; lists are joined by commas."""
    joined = {
        name: ",".join(found for one in value if (found := text_or_none(one))) if isinstance(value, list) else value
        for name, value in values.items()
    }
    return {text(name): found for name, value in joined.items() if (found := text_or_none(value)) is not None}
