from datetime import UTC, datetime, timedelta

from include.slo.period import Calendar, Rolling
from include.window import Window


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_rolling_period_ends_where_the_report_stands() -> None:
    assert Rolling(timedelta(days=28)).at(at("2026-11-05T07:00")) == Window.parse("2026-10-08T07:00/2026-11-05T07:00")


def test_a_month_begins_at_midnight_of_its_own_zone_across_a_change_of_clocks() -> None:
    berlin = Calendar(datetime(2026, 1, 1), "Europe/Berlin", months=1)
    assert berlin.at(at("2026-10-20T00:00")) == Window.parse("2026-09-30T22:00/2026-10-31T23:00")


def test_at_its_end_a_period_is_reported_whole() -> None:
    utc = Calendar(datetime(2026, 1, 1), "UTC", months=1)
    assert utc.at(at("2026-02-01T00:00")) == Window.parse("2026-01-01/2026-02-01")
    assert utc.at(at("2026-02-01T00:01")) == Window.parse("2026-02-01/2026-03-01")


def test_a_month_that_starts_on_the_31st_ends_with_shorter_months() -> None:
    monthly = Calendar(datetime(2026, 1, 31), "UTC", months=1)
    assert monthly.at(at("2026-02-15T00:00")) == Window.parse("2026-01-31/2026-02-28")
    assert monthly.at(at("2026-03-15T00:00")) == Window.parse("2026-02-28/2026-03-31")


def test_a_quarter_and_a_time_before_the_start_are_found() -> None:
    quarters = Calendar(datetime(2026, 1, 1), "UTC", months=3)
    assert quarters.at(at("2026-08-15T00:00")) == Window.parse("2026-07-01/2026-10-01")
    assert quarters.at(at("2025-12-31T00:00")) == Window.parse("2025-10-01/2026-01-01")


def test_a_week_from_saturday_noon_in_new_york_keeps_its_wall_clock_when_clocks_change() -> None:
    weekly = Calendar(datetime(2022, 1, 1, 12), "America/New_York", width=timedelta(days=7))
    assert weekly.at(at("2022-03-13T00:00")) == Window.parse("2022-03-12T17:00/2022-03-19T16:00")
