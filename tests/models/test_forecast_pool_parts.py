"""The forecasts' blend, the smoothed heat and the pulsed alarm, one by one."""

import numpy as np
import pytest

from models.pool_forecasts import (
    COLUMNS,
    EXPECTED,
    FAR,
    FORECASTS,
    HEAT,
    HEAVIEST,
    NEAR,
    NOVEL,
    RARE,
    SCALE,
    forecast,
)
from models.pool_kernel import FAR_CAP, alarm, smooth

HOUR = 3_600_000_000


def told_of(values: np.ndarray, bad: float = 0.0) -> np.ndarray:
    size = len(values)
    told = np.zeros((size, COLUMNS))
    ts = np.arange(size, dtype=np.int64) * HOUR
    forecast(values, ts, 0, size, HOUR, np.zeros(size), False, 0.0, bad, told)
    return told


def test_a_series_that_repeats_every_day_is_forecast_from_yesterday() -> None:
    day = np.random.default_rng(0).normal(size=24) * 10
    told = told_of(np.tile(day, 20))
    assert FORECASTS[int(told[-1, HEAVIEST])] in ("yesterday's value", "last week's value")
    assert told[-1, EXPECTED] == pytest.approx(day[-1], abs=0.05)


def test_a_random_walk_is_forecast_from_its_last_value() -> None:
    values = np.cumsum(np.random.default_rng(1).normal(size=800))
    told = told_of(values)
    assert FORECASTS[int(told[-1, HEAVIEST])] == "the last value"
    assert abs(told[-1, EXPECTED] - values[-2]) < 1.0


def test_noise_around_a_level_is_forecast_from_a_long_mean() -> None:
    values = 50 + np.random.default_rng(2).normal(size=1_500)
    told = told_of(values)
    assert np.abs(told[-200:, EXPECTED] - 50).mean() < 0.25
    assert told[-1, SCALE] == pytest.approx(np.sqrt(2 / np.pi), abs=0.25)  # mean |residual|, and a tenth of the spread


def test_a_followed_shift_is_still_far_from_the_slow_forecast() -> None:
    values = 50 + np.random.default_rng(3).normal(size=600)
    values[500:] += 10
    told = told_of(values)
    assert told[500, NEAR] > 5
    assert told[515:530, NEAR].mean() < 2.5
    assert told[515:525, FAR].min() > 6


def test_the_good_direction_is_no_deviation() -> None:
    values = 50 + np.random.default_rng(3).normal(size=600)
    values[500] -= 20
    assert told_of(values, bad=1.0)[500, NEAR] == 0.0
    assert told_of(values, bad=-1.0)[500, NEAR] > 8


def test_the_heat_is_the_smoothed_square_of_capped_deviations() -> None:
    told = np.zeros((4, COLUMNS))
    told[1, NEAR], told[1, NOVEL], told[1, FAR] = 2.0, 3.0, 4.0
    told[2, FAR] = 1_000.0
    smooth(told, 3.0)
    assert told[:, HEAT].tolist() == pytest.approx(
        [0, 20.5, 20.5 / 2 + FAR_CAP**2 / 2, (20.5 / 2 + FAR_CAP**2 / 2) / 2]
    )


def ringing(*at: int, height: float = 50.0) -> np.ndarray:
    told = np.zeros((600, COLUMNS))
    told[:, NOVEL] = 1.0 + np.arange(600) % 7 / 10
    told[list(at), NOVEL] = height
    alarm(told, 100, 3)
    return told[:, RARE]


def test_an_alarm_is_held_for_three_rows() -> None:
    rare = ringing(300)
    assert np.flatnonzero(rare > 5).tolist() == [300, 301, 302]


def test_no_more_than_before_is_no_alarm_within_a_hundred_rows() -> None:
    rare = ringing(300, 380)
    assert rare[300] > 5
    assert rare[380] == 0.0


def test_what_happened_before_is_less_rare_when_it_happens_again() -> None:
    rare = ringing(200, 320, 440, 560)
    assert rare[200] > rare[320] > rare[440] > rare[560]


def test_the_first_hour_of_rows_raises_no_alarm() -> None:
    assert (ringing(40)[:60] == 0).all()
