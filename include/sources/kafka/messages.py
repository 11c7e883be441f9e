"""Messages of a topic as rows: JSON objects or lines of text, and the message's own key, headers and position.

What a layout may name beside the fields of the object: `_text` (the whole message), `_key`, `_partition`, `_offset`,
`_timestamp` (milliseconds) and `_headers.<name>`.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, Message

from include.config.source import FileLayout
from include.datasets import UTC_TIME
from include.sources.files.columns import times
from include.sources.files.documents import flat
from include.sources.files.rows import RowSlice

Form = Literal["json", "text"]
Cells = dict[str, str | None]
_BRACES = re.compile(r"\{([^{}]+)\}")
_MOST_CELLS = 2_000_000
_SCHEMA_ID = 5  # bytes: a zero and the number of a schema, which registries put before the value


@dataclass(frozen=True)
class Wanted:
    """Which fields a layout names; `everything`: the others are wanted too."""

    names: frozenset[str]
    everything: bool
    own: frozenset[str]
    """Those of the names that are the message's, not its value's: `_key`, `_headers` and so on."""

    @classmethod
    def of(cls, layout: FileLayout, expr: str | None, everything: bool) -> "Wanted":
        """Return what a layout, and a metric query's `expr`, ask for."""
        specs = [*layout.columns.values(), layout.metric or "", layout.value or "", layout.time]
        named = {name for spec in specs for name in (_BRACES.findall(spec) or [spec]) if name}
        pattern = expr is not None and len(expr) > 2 and expr.startswith("/") and expr.endswith("/")
        if expr is not None and layout.value is None and not pattern:
            named.add(expr)
        named |= set(layout.labels.values())
        own = {"_headers" if name.startswith("_headers.") else name for name in named if name.startswith("_")}
        return cls(frozenset(named), everything or (pattern and layout.value is None), frozenset(own & set(_OWN)))


def read_value(value: bytes | None, form: Form) -> Cells | None:
    r"""Return a message's value as flat texts; None where it is not of that form.

    >>> read_value(b'{"a": {"b": 1}}', "json")
    {'a.b': '1'}
    >>> read_value(b"a line", "text")
    {'_text': 'a line'}
    """
    if value is None:
        return {}
    if form == "text":
        return {"_text": as_text(value)}
    if value[:1] == b"\x00" and value[_SCHEMA_ID : _SCHEMA_ID + 1] == b"{":
        value = value[_SCHEMA_ID:]
    try:
        found = json.loads(value)
        cells = flat(found) if isinstance(found, dict) else None
    except (ValueError, RecursionError):
        return None
    # A lone surrogate cannot be written as UTF-8 at all, not even in a field's name.
    if cells is None or all(map(str.isascii, cells)):
        return cells
    return {name.encode("utf-8", "replace").decode(): text for name, text in cells.items()}


def as_text(value: bytes) -> str:
    r"""Return bytes as text; what is not UTF-8 stays readable as `\xff`."""
    return value.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Chunk:
    """Some messages of one partition, in order: their values as cells, and where each stands."""

    messages: Sequence[Message]
    cells: Sequence[Cells | None]
    written: np.ndarray
    """The messages' own timestamps, in milliseconds; -1 where they have none."""

    @classmethod
    def of(cls, messages: Sequence[Message], form: Form, wanted: Wanted, deleted: str | None) -> "Chunk":
        """Read messages; values that are not of the form have no cells. `deleted` is the field set for a tombstone."""
        written = [at if kind != TIMESTAMP_NOT_AVAILABLE else -1 for kind, at in (m.timestamp() for m in messages)]
        cells = [
            None if (found := read_value(message.value(), form)) is None else found | _own(message, wanted, deleted)
            for message in messages
        ]
        return cls(messages, cells, np.array(written, dtype=np.int64))

    @property
    def has_value(self) -> np.ndarray:
        """Which messages are no tombstones."""
        return np.array([message.value() is not None for message in self.messages], dtype=bool)

    def portions(self, keep: np.ndarray, wanted: Wanted) -> Iterator[np.ndarray]:
        """Yield the rows to keep in portions of bounded size, because each message may have fields of its own."""
        places = np.flatnonzero(keep)
        names = {name for at in places.tolist() for name in self.cells[at] or ()} if wanted.everything else ()
        if len(places) < 2 or len(names) * len(places) <= _MOST_CELLS:
            yield keep
            return
        half = np.zeros_like(keep)
        half[places[: len(places) // 2]] = True
        yield from self.portions(half, wanted)
        yield from self.portions(keep & ~half, wanted)

    def times(self, layout: FileLayout, in_field: bool) -> pa.Array:
        """Return the time of each row: of its message, or of the field that the layout names; null where unreadable."""
        if in_field:
            return times(pa.array([cell and cell.get(layout.time) for cell in self.cells], pa.string()), layout)
        known = pa.array(np.maximum(self.written, 0) * 1000, pa.int64(), mask=self.written < 0)
        return times(known.cast(UTC_TIME), layout)

    def rows(self, ts: pa.Array, keep: np.ndarray, wanted: Wanted) -> RowSlice:
        """Return the rows to keep; messages that are not of the form are its broken lines, and texts are whole."""
        good = [at for at in np.flatnonzero(keep).tolist() if self.cells[at] is not None]
        cells = [cell for at in good if (cell := self.cells[at]) is not None]
        names = dict.fromkeys(sorted(wanted.names))
        if wanted.everything:
            names |= dict.fromkeys(name for cell in cells for name in cell)
        table = pa.table({name: pa.array([cell.get(name) for cell in cells], pa.string()) for name in names})
        broken = [self._text(at) for at in np.flatnonzero(keep).tolist() if self.cells[at] is None]
        texts = pa.array([self._text(at) for at in good], pa.string())
        return RowSlice(table, ts.take(pa.array(good, pa.int64())), broken, {}, texts)

    def _text(self, at: int) -> str:
        value = self.messages[at].value()
        if value is None:
            key = self.messages[at].key()
            return json.dumps({"key": None if key is None else as_text(key), "value": None}, ensure_ascii=False)
        return as_text(value)


def _own(message: Message, wanted: Wanted, deleted: str | None) -> Cells:
    """Return what the layout names of the message itself."""
    found = {name: _OWN[name](message) for name in wanted.own}
    if deleted is not None and message.value() is None:
        found[deleted] = "true"
    if "_headers" in found:
        del found["_headers"]
        found |= {f"_headers.{name}": None if text is None else as_text(text) for name, text in _headers(message)}
    return found


def _headers(message: Message) -> Iterator[tuple[str, bytes | None]]:
    given: Any = message.headers() or []  # a list of pairs, although its type says more
    for name, text in given:
        yield name, text.encode() if isinstance(text, str) else text


def _optional(value: bytes | str | None) -> str | None:
    return as_text(value) if isinstance(value, bytes) else value


_OWN: Mapping[str, Callable[[Message], str | None]] = {
    "_text": lambda message: _optional(message.value()),
    "_key": lambda message: _optional(message.key()),
    "_partition": lambda message: str(message.partition()),
    "_offset": lambda message: str(message.offset()),
    "_timestamp": lambda message: str(message.timestamp()[1]),
    "_headers": lambda _message: None,
}
