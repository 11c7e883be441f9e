"""Incidents as people record them: late, sometimes on the wrong service, some never, some about nothing."""

from dataclasses import dataclass

import numpy as np

from include.demo.faults import REACH, Fault, faults_near
from include.demo.fleet import COUNT, NAMES, SERVICES, callers_of
from include.demo.world import MINUTES, World
from include.window import stable_hash

_TITLES = {
    "cpu_saturation": "{name} is slow under load",
    "memory_leak": "{name} restarts again and again",
    "disk_filling": "Writes to {name} fail",
    "pool_exhaustion": "{name}: time-outs when taking a connection",
    "slow_dependency": "Slow answers from {name}",
    "bad_deployment": "Errors in {name} after a release",
    "bad_configuration": "{name} answers with errors",
    "cache_loss": "Pages are slow, {name} suspected",
    "traffic_surge": "Unusual traffic at {name}",
    "network_loss": "Connections to {name} break off",
    "queue_backlog": "Messages are late, {name} is behind",
    "certificate_expiry": "Nobody can reach {name}",
}
_CAUSES = {
    "cpu_saturation": ("CPU saturation in {name}", "{name} ran hot: a costly query"),
    "memory_leak": ("Memory leak in {name}", "{name} ran out of memory"),
    "disk_filling": ("Disk of {name} filled up", "Temporary files filled the volume of {name}"),
    "pool_exhaustion": ("Connection pool of {name} exhausted", "Connections of {name} were not given back"),
    "slow_dependency": ("{name} answered slowly", "Slow queries in {name}"),
    "bad_deployment": ("Faulty release of {name}", "A regression in the new version of {name}"),
    "bad_configuration": ("Wrong configuration of {name}", "A setting of {name} was changed by mistake"),
    "cache_loss": ("{name} lost its data", "{name} was flushed"),
    "traffic_surge": ("More traffic than planned for at {name}", "A campaign nobody announced"),
    "network_loss": ("Packet loss at {name}", "A faulty network path to {name}"),
    "queue_backlog": ("Consumers of {name} fell behind", "Backlog in {name}"),
    "certificate_expiry": ("Certificate of {name} expired", "TLS handshake with {name} failed: expired certificate"),
}
_OUTCOMES = {
    "bad_deployment": "Rolled back.",
    "bad_configuration": "Setting restored.",
    "certificate_expiry": "Certificate renewed.",
    "disk_filling": "Old files removed.",
    "memory_leak": "Restarted; ticket for the leak.",
    "pool_exhaustion": "Pool enlarged and service restarted.",
    "cache_loss": "Cache warmed up.",
}


@dataclass(frozen=True)
class Incident:
    """One incident; times in minutes since 1970. `fault` is the truth, and goes to no file that the platform reads."""

    id: str
    fault: str | None
    service: int
    severity: str
    title: str
    opened: float
    acknowledged: float
    resolved: float
    cause: str | None
    outcome: str | None


def incidents_of(world: World, day: int) -> list[Incident]:
    """Return the incidents of which something was recorded on a day or shortly before."""
    found = [_report(world, fault) for fault in faults_near(world, day) if not fault.harmless]
    for d in range(day - REACH, day + 1):
        found.extend(_false_alarms(world, d))
    return sorted((one for one in found if one is not None), key=lambda one: one.opened)


def report_of(world: World, fault: Fault) -> str | None:
    """Return the id of the incident in which a fault was reported, if it was."""
    found = None if fault.harmless else _report(world, fault)
    return found.id if found else None


def _report(world: World, fault: Fault) -> Incident | None:
    draw = world.random("incident", *(int(part) for part in fault.id[1:].split("-")))
    seen, wrong, told = draw.random(3)
    if seen > 0.75 + 0.25 * fault.size:
        return None
    opened = fault.start + float(draw.gamma(2.0, 4.0)) + 2
    if opened > fault.end:
        opened = fault.start + 0.7 * (fault.end - fault.start)
    acknowledged = opened + float(draw.gamma(1.5, 4.0)) + 0.5
    resolved = max(fault.end, acknowledged) + float(draw.gamma(2.0, 5.0)) + 1
    callers = sorted(callers_of(fault.service), key=lambda s: (SERVICES[s].tier, s))
    shown = callers[int(draw.integers(min(2, len(callers))))] if callers and wrong < 0.35 else fault.service
    tier = min(SERVICES[s].tier for s in (fault.service, *callers))
    rank = int(np.clip(round(tier + 1.6 - 2.2 * fault.size + draw.normal(0, 0.4)), 1, 4))
    cause = None
    if told > 0.15:
        named = _CAUSES[fault.kind][int(draw.integers(2))].format(name=NAMES[fault.service])
        cause = named if told > 0.22 else f"Probably the network at {NAMES[shown]}"
    outcome = _OUTCOMES.get(fault.kind, "Recovered by itself." if draw.random() < 0.3 else "Restarted and watched.")
    return Incident(
        *(_number(world, fault.id), fault.id, shown, f"SEV{rank}", _TITLES[fault.kind].format(name=NAMES[shown])),
        *(opened, acknowledged, resolved, cause, outcome),
    )


def _number(world: World, of: str) -> str:
    """Return an incident's number, from which nothing about its fault can be read."""
    return f"INC-{stable_hash('incident', str(world.seed), of) % 1_000_000:06d}"


def _false_alarms(world: World, day: int) -> list[Incident]:
    draw = world.random("false-alarm", day)
    found = []
    for number in range(draw.poisson(0.12)):
        service = int(draw.integers(COUNT))
        opened = day * MINUTES + float(draw.uniform(6 * 60, 20 * 60))
        acknowledged = opened + float(draw.gamma(1.5, 6.0)) + 0.5
        resolved = acknowledged + float(draw.gamma(2.0, 15.0)) + 2
        found.append(
            Incident(
                *(_number(world, f"x{day}-{number}"), None, service, f"SEV{draw.integers(3, 5)}"),
                *(f"Customers say that {NAMES[service]} is slow", opened, acknowledged, resolved),
                *(None, "No fault found."),
            )
        )
    return found
