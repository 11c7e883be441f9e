import numpy as np
import pytest

from include.capacity import ForecastError, forecast
from include.capacity.candidates import CANDIDATES, theil_sen

HOURS = np.arange(672 + 168)
DAILY = 100 + 20 * np.sin(2 * np.pi * HOURS / 24)


def test_theil_sen_is_not_moved_by_two_wild_days() -> None:
    line = np.arange(20.0) * 3 + 5
    line[[4, 11]] = 10_000
    assert theil_sen(line[None])[0] == 3.0


def test_a_pure_season_is_forecast_exactly_and_a_line_goes_on() -> None:
    line = 50 + 0.5 * HOURS + 5 * np.sin(2 * np.pi * HOURS / 24)
    found = forecast(np.stack([DAILY, line])[:, :672], 168)
    assert np.abs(found.expected[0] - DAILY[672:]).max() < 0.01
    assert np.abs(found.expected[1] - line[672:]).max() < 1.0


@pytest.mark.parametrize("name", list(CANDIDATES))
def test_no_candidate_looks_ahead(name: str) -> None:
    noise = np.random.default_rng(3).normal(100, 5, (2, 672))
    changed = noise.copy()
    changed[:, 500:] = 1e6
    first, second = (CANDIDATES[name](y, [400, 500], 24) for y in (noise, changed))
    if name.endswith("log"):
        first, second = (CANDIDATES[name](y[:, :500], [400, 500], 24) for y in (noise, changed))
    assert np.array_equal(first, second)


def test_a_forecast_of_one_series_does_not_depend_on_its_neighbours() -> None:
    noise = np.random.default_rng(5).normal(100, 5, (3, 500))
    together, alone = forecast(noise, 48), forecast(noise[1:2], 48)
    assert np.allclose(together.expected[1], alone.expected[0], rtol=1e-9)


def test_the_band_holds_about_80_percent_of_what_comes() -> None:
    random = np.random.default_rng(11)
    noise = random.normal(0, 5, (40, 840))
    for hour in range(1, 840):
        noise[:, hour] += 0.7 * noise[:, hour - 1]
    y = DAILY + noise
    found = forecast(y[:, :672], 168)
    held = ((y[:, 672:] >= found.lower) & (y[:, 672:] <= found.upper)).mean()
    assert 0.75 <= held <= 0.85


def test_a_constant_series_stays_constant_with_a_band_of_no_width() -> None:
    found = forecast(np.full((1, 400), 7.0), 48)
    assert np.allclose(found.expected, 7.0)
    assert np.allclose(found.upper - found.lower, 0.0, atol=1e-6)


def test_a_series_that_was_never_negative_is_not_forecast_below_zero() -> None:
    falling = np.linspace(100, 1, 672)[None]
    found = forecast(falling, 720)
    assert min(found.expected.min(), found.lower.min()) >= 0.0


def test_a_history_of_three_days_or_with_a_gap_is_refused() -> None:
    with pytest.raises(ForecastError, match="needs 96 hours"):
        forecast(np.ones((1, 72)), 24)
    with pytest.raises(ForecastError, match="without a gap"):
        forecast(np.full((1, 200), np.nan), 24)
