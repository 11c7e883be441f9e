import numpy as np

from include.capacity import exhaustion

HOURS = np.arange(28 * 24)


def ramp(per_day: float, noise: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    return 40 + per_day * HOURS / 24 + 3 * np.sin(2 * np.pi * HOURS / 24) + random.normal(0, noise, len(HOURS))


def test_a_clean_ramp_runs_out_when_the_line_and_its_daily_peak_reach_the_limit() -> None:
    found = exhaustion(ramp(1.0, 0.01)[None], np.array([40 + 48 + 3.0]))
    assert abs(found.quantile(0.5)[0] - 20 * 24) <= 24


def test_the_quantiles_are_in_order_and_noise_widens_them() -> None:
    y = np.stack([ramp(1.0, 0.1), ramp(1.0, 4.0)])
    found = exhaustion(y, np.array([100.0, 115.0]))
    p10, p50, p90 = (found.quantile(share) for share in (0.1, 0.5, 0.9))
    assert (p10 <= p50).all()
    assert (p50 <= p90).all()
    assert p90[1] - p10[1] > p90[0] - p10[0]


def test_a_flat_series_far_below_its_limit_is_not_exhausted_within_90_days() -> None:
    found = exhaustion(ramp(0.0, 0.5)[None], np.array([90.0]))
    assert np.isinf(found.quantile(0.1)).all()
    assert found.probability_within(90 * 24)[0] == 0.0


def test_a_series_at_its_limit_is_exhausted_now_and_one_without_a_limit_never() -> None:
    found = exhaustion(np.stack([ramp(1.0, 0.1)] * 2), np.array([40.0, np.nan]))
    assert found.quantile(0.9)[0] == 0.0
    assert np.isinf(found.hours[1]).all()


def test_the_same_history_gives_the_same_answer() -> None:
    y, limit = ramp(1.0, 2.0)[None], np.array([90.0])
    assert np.array_equal(exhaustion(y, limit).hours, exhaustion(y, limit).hours)


def test_a_leak_that_began_a_week_ago_is_followed_rather_than_the_flat_weeks_before() -> None:
    y = 40 + np.random.default_rng(4).normal(0, 0.3, len(HOURS)) + np.maximum(HOURS - 19 * 24, 0) / 24 * 3.0
    found = exhaustion(y[None], np.array([97.0]))  # at 67 now, 3 a day: ten days
    assert 8 * 24 <= found.quantile(0.5)[0] <= 14 * 24


def test_what_recovers_runs_out_when_it_is_at_its_limit_on_three_days_of_seven() -> None:
    y = np.stack([ramp(0.0, 0.1)] * 2)
    y[0, [-30, -60]] = y[1, [-30, -60, -90]] = 95.0
    found = exhaustion(y, np.array([90.0, 90.0]), recovers=np.array([True, True]))
    assert found.quantile(0.5)[0] > 7 * 24
    assert found.quantile(0.9)[1] == 0.0
