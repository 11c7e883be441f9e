"""Alerts as a team with a mixed record would have set them: some good, some noisy, some that flap.

A rule compares a measured value with a threshold; it fires after `hold` bad minutes and resolves after `quiet` good
ones. Thresholds come from a usual week, and for some services they were set too tight or with no patience.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.demo.fleet import COUNT, INDEX, NAMES, SERVICES, WITH_QUEUE, Floats
from include.demo.measure import Measured, measure
from include.demo.signals import simulate
from include.demo.world import MINUTES, World, day_of

LONGEST = 40
"""Days back to look for the start of an alert that has been firing all along."""


@dataclass(frozen=True)
class Rule:
    """One rule for one service."""

    name: str
    service: int
    metric: str
    severity: str
    threshold: float
    hold: int
    quiet: int
    below: bool = False


@dataclass(frozen=True)
class Alert:
    """One firing; times in minutes since 1970, `end` is infinite where it outlasts the day."""

    rule: Rule
    start: float
    end: float
    value: float


class _Firing(NamedTuple):
    rule: Rule
    start: float
    end: float
    sure: bool


@lru_cache(maxsize=8)
def rules(world: World) -> tuple[Rule, ...]:
    """Return the rules of all services."""
    weekday = day_of(world.anchor) // 7 * 7 + 5
    usual = simulate(world, weekday, (), quiet=True)
    draw = world.random("rules")
    found: list[Rule] = []
    for s in range(COUNT):
        peak = float(np.quantile(usual.p95[s], 0.99))
        busy = float(usual.cpu[s].max())
        tight = draw.random(3) < (0.16, 0.2, 0.12)
        margin = draw.uniform((0.13, 0.01), (0.3, 0.06)) * world.noise[s]
        good, few = world.base_errors[s], float(usual.requests[s].min())
        rare = float(good + draw.uniform(3.2, 4.2) * np.sqrt(good / few) + 1 / few)
        late = (peak * (1 + margin[0]), 2, 2) if tight[0] else (peak * draw.uniform(1.6, 2.6), 5, 5)
        hot = (busy * (1 + margin[1]), 1, 2) if tight[1] else (min(0.9, busy + draw.uniform(0.22, 0.35)), 5, 10)
        failing = (rare, 1, 3) if tight[2] else (draw.uniform(0.02, 0.06), 3, 5)
        found += [
            Rule("HighErrorRate", s, "error_rate", "critical", *failing),
            Rule("HighLatency", s, "latency_p95", "warning", *late),
            Rule("HighCpu", s, "cpu_utilisation", "warning", *hot),
            Rule("MemoryAlmostFull", s, "memory_ratio", "critical", draw.uniform(0.88, 0.95), 5, 5),
            Rule("PoolAlmostFull", s, "connection_ratio", "warning", draw.uniform(0.85, 0.95), 3, 5),
            Rule("TargetDown", s, "absent", "warning", 0.5, 3, 1),
        ]
    # Every world has one rule that cries wolf, whatever the dice say.
    wolf = float(np.quantile(usual.p99[0], 0.99)) * (1 + draw.uniform(0.15, 0.3) * world.noise[0])
    found.append(Rule("SlowResponses", 0, "latency_p99", "info", wolf, 1, 2))
    for name in ("auth", "catalog", "cart"):
        found.append(Rule("LowCacheHitRatio", INDEX[name], "cache_hit_ratio", "warning", 0.7, 3, 5, below=True))
    for service in WITH_QUEUE:
        found.append(Rule("QueueBacklog", service, "queue_depth", "warning", draw.uniform(400, 1500), 5, 5))
    for disk in world.disks:
        found.append(Rule("DiskAlmostFull", disk.service, "disk_ratio", "warning", 0.85, 15, 30))
        found.append(Rule("DiskFull", disk.service, "disk_ratio", "critical", 0.95, 5, 30))
    return tuple(found)


def alerts_of(world: World, day: int) -> list[Alert]:
    """Return the alerts that fire at some minute of a day, in order of their start."""
    known = rules(world)
    back = 1
    bad = np.concatenate([_bad(world, day - 1), _bad(world, day)], axis=1)
    first = day * MINUTES
    while True:
        origin = (day - back) * MINUTES
        found = list(_firings(known, bad, origin))
        recent = [firing for firing in found if firing.end >= first]
        if all(firing.sure for firing in recent) or back >= LONGEST:
            break
        back += 1
        bad = np.concatenate([_bad(world, day - back), bad], axis=1)
    alerts = [Alert(one.rule, one.start, one.end, _value(world, one.rule, one.start)) for one in recent]
    return sorted(alerts, key=lambda alert: (alert.start, alert.rule.service, alert.rule.name))


def _firings(known: tuple[Rule, ...], bad: NDArray[np.bool_], origin: int) -> Iterator[_Firing]:
    """Yield the firings in a stretch of minutes; one is sure of its start if the rule was seen at rest before."""
    for r, rule in enumerate(known):
        row = bad[r]
        if not row.any():
            continue
        on = _run(row, rule.hold)
        off = _run(~row, rule.quiet)
        last = np.maximum.accumulate(np.where(on | off, np.arange(len(row)), -1))
        state = (last >= 0) & on[last]
        edges = np.diff(np.concatenate([[False], state]).astype(np.int8))
        ends = [*np.flatnonzero(edges < 0), None]
        for start, end in zip(np.flatnonzero(edges > 0), ends, strict=False):
            yield _Firing(
                rule, float(origin + start), np.inf if end is None else float(origin + end), bool(off[:start].any())
            )


def _run(row: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Return where the last `length` values, this one included, are all true."""
    total = np.concatenate([np.zeros(length, dtype=int), np.cumsum(row)])
    return total[length:] - total[:-length] == length


@lru_cache(maxsize=LONGEST + 2)
def _bad(world: World, day: int) -> NDArray[np.bool_]:
    """Return `(rules, 1440)`: where a rule's condition holds. A missing point is neither bad nor absent for long."""
    known = rules(world)
    seen = _ratios(measure(world, day))
    bad = np.zeros((len(known), MINUTES), dtype=bool)
    for r, rule in enumerate(known):
        values = _row(seen, rule)
        with np.errstate(invalid="ignore"):
            bad[r] = values < rule.threshold if rule.below else values > rule.threshold
    return bad


def _ratios(seen: dict[str, Measured]) -> dict[str, Measured]:
    every = seen["requests"].services
    pool = np.array([SERVICES[s].connections for s in every])[:, None]
    disks = seen["disk_used_bytes"].services
    return seen | {
        "memory_ratio": Measured(every, seen["memory_bytes"].values / seen["memory_limit_bytes"].values),
        "connection_ratio": Measured(every, seen["connections_used"].values / pool),
        "disk_ratio": Measured(disks, seen["disk_used_bytes"].values / seen["disk_size_bytes"].values),
        "absent": Measured(every, np.isnan(seen["requests"].values).astype(float)),
    }


def _row(seen: dict[str, Measured], rule: Rule) -> Floats:
    metric = seen[rule.metric]
    return metric.values[metric.services.index(rule.service)]


def _value(world: World, rule: Rule, start: float) -> float:
    """Return the value that made a rule fire; its threshold where the point of that minute is missing."""
    day, minute = divmod(int(start), MINUTES)
    value = float(_row(_ratios(measure(world, day)), rule)[minute])
    return rule.threshold if np.isnan(value) else value


def title(rule: Rule) -> str:
    """Return an alert's name in a sentence."""
    return f"{rule.name} on {NAMES[rule.service]}"
