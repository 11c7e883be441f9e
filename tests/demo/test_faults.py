from datetime import datetime

import numpy as np
import pytest

from include.demo import World
from include.demo.changes import routine_changes
from include.demo.faults import BLOCK, KINDS, faults_near, faults_of_block
from include.demo.world import MINUTES, day_of


def planted(world: World, blocks: int = 2) -> list:
    last = day_of(world.anchor) // BLOCK
    return [f for b in range(last - blocks, last) for f in faults_of_block(world, b) if not f.harmless]


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_every_kind_of_fault_comes_up_within_28_days(seed: int, anchor: datetime) -> None:
    assert len(KINDS) == 12
    assert {fault.kind for fault in planted(World(seed, anchor))} == {kind.name for kind in KINDS}


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_there_are_one_to_one_and_a_half_faults_a_day(seed: int, anchor: datetime) -> None:
    assert 28 <= len(planted(World(seed, anchor))) <= 42


def test_at_least_two_in_five_faults_give_no_warning(anchor: datetime) -> None:
    for seed in range(20, 40):
        faults = planted(World(seed, anchor), blocks=6)
        assert sum(fault.lead_start is None for fault in faults) / len(faults) >= 0.4, seed


def test_faults_last_minutes_to_hours_and_some_are_weak(world: World) -> None:
    faults = planted(world, blocks=10)
    lasts = np.array([fault.end - fault.start for fault in faults])
    sizes = np.array([fault.size for fault in faults])
    assert lasts.min() >= 8
    assert lasts.max() <= 240
    assert (sizes < 0.35).mean() > 0.1
    assert (sizes > 0.75).mean() > 0.05


def test_a_level_leads_up_rises_and_fades(world: World) -> None:
    fault = next(fault for fault in planted(world, 4) if fault.lead_start is not None and fault.end - fault.start > 40)
    t = np.array([fault.lead_start - 1, (fault.lead_start + fault.start) / 2, fault.start + 30, fault.fades])
    before, leading, lasting, after = fault.level(t)
    assert before == 0
    assert 0 < leading < 0.45
    assert lasting > 0.6
    assert after < 0.001


def test_a_day_knows_every_fault_that_touches_it(world: World) -> None:
    for fault in planted(world, 3):
        for minute in (fault.begins, fault.start, fault.end):
            assert fault in faults_near(world, int(minute // MINUTES))


def test_most_deployments_break_nothing(world: World) -> None:
    today = day_of(world.anchor)
    harmless = sum(one.kind == "deployment" for d in range(today - 28, today) for one in routine_changes(world, d))
    broken = [f for f in planted(world) if f.change and f.change.kind == "deployment"]
    assert harmless > 20 * len(broken) > 0
    assert all(0.2 <= f.start - f.change.end <= 5 for f in broken)


def test_another_seed_is_another_world(anchor: datetime) -> None:
    assert [f.start for f in planted(World(1, anchor))] != [f.start for f in planted(World(2, anchor))]
    assert World(1, anchor).peak_rate != World(2, anchor).peak_rate


@pytest.mark.parametrize("seed", range(1, 13))
def test_one_disk_runs_out_soon_one_later_and_the_others_not_in_ninety_days(seed: int, anchor: datetime) -> None:
    left = sorted(disk.days_left for disk in World(seed, anchor).disks)
    assert 10 <= left[0] <= 14
    assert 30 <= left[1] <= 60
    assert left[2] > 90
