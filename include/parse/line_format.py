"""One form of log line as a pattern, and the columns that it finds in lines of that form."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import UTC_TIME
from include.parse.moments import Clues, Moment, utc_times

Mask = npt.NDArray[np.bool_]
Texts = dict[str, pa.Array]

LEVEL = (
    r"(?P<level>(?:TRACE|DEBUG|INFO|INFORMATION|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRIT|CRITICAL|FATAL|FINE|FINER|"
    r"FINEST|VERBOSE|ALERT|EMERG|PANIC))"
)
"""In capitals only: `Error reading: no such file` is a sentence."""

COLUMNS = ("service", "host", "level", "logger", "message", "trace_id", "span_id", "attributes")
"""What a line may say, beside its time. What a pattern captures under any other name is an attribute."""


@dataclass(frozen=True)
class Found:
    """What a format found in some lines.

    `fit` marks the lines of this form, `broken` those that should be of it and cannot be read. `ts`, `texts` and
    `open` have an entry for each line that fits. `ts` is null where a form has lines without a time; `open` marks lines
    that the writer has cut, whose text goes on in the next one without a newline.
    """

    fit: Mask
    ts: pa.Array
    texts: Texts
    broken: Mask | None = None
    open: Mask | None = None


class LineFormat(Protocol):
    """One form of log line."""

    @property
    def name(self) -> str:
        """What this form is called."""
        ...

    def fits(self, lines: pa.Array) -> Mask:
        """Return which lines look like this form; a quick look, without the values."""
        ...

    def read(self, lines: pa.Array, clues: Clues) -> Found:
        """Return what the lines of this form say; all others do not fit."""
        ...


@dataclass(frozen=True)
class PatternFormat:
    """A form that one RE2 pattern describes: its named groups are the columns, its time is a `Moment`.

    `finish` may change what was captured, such as a priority into a level. With `whole` the line is its own message.
    """

    name: str
    pattern: str
    moment: Moment
    finish: Callable[[Texts], Texts] | None = None
    whole: bool = False
    _groups: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_groups", tuple(re.findall(r"\(\?P<(\w+)>", self.pattern)))

    def fits(self, lines: pa.Array) -> Mask:
        """Return which lines look like this form."""
        found: Mask = pc.match_substring_regex(lines, self.pattern).to_numpy(zero_copy_only=False)
        return found

    def read(self, lines: pa.Array, clues: Clues) -> Found:
        """Return what the lines of this form say; a line whose time is none in the calendar does not fit."""
        struct = pc.extract_regex(lines, self.pattern)
        fit: Mask = struct.is_valid().to_numpy(zero_copy_only=False).copy()
        if not fit.all():
            struct = struct.drop_null()
        captured = dict(zip(self._groups, struct.flatten(), strict=True))
        ts = utc_times(captured, self.moment, clues)
        if ts.null_count:
            real = ts.is_valid()
            fit[fit] = real.to_numpy(zero_copy_only=False)
            ts, captured = ts.filter(real), {name: text.filter(real) for name, text in captured.items()}
        texts = {name: text for name, text in captured.items() if name not in {"ts", "frac", "zone", "year"}}
        if self.whole:
            texts["message"] = lines if fit.all() else lines.filter(pa.array(fit))
        return Found(fit, ts, self.finish(texts) if self.finish else texts)


def nothing_found(lines: pa.Array) -> Found:
    """Return that no line fits."""
    return Found(np.zeros(len(lines), bool), pa.array([], UTC_TIME), {})


def looked_up(words: pa.Array, table: Mapping[str, str]) -> pa.Array:
    """Return what the table says to each word, and the word itself where it says nothing."""
    encoded = words.dictionary_encode()
    said = pa.array([table.get(word, word) for word in encoded.dictionary.to_pylist()], pa.string())
    return said.take(encoded.indices)


def without(text: pa.Array, nothing: str) -> pa.Array:
    """Return the text, null where it is what a form writes for nothing."""
    absent = pc.equal(text, nothing)
    return pc.if_else(absent, None, text) if pc.any(absent).as_py() else text
