"""What a fault does to the service at its root. What it does to others follows from the call graph in `signals.py`."""

from dataclasses import dataclass, field

import numpy as np

from include.demo.changes import Change
from include.demo.faults import Fault
from include.demo.fleet import COUNT, Floats


@dataclass(frozen=True)
class Course:
    """How far a fault is at each minute: its effect and its precursor, 0..1, and the minutes since it began."""

    level: Floats
    lead: Floats
    after: Floats


@dataclass
class Effects:
    """Additions and factors per service and minute; each array is `(services, minutes)`."""

    minutes: int
    cpu: Floats = field(init=False)
    latency: Floats = field(init=False)
    tail: Floats = field(init=False)
    errors: Floats = field(init=False)
    memory: Floats = field(init=False)
    disk: Floats = field(init=False)
    connections: Floats = field(init=False)
    traffic: Floats = field(init=False)
    network: Floats = field(init=False)
    hits_lost: Floats = field(init=False)
    refused: Floats = field(init=False)
    queue: Floats = field(init=False)

    def __post_init__(self) -> None:
        for name in ("cpu", "errors", "memory", "disk", "connections", "hits_lost", "refused", "queue"):
            setattr(self, name, np.zeros((COUNT, self.minutes)))
        for name in ("latency", "tail", "traffic", "network"):
            setattr(self, name, np.ones((COUNT, self.minutes)))


def effects(faults: tuple[Fault, ...], changes: tuple[Change, ...], t: Floats) -> Effects:
    """Return what faults and changes do at their own services at the minutes `t`."""
    sums = Effects(len(t))
    for one in changes:
        _settle(sums, one, t)
    for fault in faults:
        _KINDS[fault.kind](sums, fault.service, fault.size, Course(fault.level(t), fault.lead(t), t - fault.start))
    return sums


def _settle(sums: Effects, one: Change, t: Floats) -> None:
    """Add what a restart costs: for some minutes caches are cold and connections are built anew."""
    if one.kind != "deployment":
        return
    fresh = np.where(t >= one.start, np.exp(-np.clip((t - one.start) / 4, 0, 50)), 0.0)
    sums.cpu[one.service] += 0.07 * fresh
    sums.latency[one.service] *= 1 + 0.25 * fresh
    sums.errors[one.service] += 0.002 * fresh


def _cpu_saturation(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.cpu[s] += (0.2 + 0.5 * size) * now.level
    sums.errors[s] += 0.03 * size * now.level**3


def _memory_leak(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.memory[s] += np.maximum((0.15 + 0.2 * size) * now.lead, (0.25 + 0.3 * size) * now.level)
    sums.latency[s] *= 1 + 2.5 * size * now.level**2
    sums.tail[s] *= 1 + 2 * size * now.level**2
    sums.errors[s] += 0.12 * size * now.level**4
    sums.cpu[s] += 0.2 * size * now.level**2


def _disk_filling(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.disk[s] += np.maximum((0.2 + 0.2 * size) * now.lead, (0.2 + 0.4 * size) * now.level)
    sums.latency[s] *= 1 + 4 * size * now.level**3
    sums.errors[s] += 0.25 * size * now.level**4


def _pool_exhaustion(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.connections[s] += (0.3 + 0.5 * size) * now.level


def _slow_dependency(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.latency[s] *= 1 + 14 * size * now.level
    sums.tail[s] *= 1 + 1.5 * size * now.level


def _bad_deployment(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.errors[s] += (0.02 + 0.3 * size**2) * now.level
    sums.latency[s] *= 1 + 1.8 * size * now.level
    sums.cpu[s] += 0.12 * size * now.level


def _bad_configuration(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.errors[s] += (0.01 + 0.15 * size) * now.level
    sums.tail[s] *= 1 + 4 * size * now.level


def _cache_loss(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.hits_lost[s] += (0.3 + 0.65 * size) * now.level
    sums.memory[s] -= (0.1 + 0.25 * size) * now.level
    sums.errors[s] += 0.01 * size * now.level


def _traffic_surge(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.traffic[s] *= 1 + (0.2 + 1.0 * size) * now.level


def _network_loss(sums: Effects, s: int, size: float, now: Course) -> None:
    bursts = 0.6 + 0.4 * np.sin(now.after / 3.7) * np.sin(now.after / 1.3)
    sums.refused[s] += (0.02 + 0.22 * size) * now.level * bursts
    sums.tail[s] *= 1 + 5 * size * now.level * bursts
    sums.latency[s] *= 1 + 0.8 * size * now.level
    sums.network[s] *= 1 - (0.15 + 0.45 * size) * now.level * bursts


def _queue_backlog(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.queue[s] += (200 + 9000 * size) * np.maximum(now.level**1.5, 0.12 * now.lead)
    sums.latency[s] *= 1 + 3 * size * now.level**2
    sums.errors[s] += 0.03 * size * now.level**3


def _certificate_expiry(sums: Effects, s: int, size: float, now: Course) -> None:
    sums.refused[s] += (0.25 + 0.7 * size) * now.level


_KINDS = {
    "cpu_saturation": _cpu_saturation,
    "memory_leak": _memory_leak,
    "disk_filling": _disk_filling,
    "pool_exhaustion": _pool_exhaustion,
    "slow_dependency": _slow_dependency,
    "bad_deployment": _bad_deployment,
    "bad_configuration": _bad_configuration,
    "cache_loss": _cache_loss,
    "traffic_surge": _traffic_surge,
    "network_loss": _network_loss,
    "queue_backlog": _queue_backlog,
    "certificate_expiry": _certificate_expiry,
}
