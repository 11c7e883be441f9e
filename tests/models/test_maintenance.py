"""Planned work and known incidents: which times they hold, which episodes are silenced, what is left to learn from."""

from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from include.config.calendar import PlannedTime
from models.maintenance import in_maintenance, normal_only, silenced

MOVE = PlannedTime(name="move", services=("cart",), start="2026-11-05T02:00", end="2026-11-05T03:00")
PATCHES = PlannedTime(name="patches", services=("pay*",), weekly={"days": ["sun"], "start": "02:00", "end": "04:00"})
NO_INCIDENTS = pd.DataFrame({"service": [], "opened_at": [], "resolved_at": []}).astype(
    {"opened_at": "datetime64[us, UTC]", "resolved_at": "datetime64[us, UTC]"}
)


def times(*texts: str) -> pd.Series:
    return pd.Series(pd.to_datetime(list(texts), utc=True, format="ISO8601")).dt.as_unit("us")


def episode(service: str, first: str, last: str, state: str = "closed") -> dict[str, Any]:
    return {"service": service, "first_ts": times(first)[0], "last_ts": times(last)[0], "state": state}


def minutes(service: str, series_id: int, start: str, count: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    ts = pd.date_range(start, periods=count, freq="min", tz="UTC").as_unit("us")
    points = pd.DataFrame({"series_id": series_id, "ts": ts, "value": np.arange(count, dtype=float)})
    return points, {"series_id": series_id, "service": service}


def test_a_time_is_in_maintenance_from_its_first_moment_to_before_its_last() -> None:
    ts = times("2026-11-05T01:59", "2026-11-05T02:00", "2026-11-05T02:59:59", "2026-11-05T03:00")
    assert in_maintenance(["cart"] * 4, ts, [MOVE]).tolist() == [False, True, True, False]


def test_maintenance_of_one_service_is_none_of_another() -> None:
    ts = times("2026-11-05T02:30", "2026-11-05T02:30")
    assert in_maintenance(["cart", "search"], ts, [MOVE]).tolist() == [True, False]


def test_a_weekly_window_covers_every_service_of_its_pattern_on_its_day() -> None:
    ts = times("2026-11-08T03:00", "2026-11-08T03:00", "2026-11-09T03:00", "2026-11-15T02:00")
    services = ["payments", "search", "payments", "paygate"]
    assert in_maintenance(services, ts, [PATCHES, MOVE]).tolist() == [True, False, False, True]


def test_no_window_and_no_time_is_no_maintenance() -> None:
    assert in_maintenance([], times(), [MOVE]).tolist() == []
    assert in_maintenance(["cart"], times("2026-11-05T02:30"), []).tolist() == [False]


def test_an_episode_of_planned_work_is_silenced_and_told_when_it_goes_on() -> None:
    episodes = pd.DataFrame(
        [
            episode("cart", "2026-11-05T02:10", "2026-11-05T02:40"),
            episode("cart", "2026-11-05T02:10", "2026-11-05T03:20"),
            episode("cart", "2026-11-05T02:10", "2026-11-05T03:40", "open"),
            episode("cart", "2026-11-05T01:50", "2026-11-05T02:40"),
            episode("search", "2026-11-05T02:10", "2026-11-05T02:40"),
            episode("cart", "2026-11-05T02:10", "2026-11-05T02:40", "learning"),
        ]
    )
    found = silenced(episodes, [MOVE])
    assert found["state"].tolist() == ["silenced", "silenced", "open", "closed", "closed", "learning"]
    assert episodes["state"].tolist()[0] == "closed", "the frame that was given stays as it was"


def test_what_is_learned_from_has_no_incident_no_half_hour_before_it_and_no_planned_work() -> None:
    cart, cart_row = minutes("cart", 1, "2026-11-05T00:00", 240)
    search, search_row = minutes("search", 2, "2026-11-05T00:00", 240)
    incidents = pd.DataFrame(
        {
            "service": ["search"],
            "opened_at": times("2026-11-05T01:00"),
            "resolved_at": times("2026-11-05T01:30"),
        }
    )
    points = pd.concat([cart, search], ignore_index=True)
    left = normal_only(points, pd.DataFrame([cart_row, search_row]), incidents, [MOVE])
    gone = {1: set(range(120, 180)), 2: set(range(30, 90))}
    for series_id, minute in gone.items():
        kept = left.loc[left["series_id"] == series_id, "value"].astype(int)
        assert set(range(240)) - set(kept) == minute


def test_an_incident_that_nobody_closed_takes_a_day_and_not_the_rest_of_history() -> None:
    points, row = minutes("cart", 1, "2026-11-05T00:00", 3 * 1440)
    incidents = pd.DataFrame(
        {"service": ["cart"], "opened_at": times("2026-11-05T12:00"), "resolved_at": times("2026-11-05T12:00")}
    ).assign(resolved_at=pd.NaT)
    incidents["resolved_at"] = pd.to_datetime(incidents["resolved_at"], utc=True)
    left = normal_only(points, pd.DataFrame([row]), incidents, [])
    assert len(left) == 3 * 1440 - 1440 - 30


def test_without_incidents_and_windows_all_points_stay() -> None:
    points, row = minutes("cart", 1, "2026-11-05T00:00", 10)
    assert normal_only(points, pd.DataFrame([row]), NO_INCIDENTS, []) is points


moments = st.integers(0, 600).map(lambda minute: datetime(2026, 11, 5, tzinfo=UTC) + timedelta(minutes=minute))
stretches = st.tuples(st.sampled_from(["a", "b", "c"]), moments, st.integers(1, 90))


@given(st.lists(stretches, max_size=8), st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), moments), max_size=20))
def test_the_search_over_all_services_agrees_with_asking_each_window(
    planned: list[tuple[str, datetime, int]], asked: list[tuple[str, datetime]]
) -> None:
    windows = [
        PlannedTime(name=f"w{n}", services=(service,), start=start, end=start + timedelta(minutes=length))
        for n, (service, start, length) in enumerate(planned)
    ]
    expected = [
        any(
            window.covers(service) and window.start is not None and window.end is not None
            and window.start <= moment < window.end
            for window in windows
        )
        for service, moment in asked
    ]  # fmt: skip
    ts = pd.Series(pd.DatetimeIndex([moment for _, moment in asked], tz="UTC")).dt.as_unit("us")
    assert in_maintenance([service for service, _ in asked], ts, windows).tolist() == expected


def test_ten_million_points_are_sorted_out_within_seconds() -> None:
    series = pd.DataFrame({"series_id": np.arange(1_000), "service": [f"s{n % 100}" for n in range(1_000)]})
    ts = pd.date_range("2026-11-01", periods=10_000, freq="min", tz="UTC").as_unit("us")
    points = pd.DataFrame({"series_id": np.repeat(np.arange(1_000), 10_000), "ts": np.tile(ts, 1_000), "value": 1.0})
    points["ts"] = points["ts"].dt.tz_localize("UTC") if points["ts"].dt.tz is None else points["ts"]
    start = perf_counter()
    left = normal_only(points, series, NO_INCIDENTS, [PlannedTime(name="all", start=ts[10], end=ts[20])])
    assert perf_counter() - start < 20
    assert len(left) == len(points) - 10 * 1_000
