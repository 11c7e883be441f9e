import numpy as np

from include.capacity.incidents import set_aside

DAYS = 28
HOURS = np.arange(DAYS * 24)


def busy_days(seed: int = 3) -> np.ndarray:
    """Return four weeks of a day's season, quieter weekends, and noise; between 20 and 65."""
    weekday = np.where(HOURS // 24 % 7 >= 5, 0.7, 1.0)
    season = 20 + 40 * weekday * np.clip(np.sin(2 * np.pi * (HOURS % 24 - 6) / 24), 0, None)
    return season + np.random.default_rng(seed).normal(0, 1.0, len(HOURS))


def at(day: int, hour: int) -> int:
    return day * 24 + hour


def test_an_incident_of_two_hours_is_replaced_by_what_its_hours_are_usually() -> None:
    usual = busy_days()
    measured = usual.copy()
    measured[at(12, 10) : at(12, 12)] = 100.0
    found = set_aside(measured[None])
    assert np.flatnonzero(found.aside[0]).tolist() == [at(12, 10), at(12, 11)]
    assert np.abs(found.value[0] - usual).max() < 6.0


def test_a_week_of_spikes_at_different_hours_is_set_aside() -> None:
    measured = busy_days()
    for day, hour in zip(range(14, 21), (3, 19, 9, 14, 22, 6, 11), strict=True):
        measured[at(day, hour) : at(day, hour) + 2] = 100.0
    found = set_aside(measured[None])
    assert found.value.max() < 70.0
    assert 14 <= found.hours[0] <= 20


def test_a_level_shift_stays_as_does_one_of_the_last_day() -> None:
    for start in (at(10, 5), at(27, 3)):
        measured = busy_days()
        measured[start:] += 30.0
        found = set_aside(measured[None])
        assert found.hours[0] <= 3
        assert np.abs(found.value[0] - measured).max() < 1.0


def test_a_nightly_batch_peak_stays() -> None:
    measured = busy_days()
    measured[HOURS % 24 == 2] = 90.0
    assert set_aside(measured[None]).hours[0] == 0


def test_a_sale_every_friday_stays_and_two_incidents_a_week_apart_do_not() -> None:
    sale, twice = busy_days(), busy_days()
    for day in (4, 11, 18, 25):
        sale[at(day, 18) : at(day, 20)] = 90.0
    for day in (11, 18):
        twice[at(day, 18) : at(day, 20)] = 90.0
    found = set_aside(np.stack([sale, twice]))
    assert found.hours[0] == 0
    assert found.hours[1] == 4


def test_a_batch_that_is_new_for_three_nights_stays() -> None:
    measured = busy_days()
    for day in (25, 26, 27):
        measured[at(day, 2)] = 90.0
    assert set_aside(measured[None]).hours[0] == 0


def test_ramps_are_untouched_even_one_that_began_a_week_ago_and_one_that_is_cleared_at_times() -> None:
    steady = 40 + HOURS / 24.0
    leak = 40 + np.maximum(HOURS - at(21, 0), 0) / 24 * 3.0
    cleared = 40 + HOURS / 48 + HOURS % 60 / 10
    found = set_aside(np.stack([steady, leak, cleared]))
    assert found.hours.tolist() == [0, 0, 0]


def test_a_ramp_goes_on_through_an_hour_that_filled_it() -> None:
    ramp = 40 + HOURS / 24.0
    measured = ramp.copy()
    measured[at(20, 4) : at(20, 10)] += np.linspace(3, 30, 6)
    found = set_aside(measured[None])
    assert found.hours[0] == 6
    assert np.abs(found.value[0] - ramp).max() < 0.5


def test_constants_and_short_histories_are_left_alone() -> None:
    assert set_aside(np.full((1, 14 * 24), 5.0)).hours[0] == 0
    assert set_aside(np.zeros((2, 4 * 24 + 3))).value.shape == (2, 99)
