"""The truth: what was planted, what it did to whom, and which alerts were worth a person's time.

It is computed from the world, by simulating a day with and without each fault, and is written only when asked for.
"""

from datetime import datetime
from typing import Any

import numpy as np

from include.demo.alerts import Alert, alerts_of
from include.demo.faults import BLOCK, Fault, faults_near, faults_of_block
from include.demo.fleet import NAMES, SERVICES
from include.demo.incidents import report_of
from include.demo.signals import Signals, simulate
from include.demo.world import MINUTES, World, day_of, minute_of, moment_of

Json = dict[str, Any]


def truth(world: World, start: datetime, end: datetime) -> Json:
    """Return faults, near misses, disks and alerts of `[start, end)` as JSON-able values; times are ISO 8601, UTC."""
    low, high = minute_of(start), minute_of(end)
    blocks = range(int(low // MINUTES) // BLOCK, int(high // MINUTES) // BLOCK + 1)
    planted = [fault for block in blocks for fault in faults_of_block(world, block) if low <= fault.start < high]
    hurt = {fault.id: affected(world, fault) for fault in planted if not fault.harmless}
    days = range(day_of(start), day_of(end) + 1)
    seen = {(a.rule, a.start): a for day in days for a in alerts_of(world, day) if low <= a.start < high}
    return {
        "seed": world.seed,
        "anchor": world.anchor.isoformat(),
        "start": start.isoformat(),
        "end": end.isoformat(),
        "faults": [_fault(world, fault, hurt[fault.id]) for fault in planted if not fault.harmless],
        "near_misses": [
            {
                "id": fault.id,
                "kind": fault.kind,
                "service": NAMES[fault.service],
                "start": _text(fault.begins),
                "end": _text(fault.end),
            }
            for fault in planted
            if fault.harmless
        ],
        "disks": [
            {
                "service": NAMES[disk.service],
                "size_bytes": disk.size,
                "bytes_per_day": disk.per_day,
                "full_at": _text(world.anchor_minute + disk.days_left * MINUTES),
                "days_left_at_anchor": disk.days_left,
            }
            for disk in world.disks
        ],
        "alerts": [_alert(world, alert, planted, hurt) for alert in sorted(seen.values(), key=lambda a: a.start)],
    }


def affected(world: World, fault: Fault) -> dict[int, tuple[float, float]]:
    """Return the services that a fault makes notably worse: their first and last bad minute since 1970.

    Worse is p95 by 15%, errors by half a point, or CPU by 5 points, against the same days without the fault.
    """
    found: dict[int, tuple[float, float]] = {}
    for day in range(int(fault.start // MINUTES), int(fault.end // MINUTES) + 1):
        every = faults_near(world, day)
        real = simulate(world, day, every)
        without = simulate(world, day, tuple(one for one in every if one.id != fault.id))
        worse = _worse(real, without)
        worse[fault.service] |= _own_resource(real, without)[fault.service]
        minute = day * MINUTES + np.arange(MINUTES)
        worse &= (minute >= np.floor(fault.start)) & (minute <= fault.end + 30)
        for service in np.flatnonzero(worse.any(axis=1)):
            at = minute[worse[service]]
            first, _ = found.get(int(service), (float(at[0]), 0.0))
            found[int(service)] = (first, float(at[-1]))
    return found


def _worse(real: Signals, without: Signals) -> np.ndarray:
    bad: np.ndarray = (
        (real.p95 > 1.15 * without.p95) | (real.errors > without.errors + 0.005) | (real.cpu > without.cpu + 0.05)
    )
    return bad


def _own_resource(real: Signals, without: Signals) -> np.ndarray:
    """Return what shows only at the root: memory, disk, queue, connections, lost cache hits."""
    bad: np.ndarray = (
        (np.abs(real.memory - without.memory) > 0.05)
        | (real.disk > without.disk + 0.03)
        | (real.queue > 3 * without.queue + 50)
        | (real.connections > without.connections + 0.1)
        | (real.network < 0.8 * without.network)
    )
    return bad


def _fault(world: World, fault: Fault, hurt: dict[int, tuple[float, float]]) -> Json:
    return {
        "id": fault.id,
        "kind": fault.kind,
        "root": NAMES[fault.service],
        "tier": SERVICES[fault.service].tier,
        "start": _text(fault.start),
        "end": _text(fault.end),
        "magnitude": round(fault.size, 3),
        "precursor_start": None if fault.lead_start is None else _text(fault.lead_start),
        "predictable": fault.lead_start is not None,
        "change_id": fault.change.id if fault.change else None,
        "incident_id": report_of(world, fault),
        "affected": [
            {"service": NAMES[s], "onset": _text(first), "end": _text(last + 1)}
            for s, (first, last) in sorted(hurt.items(), key=lambda item: (item[1][0], item[0]))
        ],
    }


def _alert(world: World, alert: Alert, planted: list[Fault], hurt: dict[str, dict[int, tuple[float, float]]]) -> Json:
    """Tell whether an alert was worth acting on: a fault hurts its service or builds up, or its disk does run out."""
    rule = alert.rule
    because = [
        fault.id
        for fault in planted
        if not fault.harmless
        and fault.begins <= alert.start <= fault.end + 10
        and (rule.service == fault.service or rule.service in hurt[fault.id])
    ]
    filling = rule.metric == "disk_ratio" and any(
        disk.service == rule.service and disk.days_left < 90 for disk in world.disks
    )
    return {
        "alert_id": f"{rule.name.lower()}-{rule.service:02d}-{rule.metric}-{int(alert.start)}",
        "name": rule.name,
        "service": NAMES[rule.service],
        "start": _text(alert.start),
        "actionable": filling or (bool(because) and rule.name != "TargetDown"),
        "faults": because,
    }


def _text(minute: float) -> str:
    return moment_of(minute).isoformat()
