"""Planned time: maintenance windows, change freezes, and the hours in which people work."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from include.config.values import Model, Name, Text, Time, TimeZone, one_or_many

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007  the zone is the service's own
    except ValueError:
        raise ValueError("a time of day such as 09:00") from None


def _covered(value: str) -> str:
    if not value or len(value) > 120 or any(letter.isspace() for letter in value):
        raise ValueError("a service, or a pattern such as payments-*, of at most 120 characters")
    return value


ClockTime = Annotated[time, BeforeValidator(_clock_time)]
Covered = Annotated[str, AfterValidator(_covered)]


def is_glob(name: str) -> bool:
    """Return whether the name of a service is a pattern: it has `*`, `?` or `[`."""
    return any(letter in name for letter in "*?[")


@dataclass(frozen=True)
class Occurrence:
    """One stretch of planned time, half-open and in UTC."""

    name: str
    start: datetime
    end: datetime


class Weekly(Model):
    """Days of the week and hours of a planned time that comes again; an end at or before the start is the next day's.

    Hours are local: where clocks are put forward or back in between, the stretch is an hour shorter or longer.
    """

    days: Annotated[tuple[Day, ...], BeforeValidator(one_or_many)] = Field(min_length=1)
    start: ClockTime
    end: ClockTime
    time_zone: TimeZone = "UTC"

    def on(self, day: date) -> tuple[datetime, datetime]:
        """Return start and end, in UTC, of the stretch that begins on a local day."""
        zone = ZoneInfo(self.time_zone)
        last = day if self.end > self.start else day + _DAY
        start, end = (datetime.combine(*at, zone).astimezone(UTC) for at in ((day, self.start), (last, self.end)))
        return start, max(start, end)


class PlannedTime(Model):
    """A stretch of time, once or weekly, for some services or for all."""

    name: Name
    services: Annotated[tuple[Covered, ...], BeforeValidator(one_or_many)] = Field(
        default=(), description="services that it covers, by name or by a pattern such as payments-*; empty: all"
    )
    start: Time | None = Field(default=None, description="when it begins; of a weekly one, from when on it comes")
    end: Time | None = Field(default=None, description="when it is over; of a weekly one, until when it comes")
    weekly: Weekly | None = Field(default=None, description="for one that comes again: its days and hours")
    reason: Text | None = None
    owner: Text | None = Field(default=None, description="team or person to ask")

    @model_validator(mode="after")
    def _is_once_or_weekly(self) -> Self:
        if self.weekly is None and (self.start is None or self.end is None):
            raise ValueError("both start and end, or weekly with its days and hours")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("an end after the start")
        return self

    def covers(self, service: str) -> bool:
        """Return whether it is planned for a service."""
        return not self.services or any(fnmatchcase(service, one) for one in self.services)

    def within(self, start: datetime, end: datetime) -> Iterator[Occurrence]:
        """Yield its stretches that touch `[start, end)`, in order; they are whole, also where they reach beyond it."""
        for first, last in self._stretches(start, end):
            if first < end and last > start and first < last:
                yield Occurrence(self.name, first, last)

    def _stretches(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        if self.weekly is None:
            if self.start is not None and self.end is not None:
                yield self.start, self.end
            return
        day, last_day = (start - 2 * _DAY).date(), (end + _DAY).date()  # a stretch and a zone reach over a day each
        while day <= last_day:
            if DAYS[day.weekday()] in self.weekly.days:
                first, last = self.weekly.on(day)
                yield max(first, self.start or first), min(last, self.end or last)
            day += _DAY


class BusinessHours(Model):
    """Working days and hours, in each service's own time zone; holidays of its country are free."""

    days: tuple[Day, ...] = Field(default=DAYS[:5], min_length=1)
    start: ClockTime = time(9)
    end: ClockTime = time(17)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.start >= self.end:
            raise ValueError("an end after the start, on the same day")
        return self

    @property
    def weekdays(self) -> tuple[int, ...]:
        """The days as numbers, Monday is 0."""
        return tuple(sorted({DAYS.index(day) for day in self.days}))
