"""Local time of points."""

from datetime import time

import pandas as pd

from include.features import BusinessHours, Calendar, Panel, feature_frame


def series(zone: str, country: str | None) -> pd.DataFrame:
    return pd.DataFrame({"series_id": [1], "step_seconds": [3600], "time_zone": [zone], "holidays": [country]})


def local(
    times: list[str], zone: str, country: str | None, hours: BusinessHours | None = None
) -> list[tuple[float, ...]]:
    points = pd.DataFrame({"series_id": 1, "ts": pd.to_datetime(times, utc=True), "value": 1.0})
    frame = feature_frame(points, series(zone, country))
    return [tuple(row) for row in frame[["hour", "weekday", "business_hours", "weekend"]].to_numpy()]


def test_hours_are_those_of_the_services_own_time_zone() -> None:
    assert local(["2026-11-04T23:30Z"], "Asia/Kolkata", None) == [(5, 3, 0, 0)]


def test_the_clock_change_in_autumn_repeats_an_hour() -> None:
    assert [row[0] for row in local(["2026-10-25T00:00Z", "2026-10-25T01:00Z"], "Europe/Berlin", None)] == [2, 2]


def test_business_hours_end_before_their_end() -> None:
    rows = local(["2026-11-04T08:45Z", "2026-11-04T09:00Z", "2026-11-04T16:45Z", "2026-11-04T17:00Z"], "UTC", None)
    assert [row[2] for row in rows] == [0, 1, 1, 0]


def test_a_public_holiday_is_a_rest_day_without_business_hours() -> None:
    christmas = ["2026-12-25T11:00Z"]
    assert local(christmas, "Europe/Berlin", "DE") == [(12, 4, 0, 1)]
    assert local(christmas, "Europe/Berlin", None) == [(12, 4, 1, 0)]


def test_business_hours_are_read_back_as_written() -> None:
    hours = BusinessHours(frozenset({0, 6}), time(7, 30), time(19))
    assert BusinessHours.parse(str(hours)) == hours


def test_series_of_one_zone_share_one_table() -> None:
    known = pd.concat([series("UTC", None).assign(series_id=at) for at in (1, 2, 3)])
    points = pd.DataFrame({"series_id": [1, 2, 3], "ts": pd.to_datetime(["2026-11-04T08:45Z"] * 3), "value": 1.0})
    assert Calendar.of(Panel.of(points, known), known).table.shape == (1, 1)
