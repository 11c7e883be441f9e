"""Numbers, times and chances as people read them: at most three significant digits, a unit, a named zone."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

THIN = "\u202f"  # narrow no-break space between a number and its unit
_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_WORDS = (
    (0.95, "almost certain"),
    (0.75, "likely"),
    (0.55, "more likely than not"),
    (0.45, "even odds"),
    (0.25, "less likely than not"),
    (0.05, "unlikely"),
    (0.0, "very unlikely"),
)
_SHORT_UNITS = {"requests": "req", "requests/s": "req/s", "count": "", "messages": "msg", "1": "", "": ""}


def digits(value: float) -> str:
    """Return a number with at most three significant digits, without exponent, thousands separated by a thin space.

    >>> digits(0.04567), digits(1234.5), digits(99.95)
    ('0.0457', '1\u202f230', '100')
    """
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "–"
    rounded = float(f"{value:.3g}")
    places = max(0, 2 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{places}f}".replace(",", THIN)
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def say(value: float | None, unit: str | None) -> str:
    """Return a value with its unit, scaled to a prefix that people use; a dash where there is none.

    >>> say(0.9213, "ratio"), say(412e9, "bytes").replace(THIN, " "), say(0.21, "seconds").replace(THIN, " ")
    ('92.1%', '412 GB', '210 ms')
    """
    if value is None or not math.isfinite(value):
        return "–"
    unit = unit or ""
    stem, slash, per = unit.partition("/")
    if stem in _FORMS:
        return _FORMS[stem](value) + slash + per
    name = _SHORT_UNITS.get(unit, unit)
    if abs(value) >= 99_950:
        return _prefixed(value, name)
    return f"{digits(value)}{THIN}{name}" if name else digits(value)


def chance(probability: float | None) -> str:
    """Return a probability 0..1 in words and digits.

    >>> chance(0.8), chance(0.03), chance(None)
    ('likely, 80%', 'very unlikely, 3%', 'not known')
    """
    if probability is None or not math.isfinite(probability):
        return "not known"
    word = next(word for least, word in _WORDS if probability >= least or least == 0)
    percent = min(99, max(1, round(probability * 100)))
    return f"{word}, {percent}%"


def day(moment: datetime, zone: str, year: bool = False) -> str:
    """Return the day of a moment in a zone: `3 Dec`, or `3 Dec 2026`."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y}" if year else f"{local.day} {local:%b}"


def local_day(moment: datetime, zone: str) -> date:
    """Return the calendar day of a moment in a zone."""
    return moment.astimezone(ZoneInfo(zone)).date()


def clock(moment: datetime, zone: str) -> str:
    """Return a moment in a zone, with the zone's name: `Thu 3 Dec 2026, 07:00 CET`."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M} {zone_name(moment, zone)}"


def zone_name(moment: datetime, zone: str) -> str:
    """Return what people call a zone at a moment: `CET`, or `UTC+05:30` where it has no letters."""
    local = moment.astimezone(ZoneInfo(zone))
    name = local.tzname() or "UTC"
    return name if name[:1].isalpha() else f"UTC{local:%z}"[:6] + ":" + f"{local:%z}"[3:5]


def utc(moment: datetime) -> str:
    """Return a moment in UTC: `3 Dec 06:00 UTC`."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %H:%M} UTC"


def both(moment: datetime, zone: str) -> str:
    """Return a moment in a zone and in UTC: `Thu 3 Dec 2026, 07:00 CET (06:00 UTC)`."""
    text = clock(moment, zone)
    if zone_name(moment, zone) == "UTC":
        return text
    same_day = moment.astimezone(UTC).date() == moment.astimezone(ZoneInfo(zone)).date()
    return f"{text} ({moment.astimezone(UTC):%H:%M} UTC)" if same_day else f"{text} ({utc(moment)})"


def period(start: datetime, end: datetime, zone: str) -> str:
    """Return a window as people say it: `Thu 19 Nov 2026`, or with its hours and zone when it is not a whole day."""
    first, last = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
    if (first.hour, first.minute, last.hour, last.minute) == (0, 0, 0, 0) and end - start <= timedelta(hours=25):
        return f"{first:%a} {first.day} {first:%b %Y}"
    if first.date() == last.date():
        return f"{first:%a} {first.day} {first:%b %Y}, {first:%H:%M} to {last:%H:%M} {zone_name(end, zone)}"
    return f"{first.day} {first:%b %H:%M} to {last.day} {last:%b %Y %H:%M} {zone_name(end, zone)}"


def duration(span: timedelta) -> str:
    """Return a length of time in its largest sensible unit: `12 days`, `5 hours`, `40 minutes`."""
    seconds = abs(span.total_seconds())
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (size == 60 and seconds >= 60) or (size != 86_400 and seconds >= size):
            number = round(seconds / size)
            return f"{number} {name}{'' if number == 1 else 's'}"
    return "less than a minute"


def plural(number: int, noun: str, many: str | None = None) -> str:
    """Return a number and its noun: `1 resource`, `3 resources`."""
    return f"{number} {noun if number == 1 else many or noun + 's'}"


def listed(items: list[str]) -> str:
    """Return items as a person lists them: `a, b and c`."""
    return " and ".join([", ".join(items[:-1]), items[-1]] if len(items) > 1 else items)


def _prefixed(value: float, unit: str) -> str:
    for size, prefix in _PREFIXES:
        if abs(value) >= size * 0.9995:
            return f"{digits(value / size)}{THIN}{prefix}{unit}"
    return f"{digits(value)}{THIN}{unit}"


def _seconds(value: float) -> str:
    size = abs(value)
    if size < 0.9995 and size > 0:
        return f"{digits(value * 1e3)}{THIN}ms" if size >= 0.0009995 else f"{digits(value * 1e6)}{THIN}µs"
    if size < 119.5:
        return f"{digits(value)}{THIN}s"
    return _minutes(value / 60)


def _minutes(value: float) -> str:
    size = abs(value)
    if size >= 2880:
        return f"{digits(value / 1440)}{THIN}d"
    if size >= 120:
        return f"{digits(value / 60)}{THIN}h"
    return f"{digits(value)}{THIN}min"


_FORMS: dict[str, Callable[[float], str]] = {
    "ratio": lambda value: digits(value * 100) + "%",
    "percent": lambda value: digits(value) + "%",
    "times": lambda value: digits(value) + "×",
    "seconds": _seconds,
    "minutes": _minutes,
    "bytes": lambda value: _prefixed(value, "B"),
}
