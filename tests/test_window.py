"""A window is a half-open UTC interval on a grid."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.window import Grid, Window, WindowError, parse_time, shard_of, stable_hash

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
GRIDS = st.sampled_from(list(Grid))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_the_end_does_not_belong_to_a_window():
    window = Window(at("2026-11-05T07:00"), at("2026-11-05T08:00"))
    assert at("2026-11-05T07:00") in window
    assert at("2026-11-05T08:00") not in window


def test_a_window_must_end_after_it_starts():
    with pytest.raises(WindowError, match="must end after it starts"):
        Window(at("2026-11-05T08:00"), at("2026-11-05T08:00"))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(WindowError, match="has no time zone"):
        Window(datetime(2026, 11, 5), at("2026-11-06"))


def test_times_in_another_zone_become_utc():
    zone = timezone(timedelta(hours=2))
    window = Window(datetime(2026, 11, 5, 9, tzinfo=zone), datetime(2026, 11, 5, 10, tzinfo=zone))
    assert window.key == "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("2026-11-05T07", "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"),
        ("2026-11-05T07:00:00", "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"),
        ("2026-11-05/2026-11-07", "2026-11-05T00:00:00Z/2026-11-07T00:00:00Z"),
        ("2026-11-05T07:30/2026-11-05T09:00+01:00", "2026-11-05T07:30:00Z/2026-11-05T08:00:00Z"),
    ],
)
def test_a_window_is_read_from_text(text: str, key: str):
    assert Window.parse(text).key == key


@pytest.mark.parametrize("text", ["yesterday", "", "2026-13-01", "2026-11-05T07:30", "2026-11-07/2026-11-05", "/"])
def test_text_that_is_no_window_is_refused_with_an_example(text: str):
    with pytest.raises(WindowError, match=r"2026|start"):
        Window.parse(text)


def test_an_unknown_grid_names_the_known_ones():
    with pytest.raises(WindowError, match="5, 15, 60, 1440"):
        Grid.of(7)


def test_a_window_off_its_grid_cannot_be_split_on_it():
    with pytest.raises(WindowError, match="cannot be split"):
        list(Window(at("2026-11-05T07:30"), at("2026-11-05T09:00")).split(Grid.HOUR))


def test_the_last_complete_window_has_ended():
    assert Window.last_complete(at("2026-11-05T08:00"), Grid.HOUR).end == at("2026-11-05T08:00")
    assert Window.last_complete(at("2026-11-05T07:59"), Grid.HOUR).end == at("2026-11-05T07:00")


@given(MOMENTS, GRIDS)
def test_the_window_containing_a_moment_contains_it_and_lies_on_the_grid(moment: datetime, grid: Grid):
    window = Window.containing(moment, grid)
    assert moment in window
    assert window.is_on(grid)
    assert window.duration == grid.step


@given(MOMENTS, GRIDS, st.integers(1, 50))
def test_the_parts_of_a_window_meet_without_gap_or_overlap(moment: datetime, grid: Grid, steps: int):
    start = grid.floor(moment)
    parts = list(Window(start, start + steps * grid.step).split(grid))
    assert len(parts) == steps
    assert all(a.end == b.start for a, b in pairwise(parts))


@given(MOMENTS, GRIDS)
def test_a_key_reads_back_as_the_same_window(moment: datetime, grid: Grid):
    window = Window.containing(moment, grid)
    assert Window.parse(window.key) == window


@given(st.text())
def test_any_text_is_a_time_or_a_window_error(text: str):
    with contextlib.suppress(WindowError):
        assert parse_time(text).tzinfo is UTC


def test_a_time_beyond_the_calendar_is_refused():
    with pytest.raises(WindowError, match="is not a time"):
        parse_time("0001-01-01T00:00+23:59")


def test_a_stable_hash_is_the_same_on_every_machine():
    assert stable_hash("prometheus", "cpu", '{"job":"cart"}') == 8861106937803090837
    assert stable_hash("a", "bc") != stable_hash("ab", "c")


@given(st.integers(-(2**63), 2**63 - 1), st.integers(1, 64))
def test_every_id_is_in_exactly_one_shard(identity: int, shards: int):
    assert 0 <= shard_of(identity, shards) < shards
