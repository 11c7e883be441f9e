"""Planned time: once or weekly, by service or pattern, and what is said where it is written wrongly."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from include.config import load_config
from include.config.calendar import PlannedTime
from include.config.problem import ConfigError
from tests.config.folder import write_config


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def weekly(**hours: object) -> PlannedTime:
    return PlannedTime(name="patches", weekly={"days": ["sun"], "start": "02:00", "end": "04:00", **hours})


def stretches(planned: PlannedTime, start: str, end: str) -> list[tuple[str, str]]:
    found = planned.within(at(start), at(end))
    return [(f"{one.start:%m-%dT%H:%M}", f"{one.end:%m-%dT%H:%M}") for one in found]


def test_a_weekly_window_comes_every_week_on_its_days() -> None:
    planned = weekly(days=["sun", "wed"])
    assert stretches(planned, "2026-11-01", "2026-11-09") == [
        ("11-01T02:00", "11-01T04:00"), ("11-04T02:00", "11-04T04:00"), ("11-08T02:00", "11-08T04:00")
    ]  # fmt: skip


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    planned = weekly(start="23:00", end="01:00")
    assert stretches(planned, "2026-11-02T00:30", "2026-11-02T00:40") == [("11-01T23:00", "11-02T01:00")]


def test_a_weekly_window_follows_the_clocks_of_its_zone() -> None:
    planned = weekly(start="03:00", end="05:00", time_zone="Europe/Berlin")
    assert stretches(planned, "2026-10-18", "2026-11-02") == [
        ("10-18T01:00", "10-18T03:00"), ("10-25T02:00", "10-25T04:00"), ("11-01T02:00", "11-01T04:00")
    ]  # fmt: skip


def test_a_weekly_window_comes_only_between_its_start_and_its_end() -> None:
    planned = weekly().model_copy(update={"start": at("2026-11-08T03:00"), "end": at("2026-11-15T02:30")})
    assert stretches(planned, "2026-11-01", "2026-12-01") == [
        ("11-08T03:00", "11-08T04:00"), ("11-15T02:00", "11-15T02:30")
    ]  # fmt: skip


def test_a_pattern_covers_the_services_that_it_fits_and_none_else() -> None:
    planned = PlannedTime(name="move", services=["pay*", "cart"], start="2026-11-05", end="2026-11-06")
    assert [planned.covers(name) for name in ("payments", "cart", "cart-db", "repay")] == [True, True, False, False]
    assert weekly().covers("anything")


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)), st.integers(1, 40 * 1440), st.integers(0, 23))
def test_every_stretch_touches_what_was_asked_and_they_come_in_order(start: datetime, minutes: int, hour: int) -> None:
    first = start.replace(tzinfo=UTC)
    last = first + timedelta(minutes=minutes)
    planned = weekly(days=["mon", "sat"], start=f"{hour:02}:00", end="04:00", time_zone="America/New_York")
    found = list(planned.within(first, last))
    assert all(one.start < last and one.end > first and one.start < one.end for one in found)
    assert [one.start for one in found] == sorted({one.start for one in found})
    assert len(found) >= minutes // (7 * 1440) * 2


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"start": "2026-11-05"}, "both start and end, or weekly"),
        ({}, "both start and end, or weekly"),
        ({"start": "2026-11-05", "end": "2026-11-04"}, "an end after the start"),
        ({"weekly": {"days": [], "start": "02:00", "end": "04:00"}}, "at least 1"),
        ({"weekly": {"days": ["so"], "start": "02:00", "end": "04:00"}}, "mon"),
        ({"weekly": {"days": ["sun"], "start": "2 am", "end": "04:00"}}, "a time of day such as 09:00"),
        ({"weekly": {"days": ["sun"], "start": "02:00", "end": "04:00", "time_zone": "Berlin"}}, "Europe/Berlin"),
    ],
)
def test_a_planned_time_that_is_none_says_what_is_missing(entry: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        PlannedTime(name="move", **entry)


def test_a_mistake_in_the_file_is_told_with_its_line_and_key(tmp_path: Path) -> None:
    text = """
    maintenance:
      patches:
        services: ["pay*", "check*"]
        weekly: {days: [sun], start: 02:00, end: 25:00}
      move: {services: [crt], start: 2026-11-05, end: 2026-11-06}
    """
    given = {"services": "services: {cart: {owner: a}, payments: {owner: b}}", "queries": "queries: {}"}
    folder = write_config(tmp_path, calendar=text, sources="sources: {}", **given)
    with pytest.raises(ConfigError) as error:
        load_config(folder)
    said = str(error.value)
    assert "calendar.yaml:4: maintenance.patches.weekly.end" in said
    assert "a time of day such as 09:00" in said
    assert "calendar.yaml:5: maintenance.move.services[0]: found 'crt'" in said


def test_a_pattern_that_fits_no_service_is_a_mistake(tmp_path: Path) -> None:
    text = 'maintenance: {patches: {services: ["check*"], weekly: {days: sun, start: 02:00, end: 04:00}}}'
    given = {"services": "services: {cart: {owner: a}}", "queries": "queries: {}"}
    folder = write_config(tmp_path, calendar=text, sources="sources: {}", **given)
    with pytest.raises(ConfigError, match=r"maintenance.patches.services\[0\]: found 'check\*'"):
        load_config(folder)


def test_no_source_may_have_the_name_of_the_pages(tmp_path: Path) -> None:
    sources = "sources: {almanac-pages: {type: webhook, connection: hook, options: {provider: generic}}}"
    folder = write_config(tmp_path, sources=sources, queries="queries: {}", services="services: {cart: {}}")
    with pytest.raises(ConfigError, match="found 'almanac-pages'; allowed: another name"):
        load_config(folder)
