"""From traffic, faults and the call graph to what every service goes through, minute by minute.

Requests run down the graph; latency and errors run up it, a little later and damped. Latency rises with utilisation
as in a queue, `1 + c·ρ²/(1−ρ)` (the waiting time of M/M/1 in units of service time is ρ/(1−ρ)).
"""

from dataclasses import dataclass

import numpy as np

from include.demo.changes import UPTIME_DAYS, Change, routine_changes
from include.demo.effects import Effects, effects
from include.demo.faults import Fault, faults_near
from include.demo.fleet import COUNT, EDGES, INDEX, SERVICES, WITH_QUEUE, Floats
from include.demo.season import edge_season, noise, shape
from include.demo.world import MINUTES, World, minutes

MARGIN = 90
_OUT = {caller: [k for k, edge in enumerate(EDGES) if edge[0] == caller] for caller in range(COUNT)}
_DB = INDEX["catalog-db"]


@dataclass(frozen=True)
class Signals:
    """One day of the fleet before it is measured: each array is `(services, 1440)`, seconds, ratios or counts."""

    day: int
    requests: Floats
    """Expected requests per minute."""
    errors: Floats
    """Expected share of them that fails."""
    p50: Floats
    p95: Floats
    p99: Floats
    cpu: Floats
    memory: Floats
    """Share of the limit."""
    connections: Floats
    """Share of the pool."""
    network: Floats
    hits: Floats
    queue: Floats
    disk: Floats
    """Share of the disk that a fault fills on top of its trend."""


def simulate(world: World, day: int, faults: tuple[Fault, ...] | None = None, *, quiet: bool = False) -> Signals:
    """Return the signals of one day, counted from 1970, with the given faults, or with those that were planted.

    `quiet` leaves out noise and routine changes: the day as the fleet's designers would draw it.
    """
    t = minutes(day, MARGIN)
    changes = [] if quiet else [one for d in range(day - UPTIME_DAYS, day + 1) for one in routine_changes(world, d)]
    planted = faults_near(world, day) if faults is None else faults
    causes = [fault.change for fault in planted if fault.change]
    sums = effects(planted, tuple(one for one in (*changes, *causes) if one.start > t[0] - MINUTES), t)
    noises = noise(world, day, MARGIN)
    white, brief, slow = (np.zeros_like(n) if quiet else n * world.noise[:, None] for n in noises)

    def wobble(channel: int, own: float, short: float, long: float) -> Floats:
        return np.exp(own * white[channel] + short * brief[channel] + long * slow[channel])

    hits = _hits(world, sums, brief[7], slow[7], white[7])
    requests = _requests(world, t, sums, hits, wobble(0, 0.0, 0.012, 0.02))
    load = requests / (60 * world.usual_rate[:, None])
    batch = _batch(world, day, t)
    cpu = (0.035 + world.peak_cpu[:, None] * load + sums.cpu + batch) * wobble(1, 0.018, 0.02, 0.015)
    cpu = np.clip(cpu, 0.01, 0.985 + 0.006 * np.tanh(white[1]))
    wanted = world.peak_connections[:, None] * (0.25 + 0.75 * load) * wobble(5, 0.02, 0.025, 0.02) + sums.connections
    p50, p95, p99, slowed = _latency(
        world, sums, cpu=cpu, wanted=wanted, wobble=wobble(2, 0.02, 0.03, 0.03), tail=wobble(3, 0.06, 0.06, 0.04)
    )
    errors = _errors(world, sums, cpu=cpu, wanted=wanted, p95=p95, wobble=wobble(0, 0.1, 0.15, 0.15))
    usage = world.base_memory[:, None] * wobble(4, 0.002, 0.006, 0.01) + 0.07 * load + _uptime(changes, t) + sums.memory
    payload = np.array([service.payload for service in SERVICES])[:, None]
    network = requests / 60 * payload * wobble(6, 0.03, 0.03, 0.02) * sums.network + 20_000 * (1 + 30 * batch)
    inside = np.s_[:, MARGIN:]
    return Signals(
        day=day,
        requests=requests[inside],
        errors=errors[inside],
        p50=p50[inside],
        p95=p95[inside],
        p99=p99[inside],
        cpu=cpu[inside],
        memory=np.clip(usage, 0.05, 0.99)[inside],
        connections=np.clip(wanted * np.clip(slowed, 1, 4) ** 0.5, 0.02, 1)[inside],
        network=network[inside],
        hits=hits[inside],
        queue=_queue(requests, cpu, sums, wobble(6, 0.25, 0.15, 0.1))[inside],
        disk=sums.disk[inside],
    )


def _hits(world: World, sums: Effects, brief: Floats, slow: Floats, white: Floats) -> Floats:
    lost = sums.hits_lost[INDEX["cache"]]
    usual = world.hit_ratio[:, None] + 0.003 * white + 0.004 * brief + 0.004 * slow
    return np.clip(usual * (1 - lost), 0.01, 0.999)


def _requests(world: World, t: Floats, sums: Effects, hits: Floats, wobble: Floats) -> Floats:
    season = edge_season(world, t)
    misses = (1 - hits[INDEX["catalog"]]) / (1 - world.hit_ratio[INDEX["catalog"]])
    requests = np.zeros((COUNT, len(t)))
    requests[0] = 60 * world.peak_rate * shape(world, t)
    for service in range(COUNT):
        requests[service] *= wobble[service] * sums.traffic[service] * (1 - 0.8 * sums.refused[service])
        for k in _OUT[service]:
            callee = EDGES[k][1]
            calls = requests[service] * world.fanout[k] * season[k]
            requests[callee] += calls * np.clip(misses, 0.2, 6) if callee == _DB else calls
    return requests


def _latency(
    world: World, sums: Effects, *, cpu: Floats, wanted: Floats, wobble: Floats, tail: Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    busy = np.clip(cpu, 0, 0.96)
    waiting = 1 + 9 * np.clip((wanted - 0.9) / 0.35, 0, 1.5)
    queued = 1 + world.congestion[:, None] * busy**2 / (1 - busy)
    factor = queued * waiting * sums.latency
    own = world.latency[:, None] * factor * wobble
    spread = 1.2 * own * tail * sums.tail * (1 + 0.4 * busy**2)
    totals = [own, own + spread, own + spread * (2.1 + 0.5 * (tail - 1))]
    for service in range(COUNT - 1, -1, -1):
        for k in _OUT[service]:
            callee, share = EDGES[k][1], min(world.fanout[k], 1.6)
            # A call that few requests make moves the median little, and the slowest requests a lot.
            for i, power in enumerate((1.0, 0.6, 0.35)):
                late = _later(totals[i][callee], world.edge_delay[k])
                totals[i][service] = totals[i][service] + share**power * np.minimum(late, world.edge_timeout[k])
    slowed = totals[1] / (world.latency[:, None] * 2.2 + _usual_below(world)[:, None])
    return np.minimum(totals[0], 12), np.minimum(totals[1], 20), np.minimum(totals[2], 30), slowed


def _usual_below(world: World) -> Floats:
    """Seconds that a service's slow requests usually wait for others."""
    total = 2.2 * world.latency
    for service in range(COUNT - 1, -1, -1):
        for k in _OUT[service]:
            total[service] += min(world.fanout[k], 1.6) ** 0.6 * total[EDGES[k][1]]
    return total - 2.2 * world.latency


def _errors(world: World, sums: Effects, *, cpu: Floats, wanted: Floats, p95: Floats, wobble: Floats) -> Floats:
    overload = 0.25 * np.clip((cpu - 0.93) / 0.06, 0, 1) ** 2 + 0.4 * np.clip((wanted - 1.0) / 0.3, 0, 1)
    good = (1 - world.base_errors[:, None] * wobble) * (1 - np.clip(overload + sums.errors, 0, 0.95))
    for service in range(COUNT - 1, -1, -1):
        for k in _OUT[service]:
            callee, share = EDGES[k][1], min(world.fanout[k], 1.0)
            excess = np.clip(1 - good[callee] - 2 * world.base_errors[callee], 0, 1)
            late = 0.25 * np.clip(p95[callee] / world.edge_timeout[k] - 0.8, 0, 1)
            failed = share * np.clip(world.edge_damping[k] * (excess + late) + 0.8 * sums.refused[callee], 0, 0.95)
            good[service] *= 1 - _later(failed, world.edge_delay[k])
    good[0] *= 1 - 0.8 * sums.refused[0]
    return np.clip(1 - good, 1e-5, 0.98)


def _uptime(changes: list[Change], t: Floats) -> Floats:
    """Memory that a process gathers since its last deployment: 6% of the limit after a week, levelling off."""
    days = np.full((COUNT, len(t)), float(UPTIME_DAYS))
    for one in changes:
        if one.kind == "deployment":
            since = (t - one.start) / MINUTES
            days[one.service] = np.where((since >= 0) & (since < days[one.service]), since, days[one.service])
    return 0.06 * (1 - np.exp(-days / 2.5))


def _batch(world: World, day: int, t: Floats) -> Floats:
    """CPU of the nightly jobs: about the same time each night, longer when there is more to do."""
    added = np.zeros((COUNT, len(t)))
    late, longer = world.random("nights", day).normal([[2.0], [1.0]], [[2.5], [0.12]], (2, len(world.batch)))
    for (service, begin, usual, share), delay, factor in zip(world.batch, late, longer, strict=True):
        since, lasts = t - day * MINUTES - begin - delay, usual * factor
        added[int(service)] += share * np.clip(since / 2, 0, 1) * np.clip((lasts - since) / 2, 0, 1)
    return added


def _queue(requests: Floats, cpu: Floats, sums: Effects, wobble: Floats) -> Floats:
    depth = np.zeros_like(requests)
    for service in WITH_QUEUE:
        busy = np.clip(cpu[service], 0, 0.96)
        depth[service] = (3 + 0.02 * requests[service] * busy / (1 - busy)) * wobble[service] + sums.queue[service]
    return depth


def _later(values: Floats, minutes: float) -> Floats:
    """Return a series `minutes` later, between samples by a straight line."""
    whole, part = int(minutes), minutes % 1
    shifted = np.concatenate([np.full(whole + 1, values[0]), values])[: len(values) + 1]
    return (1 - part) * shifted[1:] + part * shifted[:-1]
