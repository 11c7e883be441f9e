from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from include.warehouse import Warehouse, gaps, joined_gaps
from include.warehouse.gaps import find_gaps
from include.window import Grid, Window
from tests.warehouse.shop import HOUR, NEXT_HOUR, load, minutes

LATENCY = ("shop", "latency_p95", "metric_point")
ERRORS = ("shop", "errors", "metric_point")
FOUR = Window(HOUR.start, HOUR.start + timedelta(hours=4))


def entry(
    task: tuple[str, str, str], first: int, last: int, status: str = "loaded", loaded: int = 60, *, at: int = 0
) -> dict[str, object]:
    return {
        **dict(zip(("source", "query", "dataset"), task, strict=True)),
        "window_start": FOUR.start + timedelta(hours=first),
        "window_end": FOUR.start + timedelta(hours=last),
        "status": status,
        "rows_loaded": loaded,
        "expected_rows": 60 * (last - first),
        "message": None,
        "finished_at": FOUR.end + timedelta(minutes=at),
        "load_id": str(at),
    }


def found(loads: list[dict[str, object]], *tasks: tuple[str, str, str]) -> list[tuple[str, int, str]]:
    frame = pd.DataFrame([entry(LATENCY, 0, 1), *loads]).iloc[1:]  # the first row gives the types
    rows = find_gaps(frame, FOUR, tasks, Grid.HOUR)
    hours = (rows["window_start"] - FOUR.start) / timedelta(hours=1)
    return sorted(zip(rows["query"], hours.astype(int), rows["reason"], strict=True))


def test_without_loads_every_window_is_missing() -> None:
    assert found([], LATENCY) == [("latency_p95", hour, "missing") for hour in range(4)]


def test_a_wide_load_covers_its_windows_and_a_part_of_a_window_covers_none() -> None:
    wide = entry(LATENCY, 0, 3, loaded=180)
    part = {**entry(LATENCY, 3, 4), "window_end": FOUR.end - timedelta(minutes=30)}
    assert found([wide, part], LATENCY) == [("latency_p95", 3, "missing")]


def test_a_load_that_reaches_beyond_the_window_counts_inside_it() -> None:
    assert found([entry(LATENCY, -5, 9, loaded=840)], LATENCY) == []


def test_the_last_load_of_a_window_decides() -> None:
    loads = [
        entry(LATENCY, 0, 4, loaded=240, at=1),
        entry(LATENCY, 1, 2, "failed", 0, at=2),
        entry(LATENCY, 2, 3, "refused_shrink", 60, at=2),
        entry(LATENCY, 3, 4, "failed", 0, at=0),
        entry(ERRORS, 0, 4, loaded=100, at=1),
    ]
    assert found(loads, LATENCY, ERRORS) == [
        *(("errors", hour, "short") for hour in range(4)),
        ("latency_p95", 1, "failed"),
        ("latency_p95", 2, "refused_shrink"),
    ]


@pytest.mark.parametrize(("loaded", "reasons"), [(54, []), (53, ["short"])])
def test_under_nine_tenths_of_the_expected_rows_is_short(loaded: int, reasons: list[str]) -> None:
    rows = found([entry(LATENCY, 0, 3, loaded=180), entry(LATENCY, 3, 4, loaded=loaded)], LATENCY)
    assert [reason for _, _, reason in rows] == reasons


def test_gaps_are_read_from_the_ledger_of_loads(warehouse: Warehouse) -> None:
    load(warehouse, minutes())
    load(warehouse, minutes(NEXT_HOUR), NEXT_HOUR, stop="too many bad rows")
    rows = gaps(warehouse, Window(HOUR.start, NEXT_HOUR.end), [LATENCY], Grid.HOUR)
    assert list(rows["window_start"]) == [NEXT_HOUR.start]
    assert list(rows["reason"]) == ["failed"]
    assert list(rows["message"]) == ["too many bad rows"]


def test_gaps_side_by_side_are_joined_up_to_the_longest_window() -> None:
    hours = [0, 1, 2, 3, 4, 7]
    start = datetime(2026, 11, 5, tzinfo=UTC)
    rows = [
        {"source": "shop", "query": query, "dataset": "metric_point", "reason": reason}
        | {"window_start": start + timedelta(hours=hour), "window_end": start + timedelta(hours=hour + 1)}
        for query, reason in (("b", "missing"), ("a", "failed"))
        for hour in hours
    ]
    joined = joined_gaps(pd.DataFrame(rows[::-1]), timedelta(hours=3))
    windows = ["2026-11-05T00/2026-11-05T03", "2026-11-05T03/2026-11-05T05", "2026-11-05T07/2026-11-05T08"]
    assert joined["query"].to_list() == ["a", "a", "a", "b", "b", "b"]
    assert joined["reason"].to_list() == ["failed"] * 3 + ["missing"] * 3
    assert joined["window"].to_list() == [Window.parse(window) for window in windows] * 2


def test_no_gaps_are_joined_to_none() -> None:
    columns = ["source", "query", "dataset", "window_start", "window_end", "reason", "message"]
    kinds = {name: "datetime64[us, UTC]" if "window" in name else object for name in columns}
    none = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
    assert joined_gaps(none, timedelta(days=1)).empty
