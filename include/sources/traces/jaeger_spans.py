"""Spans in Jaeger's own JSON form: the answers of `/api/traces`, and files saved from its user interface.

Read are `{"data": [trace, …]}`, a trace `{"traceID", "spans", "processes"}`, a span with its `process` inside, and
lists of these. Times are microseconds. https://www.jaegertracing.io/docs/1.76/architecture/apis/
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from include.sources.traces.documents import Broken, documents
from include.sources.traces.spans import (
    KINDS,
    Row,
    add_tag,
    attributes_text,
    batches,
    json_text,
    moment,
    span_id,
    tag_text,
    unread,
    whole,
    with_tags,
)

_Process = tuple[str | None, dict[str, str]]
_FALSE = frozenset({"", "false", "0"})


def parse_jaeger(data: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the spans of a file or an answer: one document, or one on each line; the rest goes out with `raw`."""
    yield from batches(row for document in documents(data) for row in jaeger_rows(document))


def jaeger_rows(document: Any) -> Iterator[Row]:
    """Yield the spans of one document in its order.

    The parent is the span's first CHILD_OF reference into its own trace, else its first FOLLOWS_FROM; all others stand
    in the tag `references`. Tags of the process are tags of the span; where they differ, the process' is called
    `process.<key>`. Logs are a JSON text.
    """
    if isinstance(document, Broken):
        yield unread(document.text)
    elif isinstance(document, list):
        for one in document:
            yield from jaeger_rows(one) if isinstance(one, dict) else [unread(one)]
    elif not isinstance(document, dict):
        yield unread(document)
    elif isinstance(document.get("data"), list):
        yield from jaeger_rows(document["data"])
    elif isinstance(document.get("spans"), list):
        yield from _trace(document)
    elif "spanID" in document:
        yield _row(document, {})
    elif not ("data" in document and document["data"] is None):
        yield unread(document)


def _trace(trace: dict[str, Any]) -> Iterator[Row]:
    given = trace.get("processes")
    processes = {name: _process(one) for name, one in given.items()} if isinstance(given, dict) else {}
    rows = [_row(span, processes) for span in trace["spans"]]
    # One without a time comes after one that has a time, which tells where it belongs.
    yield from rows if all(row[0] is not None for row in rows) else sorted(rows, key=lambda row: row[0] is None)


def _process(process: Any) -> _Process | None:
    """Return the service and the tags of a process, or None where it is none."""
    try:
        service = process.get("serviceName")
        return (str(service) if service else None), _tags(process.get("tags"))
    except (AttributeError, TypeError, KeyError, RecursionError):
        return None


def _row(span: Any, processes: Mapping[str, _Process | None]) -> Row:
    micro = None
    try:
        get = span.get
        micro = moment(whole(get("startTime")))
        trace, own = span_id(get("traceID")), span_id(get("spanID"))
        process = processes[get("processID")] if get("process") is None else _process(get("process"))
        if micro is None or trace is None or own is None or process is None:
            return unread(span, micro)
        service, shared = process
        tags = with_tags(shared, _tags(get("tags")), "process")
        kind = tags.get("span.kind", "internal").lower()
        if kind in KINDS:
            tags.pop("span.kind", None)
        else:
            kind = "internal"
        parent, others = _parent(get("references") or (), trace)
        for name, found in (("references", others), ("logs", get("logs")), ("warnings", get("warnings"))):
            if found:
                add_tag(tags, name, json_text(found))
        micros, name = whole(get("duration")), get("operationName")
        return (
            micro, trace, own, parent or span_id(get("parentSpanID")), service,
            name if name is None or isinstance(name, str) else json_text(name), kind,
            None if micros is None else micros / 1e6, tags.get("error", "").lower() not in _FALSE,
            attributes_text(tags), None,
        )  # fmt: skip
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError, RecursionError):
        return unread(span, micro)


def _parent(references: Any, trace: str) -> tuple[str | None, list[Any]]:
    """Return the id of the parent, and the references that are not to it."""
    if len(references) == 1 and references[0].get("refType") == "CHILD_OF":
        only = references[0]
        if span_id(only.get("traceID")) in {trace, None}:
            return span_id(only.get("spanID")), []
    here = [one for one in references if span_id(one.get("traceID")) in {trace, None}]
    children = [one for one in here if one.get("refType") == "CHILD_OF"]
    others = [one for one in references if one not in children[:1]]
    first = (children or here)[:1]
    return (span_id(first[0].get("spanID")) if first else None), others


def _tags(pairs: Any) -> dict[str, str]:
    """Return tags as texts, given as a list of key, type and value, or as an object."""
    if isinstance(pairs, dict):
        return {key: tag_text(value) for key, value in pairs.items()}
    tags: dict[str, str] = {}
    for pair in pairs or ():
        key, value = pair["key"], pair.get("value")
        if not isinstance(key, str):
            raise TypeError("a key that is no text")
        text = value if isinstance(value, str) else tag_text(value)
        if tags.setdefault(key, text) != text:
            add_tag(tags, key, text)
    return tags
