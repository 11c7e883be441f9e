"""Which files of a folder belong to a window: names with dates in them, and files that stand there twice."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from upath import UPath

from include.window import Window


def dated_names(pattern: str, window: Window, zone: str) -> list[str]:
    """Return the names that a pattern such as `app-%Y-%m-%d.log` has in a window, in order; dates are local to `zone`.

    >>> from include.window import Window
    >>> dated_names("%d.log", Window.parse("2026-10-01T21:30/2026-10-01T22:30"), "Europe/Berlin")
    ['01.log', '02.log']
    """
    local = ZoneInfo(zone)
    return sorted({moment.astimezone(local).strftime(pattern) for moment in _moments(pattern, window)})


def _moments(pattern: str, window: Window) -> Iterator[datetime]:
    """Yield a moment in each hour, or in whatever is the finest that the pattern tells, and the window's last one."""
    finest = re.findall(r"%[-_]?([MHIsST])", pattern)
    # Zones differ from UTC by quarters of an hour, so their hours begin at one.
    step = timedelta(minutes=1 if {"M", "s", "S", "T"} & set(finest) else 15 if finest else 60)
    moment = window.start.astimezone(UTC)
    while moment < window.end:
        yield moment
        moment += step
    yield window.end - timedelta(microseconds=1)


def without_twins(paths: Iterable[UPath]) -> list[UPath]:
    """Return the paths without the gzip of a file that is there itself: it is being packed, and may not be whole."""
    found = list(paths)
    there = {str(path) for path in found}
    return [path for path in found if not (path.name.endswith(".gz") and str(path)[:-3] in there)]


@dataclass(frozen=True)
class Standing:
    """Which file stood under a name, and how long it was."""

    file: int
    size: int


def standing(path: UPath) -> Standing | None:
    """Return which file stands there; null where there is none, or a store that knows no identity of files."""
    if not isinstance(path, Path):
        return None
    try:
        found = path.stat()
    except OSError:
        return None
    return Standing(found.st_ino, found.st_size)


def rotated(path: UPath, then: Standing | None) -> bool:
    """Return whether another file, or none, or a shorter one stands there now: rotation by renaming or by cutting."""
    now = standing(path)
    return then is not None and (now is None or now.file != then.file or now.size < then.size)


def last_change(path: UPath) -> datetime | None:
    """Return when the file was last written to, where its store knows."""
    seconds = path.stat().st_mtime
    return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
