"""The window of a run: partition key, then data interval, then params, then the last complete step."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from include.clock import FixedClock
from include.orchestration.context import partition_key, run_window
from include.window import Grid, WindowError

NOW = FixedClock(datetime(2026, 11, 5, 9, 30, tzinfo=UTC))


def context(partition: str | None = None, **rest: Any) -> dict[str, Any]:
    run = SimpleNamespace(dag_id="detect_anomalies", run_id="manual__1", partition_key=partition)
    return {"dag_run": run, **rest}


@pytest.mark.parametrize("key", ["2026-11-05T07:00:00", "2026-11-05T07", "2026-11-05T07:02:00"])
def test_a_partition_key_names_the_step_that_starts_there(key: str):
    run = run_window(context(key), Grid.HOUR)
    assert run.window.key == "2026-11-05T07:00:00Z/2026-11-05T08:00:00Z"
    assert run.partitioned
    assert run.run_id == "detect_anomalies/manual__1"


def test_a_partition_of_a_daily_dag_is_a_day_wide():
    run = run_window(context("2026-11-04T05:00:00"), Grid.HOUR, span=timedelta(days=1))
    assert run.window.key == "2026-11-04T05:00:00Z/2026-11-05T05:00:00Z"


def test_the_partition_key_wins_over_params():
    run = run_window(context("2026-11-05T07:00:00", params={"window": "2020-01-01/2020-01-02"}), Grid.HOUR)
    assert run.window.start.year == 2026


def test_params_name_a_wide_window_that_announces_nothing():
    run = run_window(context(params={"window": "2026-11-01/2026-11-05"}), Grid.HOUR)
    assert run.window.duration == timedelta(days=4)
    assert not run.partitioned


def test_an_interval_of_zero_width_is_passed_over():
    moment = datetime(2026, 11, 5, 8, tzinfo=UTC)
    run = run_window(context(data_interval_start=moment, data_interval_end=moment), Grid.HOUR, clock=NOW)
    assert run.window.key == "2026-11-05T08:00:00Z/2026-11-05T09:00:00Z"


def test_a_run_that_says_nothing_works_on_the_last_complete_step():
    assert run_window(context(), Grid.HOUR, clock=NOW).window.end == datetime(2026, 11, 5, 9, tzinfo=UTC)
    day = run_window(context(), Grid.HOUR, span=timedelta(days=1), clock=NOW).window
    assert day.key == "2026-11-04T09:00:00Z/2026-11-05T09:00:00Z"


def test_params_that_name_no_window_are_refused_with_an_example():
    with pytest.raises(WindowError, match="is not a time"):
        run_window(context(params={"window": "last week"}), Grid.HOUR)


def test_a_partition_key_reads_back_as_its_window():
    start = datetime(2026, 11, 5, 7, tzinfo=UTC)
    assert run_window(context(partition_key(start)), Grid.HOUR).window.start == start
