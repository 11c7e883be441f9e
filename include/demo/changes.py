"""Deployments, configuration changes and scalings: most of them harmless, each with a small dent."""

from dataclasses import dataclass
from functools import lru_cache

from include.demo.fleet import COUNT
from include.demo.world import MINUTES, World

UPTIME_DAYS = 8


@dataclass(frozen=True)
class Change:
    """One change of one service; times in minutes since 1970."""

    id: str
    kind: str
    service: int
    start: float
    end: float
    title: str
    version: str


@lru_cache(maxsize=256)
def routine_changes(world: World, day: int) -> tuple[Change, ...]:
    """Return the day's harmless changes: on weekdays, in working hours, seldom otherwise."""
    draw = world.random("changes", day)
    working = is_weekday(day)
    found = []
    for kind, expected, takes in (
        ("deployment", 6.0 if working else 0.4, (2, 9)),
        ("configuration", 1.2 if working else 0.2, (0, 1)),
        ("scale", 0.4 if working else 0.2, (1, 4)),
    ):
        for number in range(draw.poisson(expected)):
            service = int(draw.integers(COUNT))
            minute = draw.normal(12 * 60, 130) if working else draw.uniform(0, MINUTES)
            start = day * MINUTES + float(min(max(minute, 360), MINUTES - 30))
            found.append(change(kind, service, start, start + float(draw.uniform(*takes)), number=number))
    return tuple(sorted(found, key=lambda one: one.start))


def change(kind: str, service: int, start: float, end: float, *, number: int = 0, title: str = "") -> Change:
    """Return a change with a title and version of its kind."""
    version = f"{int(start) // MINUTES % 1000}.{int(start) % MINUTES // 10}" if kind == "deployment" else ""
    text = {
        "deployment": f"Deploy version {version}",
        "configuration": ("Raise cache time to live", "Change log level", "Rotate credentials", "Tune timeouts")[
            number % 4
        ],
        "scale": "Add a replica for the evening" if number % 2 else "Resize worker pool",
    }
    return Change(f"chg-{int(start * 60):x}-{service:02d}", kind, service, start, end, title or text[kind], version)


def is_weekday(day: int) -> bool:
    """Return whether a day, counted from 1970 (a Thursday), is Monday to Friday."""
    return (day + 3) % 7 < 5
