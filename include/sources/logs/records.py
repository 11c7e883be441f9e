"""JSON records of log systems: read from bytes of any kind, taken apart by dotted paths, and written canonically."""

import json
from collections.abc import Iterable
from typing import Any

from include.http.answer import read_json


def record_in(line: bytes | str) -> Any:
    """Return the JSON object of one line; a line that is none is returned as text.

    A byte that is no UTF-8 costs neither the line nor itself: it becomes half a surrogate pair, see `storable`.
    """
    text = line if isinstance(line, str) else line.decode("utf-8", "surrogateescape")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return storable(text)
    return record if isinstance(record, dict) else storable(text)


def read_log_json(body: bytes, where: str) -> Any:
    """Return a whole JSON answer, as `read_json` does; a byte that is no UTF-8 is kept as in `record_in`."""
    try:
        body.decode()
    except UnicodeDecodeError:
        body = body.decode("utf-8", "surrogateescape").encode("utf-8", "backslashreplace")
    return read_json(body, where)


def taken(record: dict[str, Any], paths: Iterable[str]) -> str | None:
    """Remove and return, as text, the first member that holds a text, a number, a truth value or a list of such.

    >>> record = {"log": {"level": "warn", "line": 7}}
    >>> taken(record, ("level", "log.level")), record
    ('warn', {'log': {'line': 7}})
    """
    for path in paths:
        text = _text(_at(record, path))
        if text:
            left_out(record, path)
            return text
    return None


def left_out(record: dict[str, Any], path: str) -> None:
    """Remove what stands at a dotted path, and the objects that are empty without it."""
    if path in record:
        del record[path]
        return
    head, dot, rest = path.partition(".")
    while dot:
        inner = record.get(head)
        if isinstance(inner, dict) and _at(inner, rest) is not None:
            left_out(inner, rest)
            if not inner:
                del record[head]
            return
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"


def canonical(value: Any) -> str:
    """Return any JSON value as text with sorted keys and no spaces."""
    return storable(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))


def storable(text: str) -> str:
    r"""Return text as it is, but for half a surrogate pair, which UTF-8 cannot say: that stays as its escape \udXXX.

    A byte 0xE9 that was no UTF-8 reads \udce9 so.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def _text(value: Any) -> str | None:
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, list):
        parts = [_text(one) for one in value]
        return None if None in parts else ",".join(str(part) for part in parts)
    return json.dumps(value)


def _at(record: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    if not isinstance(record, dict):
        return None
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    while dot:
        if head in record and (found := _at(record[head], rest)) is not None:
            return found
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None
