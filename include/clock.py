"""The only `now()` in Almanac.

Work on a window never asks for the time. What needs the present (freshness, retention, delivery, locks) takes a
`Clock`, so that a test can stand at any moment.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the present time."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """Return the machine's time in UTC."""
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for tests and for replays as of a past moment."""

    at: datetime

    def now(self) -> datetime:
        """Return the moment at which this clock stands."""
        return self.at
