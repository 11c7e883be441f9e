"""What Loki answers to a log query, as rows in order of time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from include.datasets import UTC_TIME
from include.sources.logs.records import canonical, storable, taken
from include.sources.logs.rows import LogFields, rows_of

_HEADS = ("service", "host", "level", "logger", "trace_id", "span_id")
_CATEGORIES = {"structuredMetadata", "parsed"}
_MOST = 2**63 - 1


@dataclass(frozen=True)
class Lines:
    """The lines of one answer: `ns` since 1970 and `rows` belong together; `unread` are values that are no line."""

    ns: np.ndarray
    rows: pa.RecordBatch
    unread: list[str]

    @property
    def count(self) -> int:
        """How many values the answer held."""
        return len(self.ns) + len(self.unread)


class NoStreamsError(ValueError):
    """An answer that holds no streams of log lines; the text says what it is."""


def lines_of(document: Any, where: LogFields) -> Lines:
    """Return the lines of a `query_range` answer.

    A value is `[ns, line]` or `[ns, line, metadata]`; the metadata is a flat object, or (with the encoding flag
    `categorize-labels`) one that keeps structured metadata and parsed labels apart. Raises `NoStreamsError`.
    """
    ns: list[int] = []
    texts: list[str] = []
    codes: list[int] = []
    heads: list[dict[str, str | None]] = []
    unread: list[str] = []
    for stream in _streams(document):
        labels, values = _parts(stream)
        if labels is None:
            unread += [canonical(stream)] if not values else [canonical([stream.get("stream"), one]) for one in values]
            continue
        own = len(heads)
        heads.append(_head(labels, where))
        for value in values:
            read = _value(value)
            if read is None:
                unread.append(canonical({"stream": labels, "value": value}))
                continue
            moment, text, metadata = read
            ns.append(moment)
            texts.append(text)
            if metadata:
                codes.append(len(heads))
                heads.append(_head({**labels, **metadata}, where))
            else:
                codes.append(own)
    times = np.array(ns, np.int64)
    order = np.argsort(times, kind="stable")
    at = pa.array(np.array(codes, np.int64)[order])
    columns = {name: pa.array([head[name] for head in heads], pa.string()).take(at) for name in (*_HEADS, "attributes")}
    columns["message"] = pa.array(texts, pa.string()).take(pa.array(order))
    columns["ts"] = pa.array(times[order] // 1_000).cast(UTC_TIME)
    return Lines(times[order], rows_of(columns), unread)


def _streams(document: Any) -> list[Any]:
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict) or document.get("status") != "success":
        raise NoStreamsError(f"no answer of Loki's query API: {canonical(document)[:200]}")
    kind, result = data.get("resultType"), data.get("result")
    if kind != "streams":
        raise NoStreamsError(f"{kind} instead of streams: expr must be a log query, not one that counts or rates")
    if not isinstance(result, list):
        raise NoStreamsError("streams without a list of results")
    return result


def _parts(stream: Any) -> tuple[dict[str, Any] | None, list[Any]]:
    """Return labels and values of a stream; no labels where it is none."""
    if not isinstance(stream, dict):
        return None, []
    labels, values = stream.get("stream"), stream.get("values")
    if not isinstance(values, list):
        return None, []
    return (labels if isinstance(labels, dict) else None), values


def _value(value: Any) -> tuple[int, str, dict[str, Any]] | None:
    if not isinstance(value, list) or len(value) not in {2, 3}:
        return None
    moment, text = value[:2]
    metadata = value[2] if len(value) == 3 else {}
    if not isinstance(moment, str) or not isinstance(text, str) or not isinstance(metadata, dict):
        return None
    if not (moment.isascii() and moment.isdecimal() and len(moment) < 20) or int(moment) > _MOST:
        return None
    if metadata.keys() <= _CATEGORIES and all(isinstance(group, dict) for group in metadata.values()):
        metadata = {name: one for group in metadata.values() for name, one in group.items()}
    return int(moment), storable(text), metadata


def _head(labels: Mapping[str, Any], where: LogFields) -> dict[str, str | None]:
    """Return what labels say of each of their lines."""
    left = dict(labels)
    head = {name: taken(left, getattr(where, name)) for name in _HEADS}
    return {**head, "attributes": canonical(left) if left else None}
