"""Messages that are themselves JSON objects: their text, level, service, logger and trace, and what else they say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_KEYS: Mapping[str, tuple[str, ...]] = {
    "message": ("message", "msg", "event", "body", "text", "log", "short_message"),
    "level": ("level", "severity", "lvl", "loglevel", "log.level", "levelname", "severity_text", "severityText"),
    "service": ("service", "service.name", "service_name", "serviceName", "app", "application"),
    "host": ("host", "hostname", "host.name", "pod", "pod_name", "instance"),
    "logger": ("logger", "logger_name", "loggerName", "log.logger", "caller", "module"),
    "trace_id": ("trace_id", "traceId", "traceID", "traceid", "trace.id", "dd.trace_id", "trace"),
    "span_id": ("span_id", "spanId", "spanID", "spanid", "span.id", "dd.span_id"),
}
FIELDS = tuple(_KEYS)


Columns = dict[str, pa.Array]


@dataclass
class Inside:
    """What was found in the messages at `rows`: a column per field, and the other members as canonical JSON."""

    rows: list[int] = field(default_factory=list)
    fields: dict[str, list[str | None]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    others: list[str | None] = field(default_factory=list)


def with_what_is_inside(columns: Columns) -> Columns:
    """Return columns of the `log_event` contract in which messages that are JSON have become their texts.

    What the source itself said of level, service, host, logger and trace stays; only what is null is filled.
    """
    inside = look_inside(columns["message"])
    if not inside.rows:
        return columns
    mask = np.zeros(len(columns["message"]), dtype=bool)
    mask[inside.rows] = True
    out = dict(columns)
    for name, texts in {**inside.fields, "attributes": inside.others}.items():
        own = columns[name].cast(pa.string())
        found = pc.replace_with_mask(pa.nulls(len(mask), pa.string()), mask, pa.array(texts, pa.string()))
        filled = pc.coalesce(found, own) if name == "message" else pc.coalesce(own, found)
        out[name] = filled.dictionary_encode() if pa.types.is_dictionary(columns[name].type) else filled
    return out


def look_inside(messages: pa.Array) -> Inside:
    """Return what the messages that are JSON objects with a text say; any other message is left as it is."""
    inside = Inside()
    like_json = pc.fill_null(pc.match_substring_regex(messages, r"(?s)^\s*\{.*\}\s*$"), False)
    if not pc.any(like_json).as_py():
        return inside
    rows = pc.indices_nonzero(like_json).to_pylist()
    for row, text in zip(rows, messages.filter(like_json).to_pylist(), strict=True):
        found = _said(text)
        if found is None:
            continue
        said, others = found
        inside.rows.append(row)
        for name in FIELDS:
            inside.fields[name].append(said[name])
        inside.others.append(others)
    return inside


def _said(text: str) -> tuple[dict[str, str | None], str | None] | None:
    """Return the fields and the other members of an object with a text; None for what is none, or cannot be written."""
    try:
        members = json.loads(text)
        if not isinstance(members, dict):
            return None
        said = {name: _take(members, keys) for name, keys in _KEYS.items()}
        if said["message"] is None:
            return None
        others = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        for part in (others, *said.values()):
            (part or "").encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError):
        return None
    return said, others if members else None


def _take(members: dict[str, object], keys: tuple[str, ...]) -> str | None:
    """Remove and return the first of the keys that holds a text or a number."""
    for key in keys:
        value = members.get(key)
        if (isinstance(value, str) and value) or (isinstance(value, int | float) and not isinstance(value, bool)):
            return str(members.pop(key))
    return None
