"""What the fleet's monitoring sees of a day: counts, rates, percentiles, and holes where a scrape failed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from include.demo.fleet import (
    CACHE_USERS,
    COUNT,
    DATABASE_CALLERS,
    DATABASES,
    EDGES,
    GIB,
    INDEX,
    SERVICES,
    WITH_QUEUE,
    Floats,
)
from include.demo.season import noise
from include.demo.signals import Signals, simulate
from include.demo.world import MINUTES, World, minutes

EVERY = tuple(range(COUNT))
DAYS_KEPT = 3


@dataclass(frozen=True)
class Measured:
    """One metric of a day: the services that have it, and `(services, 1440)` values, NaN where a point is missing."""

    services: tuple[int, ...]
    values: Floats


@lru_cache(maxsize=DAYS_KEPT)
def signals_of(world: World, day: int) -> Signals:
    """Return the day's signals with everything that was planted; the last days are kept."""
    return simulate(world, day)


@lru_cache(maxsize=DAYS_KEPT)
def measure(world: World, day: int) -> dict[str, Measured]:
    """Return every metric of a day, counted from 1970; the last days are kept."""
    real = signals_of(world, day)
    draw = world.random("measure", day)
    t = minutes(day)
    requests = draw.poisson(np.clip(real.requests, 0, None)).astype(float)
    errors = draw.binomial(requests.astype(np.int64), real.errors).astype(float)
    ratio = np.divide(errors, requests, out=np.zeros_like(errors), where=requests > 0)
    pool = np.array([service.connections for service in SERVICES], dtype=float)[:, None]
    limit = np.array([service.memory_gib * GIB for service in SERVICES])[:, None]
    every = {
        "requests": requests,
        "errors": errors,
        "request_rate": requests / 60,
        "error_rate": ratio,
        "latency_p50": real.p50,
        "latency_p95": real.p95,
        "latency_p99": real.p99,
        "cpu_utilisation": real.cpu,
        "memory_bytes": np.round(real.memory * limit / 4096) * 4096,
        "memory_limit_bytes": np.broadcast_to(limit, real.cpu.shape),
        "connections_used": np.round(real.connections * pool),
        "network_bytes": np.round(real.network),
    }
    missing = _missing(world, day)
    found = {name: Measured(EVERY, np.where(missing, np.nan, values)) for name, values in every.items()}
    used, size = _disks(world, real, t)
    some = {
        "disk_used_bytes": (tuple(disk.service for disk in world.disks), used),
        "disk_size_bytes": (tuple(disk.service for disk in world.disks), size),
        "queue_depth": (WITH_QUEUE, draw.poisson(np.clip(real.queue[list(WITH_QUEUE)], 0, None)).astype(float)),
        "db_time": (DATABASE_CALLERS, _database_time(world, day, real)),
        "cache_hit_ratio": (CACHE_USERS, real.hits[list(CACHE_USERS)]),
        "active_users": ((0,), np.round(requests[:1] * _per_user(world, day))),
        "revenue_per_request": ((INDEX["checkout"],), _revenue(world, day, real, t)),
        "peak_traffic": ((0,), (requests[:1] > 0.8 * 60 * world.peak_rate).astype(float)),
    }
    for name, (services, values) in some.items():
        found[name] = Measured(services, np.where(missing[list(services)], np.nan, values))
    return found


def _missing(world: World, day: int) -> NDArray[np.bool_]:
    """Which points were never scraped: single ones, and now and then minutes of one service."""
    draw = world.random("gaps", day)
    missing = draw.random((COUNT, MINUTES)) < 0.0002
    for _ in range(draw.poisson(1.5)):
        begin, lasts = int(draw.integers(MINUTES)), int(draw.integers(2, 18))
        missing[int(draw.integers(COUNT)), begin : begin + lasts] = True
    return missing


def _disks(world: World, real: Signals, t: Floats) -> tuple[Floats, Floats]:
    """Return bytes used and bytes of size. A full disk is enlarged by 60% three hours after it is full."""
    days = (t - world.anchor_minute) / MINUTES
    used, sizes = [], []
    for disk in world.disks:
        size = np.full(len(t), disk.size)
        enlarged = days > disk.days_left + 3 / 24
        size[enlarged] *= 1.6
        trend = disk.used_at_anchor + disk.per_day * (days - 0.08 * np.sin(2 * np.pi * (days % 1)))
        saw = disk.cleanup_share * disk.size * ((days / disk.cleanup_days) % 1 - 0.5)
        bytes_used = np.maximum(trend + saw, 0.05 * disk.size) + real.disk[disk.service] * disk.size
        sizes.append(size)
        used.append(np.minimum(bytes_used, np.where(enlarged, 0.995 * size, size)))
    return np.round(np.array(used) / 4096) * 4096, np.array(sizes)


def _database_time(world: World, day: int, real: Signals) -> Floats:
    """Seconds per request that callers of a database wait for it."""
    _, brief, _ = noise(world, day, 0)
    rows = []
    for caller in DATABASE_CALLERS:
        callees = [(callee, k) for k, (own, callee, _) in enumerate(EDGES) if own == caller and callee in DATABASES]
        waits = sum(world.fanout[k] * 0.6 * (real.p50[callee] + real.p95[callee]) for callee, k in callees)
        rows.append(waits * np.exp(0.04 * brief[7, caller]))
    return np.array(rows)


def _per_user(world: World, day: int) -> Floats:
    _, brief, slow = noise(world, day, 0)
    return 0.42 * np.exp(0.02 * brief[5, 0] + 0.03 * slow[5, 0])


def _revenue(world: World, day: int, real: Signals, t: Floats) -> Floats:
    """EUR per request of the checkout: a usual basket, larger in the evening, nothing where a payment fails."""
    white, _, slow = noise(world, day, 0)
    checkout = INDEX["checkout"]
    basket = world.random("basket").uniform(4, 12) * (1 + 0.08 * np.cos(2 * np.pi * (t / MINUTES - 0.83)))
    paid = 1 - real.errors[checkout] - 0.5 * real.errors[INDEX["payments"]]
    return np.asarray(
        (basket * np.exp(0.08 * white[5, checkout] + 0.04 * slow[5, checkout]) * np.clip(paid, 0.02, 1))[None]
    )
