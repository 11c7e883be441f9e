"""Planted faults: which kind, where, when, how strong, and with which warning.

Faults are drawn per block of 14 days from a shuffled deck of kinds, so that every kind comes up in a fortnight, and
each block stands alone. A fault has a `lead`, its precursor, and a `level`, its effect; both are functions of time.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from include.demo.changes import Change, change, is_weekday
from include.demo.fleet import DATABASES, INDEX, NAMES, WITH_DISK, Floats
from include.demo.world import MINUTES, World

BLOCK = 14
REACH = 3
"""Days around a day in which a fault that touches it may start: precursors lead, slow faults last."""


@dataclass(frozen=True)
class Kind:
    """How a kind of fault behaves: where it strikes, for how long (minutes), how often with a precursor."""

    name: str
    roots: tuple[str, ...]
    lasts: tuple[float, float]
    warned: float
    lead: tuple[float, float]
    rise: tuple[float, float]
    decay: tuple[float, float]
    weight: float = 1.0
    office_hours: bool = False


_APPS = tuple(name for name in NAMES if not name.endswith("-db") and name not in ("cache", "queue", "search-index"))
_DBS = tuple(NAMES[i] for i in DATABASES)
_TLS = ("auth", "payments", "search", "catalog", "fraud", "inventory")
_POOLED = (*_DBS, "payments", "checkout", "inventory", "catalog", "fraud")
KINDS = (
    Kind("cpu_saturation", (*_APPS, "search-index", "catalog-db"), (20, 150), 0.6, (30, 150), (2, 12), (1, 8), 1.3),
    Kind("memory_leak", _APPS, (15, 80), 0.9, (120, 600), (4, 15), (0.5, 2), 1.3),
    Kind("disk_filling", tuple(NAMES[i] for i in WITH_DISK), (25, 120), 0.85, (120, 480), (5, 20), (2, 10)),
    Kind("pool_exhaustion", _POOLED, (12, 90), 0.65, (30, 120), (1, 8), (1, 6), 1.2),
    Kind(
        "slow_dependency",
        (*_DBS, "cache", "fraud", "search-index", "queue"),
        (15, 200),
        0.5,
        (25, 90),
        (1, 10),
        (1, 15),
    ),
    Kind("bad_deployment", _APPS, (10, 120), 0.0, (0, 0), (0.5, 4), (0.5, 3), 1.6, office_hours=True),
    Kind("bad_configuration", _APPS, (10, 90), 0.0, (0, 0), (0.2, 2), (0.2, 2), 1.0, office_hours=True),
    Kind("cache_loss", ("cache",), (10, 60), 0.15, (25, 60), (0.2, 2), (8, 40), 0.8),
    Kind("traffic_surge", ("web-frontend", "search", "checkout"), (20, 180), 0.45, (25, 60), (3, 25), (8, 40)),
    Kind("network_loss", (*_APPS, *_DBS), (8, 90), 0.15, (25, 60), (0.2, 3), (0.2, 3), 1.2),
    Kind("queue_backlog", ("queue", "shipping", "notification"), (30, 240), 0.65, (40, 160), (10, 60), (5, 30)),
    Kind("certificate_expiry", _TLS, (15, 180), 0.0, (0, 0), (0.1, 0.5), (0.1, 1), 0.6),
)


@dataclass(frozen=True)
class Fault:
    """One fault, or a near miss that comes to nothing; times in minutes since 1970, `size` and `lead_size` 0..1."""

    id: str
    kind: str
    service: int
    start: float
    end: float
    size: float
    rise: float
    decay: float
    lead_start: float | None
    lead_size: float
    harmless: bool
    phase: float
    change: Change | None

    @property
    def begins(self) -> float:
        """First minute in which anything differs."""
        return self.start if self.lead_start is None else self.lead_start

    @property
    def fades(self) -> float:
        """Minute from which nothing is left of it."""
        return self.end + 8 * self.decay

    def lead(self, t: Floats) -> Floats:
        """Return the precursor, 0 to 1 at the fault's start, then 1; zero without one."""
        if self.lead_start is None:
            return np.zeros_like(t)
        return np.clip((t - self.lead_start) / (self.start - self.lead_start), 0, 1) * self._after(t)

    def level(self, t: Floats) -> Floats:
        """Return the effect over time: a part of it as it leads up, then a rise to 1, then a decay after the end."""
        led = self.lead_size * self.lead(t) ** 1.6
        risen = np.clip((t - self.start) / self.rise, 0, 1) * (1 - 0.22 * self._unsteady(t))
        return np.maximum(led, (self.lead_size + (1 - self.lead_size) * risen) * (t >= self.start)) * self._after(t)

    def _unsteady(self, t: Floats) -> Floats:
        """Return 0 to 1: trouble comes and goes a little while it lasts."""
        since = t - self.start
        waves = sum(
            np.sin(2 * np.pi * (since / period + n * self.phase)) for n, period in enumerate((7.3, 23.0, 61.0), 1)
        )
        return 0.5 + np.asarray(waves) / 6

    def _after(self, t: Floats) -> Floats:
        return np.where(t > self.end, np.exp(-np.clip((t - self.end) / self.decay, 0, 50)), 1.0)


@lru_cache(maxsize=64)
def faults_of_block(world: World, block: int) -> tuple[Fault, ...]:
    """Return the faults and near misses that start in a block of 14 days."""
    draw = world.random("faults", block)
    count = int(np.clip(draw.poisson(17), 14, 21))
    weights = np.array([kind.weight for kind in KINDS])
    more = draw.choice(len(KINDS), count - len(KINDS), p=weights / weights.sum())
    deck = draw.permutation([*range(len(KINDS)), *more])
    found = [_draw(world, draw, KINDS[k], block, f"f{block}-{n:02d}", harmless=False) for n, k in enumerate(deck)]
    led = [kind for kind in KINDS if kind.warned >= 0.35]
    for number in range(draw.poisson(8)):
        kind = led[int(draw.integers(len(led)))]
        found.append(_draw(world, draw, kind, block, f"n{block}-{number:02d}", harmless=True))
    return tuple(sorted(found, key=lambda fault: fault.start))


def faults_near(world: World, day: int) -> tuple[Fault, ...]:
    """Return every fault and near miss of which a day may feel something."""
    blocks = range((day - REACH) // BLOCK, (day + REACH) // BLOCK + 1)
    low, high = (day - 0.5) * MINUTES, (day + 1) * MINUTES
    return tuple(
        fault
        for block in blocks
        for fault in faults_of_block(world, block)
        if fault.fades > low and fault.begins < high
    )


def _draw(world: World, draw: np.random.Generator, kind: Kind, block: int, name: str, *, harmless: bool) -> Fault:
    service = INDEX[kind.roots[int(draw.integers(len(kind.roots)))]]
    if kind.name == "disk_filling":
        roomy = [disk.service for disk in world.disks if disk.days_left > 90]
        service = roomy[int(draw.integers(len(roomy)))]
    start = _start(draw, block, kind)
    lasts = float(np.exp(draw.uniform(*np.log(kind.lasts))))
    lead_start = start - float(draw.uniform(*kind.lead)) if harmless or draw.random() < kind.warned else None
    size = float(0.12 + 0.88 * draw.beta(2.2, 2.0))
    lead_size = float(draw.uniform(0.15, 0.45)) if lead_start is not None else 0.0
    if harmless:
        size, lasts, lead_size = 0.12 + 0.25 * size, min(lasts, 30.0), 1.0
    cause = None
    if kind.office_hours:
        sort = "deployment" if kind.name == "bad_deployment" else "configuration"
        done = start - float(draw.uniform(0.2, 5))
        takes = float(draw.uniform(2, 9) if sort == "deployment" else draw.uniform(0, 1))
        cause = change(sort, service, done - takes, done, number=int(draw.integers(4)))
    rise, decay = float(draw.uniform(*kind.rise)), float(draw.uniform(*kind.decay))
    phase = float(draw.random())
    return Fault(
        *(
            name,
            kind.name,
            service,
            start,
            start + lasts,
            size,
            rise,
            decay,
            lead_start,
            lead_size,
            harmless,
            phase,
            cause,
        )
    )


def _start(draw: np.random.Generator, block: int, kind: Kind) -> float:
    day = block * BLOCK + int(draw.integers(BLOCK))
    while kind.office_hours and not is_weekday(day):
        day = block * BLOCK + int(draw.integers(BLOCK))
    if kind.office_hours:
        return day * MINUTES + float(draw.uniform(7 * 60, 17 * 60))
    # More goes wrong while people work and buy than at night.
    minute = draw.uniform(0, MINUTES) if draw.random() < 0.45 else draw.normal(13.5 * 60, 200)
    return day * MINUTES + float(np.clip(minute, 0, MINUTES - 1))
