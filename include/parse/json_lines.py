"""JSON lines of any logger, by the key names that loggers use: bunyan, pino, zap, logrus, logstash, structlog, Docker.

What has a column goes there, under whichever name it comes; all else is kept as attributes, nested as it was. A line
that begins like an object and is none is broken: cut off, or nested beyond reason.
"""

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.parse.any_time import any_times
from include.parse.container import goes_on
from include.parse.line_format import COLUMNS, Found, Mask
from include.parse.moments import Clues
from include.parse.text import without_controls

KEYS: Mapping[str, tuple[str, ...]] = {
    "ts": ("@timestamp", "timestamp", "time", "ts", "t", "@t", "datetime", "date", "asctime", "timeMillis"),
    "message": ("message", "msg", "@message", "@m", "@mt", "log", "body", "event", "text", "short_message", "MESSAGE"),
    "level": (
        "level", "severity", "lvl", "loglevel", "log_level", "log.level", "levelname", "severity_text", "severityText",
        "@l", "PRIORITY", "priority", "log",
    ),
    "logger": ("logger", "logger_name", "loggerName", "log.logger", "caller", "module", "name", "log"),
    "service": ("service", "service.name", "service_name", "serviceName", "dd.service", "app", "application", "dd"),
    "host": ("host", "hostname", "host.name", "pod", "pod_name", "_HOSTNAME"),
    "trace_id": ("trace_id", "traceId", "traceID", "traceid", "trace.id", "dd.trace_id", "@tr", "trace", "dd"),
    "span_id": ("span_id", "spanId", "spanID", "spanid", "span.id", "dd.span_id", "@sp", "span", "dd"),
}  # fmt: skip
"""Column → the names under which it comes, the first that is there wins."""

_INSIDE: Mapping[tuple[str, str], str] = {
    ("log", "level"): "level",
    ("log", "logger"): "logger",
    ("service", "service"): "name",
    ("host", "host"): "name",
    ("trace", "trace_id"): "id",
    ("span", "span_id"): "id",
    ("dd", "service"): "service",
    ("dd", "trace_id"): "trace_id",
    ("dd", "span_id"): "span_id",
}
"""Where Elastic's and Datadog's nested objects hold a column: (key, column) → key inside."""

_MESSAGE = list(KEYS).index("message")
_DOCKER = ('{"stream":"stdout"}', '{"stream":"stderr"}')
"""All that is left of a line of Docker's json-file once its text and time are taken."""
_SHAPES = 4096
Plan = list[tuple[int, str, str | None]]


class JsonLines:
    """One JSON object a line."""

    name = "JSON lines"

    def __init__(self) -> None:
        self._decode = msgspec.json.Decoder().decode
        self._encode = msgspec.json.Encoder(order="sorted").encode

    def fits(self, lines: pa.Array) -> Mask:
        """Return which lines look like an object."""
        found: Mask = pc.match_substring_regex(lines, r'^\s*\{\s*(?:".*)?\}\s*$').to_numpy(zero_copy_only=False)
        return found

    def read(self, lines: pa.Array, clues: Clues) -> Found:
        """Return what the objects say; a line that is no object does not fit."""
        like = pc.match_substring_regex(lines, r"^\s*\{").to_numpy(zero_copy_only=False)
        fit: Mask = like.copy()
        names = [name for name in KEYS if name in COLUMNS]
        candidates = lines.filter(pa.array(like)).to_pylist()
        columns: list[list[Any]] = [[None] * len(candidates) for _ in KEYS]
        others: list[str | None] = []
        plans: dict[tuple[str, ...], Plan] = {}
        for place, text in zip(np.flatnonzero(like).tolist(), candidates, strict=True):
            row = len(others)
            try:
                members = self._members(text)
                shape = tuple(members)
                plan = plans.get(shape)
                if plan is None:
                    plan = _plan(shape)
                    if len(plans) < _SHAPES:
                        plans[shape] = plan
                _take(members, plan, columns, row)
                others.append(self._encode(members).decode() if members else None)
            except (ValueError, RecursionError):
                fit[place] = False
                for column in columns:
                    column[row] = None
        for column in columns:
            del column[len(others) :]
        texts = {
            name: pa.array(column, pa.string()) for name, column in zip(KEYS, columns, strict=True) if name in names
        }
        whole, silent = lines.filter(pa.array(fit)), texts["message"].is_null()
        message = without_controls(pc.utf8_rtrim(texts["message"], "\r\n"))
        # An object without a text is its own text: what it says is all that a reader has.
        texts["message"] = pc.if_else(silent, whole, message)
        told = pa.array(others, pa.string())
        cut = _cut_by_docker(columns[_MESSAGE], told) if len(told) and told[0].as_py() in _DOCKER else None
        texts["attributes"] = pc.if_else(silent, None, told)
        return Found(fit, any_times(columns[0], clues), texts, like & ~fit, cut)

    def _members(self, text: str) -> dict[str, Any]:
        try:
            found = self._decode(text)
        except msgspec.DecodeError:
            found = _forgiving(text)
        if not isinstance(found, dict):
            raise ValueError("A line that begins like an object is none.")  # noqa: TRY004 - as the readers say it
        return found


def _cut_by_docker(messages: list[str | None], told: pa.Array) -> Mask:
    """Return which lines go on in the next one: Docker cuts at 16 KiB, and only the last piece ends with a newline."""
    cut = pa.array([text is not None and not text.endswith("\n") for text in messages])
    return goes_on(pc.and_(cut, pc.fill_null(pc.is_in(told, pa.array(_DOCKER)), False)), told)


def _plan(shape: tuple[str, ...]) -> Plan:
    """Return where an object with these keys may hold each column: (column's number, key, key inside)."""
    return list(_possible(frozenset(shape)))


def _possible(keys: frozenset[str]) -> Iterator[tuple[int, str, str | None]]:
    for number, (column, names) in enumerate(KEYS.items()):
        for name in names:
            if name in keys:
                yield number, name, _INSIDE.get((name, column))


def _take(members: dict[str, Any], plan: Plan, columns: list[list[Any]], row: int) -> None:
    """Move what has a column from the object to a row of the columns; nested objects stay whole in the object."""
    for number, name, inner in plan:
        column = columns[number]
        if column[row] is None:
            value = members.get(name)
            if type(value) is str:
                column[row] = value
                del members[name]
            elif type(value) is int or type(value) is float:
                column[row] = str(value)
                del members[name]
            elif inner is not None and type(value) is dict:
                value = value.get(inner)
                column[row] = value if type(value) is str else None


def _forgiving(text: str) -> Any:
    """Read what Python's own reader takes and the strict one does not: NaN, numbers out of range, half characters."""
    found = json.loads(text, parse_constant=str, parse_float=_float)
    return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text
