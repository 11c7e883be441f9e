"""What every parser of spans shares: rows that become Arrow batches, texts of ids, times and tags.

A parser hands over one tuple per span and never keeps more than a batch; what it cannot read it hands over as text.
"""

import gc
import json
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from json.encoder import encode_basestring as _quote
from typing import Any

import pyarrow as pa

from include.datasets import SPAN

Row = tuple[
    int | None, str | None, str | None, str | None, str | None, str | None, str | None, float | None, bool | None,
    str | None, str | None,
]  # fmt: skip
"""Microseconds since 1970, then the other columns of the span contract in its order."""

KINDS = frozenset({"server", "client", "producer", "consumer", "internal"})
_ROWS, _CHARACTERS = 200_000, 64 * 2**20
_EARLIEST, _LATEST = -62_135_596_800_000_000, 253_402_300_800_000_000  # years 1 and 9999, in microseconds
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode


def batches(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Yield the rows as batches of the span contract, in their order: bounded in rows and in characters of tags."""
    more = iter(rows)
    while True:
        with uncollected():
            waiting = _next(more)
        if not waiting:
            return
        yield _batch(waiting)


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cyclic garbage from running.

    A document of traces is millions of small objects and no garbage, and to look for it takes two thirds of the time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def unread(value: Any, micro: int | None = None) -> Row:
    """Return the row of something that is no span: its text in `raw`, and its time where that could be read."""
    text = value if isinstance(value, str) else json_text(value)
    return (micro, None, None, None, None, None, None, None, None, None, text)


def attributes_text(attributes: Mapping[str, str]) -> str | None:
    """Return tags as `canonical_labels` writes them, or None where there are none."""
    if not attributes:
        return None
    # Twice as fast as an encoder for a whole object, and a window holds a million of these.
    return "{" + ",".join([f"{_quote(key)}:{_quote(attributes[key])}" for key in sorted(attributes)]) + "}"


def json_text(value: Any) -> str:
    """Return JSON with sorted keys and no spaces, however deep it is nested."""
    try:
        return _encode(value)
    except (RecursionError, TypeError):
        return "".join(_pieces(value))


def add_tag(tags: dict[str, str], key: str, text: str) -> None:
    """Add a tag; where the key has another text already, it becomes `key#2`, then `key#3`.

    >>> tags = {"a": "x"}
    >>> add_tag(tags, "a", "y")
    >>> tags
    {'a': 'x', 'a#2': 'y'}
    """
    name, number = key, 1
    while tags.setdefault(name, text) != text:
        number += 1
        name = f"{key}#{number}"


def with_tags(shared: Mapping[str, str], own: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return shared tags and a span's own; where the two differ, the shared one is called `<prefix>.<key>`."""
    tags = dict(shared)
    for key, text in own.items():
        other = tags.get(key)
        if other is not None and other != text:
            tags[f"{prefix}.{key}"] = other
        tags[key] = text
    return tags


def tag_text(value: Any) -> str:
    """Return the value of a tag as text: text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json_text(value)


def span_id(value: Any) -> str | None:
    """Return an id in lower case and otherwise as the source says it; None where it is empty, zeros or no text.

    Base64 of 8 or 16 bytes, which some emitters write into JSON against OTLP's specification, becomes hexadecimal.

    >>> span_id("EEE19B7EC3C1B174"), span_id("7uGbfsPBsXQ="), span_id("0000000000000000")
    ('eee19b7ec3c1b174', 'eee19b7ec3c1b174', None)
    """
    if not isinstance(value, str):
        return None
    if not value.strip("0"):
        return None
    if len(value) in {12, 24} and value[-1] == "=" and not _HEXADECIMAL.issuperset(value):
        try:
            decoded = b64decode(value, validate=True)
        except (NotBase64, ValueError):
            return value.lower()
        return decoded.hex() if any(decoded) else None
    return value.lower()


def whole(value: Any) -> int | None:
    """Return a whole number that is given as a number or as its text, or None.

    >>> whole("1544712660000000000"), whole(7), whole(7.9), whole("x"), whole(True)
    (1544712660000000000, 7, 7, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError):
        return None


def moment(micro: int | None) -> int | None:
    """Return microseconds since 1970 if they lie in the years 1 to 9999, else None."""
    return micro if micro is not None and _EARLIEST <= micro < _LATEST else None


def _next(rows: Iterator[Row]) -> list[Row]:
    """Take the rows of one batch."""
    taken: list[Row] = []
    characters = 0
    for row in rows:
        taken.append(row)
        characters += len(row[9] or "") + len(row[10] or "")
        if len(taken) >= _ROWS or characters >= _CHARACTERS:
            break
    return taken


def _batch(rows: list[Row]) -> pa.RecordBatch:
    columns = [
        _column(cells, field) for cells, field in zip(zip(*rows, strict=True), SPAN.schema, strict=True)
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(columns, schema=SPAN.schema)


def _column(cells: tuple[Any, ...], field: pa.Field) -> pa.Array:
    if field.name == SPAN.time:
        return pa.array(cells, pa.int64()).cast(field.type)
    encoded = pa.types.is_dictionary(field.type)
    kind = field.type.value_type if encoded else field.type
    try:
        column = pa.array(cells, kind)
    except UnicodeEncodeError:
        # JSON may escape half of a surrogate pair, which is no character.
        column = pa.array([None if cell is None else cell.encode("utf-8", "replace").decode() for cell in cells], kind)
    return column.dictionary_encode() if encoded else column


def _pieces(value: Any) -> Iterator[str]:
    """Yield the JSON text of a value without recursion."""
    stack: list[tuple[bool, Any]] = [(False, value)]
    while stack:
        is_text, item = stack.pop()
        if is_text:
            yield item
        elif isinstance(item, dict):
            stack.append((True, "}"))
            members = [part for key, one in item.items() for part in ((True, f",{json.dumps(key)}:"), (False, one))]
            if members:
                members[0] = (True, members[0][1][1:])
            stack += [*reversed(members), (True, "{")]
        elif isinstance(item, list):
            stack.append((True, "]"))
            elements = [part for one in item for part in ((True, ","), (False, one))][1:]
            stack += [*reversed(elements), (True, "[")]
        else:
            yield json.dumps(item, ensure_ascii=False)
