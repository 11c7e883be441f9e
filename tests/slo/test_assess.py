from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.calendar import PlannedTime
from include.slo import Method, Objective, SloError, assess
from include.slo.assess import STATUS_COLUMNS, span_of
from include.slo.objective import exact
from include.slo.period import Calendar, Rolling
from include.slo.tally import units
from include.warehouse.columns import conform
from include.warehouse.schema import slo_status

AS_OF = datetime(2026, 11, 5, 7, tzinfo=UTC)
GOOD = [2, 10, 12, 13, 13, 12, 13, 13, 12, 11]
TOTAL = [4, 10, 12, 13, 14, 15, 14, 13, 12, 11]


def objective(**changes: Any) -> Objective:
    fields: dict[str, Any] = {
        "slo": "cart-availability", "name": "99.9%", "service": "cart", "owner": "storefront", "target": 0.999,
        "period": Rolling(timedelta(days=30)),
    }  # fmt: skip
    return Objective(**{**fields, **changes})


def minutes(good: Any, total: Any, end: datetime = AS_OF) -> pd.DataFrame:
    ts = pd.date_range(end=end - timedelta(minutes=1), periods=len(total), freq="min")
    return pd.DataFrame({"ts": ts, "good": np.asarray(good, float), "total": np.asarray(total, float)})


def row(target: Objective, frame: pd.DataFrame, *planned: PlannedTime, as_of: datetime = AS_OF) -> dict[str, Any]:
    return assess([(target, frame)], as_of, planned).status.iloc[0].to_dict()


def steady(days: int, total: float = 10.0) -> pd.DataFrame:
    return minutes(np.full(days * 1440, total), np.full(days * 1440, total))


@pytest.mark.parametrize(
    ("method", "slice_target", "actual", "burnt"),
    [
        (Method.OCCURRENCES, 1.0, Fraction(111, 118), Fraction(140, 118)),
        (Method.TIMESLICES, 0.95, Fraction(6, 10), Fraction(8)),
        (Method.RATIO_TIMESLICES, 1.0, None, None),
    ],
)
def test_ten_minutes_at_95_percent_by_each_budgeting_method(
    method: Method, slice_target: float, actual: Fraction | None, burnt: Fraction | None
) -> None:
    found = row(
        objective(target=0.95, method=method, slice_target=slice_target, period=Rolling(timedelta(minutes=10))),
        minutes(GOOD, TOTAL),
    )
    expected = {"Occurrences": (94.0677, 118.646), "Timeslices": (60.0, 800.0), "RatioTimeslices": (91.571, 168.57)}
    percent, used = expected[method.value]
    assert found["actual"] * 100 == pytest.approx(percent, abs=5e-4)
    assert found["used_ratio"] * 100 == pytest.approx(used, abs=2e-2)
    if actual is not None:
        assert (found["actual"], found["used_ratio"]) == (float(actual), float(burnt))


def test_a_month_of_traffic_with_1400_bad_of_a_million_uses_60_48_minutes() -> None:
    total = np.full(30 * 1440, 1_000_000 / (30 * 1440))
    total[:] = 23
    total[: 1_000_000 - 23 * len(total)] += 1
    good = total.copy()
    good[:1400] -= 1
    found = row(objective(), minutes(good, total))
    assert (found["good"], found["total"]) == (998_600, 1_000_000)
    assert (found["budget_minutes"], found["used_minutes"], found["used_ratio"]) == (43.2, 60.48, 1.4)
    assert (found["status"], found["compliant"], found["coverage"]) == ("exhausted", False, 1.0)


def test_a_quiet_and_a_busy_minute_are_not_averaged() -> None:
    found = row(objective(target=0.9), minutes([0, 999], [1, 999]))
    assert found["actual"] == 0.999


def test_the_last_hour_at_ten_percent_bad_burns() -> None:
    frame = steady(30)
    frame.loc[len(frame) - 60 :, "good"] = 9.0
    found = row(objective(), frame)
    first = found["burn_rates"][0]
    assert (first["long"], first["short"], first["threshold"]) == ("1h", "5m", 14.4)
    assert (first["long_rate"], first["short_rate"], first["firing"]) == (100.0, 100.0, True)
    assert [pair["long_rate"] for pair in found["burn_rates"][1:]] == [
        pytest.approx(v) for v in (100 / 6, 100 / 24, 100 / 72)
    ]
    assert found["status"] == "burning"


def test_worst_hours_come_worst_first_with_their_share_of_what_was_burnt() -> None:
    frame = steady(30)
    frame.loc[len(frame) - 1440 : len(frame) - 1431, "good"] = 4.0
    frame.loc[len(frame) - 600 : len(frame) - 599, "good"] = 0.0
    hours = row(objective(target=0.99), frame)["worst_hours"]
    assert hours == [
        {"start": "2026-11-04T07:00:00+00:00", "bad": 60.0, "total": 600.0, "share": 0.75},
        {"start": "2026-11-04T21:00:00+00:00", "bad": 20.0, "total": 600.0, "share": 0.25},
    ]


def test_without_events_the_state_is_no_data_and_nothing_is_guessed() -> None:
    found = row(objective(), steady(0))
    assert found["status"] == "no_data"
    assert (found["coverage"], found["budget_minutes"]) == (0.0, 43.2)
    assert found["worst_hours"] == []
    assert all(
        pd.isna(found[name]) for name in ("actual", "compliant", "used_minutes", "remaining_minutes", "used_ratio")
    )


def test_minutes_without_traffic_are_covered_but_are_neither_good_nor_bad() -> None:
    found = row(objective(method=Method.TIMESLICES, slice_target=0.9), steady(30, total=0.0))
    assert (found["status"], found["coverage"], found["total"]) == ("no_data", 1.0, 0.0)


def test_half_a_period_of_counts_has_a_coverage_of_one_half() -> None:
    assert row(objective(), steady(15))["coverage"] == 0.5


def test_samples_every_five_minutes_cover_their_period_whole() -> None:
    every_fifth = steady(30).iloc[::5]
    assert row(objective(step=timedelta(minutes=5)), every_fifth)["coverage"] == 1.0


def test_more_good_than_total_and_counts_that_are_no_counts_are_set_aside_and_reported() -> None:
    frame = minutes([5, 9, 3, np.nan, -1], [5, 8, 5, 5, 5])
    found = assess([(objective(target=0.5), frame)], AS_OF)
    assert (found.status.iloc[0]["good"], found.status.iloc[0]["total"]) == (8.0, 10.0)
    assert found.set_aside["reason"].tolist() == ["more good than total", "not a finite count", "negative count"]
    assert found.set_aside["ts"].iloc[0] == pd.Timestamp("2026-11-05T06:56Z")


def test_maintenance_is_left_out_does_not_lower_the_coverage_and_is_on_record() -> None:
    frame = steady(30)
    frame.loc[len(frame) - 180 : len(frame) - 121, "good"] = 0.0
    planned = PlannedTime(
        name="db-move", services=("cart",), start=AS_OF - timedelta(hours=3), end=AS_OF - timedelta(hours=2)
    )
    elsewhere = planned.model_copy(update={"name": "other", "services": ("search",)})
    found = assess([(objective(), frame)], AS_OF, [planned, elsewhere])
    assert found.status.iloc[0]["used_ratio"] == 0.0
    assert found.status.iloc[0]["coverage"] == 1.0
    assert found.excluded[["maintenance", "minutes_with_data"]].to_numpy().tolist() == [["db-move", 60]]


def test_a_calendar_month_counts_only_its_own_days_and_has_the_whole_months_budget() -> None:
    month = Calendar(datetime(2026, 1, 1), "UTC", months=1)
    frame = steady(30)
    frame.loc[: len(frame) - 5 * 1440, "good"] = 0.0  # all of it in October
    found = row(objective(period=month), frame)
    assert found["period_start"] == datetime(2026, 11, 1, tzinfo=UTC)
    assert found["period_end"] == datetime(2026, 12, 1, tzinfo=UTC)
    assert (found["actual"], found["budget_minutes"], found["coverage"]) == (1.0, 43.2, 1.0)


def test_in_the_first_hour_of_a_month_burn_rates_still_look_back_three_days() -> None:
    month = Calendar(datetime(2026, 1, 1), "UTC", months=1)
    assert span_of(objective(period=month), datetime(2026, 11, 1, 1, tzinfo=UTC)).start == datetime(
        2026, 10, 29, 1, tzinfo=UTC
    )


def test_several_objectives_give_a_row_each_in_the_columns_of_the_warehouse() -> None:
    frame = minutes([995], [1000])
    found = assess([(objective(name=str(t), target=t), frame) for t in (0.99, 0.995, 0.999)], AS_OF).status
    assert found["compliant"].tolist() == [True, True, False]
    assert tuple(found.columns) == STATUS_COLUMNS == tuple(slo_status.c.keys())[: len(STATUS_COLUMNS)]
    stamped = found.assign(producer="slo", window_start=AS_OF, window_end=AS_OF, run_id="r")
    assert conform(slo_status, stamped).num_rows == 3


def test_no_objectives_give_empty_frames() -> None:
    found = assess([], AS_OF)
    assert (len(found.status), len(found.set_aside), len(found.excluded)) == (0, 0, 0)


def test_a_target_of_one_is_refused_because_it_leaves_no_budget() -> None:
    with pytest.raises(SloError, match="leaves no budget"):
        objective(target=1.0)


def test_a_slice_of_exactly_its_target_is_good() -> None:
    found = row(
        objective(method=Method.TIMESLICES, slice_target=0.95, slice_width=timedelta(minutes=5), target=0.5),
        minutes([19, 19, 19, 19, 19], [20, 20, 20, 20, 20]),
    )
    assert (found["good"], found["total"]) == (1.0, 1.0)


COUNTS = st.lists(
    st.integers(0, 10**9).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))),
    min_size=2,
    max_size=60,
)


@given(COUNTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(counts: list[tuple[int, int]], random: Any) -> None:
    frame = minutes([good for good, _ in counts], [total for _, total in counts])
    order = list(range(len(frame)))
    random.shuffle(order)
    for method in Method:
        target = objective(method=method, slice_target=0.9)
        assert str(row(target, frame)) == str(row(target, frame.iloc[order]))


@given(COUNTS, st.integers(0, 60))
def test_two_halves_of_a_window_add_up_to_the_whole(counts: list[tuple[int, int]], cut: int) -> None:
    minute = np.arange(len(counts), dtype=np.int64)
    good, total = (np.array([pair[i] for pair in counts], float) for i in (0, 1))
    for method in (Method.OCCURRENCES, Method.TIMESLICES):
        whole = units(objective(method=method, slice_target=exact(0.9)), minute, good, total)
        assert whole.between(0, cut).tally() + whole.between(cut, len(counts)).tally() == whole.tally()
