"""Spans in Zipkin's v2 JSON form: a list of spans, or a list of traces, each a list of spans.

Times are microseconds. The client's and the server's half of a call may share one id; `kind` tells them apart.
https://zipkin.io/zipkin-api/zipkin2-api.yaml
"""

from collections.abc import Iterator
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
)

_ENDPOINT = ("ipv4", "ipv6", "port")


def parse_zipkin(data: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the spans of a file or an answer: one document, or one on each line; the rest goes out with `raw`."""
    yield from batches(row for document in documents(data) for row in zipkin_rows(document))


def zipkin_rows(document: Any) -> Iterator[Row]:
    """Yield the spans of one document in its order.

    A span with a tag `error` has failed, whatever its value (Zipkin's convention). Endpoints, `shared`, `debug` and
    annotations are tags. A span without a time, which Zipkin calls incomplete, goes out with `raw`; one without a
    duration has none.
    """
    if isinstance(document, Broken):
        yield unread(document.text)
    elif isinstance(document, list):
        for one in document:
            if isinstance(one, dict):
                yield _row(one)
            elif isinstance(one, list):
                # One without a time comes after one that has a time, which tells where it belongs.
                yield from sorted(map(_row, one), key=lambda row: row[0] is None)
            else:
                yield unread(one)
    elif isinstance(document, dict):
        yield _row(document)
    else:
        yield unread(document)


def _row(span: Any) -> Row:
    micro = None
    try:
        get = span.get
        began = whole(get("timestamp"))
        micro = moment(began) if began else None
        trace, own = span_id(get("traceId")), span_id(get("id"))
        if micro is None or trace is None or own is None:
            return unread(span, micro)
        tags = {key: tag_text(value) for key, value in (get("tags") or {}).items()}
        failed = "error" in tags
        given = get("kind")
        kind = str(given).lower() if given else "internal"
        if kind not in KINDS:
            add_tag(tags, "span.kind", tag_text(given))
            kind = "internal"
        local = get("localEndpoint") or {}
        remote = get("remoteEndpoint") or {}
        for side, endpoint in (("local", local), ("remote", remote)):
            for name in _ENDPOINT:
                if endpoint.get(name):
                    add_tag(tags, f"{side}.{name}", str(endpoint[name]))
        if remote.get("serviceName"):
            add_tag(tags, "remote.service", str(remote["serviceName"]))
        for flag in ("shared", "debug"):
            if get(flag):
                add_tag(tags, flag, "true")
        if get("annotations"):
            add_tag(tags, "annotations", json_text(get("annotations")))
        service, name, micros = local.get("serviceName"), get("name"), whole(get("duration"))
        return (
            micro, trace, own, span_id(get("parentId")), str(service) if service else None,
            name if name is None or isinstance(name, str) else json_text(name), kind,
            None if micros is None else micros / 1e6, failed, attributes_text(tags), None,
        )  # fmt: skip
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError, RecursionError):
        return unread(span, micro)
