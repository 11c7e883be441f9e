"""Bad input in metrics, case by case: what is set apart, what is loaded, what stops the load."""

import json
import time
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from include.datasets import METRIC_POINT, canonical_labels
from include.quality import judge
from include.quality.points import LABELS_JSON
from tests.quality.batches import (
    AUTH,
    CART,
    EXPECTATION,
    FRAUD,
    LONG_AGO,
    SCOPE,
    WINDOW,
    at,
    broken,
    hour,
    many,
    points,
    warned,
)

NAN, INF = float("nan"), float("inf")


def test_a_clean_hour_is_loaded_whole_and_nothing_is_said() -> None:
    table = points(hour())
    verdict = judge(SCOPE, table, EXPECTATION)
    assert verdict.good.equals(table)
    assert verdict.quarantined.num_rows == 0
    assert verdict.stop is None
    assert [result.rule for result in verdict.results if not result.success] == []


def test_nan_is_set_apart_and_never_stops_a_load() -> None:
    rows = hour()
    rows[10:50] = [(ts, labels, NAN) for ts, labels, _ in rows[10:50]]
    verdict = judge(SCOPE, points(rows), EXPECTATION)
    assert broken(verdict) == {"value_not_nan": 40}
    assert verdict.good.num_rows == 20
    assert verdict.stop is None
    assert warned(verdict) == {"complete"}
    assert json.loads(verdict.quarantined["raw"][0].as_py()) == {
        "ts": "2026-11-05T07:10:00.000000Z",
        "labels": {"job": "shop/cart"},
        "value": "nan",
    }


def test_infinite_values_are_set_apart() -> None:
    verdict = judge(SCOPE, points([*hour()[2:], (at(0), CART, INF), (at(1), CART, -INF)]), EXPECTATION)
    assert broken(verdict) == {"value_finite": 2}
    assert [json.loads(raw)["value"] for raw in verdict.quarantined["raw"].to_pylist()] == ["inf", "-inf"]


def test_text_in_place_of_a_number_is_kept_as_the_source_said_it() -> None:
    said = '{"ts": "2026-11-05T07:00:00Z", "value": "n/a"}'
    verdict = judge(SCOPE, points([*hour()[1:], (None, None, None, said)]), EXPECTATION)
    assert verdict.quarantined.to_pylist() == [{"rule": "parsed", "raw": said}]
    assert verdict.stop is None


def test_a_negative_rate_is_set_apart_where_the_query_has_a_minimum_of_zero() -> None:
    table = points([*hour()[1:], (at(0), CART, -0.5)])
    verdict = judge(SCOPE, table, EXPECTATION)
    assert verdict.quarantined.to_pylist() == [
        {
            "rule": "value_at_least_minimum",
            "raw": '{"ts": "2026-11-05T07:00:00.000000Z", "labels": {"job":"shop/cart"}, "value": -0.5}',
        }
    ]
    assert judge(SCOPE, table, replace(EXPECTATION, minimum=None)).good.num_rows == 60


def test_a_ratio_above_its_maximum_is_set_apart_and_the_limit_itself_is_good() -> None:
    verdict = judge(SCOPE, points([*hour(value=1.0)[1:], (at(0), CART, 1.01)]), replace(EXPECTATION, maximum=1.0))
    assert broken(verdict) == {"value_at_most_maximum": 1}


@pytest.mark.parametrize("ts", [LONG_AGO, at(-1), at(60), at(60 * 24 * 365 * 4)], ids=str)
def test_a_clock_that_is_off_puts_its_rows_outside_the_window(ts: object) -> None:
    verdict = judge(SCOPE, points([*hour()[1:], (ts, CART, 1.0)]), EXPECTATION)
    assert broken(verdict) == {"inside_window": 1}


def test_a_clock_ahead_of_the_present_is_set_apart_beyond_five_minutes() -> None:
    expectation = replace(EXPECTATION, as_of=at(30))
    verdict = judge(SCOPE, points(hour()), expectation)
    assert broken(verdict) == {"not_in_future": 24}
    assert max(verdict.good["ts"].to_pylist()) == at(35)


def test_duplicate_points_are_loaded_once_and_the_first_one_counts() -> None:
    rows = [*hour(), (at(3), CART, 5.0), (at(4), CART, 9.0), (at(4), AUTH, 9.0)]
    verdict = judge(SCOPE, points(rows), EXPECTATION)
    assert broken(verdict) == {"not_repeated": 1, "not_contradicted": 1}
    assert verdict.good.num_rows == 61
    assert (
        verdict.good.filter(pc.equal(verdict.good["labels"].cast(pa.string()), CART))["value"].to_pylist() == [5.0] * 60
    )


def test_a_bad_row_does_not_shadow_the_good_one_of_the_same_time() -> None:
    verdict = judge(SCOPE, points([(at(0), CART, NAN), *hour()]), EXPECTATION)
    assert verdict.good.num_rows == 60


def test_out_of_order_points_are_loaded_and_reported() -> None:
    rows = hour()
    rows[10], rows[40] = rows[40], rows[10]
    verdict = judge(SCOPE, points(rows), EXPECTATION)
    assert verdict.good.num_rows == 60
    assert verdict.stop is None
    assert warned(verdict) == {"ordered"}


def test_points_series_by_series_are_in_order() -> None:
    assert warned(judge(SCOPE, points(hour(CART) + hour(AUTH)), EXPECTATION)) == set()


def test_a_point_without_time_or_labels_or_value_is_set_apart() -> None:
    rows = [*hour()[3:], (None, CART, 1.0), (at(0), None, 1.0), (at(1), CART, None)]
    verdict = judge(SCOPE, points(rows), EXPECTATION)
    assert broken(verdict) == {"time_present": 1, "labels_valid": 1, "value_present": 1}
    assert [json.loads(raw) for raw in verdict.quarantined["raw"].to_pylist()] == [
        {"ts": None, "labels": {"job": "shop/cart"}, "value": 1},
        {"ts": "2026-11-05T07:00:00.000000Z", "labels": None, "value": 1},
        {"ts": "2026-11-05T07:01:00.000000Z", "labels": {"job": "shop/cart"}, "value": None},
    ]


@pytest.mark.parametrize(
    "labels",
    [
        "",
        "{",
        "cart",
        '{"a": "b"}',
        '{"a":1}',
        '{"a":{"b":"c"}}',
        '["a"]',
        '{"a":"b"',
        '{"a":"b",}',
        '{"a":"\\u0000"}',
        '{"a":"b\n"}',
    ],
)
def test_labels_that_are_no_canonical_json_are_set_apart_and_can_be_read_back(labels: str) -> None:
    verdict = judge(SCOPE, points([*hour()[1:], (at(0), labels, 1.0)]), EXPECTATION)
    assert broken(verdict) == {"labels_valid": 1}
    told = json.loads(verdict.quarantined["raw"][0].as_py())["labels"]
    assert told == labels or told == json.loads(labels)


def test_labels_with_quotes_backslashes_and_other_alphabets_are_good() -> None:
    texts = [canonical_labels({'a"b\\': "ü\n\t", "日本": "/x y/"}), "{}", canonical_labels({"a": "", "b": "\x1f"})]
    assert pc.match_substring_regex(pa.array(texts), LABELS_JSON).to_pylist() == [True, True, True]


def test_labels_longer_than_the_limit_are_set_apart() -> None:
    rows = [*hour()[1:], (at(0), canonical_labels({"path": "x" * 5000}), 1.0)]
    assert broken(judge(SCOPE, points(rows), EXPECTATION)) == {"labels_valid": 1}


def test_a_million_labels_are_cut_to_the_cap_and_the_known_series_stay() -> None:
    labels = [f'{{"job":"shop/cart","user":"{number:07}"}}' for number in range(1_000_000)]
    ts = np.full(len(labels), int(at(7).timestamp() * 1e6))
    table = many(np.arange(len(labels)), ts, np.ones(len(labels)), labels)
    known = {labels[-1]: 1.0, labels[-2]: 1.0}
    expectation = replace(EXPECTATION, max_series=20_000, recent_median=known)
    judge(SCOPE, points(hour()), EXPECTATION)  # Great Expectations is imported and its suite built
    began = time.perf_counter()
    verdict = judge(SCOPE, table, expectation)
    assert time.perf_counter() - began < 30
    assert broken(verdict) == {"series_cap": 980_000}
    kept = verdict.good["labels"].cast(pa.string()).to_pylist()
    assert kept == labels[:19_998] + labels[-2:]
    assert verdict.stop is None


def test_the_cap_keeps_the_same_series_whatever_the_order_of_the_rows() -> None:
    expectation = replace(EXPECTATION, max_series=2)
    rows = hour(CART) + hour(AUTH) + hour(FRAUD)
    kept = [set(judge(SCOPE, points(order), expectation).good["labels"].to_pylist()) for order in (rows, rows[::-1])]
    assert kept == [{AUTH, CART}, {AUTH, CART}]


def test_an_empty_window_is_loaded_as_empty_with_a_warning() -> None:
    verdict = judge(SCOPE, METRIC_POINT.empty(), replace(EXPECTATION, expected_series=3))
    assert (verdict.good.num_rows, verdict.quarantined.num_rows, verdict.stop) == (0, 0, None)
    assert warned(verdict) == {"not_empty", "complete", "series_there"}


def test_a_half_empty_window_is_loaded_and_called_half_complete_and_stale() -> None:
    verdict = judge(SCOPE, points(hour(minutes=30)), EXPECTATION)
    assert verdict.stop is None
    assert {result.rule: result.observed for result in verdict.warnings} == {"complete": 0.5, "fresh": 30.0}


def test_a_series_that_went_missing_makes_the_window_incomplete() -> None:
    verdict = judge(SCOPE, points(hour()), replace(EXPECTATION, expected_series=4))
    assert {result.rule: result.observed for result in verdict.warnings} == {"complete": 0.25, "series_there": 3.0}


def test_points_more_often_than_the_step_are_reported() -> None:
    rows = [(at(minute / 4), CART, 5.0) for minute in range(240)]
    assert warned(judge(SCOPE, points(rows), EXPECTATION)) == {"step_kept", "on_step"}


def test_a_series_with_its_own_phase_is_on_its_step() -> None:
    rows = [(ts + timedelta(seconds=7), labels, value) for ts, labels, value in hour()]
    assert warned(judge(SCOPE, points(rows + hour(AUTH)), EXPECTATION)) == set()


def test_a_series_that_changes_its_unit_is_loaded_with_a_warning() -> None:
    expectation = replace(EXPECTATION, recent_median={CART: 5.0, AUTH: 0.005, FRAUD: 5.0})
    verdict = judge(SCOPE, points(hour(CART) + hour(AUTH) + hour(FRAUD)), expectation)
    assert verdict.stop is None
    assert verdict.good.num_rows == 180
    assert {result.rule: round(result.observed or 0, 3) for result in verdict.warnings} == {"usual_size": 0.333}


def test_a_query_that_changes_its_unit_stops_the_load_until_somebody_allows_it() -> None:
    expectation = replace(EXPECTATION, recent_median={CART: 0.004, AUTH: 0.005, FRAUD: 0.006})
    table = points(hour(CART) + hour(AUTH) + hour(FRAUD))
    assert judge(SCOPE, table, expectation).stop == (
        "3 series of prometheus/request_rate (metric_point) 2026-11-05T07:00:00Z/2026-11-05T08:00:00Z have changed by "
        "the same factor of about 1000 against their recent median, as if their unit had changed. Correct the "
        "unit where the metric is made or in its query; if the new values are right, run the window "
        "again with allow_unit_change."
    )
    assert judge(SCOPE, table, replace(expectation, allow_unit_change=True)).stop is None


def test_an_outage_that_lifts_each_series_by_another_factor_is_no_change_of_unit() -> None:
    expectation = replace(EXPECTATION, recent_median={CART: 0.05, AUTH: 0.005, FRAUD: 0.0001})
    verdict = judge(SCOPE, points(hour(CART) + hour(AUTH) + hour(FRAUD)), expectation)
    assert verdict.stop is None
    assert warned(verdict) == {"usual_size"}


def test_a_batch_beyond_its_tolerance_stops_and_says_which_rule_how_many_rows_and_where() -> None:
    rows = hour()
    rows[:12] = [(ts, labels, -1.0) for ts, labels, _ in rows[:12]]
    rows[12] = (at(12), CART, INF)
    assert judge(SCOPE, points(rows), EXPECTATION).stop == (
        "13 of 60 rows of prometheus/request_rate (metric_point) 2026-11-05T07:00:00Z/2026-11-05T08:00:00Z break their "
        "contract, more than the tolerated 5%: value_at_least_minimum 12, value_finite 1. The first of "
        'value_at_least_minimum is {"ts": "2026-11-05T07:00:00.000000Z", "labels": {"job":"shop/cart"}, "value": -1}. '
        "Correct the source, or the limits of request_rate in the configuration, and run the window again; it is "
        "landed, so no history is lost."
    )


def test_a_batch_in_which_every_row_is_bad_stops_however_small_it_is() -> None:
    assert judge(SCOPE, points([(at(0), CART, -1.0)]), EXPECTATION).stop is not None


def test_services_that_nobody_knows_are_a_warning() -> None:
    expectation = replace(
        EXPECTATION,
        service_label="job",
        resolve_service=lambda alias: "cart" if alias == "shop/cart" else f"unresolved:{alias}",
    )
    verdict = judge(SCOPE, points(hour(CART) + hour(AUTH)), expectation)
    assert verdict.stop is None
    assert {result.rule: result.observed for result in verdict.warnings} == {"services_known": 0.5}


def test_five_million_clean_rows_take_about_a_second() -> None:
    series, steps = 5000, 1000
    window = replace(SCOPE, window=type(WINDOW)(WINDOW.start, WINDOW.start + timedelta(minutes=steps)))
    ts = np.repeat(int(WINDOW.start.timestamp() * 1e6) + np.arange(steps) * 60_000_000, series)
    labels = [canonical_labels({"instance": str(number)}) for number in range(series)]
    table = many(np.tile(np.arange(series), steps), ts, np.ones(len(ts)), labels)
    expectation = replace(EXPECTATION, as_of=window.window.end)
    judge(SCOPE, points(hour()), EXPECTATION)
    began = time.perf_counter()
    verdict = judge(window, table, expectation)
    assert verdict.good.num_rows == 5_000_000
    assert time.perf_counter() - began < 10
