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
            return _NOTHING
        if not self._formats:
            self._formats = formats_of(lines, self._named, dated=self._clues.day is not None)
        reading = self._reading(lines)
        heads = heads_of(reading.begins(), lines)
        if self._last is None:
            self._first = reading.found["ts"].drop_null()[:1].combine_chunks()
        last = int(heads[-1])
        if hold and _bounded(lines[last:]):
            # What is held back is read again with the next block, so it is cut off here as if it were not there yet.
            self._held = lines[last:]
            reading, heads = reading.before(last), heads[:-1]
        return self._assembled(reading, heads) if len(heads) else _NOTHING

    def _reading(self, lines: pa.Array) -> "_Reading":
        left: Ints = np.arange(len(lines))
        broken, cut = np.zeros(len(lines), bool), np.zeros(len(lines), bool)
        tables, places = [_EMPTY], [left[:0]]
        for one in self._formats:
            found = one.read(lines if len(left) == len(lines) else lines.take(pa.array(left)), self._clues)
            if found.broken is not None:
                broken[left[found.broken]] = True
            if found.open is not None:
                cut[left[found.fit]] = found.open
            tables.append(_table(found))
            places.append(left[found.fit])
            left = left[~found.fit & ~broken[left]]
            if not len(left):
                break
        whole, place = pa.concat_tables(tables).combine_chunks(), np.concatenate(places)
        if len(tables) > 2:
            order = np.argsort(place)
            whole, place = whole.take(pa.array(order)), place[order]
        return _Reading(lines, whole, place, broken, cut)

    def _assembled(self, reading: "_Reading", heads: Ints) -> Rows:
        size = len(heads)
        table = reading.at(heads)
        place = self._placed(table["ts"].combine_chunks())
        bad = pa.array(reading.broken[heads] | place.is_null().to_numpy(zero_copy_only=False))
        columns: Texts = {name: table[name].combine_chunks() for name in COLUMNS}
        columns |= {"ts": place, "message": joined(reading.bodies(), heads, reading.cut), "event_id": _none(size)}
        if pc.any(bad).as_py():
            columns = {name: pc.if_else(bad, None, column) for name, column in columns.items()}
            columns["raw"] = pc.if_else(bad, joined(reading.lines, heads), None)
        else:
            columns["raw"] = _none(size)
        columns |= {name: columns[name].dictionary_encode().cast(LABELS) for name in _ENCODED}
        return Rows(pa.table([columns[name] for name in LOG_EVENT.schema.names], schema=LOG_EVENT.schema), place)

    def _placed(self, ts: pa.Array) -> pa.Array:
        """Return the times, a row without one having that of the row before; at the file's begin, of the one after."""
        before = self._last if self._last is not None else self._first
        placed = pc.fill_null_forward(pa.concat_arrays([before, ts]))[len(before) :]
        if placed.is_valid()[-1].as_py():
            self._last = placed[-1:]
        return placed


@dataclass(frozen=True)
class _Reading:
    """Lines, what those say that fit a form (`found`, at `places`), which are `broken`, and which the writer `cut`."""

    lines: pa.Array
    found: pa.Table
    places: Ints
    broken: Mask
    cut: Mask

    def begins(self) -> Mask:
        """Return which lines begin a row: those of a form, but for the next piece of one that was cut."""
        begins = self.broken.copy()
        begins[self.places] = True
        begins[1:] &= ~self.cut[:-1] | self.broken[1:]
        return begins

    def before(self, line: int) -> "_Reading":
        """Return what was read before a line."""
        stays = self.places < line
        found = self.found.filter(pa.array(stays))
        return _Reading(self.lines[:line], found, self.places[stays], self.broken[:line], self.cut[:line])

    def at(self, heads: Ints) -> pa.Table:
        """Return what each of these lines says, null for those that fit no form."""
        if np.array_equal(self.places, heads):
            return self.found
        row = np.full(len(self.lines), -1)
        row[self.places] = np.arange(len(self.places))
        return self.found.take(pa.array(row[heads], mask=row[heads] < 0))

    def bodies(self) -> pa.Array:
        """Return the text of each line, without the head that a form takes off."""
        message = self.found["message"].combine_chunks()
        if len(self.places) == len(self.lines):
            return message
        fits = np.zeros(len(self.lines), bool)
        fits[self.places] = True
        return pc.replace_with_mask(self.lines, pa.array(fits), message)


def _none(size: int) -> pa.Array:
    return pa.nulls(size, pa.string())


_NOTHING = Rows(LOG_EVENT.empty(), pa.array([], UTC_TIME))
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
