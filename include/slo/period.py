"""The period over which a budget is kept: rolling, or by the calendar of a time zone."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from include.window import Window


@dataclass(frozen=True)
class Rolling:
    """The last `duration`, ending where the report stands."""

    duration: timedelta

    def at(self, as_of: datetime) -> Window:
        """Return the window of this duration that ends at `as_of`."""
        return Window(as_of - self.duration, as_of)


@dataclass(frozen=True)
class Calendar:
    """Consecutive periods of some months, or of a fixed width, of local time, from `start` (naive, in `zone`).

    The width is that of the wall clock: on the two days a year on which clocks change a day has 23 or 25 hours.
    """

    start: datetime
    zone: str
    months: int = 0
    width: timedelta = timedelta(days=1)

    def at(self, as_of: datetime) -> Window:
        """Return the period in which the moment just before `as_of` lies: at its end a period is reported whole."""
        local = as_of.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
        if self.months:
            number = ((local.year - self.start.year) * 12 + local.month - self.start.month) // self.months
        else:
            number = (local - self.start) // self.width
        number += 1  # the guess is at most one too low or, after this, two too high
        while self._edge(number) >= as_of:
            number -= 1
        return Window(self._edge(number), self._edge(number + 1))

    def _edge(self, number: int) -> datetime:
        if self.months:
            month = self.start.month - 1 + number * self.months
            year, month = self.start.year + month // 12, month % 12 + 1
            day = min(self.start.day, monthrange(year, month)[1])
            local = self.start.replace(year=year, month=month, day=day)
        else:
            local = self.start + number * self.width
        return local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC)


Period = Rolling | Calendar
