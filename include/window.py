"""A window: the half-open UTC interval `[start, end)` on which every task works.

Regular windows lie on a grid of 5, 15 or 60 minutes or a day; a wide window (history, back-fill) spans several steps
of its grid. Windows are values: they compare, hash, iterate and print, and know nothing of Airflow.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum

from include.errors import PermanentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WindowError(PermanentError):
    """A window that is empty, naive, or off its grid."""


class Grid(IntEnum):
    """The widths of a regular window, in minutes."""

    FIVE_MINUTES = 5
    QUARTER_HOUR = 15
    HOUR = 60
    DAY = 1440

    @property
    def step(self) -> timedelta:
        """Width of one window of this grid."""
        return timedelta(minutes=self.value)

    @classmethod
    def of(cls, minutes: int) -> "Grid":
        """Return the grid of that many minutes, or raise a `WindowError` that lists the allowed ones."""
        try:
            return cls(minutes)
        except ValueError:
            allowed = ", ".join(str(grid.value) for grid in cls)
            raise WindowError(f"No grid of {minutes} minutes. Use one of {allowed}.") from None

    def floor(self, moment: datetime) -> datetime:
        """Return the last grid line at or before `moment`."""
        moment = _utc(moment)
        return moment - ((moment - _EPOCH) % self.step)

    def ceil(self, moment: datetime) -> datetime:
        """Return the first grid line at or after `moment`."""
        low = self.floor(moment)
        return low if low == _utc(moment) else low + self.step


@dataclass(frozen=True, order=True)
class Window:
    """A half-open interval `[start, end)` in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _utc(self.start))
        object.__setattr__(self, "end", _utc(self.end))
        if self.start >= self.end:
            raise WindowError(
                f"A window must end after it starts, but {self.start.isoformat()} is not before {self.end.isoformat()}."
            )

    @classmethod
    def containing(cls, moment: datetime, grid: Grid) -> "Window":
        """Return the window of `grid` in which `moment` lies."""
        start = grid.floor(moment)
        return cls(start, start + grid.step)

    @classmethod
    def last_complete(cls, now: datetime, grid: Grid) -> "Window":
        """Return the newest window of `grid` that has ended at `now`."""
        end = grid.floor(now)
        return cls(end - grid.step, end)

    @classmethod
    def parse(cls, text: str, grid: Grid = Grid.HOUR) -> "Window":
        """Read `start/end`, or one time that starts a window of `grid`; times without a zone are UTC.

        >>> Window.parse("2026-11-05T07").key
        '2026-11-05T07:00:00Z/2026-11-05T08:00:00Z'
        >>> Window.parse("2026-11-05/2026-11-07").duration.days
        2
        """
        start, slash, end = text.strip().partition("/")
        first = parse_time(start)
        if slash:
            return cls(first, parse_time(end))
        if grid.floor(first) != first:
            raise WindowError(
                f"{text!r} is not on the grid of {grid.value} minutes. Give a start that is, or start/end."
            )
        return cls(first, first + grid.step)

    @property
    def duration(self) -> timedelta:
        """Width of the window."""
        return self.end - self.start

    @property
    def key(self) -> str:
        """Text form that `parse` reads back; sorts by time."""
        return f"{_text(self.start)}/{_text(self.end)}"

    @property
    def slug(self) -> str:
        """Text form that is safe in a file name: `20261105T0700Z_20261105T0800Z`."""
        return f"{self.start:%Y%m%dT%H%MZ}_{self.end:%Y%m%dT%H%MZ}"

    def __str__(self) -> str:
        return self.key

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= _utc(moment) < self.end

    def overlaps(self, other: "Window") -> bool:
        """Return whether the two windows share a moment."""
        return self.start < other.end and other.start < self.end

    def is_on(self, grid: Grid) -> bool:
        """Return whether both ends lie on lines of `grid`."""
        return grid.floor(self.start) == self.start and grid.floor(self.end) == self.end

    def split(self, grid: Grid) -> Iterator["Window"]:
        """Yield the windows of `grid` that make up this one, in order; it must lie on that grid."""
        if not self.is_on(grid):
            raise WindowError(f"{self} does not lie on the grid of {grid.value} minutes, so it cannot be split on it.")
        yield from self.chunks(grid.step)

    def chunks(self, width: timedelta) -> Iterator["Window"]:
        """Yield consecutive windows of at most `width` that cover this one."""
        start = self.start
        while start < self.end:
            end = min(start + width, self.end)
            yield Window(start, end)
            start = end

    def with_lookback(self, lookback: timedelta) -> "Window":
        """Return this window, starting `lookback` earlier."""
        return Window(self.start - lookback, self.end)

    def shifted(self, by: timedelta) -> "Window":
        """Return a window of the same width, moved by `by`."""
        return Window(self.start + by, self.end + by)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time or date (also `2026-11-05T07`); without a zone it is UTC.

    Raises `WindowError` with an example when the text is no time.
    """
    text = text.strip()
    try:
        return _utc(datetime.fromisoformat(text), naive_is_utc=True)
    except (ValueError, OverflowError):
        raise WindowError(f"{text!r} is not a time. Write it like 2026-11-05T07:00 or 2026-11-05.") from None


def stable_hash(*parts: str) -> int:
    """Return a signed 64-bit integer that depends only on the parts; the same on every machine and in every run."""
    digest = hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def shard_of(identity: int, shards: int) -> int:
    """Return the shard, `0..shards-1`, to which an id from `stable_hash` belongs (same as SQL's `mod` of `abs`)."""
    return abs(identity) % shards


def _utc(moment: datetime, naive_is_utc: bool = False) -> datetime:
    if moment.tzinfo is None:
        if not naive_is_utc:
            raise WindowError(
                f"{moment.isoformat()} has no time zone. Give an aware time, such as {moment.isoformat()}Z."
            )
        return moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
