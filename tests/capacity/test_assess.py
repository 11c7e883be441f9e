from datetime import UTC, datetime

import numpy as np
import pandas as pd

from include.capacity import assess
from include.capacity.assess import FORECAST_COLUMNS, STATUS_COLUMNS
from include.warehouse.columns import conform
from include.warehouse.schema import capacity_status, forecast_point

AS_OF = datetime(2026, 11, 5, 7, tzinfo=UTC)


def points(identity: int, values: np.ndarray) -> pd.DataFrame:
    ts = pd.date_range(end=pd.Timestamp(AS_OF) - pd.Timedelta(hours=1), periods=len(values), freq="h")
    return pd.DataFrame({"series_id": identity, "ts": ts, "value": values}).dropna()


def resources(*rows: tuple[int, float, bool]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"series_id": identity, "service": "cart", "query": "disk", "resource": "disk", "owner": "storefront",
             "unit": "bytes", "by_peak": by_peak, "limit_value": limit, "limit_source": "disk_size",
             "limit_series_id": pd.NA}
            for identity, limit, by_peak in rows
        ]
    )  # fmt: skip


def wave(days: int, per_day: float = 0.0, seed: int = 2) -> np.ndarray:
    hours = np.arange(days * 24)
    noise = np.random.default_rng(seed).normal(0, 0.5, days * 24)
    return 50 + per_day * hours / 24 + 5 * np.sin(2 * np.pi * hours / 24) + noise


def test_a_disk_that_fills_says_when_with_what_trend_and_what_to_do() -> None:
    found = assess(points(1, wave(28, per_day=1.0)), resources((1, 100.0, False)), AS_OF)
    row = found.status.iloc[0]
    assert 0.95 <= row["trend_per_day"] <= 1.05
    assert row["exhausted_p10"] <= row["exhausted_p50"] <= row["exhausted_p90"]
    assert 15 <= (row["exhausted_p50"] - pd.Timestamp(AS_OF)).days <= 19  # at 78 + 5 now, 1 a day
    assert row["status"] == "act_this_week"
    assert row["headroom"] == 100.0 - row["current"]
    assert row["confidence"] > 0.9
    near = found.probability.set_index("days")["probability"]
    assert near[7] == 0.0
    assert near[30] == 1.0


def test_saturation_has_its_headroom_above_the_p95() -> None:
    found = assess(points(1, wave(28)), resources((1, 80.0, True)), AS_OF).status.iloc[0]
    assert found["headroom"] == 80.0 - found["p95"]
    assert found["status"] == "adequate"
    assert pd.isna(found["exhausted_p10"])


def test_a_week_of_incidents_at_the_limit_is_no_reason_to_act_and_is_told() -> None:
    measured = wave(28)
    for place in (400, 421, 447, 463, 498, 510, 541):
        measured[place : place + 2] = 100.0
    row = assess(points(1, measured), resources((1, 100.0, True)), AS_OF).status.iloc[0]
    assert row["status"] == "adequate"
    assert row["p95"] < 58.0
    assert row["predicted_peak"] < 60.0
    assert row["reason"].endswith("the limit is not reached within 90 days. 14 unusual hours (incidents) set aside.")


def test_a_disk_that_is_full_in_an_unusual_hour_is_still_full() -> None:
    measured = wave(28)
    measured[-2:] = 100.0
    row = assess(points(1, measured), resources((1, 100.0, False)), AS_OF).status.iloc[0]
    assert (row["status"], row["current"], row["headroom"]) == ("exhausted", 100.0, 0.0)
    assert row["exhausted_p50"] == pd.Timestamp(AS_OF)


def test_thirteen_days_are_too_few_and_no_number_is_guessed() -> None:
    found = assess(points(1, wave(13)), resources((1, 80.0, False)), AS_OF)
    row = found.status.iloc[0]
    assert row["status"] == "insufficient_history"
    assert row["reason"] == "13 days of history; a forecast needs 14 days."
    assert pd.isna(row["trend_per_day"])
    assert pd.isna(row["predicted_peak"])
    assert np.isfinite(row["current"])
    assert len(found.forecast) == 0


def test_a_series_without_any_point_or_without_a_recent_one_says_so() -> None:
    old = wave(28)
    old[-48:] = np.nan
    found = assess(points(2, old), resources((1, 80.0, False), (2, 80.0, False)), AS_OF).status
    assert found["reason"].tolist() == [
        "No data in the last 56 days.",
        "No data for the last 48 hours; a forecast needs the last day.",
    ]


def test_gaps_lower_the_coverage_and_do_not_stop_the_forecast() -> None:
    holed = wave(28)
    holed[100:124] = np.nan
    row = assess(points(1, holed), resources((1, 80.0, False)), AS_OF).status.iloc[0]
    assert row["coverage"] == 648 / 672
    assert row["status"] == "adequate"


def test_resources_of_different_age_keep_their_order_and_fit_the_warehouse() -> None:
    both = pd.concat([points(1, wave(21)), points(2, wave(28)), points(3, wave(5))])
    found = assess(both, resources((3, 80.0, False), (1, 80.0, False), (2, np.nan, False)), AS_OF)
    stamps = {"producer": "p", "window_start": AS_OF, "window_end": AS_OF, "run_id": "r"}
    assert found.status["series_id"].tolist() == [3, 1, 2]
    assert tuple(found.status.columns) == STATUS_COLUMNS == tuple(capacity_status.c.keys())[: len(STATUS_COLUMNS)]
    assert tuple(found.forecast.columns) == FORECAST_COLUMNS == tuple(forecast_point.c.keys())[: len(FORECAST_COLUMNS)]
    assert conform(capacity_status, found.status.assign(**stamps)).num_rows == 3
    assert conform(forecast_point, found.forecast.assign(**stamps)).num_rows == 2 * 720
    assert found.forecast["ts"].min() == pd.Timestamp(AS_OF)
    assert "the limit is unknown." in found.status["reason"].iloc[2]


def test_no_resources_give_empty_frames() -> None:
    found = assess(points(1, wave(14)), resources((1, 80.0, False)).head(0), AS_OF)
    assert (len(found.status), len(found.forecast), len(found.probability)) == (0, 0, 0)
