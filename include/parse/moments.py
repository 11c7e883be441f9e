"""The ways in which logs write a time, and those texts as UTC times, a whole column at once.

Each way has a fixed width up to its seconds, so digits are read by their place, at some ten million a second. The
fraction, the zone and a year that stands elsewhere are captured apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from include.datasets import UTC_TIME
from include.parse.numbers_of_text import Ints, Matrix, matrix, month_numbers, offsets

FRACTION = r"(?:[.,](?P<frac>\d{1,9}))?"
ZONE = r"(?P<zone> ?[+-]\d\d:?\d\d|[Zz]| (?:UTC|GMT)\b)?"
_MICRO = 1_000_000
_HALF_DAY = 43_200 * _MICRO
_EARLIEST, _LATEST = 1800, 9000
_MOST_DAYS = 3650
"""No block of a file goes on for longer by its clock: what does is no log, and must not run out of the calendar."""
_SLACK = timedelta(days=1)
"""How far a line may seem to lie beyond its file's last change: a local time is up to 14 hours ahead of UTC."""


@dataclass(frozen=True)
class Moment:
    """One way to write a time: `pattern` captures it as `ts`, and may capture `frac`, `zone` and `year`.

    In `places` a letter stands where its digit stands: y year, n month, m month's English name, d day, H M S.
    """

    pattern: str
    places: str = ""

    @property
    def has_year(self) -> bool:
        """Whether the text itself names its year."""
        return "y" in self.places or "?P<year>" in self.pattern or not self.places


@dataclass
class Clues:
    """What a file knows of its times beside its text: it carries the year from block to block."""

    zone: str = "UTC"
    latest: datetime = datetime(2100, 1, 1, tzinfo=UTC)
    """No line is later than a day after this: the file's last change, or the window's end."""
    year: int | None = None
    """The year of the first line, where somebody knows it; it goes up as December turns into January."""
    month: int | None = None
    """The month of the last line that was read with `year`."""
    day: date | None = None
    """The day of the first line, where somebody knows it; it goes on as the clock passes midnight."""
    clock: int | None = None
    """The time of day of the last line that was read with `day`, in microseconds."""


ISO = Moment(rf"(?P<ts>\d{{4}}[-/.]\d\d[-/.]\d\d[ T_-]\d\d[:.]\d\d[:.]\d\d){FRACTION}{ZONE}", "yyyy-nn-dd HH:MM:SS")
SHORT_YEAR = Moment(rf"(?P<ts>\d\d/\d\d/\d\d \d\d:\d\d:\d\d){FRACTION}{ZONE}", "yy/nn/dd HH:MM:SS")
COMPACT = Moment(r"(?P<ts>\d{6} \d{6})", "yynndd HHMMSS")
CLF = Moment(r"(?P<ts>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)(?P<zone> [+-]\d{4})", "dd/mmm/yyyy:HH:MM:SS")
DAY_FIRST = Moment(
    rf"(?P<ts>\d\d[ -][A-Z][a-z]{{2}}[ -]\d{{4}} \d\d:\d\d:\d\d){FRACTION}{ZONE}", "dd mmm yyyy HH:MM:SS"
)
CTIME = Moment(
    rf"(?P<ts>[A-Z][a-z]{{2}} [A-Z][a-z]{{2}} [ \d]\d \d\d:\d\d:\d\d){FRACTION} (?P<year>\d{{4}})",
    "www mmm dd HH:MM:SS",
)
BSD = Moment(r"(?P<ts>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)" + FRACTION, "mmm dd HH:MM:SS")
MONTH_DAY = Moment(r"(?P<ts>\d\d-\d\d \d\d:\d\d:\d\d)" + FRACTION, "nn-dd HH:MM:SS")
KLOG = Moment(r"(?P<ts>\d{4} \d\d:\d\d:\d\d)" + FRACTION, "nndd HH:MM:SS")
GLOG = Moment(r"(?P<ts>\d{8} \d\d:\d\d:\d\d)" + FRACTION, "yyyynndd HH:MM:SS")
CLOCK = Moment(r"(?P<ts>\d\d:\d\d:\d\d)" + FRACTION, "HH:MM:SS")
"""For files whose day is known."""
EPOCH = Moment(r"(?P<ts>1\d{9})" + FRACTION)
"""Seconds since 1970, from 2001 to 2033."""


def utc_times(parts: Mapping[str, pa.Array], moment: Moment, clues: Clues) -> pa.Array:
    """Return what `moment` captured as UTC times, null where it is no time (the 30th of February).

    A time without a zone is one of `clues.zone`. A time without a year gets the latest year in which it is not after
    `clues.latest`, or counts on from `clues.year`.
    """
    text = parts["ts"]
    if not len(text):
        return pa.array([], UTC_TIME)
    fraction = _fractions(parts.get("frac"), len(text))
    if not moment.places:
        seconds = text.cast(pa.int64()).to_numpy()
        return pa.array(seconds * _MICRO + fraction).cast(UTC_TIME)
    digits = matrix(text, len(moment.places))
    if moment is CLOCK:
        return _of_days(digits, fraction, clues)
    month = month_numbers(digits, moment.places.index("m")) if "m" in moment.places else _part(digits, moment, "n")
    day = _part(digits, moment, "d")
    hour, minute, second = (_part(digits, moment, letter) for letter in "HMS")
    clock = ((hour * 60 + minute) * 60 + second) * _MICRO + fraction
    good = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (hour < 24) & (minute < 60) & (second <= 60)
    month, day = np.where(good, month, 1), np.where(good, day, 1)
    if not moment.has_year:
        year = _years(month, day, clock, clues)
    elif "year" in parts:
        year = _part(matrix(parts["year"], 4), Moment("", "yyyy"), "y")
    else:
        year = _part(digits, moment, "y")
        if moment.places.count("y") == 2:
            # As POSIX has it: of this century, or of the end of the last one.
            year = year + np.where(year < 69, 2000, 1900)
    days, exists = _days(year, month, day)
    naive = pa.array(
        days * 86_400 * _MICRO + clock, pa.int64(), mask=~(good & exists & (year >= _EARLIEST) & (year <= _LATEST))
    )
    return _in_utc(naive, parts.get("zone"), clues.zone)


def _of_days(digits: Matrix, fraction: Ints, clues: Clues) -> pa.Array:
    """Return times of day as times of the days that begin with `clues.day`, in its zone."""
    if clues.day is None:
        return pa.nulls(len(digits), UTC_TIME)
    hour, minute, second = (_part(digits, CLOCK, letter) for letter in "HMS")
    good = (hour < 24) & (minute < 60) & (second <= 60)
    clock = np.where(good, ((hour * 60 + minute) * 60 + second) * _MICRO + fraction, 0)
    # Half a day back is midnight; half a day ahead is a line that came late, still of the day before.
    turns = np.diff(clock, prepend=clues.clock if clues.clock is not None else clock[:1])
    after = np.cumsum((turns <= -_HALF_DAY).astype(np.int64) - (turns >= _HALF_DAY).astype(np.int64))
    after = np.clip(after, -_MOST_DAYS, _MOST_DAYS)
    days = (clues.day - date(1970, 1, 1)).days + after
    clues.day, clues.clock = clues.day + timedelta(days=int(after[-1])), int(clock[-1])
    return _in_utc(pa.array(days * 86_400 * _MICRO + clock, pa.int64(), mask=~good), None, clues.zone)


def _part(digits: Matrix, moment: Moment, letter: str) -> Ints:
    """Return the number whose digits stand at `letter`; a space counts as zero."""
    number: Ints = np.zeros(len(digits), np.int64)
    for at, place in enumerate(moment.places):
        if place == letter:
            byte = digits[:, at].astype(np.int64)
            number = number * 10 + np.where(byte == 32, 0, byte - 48)
    return number


def _days(year: Ints, month: Ints, day: Ints) -> tuple[Ints, np.ndarray]:
    """Return days since 1970, and which of them the calendar has."""
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1).astype("timedelta64[D]")
    return days.astype(np.int64), days.astype("datetime64[M]") == months


def _years(month: Ints, day: Ints, clock: Ints, clues: Clues) -> Ints:
    if clues.year is not None:
        # Half a year back is a new year; half a year ahead is a line that came late, still of the old one.
        turns = np.diff(month, prepend=clues.month if clues.month is not None else month[:1])
        year = clues.year + np.cumsum((turns <= -6).astype(np.int64) - (turns >= 6).astype(np.int64))
        clues.year, clues.month = int(year[-1]), int(month[-1])
        return year
    latest = min(clues.latest, datetime(_LATEST, 1, 1, tzinfo=UTC)) + _SLACK
    limit = int(latest.timestamp()) * _MICRO
    year = np.full(len(month), latest.astimezone(UTC).year, np.int64)
    for _ in range(8):  # the 29th of February may be eight years back
        days, exists = _days(year, month, day)
        late = ~exists | (days * 86_400 * _MICRO + clock > limit)
        if not late.any():
            break
        year = year - late
    return year


def _fractions(text: pa.Array | None, size: int) -> Ints:
    """Return microseconds from the digits after a second's point."""
    if text is None:
        return np.zeros(size, np.int64)
    padded = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(text, ""), 6, "0"), 0, 6)
    return padded.cast(pa.int64()).to_numpy().copy()


def _in_utc(naive: pa.Array, zone: pa.Array | None, default: str) -> pa.Array:
    local = naive.cast(pa.timestamp("us"))
    placed = pc.assume_timezone(local, default, ambiguous="earliest", nonexistent="latest").cast(UTC_TIME)
    if zone is None:
        return placed
    shift = offsets(zone)
    return pc.if_else(shift.is_valid(), pc.subtract(naive, pc.fill_null(shift, 0)).cast(UTC_TIME), placed)
