"""What each series is expected to be."""

import numpy as np
import pandas as pd

from include.features import Calendar, Panel
from models.profile import Profiles
from tests.models.fleet import START, fleet


def learned(values: np.ndarray, days: int) -> Profiles:
    points, series = fleet(1, days)
    panel = Panel.of(points.assign(value=values), series)
    return Profiles.fit(panel, Calendar.of(panel, series))


def test_a_daily_profile_is_kept_where_it_helps_and_not_where_there_is_only_noise() -> None:
    points, _ = fleet(1, 8)
    assert np.ptp(learned(points["value"].to_numpy(), 8).tables) > 6
    noise = np.random.default_rng(0).normal(50, 1, len(points))
    assert np.ptp(learned(noise, 8).tables) == 0


def test_the_scale_is_that_of_the_residual_not_of_the_season() -> None:
    points, _ = fleet(1, 8)
    assert 0.85 < learned(points["value"].to_numpy(), 8).scale[0] < 1.2


def test_a_level_that_drifts_is_followed() -> None:
    rng = np.random.default_rng(0)
    size = 8 * 1_440
    assert learned(np.linspace(0, 200, size) + rng.normal(size=size), 8).follow.tolist() == [True]
    assert learned(rng.normal(size=size), 8).follow.tolist() == [False]


def test_the_profile_turns_with_local_time_when_the_clocks_change() -> None:
    start = pd.Timestamp("2026-10-12", tz="UTC")  # clocks go back on 25 October
    ts = pd.date_range(start, periods=21 * 1_440, freq="min").as_unit("us")
    busy = ts.tz_convert("Europe/Berlin").hour == 12
    value = np.where(busy, 100.0, 0.0) + np.random.default_rng(0).normal(size=len(ts))
    points = pd.DataFrame({"series_id": 1, "ts": ts, "value": value})
    _, series = fleet(1, 1)
    series = series.assign(series_id=1)
    head, tail = Panel.of(points[points["ts"] < "2026-10-24"], series), Panel.of(points, series)
    expected, _ = Profiles.fit(head, Calendar.of(head, series)).expect(tail, Calendar.of(tail, series))
    noon = pd.Series(expected, ts)[pd.Timestamp("2026-10-28T11:30Z")]
    assert noon > 90


def test_a_series_of_a_few_points_stays_unknown() -> None:
    points, series = fleet(2, 3)
    few = points[(points["series_id"] == -3) | (points["ts"] < START + pd.Timedelta(minutes=20))]
    panel = Panel.of(few, series)
    profiles = Profiles.fit(panel, Calendar.of(panel, series))
    assert profiles.place(np.array([-3, 4, 5])).tolist() == [0, -1, -1]
