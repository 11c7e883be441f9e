from datetime import timedelta

import pytest

from include.demo import World
from include.demo.truth import truth


@pytest.fixture(scope="module")
def told(world: World) -> dict:
    return truth(world, world.anchor - timedelta(days=7), world.anchor)


def test_every_fault_names_its_root_first_hurt_and_its_times(told: dict) -> None:
    assert told["faults"]
    for fault in told["faults"]:
        assert fault["start"] < fault["end"]
        assert fault["predictable"] == (fault["precursor_start"] is not None)
        assert 0 < fault["magnitude"] <= 1
        assert fault["root"] in {hurt["service"] for hurt in fault["affected"]}, fault
        assert all(fault["start"][:16] <= hurt["onset"][:16] for hurt in fault["affected"])


def test_it_says_which_disks_run_out_and_when(told: dict) -> None:
    left = sorted(disk["days_left_at_anchor"] for disk in told["disks"])
    assert len(left) == 5
    assert 10 <= left[0] <= 14


def test_it_says_which_alerts_were_worth_acting_on(told: dict) -> None:
    verdicts = {alert["actionable"] for alert in told["alerts"]}
    assert verdicts == {True, False}
    assert not any(alert["actionable"] for alert in told["alerts"] if alert["name"] == "TargetDown")


def test_what_happened_does_not_depend_on_when_it_is_asked(world: World, told: dict) -> None:
    longer = truth(world, world.anchor - timedelta(days=7), world.anchor + timedelta(days=1))
    assert longer["faults"][: len(told["faults"])] == told["faults"]
