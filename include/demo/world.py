"""One world: everything that does not change from day to day, drawn once from the seed.

Random numbers come from generators that are keyed by purpose and day, never from one running stream. That is what
makes any day computable alone.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

import numpy as np

from include.demo.fleet import COUNT, DATABASES, EDGES, INDEX, SERVICES, WITH_DISK, Floats
from include.window import stable_hash

MINUTES = 1440
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minute_of(moment: datetime) -> float:
    """Return a moment as minutes since 1970."""
    return (moment - EPOCH) / timedelta(minutes=1)


def moment_of(minute: float) -> datetime:
    """Return the moment of a count of minutes since 1970, to the whole second."""
    return EPOCH + timedelta(seconds=round(minute * 60))


def minutes(day: int, margin: int = 0) -> Floats:
    """Return the minutes of a day since 1970, and of the `margin` before it."""
    return np.arange(-margin, MINUTES, dtype=np.float64) + day * MINUTES


def day_of(moment: datetime) -> int:
    """Return the day, counted from 1970, in which a moment lies (UTC)."""
    return (moment - EPOCH).days


@dataclass(frozen=True)
class Disk:
    """How one disk fills: bytes used at the anchor, bytes per day, and the day's own swing."""

    service: int
    size: float
    used_at_anchor: float
    per_day: float
    cleanup_days: float
    cleanup_share: float

    @property
    def days_left(self) -> float:
        """Days from the anchor until the disk is full, if it only follows its trend."""
        return (self.size - self.used_at_anchor) / self.per_day if self.per_day > 0 else np.inf


@dataclass(frozen=True)
class World:
    """A seed and an anchor: the moment at which the first history ends."""

    seed: int
    anchor: datetime

    def random(self, purpose: str, *key: int) -> np.random.Generator:
        """Return a generator of its own for a purpose and, say, a day."""
        return np.random.default_rng(
            [self.seed, stable_hash(purpose) & 0xFFFFFFFF, *(part & 0xFFFFFFFF for part in key)]
        )

    @property
    def anchor_minute(self) -> float:
        """The anchor in minutes since 1970."""
        return minute_of(self.anchor)

    # Traffic -------------------------------------------------------------------------------------------------------

    @cached_property
    def peak_rate(self) -> float:
        """Requests per second at the web front end at a usual weekday's peak, at the anchor."""
        return float(self.random("peak").uniform(70, 150))

    @cached_property
    def weekly_growth(self) -> float:
        """Growth of traffic per week, as a ratio."""
        return float(self.random("growth").uniform(-0.002, 0.025))

    @cached_property
    def bumps(self) -> Floats:
        """Daily shape as bumps: rows of hour, width in hours, height. The third, negative one is lunch."""
        draw = self.random("bumps")
        hours = draw.normal([9.9, 19.4, 12.3, 15.2], [0.5, 0.6, 0.3, 0.6])
        widths = draw.uniform([2.0, 1.8, 0.5, 2.2], [2.8, 2.6, 0.8, 3.2])
        heights = draw.uniform([0.55, 0.6, -0.22, 0.35], [0.9, 1.0, -0.08, 0.6])
        return np.stack([hours, widths, heights], axis=1)

    @cached_property
    def night(self) -> float:
        """Traffic of the quietest hour, as a share of the peak."""
        return float(self.random("night").uniform(0.10, 0.22))

    @cached_property
    def weekdays(self) -> Floats:
        """Factor per weekday, Monday first."""
        draw = self.random("weekdays")
        return np.concatenate([draw.uniform(0.93, 1.06, 5), draw.uniform([0.6, 0.65], [0.9, 1.05])])

    @cached_property
    def fanout(self) -> Floats:
        """Calls per request of each edge."""
        typical = np.array([calls for *_, calls in EDGES])
        return typical * self.random("fanout").lognormal(0, 0.12, len(EDGES))

    @cached_property
    def edge_phase(self) -> Floats:
        """Hour of the day at which an edge is used most, and by which share more than on average."""
        draw = self.random("edge-phase")
        return np.stack([draw.uniform(0, 24, len(EDGES)), draw.uniform(0.02, 0.16, len(EDGES))], axis=1)

    @cached_property
    def edge_delay(self) -> Floats:
        """Minutes after which trouble of a callee shows in its caller."""
        return self.random("edge-delay").gamma(1.6, 0.55, len(EDGES)).clip(0.05, 4)

    @cached_property
    def edge_damping(self) -> Floats:
        """Share of a callee's errors that retries and fall-backs let through."""
        return self.random("edge-damping").uniform(0.12, 0.55, len(EDGES))

    @cached_property
    def edge_timeout(self) -> Floats:
        """Seconds after which a caller gives up on a callee."""
        return self.random("edge-timeout").uniform(0.8, 3.0, len(EDGES))

    @cached_property
    def usual_rate(self) -> Floats:
        """Requests per second of each service at a usual peak, at the anchor."""
        rate = np.zeros(COUNT)
        rate[0] = self.peak_rate
        for (caller, callee, _), calls in zip(EDGES, self.fanout, strict=True):
            rate[callee] += rate[caller] * calls
        return rate

    # Machines ------------------------------------------------------------------------------------------------------

    @cached_property
    def latency(self) -> Floats:
        """Own median seconds of each service when idle."""
        return np.array([service.latency for service in SERVICES]) * self.random("latency").lognormal(0, 0.2, COUNT)

    @cached_property
    def congestion(self) -> Floats:
        """How strongly latency rises with utilisation."""
        return self.random("congestion").uniform(0.25, 0.8, COUNT)

    @cached_property
    def peak_cpu(self) -> Floats:
        """CPU utilisation at a usual peak."""
        return self.random("peak-cpu").uniform(0.28, 0.62, COUNT)

    @cached_property
    def base_memory(self) -> Floats:
        """Share of the memory limit in use by an idle, fresh process."""
        return self.random("memory").uniform(0.34, 0.62, COUNT)

    @cached_property
    def peak_connections(self) -> Floats:
        """Share of the pool in use at a usual peak."""
        return self.random("connections").uniform(0.3, 0.58, COUNT)

    @cached_property
    def base_errors(self) -> Floats:
        """Share of requests that fail on a good day."""
        return self.random("errors").lognormal(np.log(0.0006), 0.5, COUNT).clip(0.0001, 0.003)

    @cached_property
    def hit_ratio(self) -> Floats:
        """Usual cache hit ratio of each service (used for those that have a cache)."""
        return self.random("hits").uniform(0.84, 0.97, COUNT)

    @cached_property
    def noise(self) -> Floats:
        """Relative size of each service's own noise."""
        return self.random("noise").uniform(0.6, 1.6, COUNT)

    @cached_property
    def batch(self) -> Floats:
        """Nightly jobs: rows of service, minute of day, duration in minutes, CPU share added."""
        draw = self.random("batch")
        services = [*DATABASES, INDEX["search-index"], INDEX["recommendation"]]
        return np.array([[s, draw.uniform(45, 300), draw.uniform(12, 50), draw.uniform(0.15, 0.45)] for s in services])

    @cached_property
    def disks(self) -> tuple[Disk, ...]:
        """Disks; one is full in 10 to 14 days after the anchor, one in 30 to 60, the others not within 90."""
        draw = self.random("disks")
        order = draw.permutation(len(WITH_DISK))
        found = []
        for rank, service in zip(order, WITH_DISK, strict=True):
            size = (SERVICES[service].disk_gib or 0) * 1024.0**3
            share, days = {
                0: (draw.uniform(0.78, 0.86), draw.uniform(10, 14)),
                1: (draw.uniform(0.62, 0.75), draw.uniform(30, 60)),
            }.get(int(rank), (draw.uniform(0.3, 0.62), draw.uniform(160, 900)))
            sawtooth = draw.uniform(0.01, 0.04) if rank > 1 else draw.uniform(0.002, 0.008)
            found.append(
                Disk(service, size, share * size, (1 - share) * size / days, float(draw.uniform(1, 5)), float(sawtooth))
            )
        return tuple(found)
