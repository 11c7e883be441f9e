"""Spans in OTLP's JSON form (OpenTelemetry protocol, "JSON Protobuf Encoding"), and in the wrappers around it.

Read are `{"resourceSpans": …}`, Jaeger's `{"result": …}`, Tempo's `{"trace": …}` and `{"batches": …}`, lists of these,
and the older names of their parts (`instrumentationLibrarySpans`, names with underscores).
https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from include.sources.traces.documents import Broken, documents
from include.sources.traces.spans import (
    Row,
    add_tag,
    attributes_text,
    batches,
    json_text,
    moment,
    span_id,
    unread,
    whole,
    with_tags,
)

_KINDS = {
    0: "internal", 1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer",
    "SPAN_KIND_UNSPECIFIED": "internal", "SPAN_KIND_INTERNAL": "internal", "SPAN_KIND_SERVER": "server",
    "SPAN_KIND_CLIENT": "client", "SPAN_KIND_PRODUCER": "producer", "SPAN_KIND_CONSUMER": "consumer",
}  # fmt: skip
_ERRORS = frozenset({2, "2", "STATUS_CODE_ERROR"})
_WRAPPERS = ("result", "trace")
_LISTS = ("resourceSpans", "batches", "resource_spans")
_SCOPES = ("scopeSpans", "instrumentationLibrarySpans", "scope_spans")
_SIMPLE = ("stringValue", "intValue", "boolValue", "doubleValue", "bytesValue", "arrayValue", "kvlistValue")


def parse_otlp(data: bytes) -> Iterator[pa.RecordBatch]:
    """Yield the spans of a file or an answer: one document, or one on each line; the rest goes out with `raw`."""
    yield from batches(row for document in documents(data) for row in otlp_rows(document))


def otlp_rows(document: Any) -> Iterator[Row]:
    """Yield the spans of one document in its order.

    Tags are those of the span, its resource and its scope; where the span says another thing than its resource, the
    resource's is called `resource.<key>`. Events and links are JSON texts. A span ends where it says so: one that ends
    before it begins has a negative duration, one without an end has none.
    """
    if isinstance(document, Broken):
        yield unread(document.text)
    elif isinstance(document, list):
        for one in document:
            yield from otlp_rows(one) if isinstance(one, dict) else [unread(one)]
    elif not isinstance(document, dict):
        yield unread(document)
    else:
        yield from _unwrapped(document)


def _unwrapped(document: dict[str, Any]) -> Iterator[Row]:
    for name in _WRAPPERS:
        inner = document.get(name)
        if isinstance(inner, dict):
            document = inner
    there = [document[name] for name in _LISTS if name in document]
    if not there and document:
        yield unread(document)
    groups = there[0] if there else None
    if not isinstance(groups, list):
        if groups is not None:
            yield unread(groups)
        return
    for group in groups:
        if not isinstance(group, dict):
            yield unread(group)
            continue
        yield from _resource(group)


def _resource(group: dict[str, Any]) -> Iterator[Row]:
    scopes = next((group[name] for name in _SCOPES if name in group), None)
    try:
        resource = _attributes((group.get("resource") or {}).get("attributes"))
        service = resource.get("service.name") or None
        known = isinstance(scopes, list) and all(isinstance(scope, dict) for scope in scopes)
    except (AttributeError, TypeError, ValueError, KeyError, RecursionError):
        known = False
    if not known:
        if scopes:
            yield unread(group)
        return
    for scope in scopes or []:
        spans = scope.get("spans")
        if spans is None:
            continue
        named = _scope(scope.get("scope") or scope.get("instrumentationLibrary"))
        if not isinstance(spans, list):
            yield unread(spans)
            continue
        shared = with_tags(resource, named, "resource")
        for span in spans:
            yield _row(span, service, shared)


def _row(span: Any, service: str | None, shared: dict[str, str]) -> Row:
    """Return one span as a row."""
    micro = None
    try:
        get = span.get
        began = whole(get("startTimeUnixNano") or get("start_time_unix_nano"))
        micro = moment(began // 1000) if began else None
        trace = span_id(get("traceId") or get("trace_id"))
        own = span_id(get("spanId") or get("span_id"))
        if micro is None or began is None or trace is None or own is None:
            return unread(span, micro)
        ended = whole(get("endTimeUnixNano") or get("end_time_unix_nano"))
        given = get("kind", 0)
        kind = _KINDS.get(given)
        status = get("status") or {}
        tags = _tags(span, shared)
        if kind is None:
            kind = "internal"
            add_tag(tags, "span.kind", str(given))
        if status.get("message"):
            add_tag(tags, "otel.status_description", str(status["message"]))
        name = get("name")
        return (
            micro, trace, own, span_id(get("parentSpanId") or get("parent_span_id")), service,
            name if name is None or isinstance(name, str) else json_text(name), kind,
            (ended - began) / 1e9 if ended else None, status.get("code") in _ERRORS, attributes_text(tags), None,
        )  # fmt: skip
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError, RecursionError):
        return unread(span, micro)


def _tags(span: dict[str, Any], shared: dict[str, str]) -> dict[str, str]:
    given = span.get("attributes")
    tags = with_tags(shared, _attributes(given), "resource") if given else dict(shared)
    for name in ("events", "links"):
        if span.get(name):
            add_tag(tags, name, json_text(span[name]))
    if span.get("traceState"):
        add_tag(tags, "trace_state", str(span["traceState"]))
    return tags


def _scope(scope: Any) -> dict[str, str]:
    """Return a scope's name, version and tags, under the names that OpenTelemetry gives them outside OTLP."""
    if not isinstance(scope, dict):
        return {}
    named = {f"otel.scope.{key}": str(scope[key]) for key in ("name", "version") if scope.get(key)}
    try:
        return {**_attributes(scope.get("attributes")), **named}
    except (AttributeError, TypeError, ValueError, KeyError, RecursionError):
        return {**named, "otel.scope.attributes": json_text(scope.get("attributes"))}


def _attributes(pairs: Any) -> dict[str, str]:
    """Return KeyValue pairs as texts."""
    tags: dict[str, str] = {}
    for pair in pairs or ():
        key, value = pair["key"], pair.get("value")
        if not isinstance(key, str):
            raise TypeError("a key that is no text")
        text = value.get("stringValue") if isinstance(value, dict) else None
        text = text if isinstance(text, str) else _text(value)
        if tags.setdefault(key, text) != text:
            add_tag(tags, key, text)
    return tags


def _text(value: Any) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else "" if plain is None else json_text(plain)


def _plain(value: Any) -> Any:
    """Return an AnyValue as plain JSON; whole numbers, which OTLP writes as texts, stay exact."""
    if not isinstance(value, dict):
        return value
    name = next((name for name in _SIMPLE if name in value), None)
    inner = value.get(name) if name else None
    if name == "arrayValue":
        return [_plain(one) for one in (inner or {}).get("values") or ()]
    if name == "kvlistValue":
        return {str(pair["key"]): _plain(pair.get("value")) for pair in (inner or {}).get("values") or ()}
    if name is None:
        return value or None
    if name == "intValue":
        number = whole(inner)
        return inner if number is None else number
    return inner
