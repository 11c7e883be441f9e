"""The small values of which the configuration is made: names, durations, times, zones; and the base of its models."""

import re
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints

from include.window import WindowError, parse_time

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,119}", re.ASCII)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*(s|m|h|d|w)")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONGEST = timedelta(days=3660)


class Model(BaseModel):
    """A frozen value of the configuration; unknown keys and infinite numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse_duration(value: object) -> timedelta:
    """Read `90s`, `15m`, `3h`, `2d` or `1w`; raise `ValueError` on anything else.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(value, timedelta):
        return value
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration with its unit, such as 90s, 15m, 3h, 2d or 1w")
    duration = timedelta(seconds=float(match[1]) * _SECONDS[match[2]])
    if duration > _LONGEST:
        raise ValueError("a duration of at most ten years")
    return duration


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name of letters, digits, _ . and -, at most 120")
    return value


def _positive_duration(value: object) -> timedelta:
    duration = parse_duration(value)
    if not duration:
        raise ValueError("a duration longer than zero")
    return duration


def _time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    try:
        return parse_time(value) if isinstance(value, str) else parse_time(repr(value))
    except (WindowError, OverflowError):
        raise ValueError("a time such as 2026-11-05T07:00+01:00 (without a zone it is UTC)") from None


def _time_zone(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("the name of a time zone, such as Europe/Berlin")  # noqa: TRY004  pydantic wants a ValueError
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        close = get_close_matches(value, available_timezones(), n=1)
        guess = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"a time zone such as Europe/Berlin or UTC{guess}") from None
    return value


def one_or_many(value: object) -> object:
    """Let a single text stand for a list of one."""
    return [value] if isinstance(value, str) else value


Name = Annotated[str, AfterValidator(_name)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_positive_duration)]
Time = Annotated[datetime, BeforeValidator(_time)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
