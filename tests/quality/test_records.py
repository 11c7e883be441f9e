"""Bad alerts, incidents and changes: which rule sets them apart, which ones are loaded."""

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from include.datasets import METRIC_POINT, dataset
from include.quality import judge
from include.quality.verdict import QualityError
from tests.quality.batches import EXPECTATION, LONG_AGO, SCOPE, at, broken, event_scope, records, warned

NAMES = ["alert", "incident", "change_event"]
TWO_YEARS = 60 * 24 * 365 * 2


@pytest.mark.parametrize("name", NAMES)
def test_a_right_record_is_loaded(name: str) -> None:
    table = records(name, {})
    verdict = judge(event_scope(name), table, EXPECTATION)
    assert verdict.good.equals(table)
    assert verdict.stop is None
    assert [result.rule for result in verdict.results if not result.success] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_feed_without_events_is_right(name: str) -> None:
    verdict = judge(event_scope(name), dataset(name).empty(), EXPECTATION)
    assert verdict.stop is None
    assert warned(verdict) == set()


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("alert", {"alert_id": None}, "fields_present"),
        ("alert", {"alert_id": " "}, "fields_present"),
        ("alert", {"service": None}, "fields_present"),
        ("alert", {"alert_id": "a" * 501}, "id_short"),
        ("alert", {"deleted": None}, "fields_present"),
        ("alert", {"starts_at": at(5), "ends_at": at(4)}, "times_in_order"),
        ("alert", {"severity": "spicy"}, "words_known"),
        ("alert", {"status": "on"}, "words_known"),
        ("alert", {"starts_at": LONG_AGO}, "clock_plausible"),
        ("alert", {"starts_at": at(TWO_YEARS)}, "clock_plausible"),
        ("alert", {"updated_at": at(-1)}, "inside_window"),
        ("alert", {"updated_at": at(60)}, "inside_window"),
        ("alert", {"raw": "not an alert"}, "parsed"),
        ("incident", {"opened_at": None}, "fields_present"),
        ("incident", {"acknowledged_at": at(0)}, "times_in_order"),
        ("incident", {"acknowledged_at": at(21)}, "times_in_order"),
        ("incident", {"acknowledged_at": None, "resolved_at": at(0)}, "times_in_order"),
        ("incident", {"status": "firing"}, "words_known"),
        ("incident", {"resolved_at": at(TWO_YEARS)}, "clock_plausible"),
        ("change_event", {"title": None}, "fields_present"),
        ("change_event", {"kind": "party"}, "words_known"),
        ("change_event", {"ended_at": at(0)}, "times_in_order"),
    ],
)
def test_a_bad_record_is_set_apart_and_the_rest_is_loaded(name: str, change: dict[str, Any], rule: str) -> None:
    verdict = judge(event_scope(name), records(name, {}, change), EXPECTATION)
    assert verdict.quarantined["rule"].to_pylist() == [rule]
    assert verdict.good.equals(records(name, {}))
    assert verdict.stop is None


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("alert", {"ends_at": at(2), "status": "resolved"}),
        ("alert", {"severity": " Warning "}),
        ("alert", {"severity": "P1"}),
        ("alert", {"service": ""}),
        ("incident", {"acknowledged_at": None, "resolved_at": None, "status": "open"}),
        ("incident", {"acknowledged_at": at(1), "resolved_at": at(1)}),
        ("incident", {"opened_at": at(-60 * 24 * 90)}),
        ("change_event", {"ended_at": None, "version": None}),
    ],
)
def test_an_unusual_but_right_record_is_loaded(name: str, change: dict[str, Any]) -> None:
    verdict = judge(event_scope(name), records(name, change), EXPECTATION)
    assert broken(verdict) == {}


def test_every_version_of_a_record_is_kept_and_of_equals_the_last() -> None:
    versions = [{"updated_at": at(3), "title": "b"}, {"updated_at": at(5), "title": "c"}, {"updated_at": at(2)}]
    versions += [{"incident_id": "i2", "title": "x"}, {"incident_id": "i2", "title": "y"}]
    verdict = judge(event_scope("incident"), records("incident", *versions), EXPECTATION)
    assert verdict.good["title"].to_pylist()[:2] == ["b", "c"]
    assert verdict.good["title"].to_pylist()[3:] == ["y"]
    assert broken(verdict) == {"version_once": 1}
    assert verdict.stop is None


def test_a_bad_newer_version_does_not_replace_the_good_older_one() -> None:
    versions = [{"title": "good"}, {"title": "bad", "updated_at": at(30), "severity": "spicy"}]
    verdict = judge(event_scope("incident"), records("incident", *versions), EXPECTATION)
    assert verdict.good["title"].to_pylist() == ["good"]


def test_an_alert_of_an_unknown_service_is_loaded_with_a_warning() -> None:
    expectation = replace(EXPECTATION, resolve_service=lambda alias: f"unresolved:{alias}")
    verdict = judge(event_scope("alert"), records("alert", {}), expectation)
    assert verdict.good.num_rows == 1
    assert {result.rule: result.observed for result in verdict.warnings} == {"services_known": 1.0}


def test_a_quarantined_record_can_be_read_back() -> None:
    verdict = judge(event_scope("alert"), records("alert", {}, {"severity": "spicy"}), EXPECTATION)
    told = json.loads(verdict.quarantined["raw"][0].as_py())
    assert (told["alert_id"], told["severity"], told["starts_at"]) == ("a1", "spicy", "2026-11-05 07:01:00+00:00")


def test_a_feed_that_is_mostly_bad_stops_and_says_why() -> None:
    changes = [{"alert_id": f"a{number}", "status": "on"} for number in range(11)]
    stop = judge(event_scope("alert"), records("alert", {}, *changes), EXPECTATION).stop
    assert stop is not None
    assert stop.startswith("11 of 12 rows of pager/alert (alert) 2026-11-05T07:00:00Z/2026-11-05T08:00:00Z break their")
    assert "words_known 11" in stop


def test_a_table_of_another_contract_is_refused() -> None:
    table = pa.table({"ts": [1]})
    with pytest.raises(QualityError, match="the table has the columns ts, not those of the contract of metric_point"):
        judge(SCOPE, table, EXPECTATION)
    with pytest.raises(QualityError, match="contract of alert"):
        judge(event_scope("alert"), METRIC_POINT.empty(), EXPECTATION)
