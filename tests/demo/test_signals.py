from dataclasses import replace

import numpy as np
import pytest

from include.demo import World
from include.demo.faults import Fault
from include.demo.fleet import INDEX, NAMES, SERVICES, callers_of
from include.demo.signals import Signals, simulate
from include.demo.world import MINUTES, day_of

FIRST, LAST = 600, 660


@pytest.fixture(scope="module")
def day(world: World) -> int:
    return day_of(world.anchor) - 4


@pytest.fixture(scope="module")
def calm(world: World, day: int) -> Signals:
    return simulate(world, day, ())


def strike(world: World, day: int, kind: str, service: str) -> Signals:
    start, end = day * MINUTES + float(FIRST), day * MINUTES + float(LAST)
    fault = Fault(
        *("f0-0", kind, INDEX[service], start, end),
        size=0.9,
        rise=1.0,
        decay=1.0,
        lead_start=None,
        lead_size=0.0,
        harmless=False,
        phase=0.3,
        change=None,
    )
    return simulate(world, day, (fault,))


def onset(real: np.ndarray, calm: np.ndarray) -> float:
    worse = np.flatnonzero(real > 1.1 * calm + 1e-3)
    return float(worse[0]) if len(worse) else np.inf


@pytest.mark.parametrize("root", ["payments-db", "search-index", "fraud", "queue"])
def test_a_slow_service_slows_its_callers_after_itself_and_nobody_else(
    root: str, world: World, day: int, calm: Signals
) -> None:
    hit = strike(world, day, "slow_dependency", root)
    own = onset(hit.p99[INDEX[root]], calm.p99[INDEX[root]])
    assert FIRST <= own <= FIRST + 3
    callers = callers_of(INDEX[root])
    direct = [s for s in callers if root in SERVICES[s].calls]
    assert any(onset(hit.p99[s], calm.p99[s]) < LAST for s in direct)
    for service in range(len(NAMES)):
        when = onset(hit.p99[service], calm.p99[service])
        if service in callers:
            assert when >= own
        elif service != INDEX[root]:
            np.testing.assert_array_equal(hit.p50[service], calm.p50[service])
            np.testing.assert_array_equal(hit.errors[service], calm.errors[service])


def test_errors_run_up_the_call_graph_damped(world: World, day: int, calm: Signals) -> None:
    hit = strike(world, day, "bad_deployment", "fraud")
    lasts = slice(FIRST + 15, LAST)
    added = (hit.errors - calm.errors)[:, lasts].mean(axis=1)
    assert added[INDEX["fraud"]] > added[INDEX["payments"]] > added[INDEX["checkout"]] > 0.005
    assert added[INDEX["search"]] == 0
    assert hit.errors[INDEX["fraud"], LAST + 60] == pytest.approx(calm.errors[INDEX["fraud"], LAST + 60], abs=1e-3)


def test_a_lost_cache_sends_its_load_to_the_database(world: World, day: int, calm: Signals) -> None:
    hit = strike(world, day, "cache_loss", "cache")
    at = slice(FIRST + 5, LAST)
    assert hit.hits[INDEX["catalog"], at].mean() < 0.4
    assert hit.requests[INDEX["catalog-db"], at].mean() > 3 * calm.requests[INDEX["catalog-db"], at].mean()
    assert hit.cpu[INDEX["catalog-db"], at].mean() > calm.cpu[INDEX["catalog-db"], at].mean() + 0.2


def test_a_surge_runs_down_the_call_graph(world: World, day: int, calm: Signals) -> None:
    hit = strike(world, day, "traffic_surge", "web-frontend")
    at = slice(FIRST + 5, LAST)
    more = hit.requests[:, at].mean(axis=1) / calm.requests[:, at].mean(axis=1)
    assert (more > 1.5).all()


def test_a_leak_fills_memory_and_a_backlog_the_queue(world: World, day: int, calm: Signals) -> None:
    at = slice(FIRST + 20, LAST)
    leak = strike(world, day, "memory_leak", "auth")
    assert leak.memory[INDEX["auth"], at].mean() > calm.memory[INDEX["auth"], at].mean() + 0.15
    backlog = strike(world, day, "queue_backlog", "queue")
    assert backlog.queue[INDEX["queue"], at].mean() > 1000


def test_an_expired_certificate_keeps_requests_out_and_fails_the_callers(world: World, day: int, calm: Signals) -> None:
    hit = strike(world, day, "certificate_expiry", "payments")
    at = slice(FIRST + 5, LAST)
    assert hit.requests[INDEX["payments"], at].mean() < 0.7 * calm.requests[INDEX["payments"], at].mean()
    assert hit.errors[INDEX["checkout"], at].mean() > 0.2
    assert hit.errors[INDEX["payments"], at].mean() < 0.01


def test_percentiles_are_in_order_and_ratios_between_zero_and_one(world: World, day: int) -> None:
    for offset in range(4):
        real = simulate(world, day - offset)
        assert (real.p50 > 0).all()
        assert (real.p95 >= real.p50).all()
        assert (real.p99 >= real.p95).all()
        for ratios in (real.errors, real.cpu, real.memory, real.connections, real.hits):
            assert ratios.min() >= 0
            assert ratios.max() <= 1
        assert all(np.isfinite(getattr(real, name)).all() for name in ("requests", "network", "queue", "disk"))


def test_days_and_weekends_have_their_shape(world: World) -> None:
    monday = day_of(world.anchor) - 5
    weekday, sunday = simulate(world, monday, (), quiet=True), simulate(world, monday - 1, (), quiet=True)
    front = weekday.requests[0]
    assert front[3 * 60] < 0.35 * front.max()
    assert sunday.requests[0].sum() < 0.97 * front.sum()
    assert 7 * 60 < front.argmax() < 21 * 60


def test_latency_rises_with_utilisation(calm: Signals) -> None:
    busy = calm.cpu[0].argmax()
    assert calm.p95[0, busy - 30 : busy + 30].mean() > 1.05 * calm.p95[0, 120:180].mean()


def test_a_day_alone_continues_the_day_before(world: World, day: int) -> None:
    before, after = simulate(world, day - 1, ()), simulate(world, day, ())
    jump = np.abs(after.memory[:, 0] - before.memory[:, -1])
    assert jump.max() < 0.03
    assert replace(after).day == day
    assert after.requests[0, 0] == pytest.approx(before.requests[0, -1], rel=0.05)
