from datetime import timedelta
from fractions import Fraction

import pytest

from include.slo.budget import (
    BURN_WINDOWS,
    Burn,
    Status,
    budget_of,
    burn_rate,
    share_of_budget,
    status_of,
)
from include.slo.objective import exact
from include.slo.tally import Tally

NOTHING_YET = Tally(Fraction(0), Fraction(0))
DAYS_30 = timedelta(days=30)


def tally(good: int, bad: int) -> Tally:
    return Tally(Fraction(good), Fraction(good + bad))


@pytest.mark.parametrize(
    ("target", "period", "minutes"),
    [
        (0.999, timedelta(days=30), "43.2"),
        (0.999, timedelta(days=28), "40.32"),
        (0.99, timedelta(days=28), "403.2"),
        (0.9995, timedelta(days=7), "5.04"),
        (99.9 / 100, timedelta(days=30), "43.2"),
        (0.95, timedelta(days=14), "1008"),
    ],
)
def test_the_budget_in_minutes_is_exact(target: float, period: timedelta, minutes: str) -> None:
    budget = budget_of(NOTHING_YET, 1 - exact(target), period, period)
    assert budget.minutes == Fraction(minutes)


def test_a_week_at_three_and_a_half_nines_allows_five_minutes_and_2_4_seconds() -> None:
    budget = budget_of(NOTHING_YET, 1 - exact(0.9995), timedelta(days=7), timedelta(days=7))
    assert budget.minutes * 60 == 5 * 60 + Fraction("2.4")


def test_two_weeks_at_95_percent_allow_16_hours_and_48_minutes() -> None:
    budget = budget_of(NOTHING_YET, 1 - exact(0.95), timedelta(weeks=2), timedelta(weeks=2))
    assert budget.minutes == 16 * 60 + 48


def test_1400_bad_of_a_million_at_three_nines_use_140_percent_which_is_60_48_minutes() -> None:
    budget = budget_of(tally(998_600, 1_400), 1 - exact(0.999), DAYS_30, DAYS_30)
    assert budget.used_ratio == Fraction("1.4")
    assert budget.used == Fraction("60.48")
    assert budget.remaining == Fraction("43.2") - Fraction("60.48")


def test_half_bad_at_one_nine_over_twelve_hours_uses_360_of_72_minutes() -> None:
    half = tally(3_556, 3_556)
    budget = budget_of(half, 1 - exact(0.9), timedelta(seconds=43_200), timedelta(seconds=43_200))
    assert burn_rate(half, 1 - exact(0.9)) == 5
    assert (budget.minutes, budget.used, budget.remaining) == (72, 360, -288)


def test_ten_days_into_a_month_twice_the_allowed_share_has_used_two_thirds_of_the_budget() -> None:
    budget = budget_of(tally(998, 2), 1 - exact(0.999), DAYS_30, timedelta(days=10))
    assert budget.used_ratio == Fraction(2, 3)


@pytest.mark.parametrize(
    ("days", "factors"),
    [(30, ["14.4", "6", "3", "1"]), (28, ["13.44", "5.6", "2.8", "14/15"]), (7, ["3.36", "1.4", "0.7", "7/30"])],
)
def test_burn_rate_thresholds_scale_with_the_period(days: int, factors: list[str]) -> None:
    assert [pair.threshold(timedelta(days=days)) for pair in BURN_WINDOWS] == [Fraction(text) for text in factors]


def test_burn_windows_are_those_of_the_workbook() -> None:
    hours = [(pair.long / timedelta(hours=1), pair.short / timedelta(minutes=1)) for pair in BURN_WINDOWS]
    assert hours == [(1, 5), (6, 30), (24, 120), (72, 360)]


def test_an_hour_at_14_4_uses_8_57_percent_of_a_weeks_budget() -> None:
    share = share_of_budget(Fraction("14.4"), timedelta(hours=1), timedelta(days=7))
    assert round(float(share) * 100, 2) == 8.57


def test_in_a_short_period_a_pair_slower_than_the_budget_lasts_tells_nothing() -> None:
    three_days = BURN_WINDOWS[3]
    threshold = three_days.threshold(timedelta(days=7))
    assert not Burn(three_days, Fraction("0.5"), Fraction("0.5"), threshold).over_long
    assert Burn(three_days, Fraction("0.94"), Fraction("0.94"), three_days.threshold(timedelta(days=28))).firing


def test_a_burn_rate_of_14_44_is_over_a_threshold_of_14_4() -> None:
    rate = burn_rate(tally(100_000 - 1_444, 1_444), 1 - exact(0.999))
    assert rate == Fraction("14.44")
    assert Burn(BURN_WINDOWS[0], rate, rate, BURN_WINDOWS[0].threshold(DAYS_30)).firing


def test_a_burn_rate_of_exactly_the_threshold_does_not_fire() -> None:
    rate = burn_rate(tally(10_000 - 144, 144), 1 - exact(0.999))
    assert not Burn(BURN_WINDOWS[0], rate, rate, BURN_WINDOWS[0].threshold(DAYS_30)).firing


def burns(long: str | None, short: str | None) -> list[Burn]:
    rates = [None if text is None else Fraction(text) for text in (long, short)]
    return [Burn(BURN_WINDOWS[0], rates[0], rates[1], Fraction("14.4"))]


@pytest.mark.parametrize(
    ("good", "bad", "burning", "status"),
    [
        (0, 0, burns(None, None), Status.NO_DATA),
        (9_990, 10, burns("20", "20"), Status.EXHAUSTED),
        (9_995, 5, burns("20", "20"), Status.BURNING),
        (9_995, 5, burns("20", "1"), Status.AT_RISK),
        (9_995, 5, burns("20", None), Status.AT_RISK),
        (99_925, 75, burns("1", "1"), Status.AT_RISK),
        (99_926, 74, burns("1", "1"), Status.HEALTHY),
    ],
)
def test_the_status_is_the_first_rule_that_holds(good: int, bad: int, burning: list[Burn], status: Status) -> None:
    assert status_of(budget_of(tally(good, bad), 1 - exact(0.999), DAYS_30, DAYS_30), burning) is status
