"""The sixteen rolling features."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.features import FEATURES, LOOKBACK_STEPS, feature_frame

SERIES = pd.DataFrame(
    {"series_id": [1, 2], "step_seconds": [60, 60], "time_zone": ["UTC", "Asia/Tokyo"], "holidays": [None, "JP"]}
)


def frame(values: list[float], minutes: list[int] | None = None, series_id: int = 1) -> pd.DataFrame:
    at = pd.to_timedelta(range(len(values)) if minutes is None else minutes, "min")
    return pd.DataFrame(
        {"series_id": series_id, "ts": pd.Timestamp("2026-11-02T08:00", tz="UTC") + at, "value": values}
    )


def last(values: list[float], minutes: list[int] | None = None) -> dict[str, float]:
    return feature_frame(frame(values, minutes), SERIES).iloc[-1].to_dict()


def test_means_and_deviations_are_of_the_last_points() -> None:
    row = last([10.0] * 10 + [0, 1, 2, 3, 4])
    assert row["mean_5"] == 2.0
    assert row["std_5"] == pytest.approx(2**0.5)
    assert row["mean_15"] == pytest.approx(110 / 15)
    assert row["mean_60"] == pytest.approx(110 / 15)


def test_rate_and_acceleration_are_per_step() -> None:
    row = last([1.0, 2.0, 5.0])
    assert (row["rate_of_change"], row["acceleration"]) == (3.0, 2.0)
    assert last([1.0, 5.0], [0, 2])["rate_of_change"] == 2.0


def test_a_z_score_compares_with_the_points_before_so_that_it_can_exceed_five() -> None:
    row = last([1.0, -1.0] * 8 + [10.0])
    assert row["z_15"] == pytest.approx(10.0, rel=0.02)


def test_a_jump_from_a_constant_is_capped_at_fifty() -> None:
    assert last([3.0] * 20 + [4.0])["z_15"] == 50.0


def test_a_constant_series_has_no_deviation_and_the_middle_rank() -> None:
    row = last([7.0] * 100)
    assert [row[name] for name in ("std_5", "std_15", "z_5", "z_15", "volatility", "rate_of_change")] == [0.0] * 6
    assert row["percentile_rank"] == 0.5


def test_a_single_point_has_features_too() -> None:
    row = feature_frame(frame([7.0]), SERIES)[list(FEATURES)].iloc[0]
    assert row.to_list() == [7, 7, 0, 7, 0, 7, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0.5]


def test_windows_are_shorter_after_a_gap_and_never_reach_across_it() -> None:
    row = last([100.0, 100.0, 100.0, 1.0, 3.0], [0, 1, 2, 70, 71])
    assert (row["mean_5"], row["mean_60"], row["rate_of_change"]) == (2.0, 2.0, 2.0)
    assert row["z_15"] == 0.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=150), st.data())
def test_the_future_changes_no_feature(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(values)))
    whole = feature_frame(frame(values), SERIES).iloc[:cut]
    pd.testing.assert_frame_equal(whole, feature_frame(frame(values[:cut]), SERIES), check_exact=True)


@given(st.lists(st.floats(-1e6, 1e6), min_size=LOOKBACK_STEPS + 2, max_size=200))
def test_what_is_older_than_the_lookback_changes_no_feature(values: list[float]) -> None:
    whole = feature_frame(frame(values), SERIES).iloc[-1]
    short = feature_frame(frame(values).iloc[-LOOKBACK_STEPS - 1 :], SERIES).iloc[-1]
    pd.testing.assert_series_equal(whole, short, check_exact=True, check_names=False)


def test_series_do_not_see_each_other_and_threads_change_nothing() -> None:
    rng = np.random.default_rng(3)
    one, two = frame(list(rng.normal(size=500))), frame(list(rng.normal(size=300)), series_id=2)
    both = feature_frame(pd.concat([one, two], ignore_index=True), SERIES, threads=3)
    apart = pd.concat([feature_frame(one, SERIES), feature_frame(two, SERIES)], ignore_index=True)
    pd.testing.assert_frame_equal(both, apart, check_exact=True)
    assert not both.isna().any().any()


def test_no_thread_is_left_behind() -> None:
    import threading

    feature_frame(frame([1.0, 2.0, 3.0]), SERIES, threads=3)
    assert threading.active_count() == 1 or all("ThreadPool" not in thread.name for thread in threading.enumerate())
