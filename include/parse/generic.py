"""Forms that any program may write: a time first, then what it says; and, last of all, a time somewhere in the line."""

from include.parse.line_format import LEVEL, PatternFormat
from include.parse.moments import BSD, CLOCK, COMPACT, CTIME, DAY_FIRST, EPOCH, ISO, SHORT_YEAR, Moment

_LEVEL_NEXT = rf"(?:[\[(<]?{LEVEL}[\])>]?(?:\s*[:|-]\s+|\s+|$))?"
_AFTER = r"(?:[\])]|[\s:|,;-]|$)[\s:|,;-]*"


def _first(name: str, moment: Moment) -> PatternFormat:
    return PatternFormat(name, rf"^[\[(]?{moment.pattern}{_AFTER}{_LEVEL_NEXT}(?P<message>.*)$", moment)


def _somewhere(name: str, moment: Moment, before: str) -> PatternFormat:
    return PatternFormat(name, rf"(?:^|{before}){moment.pattern}(?:[^\d]|$)", moment, whole=True)


TIME_FIRST = tuple(
    _first(f"{name} time first", moment)
    for name, moment in {
        "ISO": ISO,
        "short": SHORT_YEAR,
        "compact": COMPACT,
        "day-first": DAY_FIRST,
        "C": CTIME,
        "BSD": BSD,
        "Unix": EPOCH,
        "clock": CLOCK,
    }.items()
)
TIME_INSIDE = (
    _somewhere("ISO time inside", ISO, r"[^\d]"),
    _somewhere("C time inside", CTIME, r"[^\w]"),
    _somewhere("Unix time inside", EPOCH, r"[\s\[(=:,]"),
)
