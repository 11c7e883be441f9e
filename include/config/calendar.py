"""Planned time: maintenance windows, change freezes, and the hours in which people work."""

from datetime import datetime, time
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from include.config.values import Model, Name, Text, Time

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock_time(value: object) -> time:
    if isinstance(value, time):
        return value
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007  the zone is the service's own
    except ValueError:
        raise ValueError("a time of day such as 09:00") from None


ClockTime = Annotated[time, BeforeValidator(_clock_time)]


class PlannedTime(Model):
    """A stretch of time, half-open and in UTC, for some services or for all."""

    name: Name
    services: tuple[Name, ...] = Field(default=(), description="services that it covers; empty: all")
    start: Time
    end: Time
    reason: Text | None = None

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.start >= self.end:
            raise ValueError("an end after the start")
        return self


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
