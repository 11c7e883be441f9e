"""The text of a log file, block by block, as rows of `log_event`: no line is lost, whatever its form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import LABELS, LOG_EVENT, UTC_TIME
from include.parse.attributes import attributes
from include.parse.formats import formats_of
from include.parse.line_format import COLUMNS, Found, LineFormat, Mask, Texts, without
from include.parse.moments import Clues
from include.parse.multiline import MOST_BYTES, MOST_LINES, heads_of, joined
from include.parse.numbers_of_text import Ints
from include.parse.text import lines_of

_ENCODED = tuple(field.name for field in LOG_EVENT.schema if field.type == LABELS)


@dataclass(frozen=True)
class Rows:
    """Rows of `log_event`, and the time that places each in a window: its own, else its neighbour's, else null."""

    table: pa.Table
    place: pa.Array


class LogText:
    """Reads one file. A line of no form continues the one before; before any line with a time, it gets the next one's.

    A row that has no time even so goes out with `raw`, and so does a broken line of JSON.
    """

    def __init__(self, lines: str, clues: Clues) -> None:
        """`lines` is a key of `formats.FAMILIES`, or auto."""
        self._named = lines
        self._clues = clues
        self._formats: Sequence[LineFormat] = ()
        self._held: pa.Array = pa.array([], pa.string())
        self._first = pa.array([], UTC_TIME)
        self._last: pa.Array | None = None

    @property
    def formats(self) -> list[str]:
        """What the forms of the file's lines are called, as far as it was read."""
        return [one.name for one in self._formats]

    def read(self, block: bytes) -> Rows:
        """Return the rows of the next block, which ends with a line's end.

        The last row of a block is held back until the next one tells whether it goes on.
        """
        return self._rows(pa.concat_arrays([self._held, lines_of(block)]), hold=True)

    def end(self) -> Rows:
        """Return the row that was held back."""
        return self._rows(self._held, hold=False)

    def _rows(self, lines: pa.Array, *, hold: bool) -> Rows:
        self._held = lines[:0]
        if not len(lines):
            return Rows(LOG_EVENT.empty(), pa.array([], UTC_TIME))
        if not self._formats:
            self._formats = formats_of(lines, self._named)
        found, places, broken = self._found(lines)
        begins = broken.copy()
        begins[places] = True
        heads = heads_of(begins, lines)
        if self._last is None:
            self._first = found["ts"].drop_null()[:1].combine_chunks()
        last = int(heads[-1])
        if hold and _bounded(lines[last:]):
            # What is held back is read again with the next block, so it is cut off here as if it were not there yet.
            self._held = lines[last:]
            stays = places < last
            found = found.filter(pa.array(stays))
            lines, places, broken, heads = lines[:last], places[stays], broken[:last], heads[:-1]
        if not len(heads):
            return Rows(LOG_EVENT.empty(), pa.array([], UTC_TIME))
        return self._assembled(lines, found, places, broken, heads)

    def _found(self, lines: pa.Array) -> tuple[pa.Table, Ints, Mask]:
        """Return what the lines say that fit a form, with their places; and which lines are broken."""
        left: Ints = np.arange(len(lines))
        broken = np.zeros(len(lines), bool)
        tables, places = [], [left[:0]]
        for one in self._formats:
            found = one.read(lines if len(left) == len(lines) else lines.take(pa.array(left)), self._clues)
            if found.broken is not None:
                broken[left[found.broken]] = True
            tables.append(_table(found))
            places.append(left[found.fit])
            left = left[~found.fit & ~broken[left]]
            if not len(left):
                break
        place: Ints = np.concatenate(places)
        if not tables:
            return _EMPTY, place, broken
        whole = pa.concat_tables(tables).combine_chunks()
        if len(tables) > 1:
            order = np.argsort(place)
            whole, place = whole.take(pa.array(order)), place[order]
        return whole, place, broken

    def _assembled(self, lines: pa.Array, found: pa.Table, places: Ints, broken: Mask, heads: Ints) -> Rows:
        size = len(heads)
        if len(places) == size:
            row_of, table = None, found
        else:
            # Where in `found` a row's own line is; null for one that fits no form.
            at = np.full(len(lines), -1)
            at[places] = np.arange(len(places))
            row_of = at[heads]
            table = found.take(pa.array(row_of, mask=row_of < 0))
        message = table["message"].combine_chunks() if row_of is None else None
        if message is None or len(lines) != size:
            bodies = lines
            if len(places):
                mask = np.zeros(len(lines), bool)
                mask[places] = True
                bodies = pc.replace_with_mask(lines, pa.array(mask), found["message"].combine_chunks())
            message = joined(bodies, heads)
        ts = table["ts"].combine_chunks()
        place = self._placed(ts)
        raw = np.zeros(size, bool) if not broken.any() else broken[heads]
        unplaced = place.is_null().to_numpy(zero_copy_only=False)
        bad = pa.array(raw | unplaced)
        columns: Texts = {name: table[name].combine_chunks() for name in COLUMNS if name != "message"}
        columns |= {"ts": pc.if_else(bad, None, place), "message": message, "raw": pa.nulls(size, pa.string())}
        if pc.any(bad).as_py():
            texts = joined(lines, heads)
            columns = {name: pc.if_else(bad, None, column) for name, column in columns.items()}
            columns["raw"] = pc.if_else(bad, texts, None)
        columns["event_id"] = pa.nulls(size, pa.string())
        columns |= {name: columns[name].dictionary_encode().cast(LABELS) for name in _ENCODED}
        return Rows(pa.table([columns[name] for name in LOG_EVENT.schema.names], schema=LOG_EVENT.schema), place)

    def _placed(self, ts: pa.Array) -> pa.Array:
        """Return the times, a row without one having that of the row before; at the file's begin, of the one after."""
        before = self._last if self._last is not None else self._first
        placed = pc.fill_null_forward(pa.concat_arrays([before, ts]))[len(before) :]
        if placed.is_valid()[-1].as_py():
            self._last = placed[-1:]
        return placed


_EMPTY = pa.table({"ts": pa.array([], UTC_TIME), **{name: pa.array([], pa.string()) for name in COLUMNS}})


def _bounded(lines: pa.Array) -> bool:
    return len(lines) < MOST_LINES and int(pc.sum(pc.binary_length(lines)).as_py()) < MOST_BYTES


def _table(found: Found) -> pa.Table:
    """Return the contract's columns; what else the form captured is attributes, and an empty text is null."""
    size = len(found.ts)
    others = {name: text for name, text in found.texts.items() if name not in COLUMNS}
    columns: Texts = {"ts": found.ts}
    for name in COLUMNS:
        text = found.texts.get(name)
        if name == "attributes" and text is None and others:
            text = attributes(others)
        elif text is not None and name != "message":
            text = without(text, "")
        columns[name] = pa.nulls(size, pa.string()) if text is None else text
    return pa.table(columns)
