"""Bad log lines and spans: which rule sets them apart, which ones are loaded."""

import json
from datetime import timedelta
from typing import Any

import pyarrow as pa
import pytest

from include.datasets import LOG_EVENT, SPAN, Scope
from include.quality import Verdict, judge
from tests.quality.batches import EXPECTATION, WINDOW, at, warned

LINE = {"ts": at(1), "message": "order placed", "service": "cart", "level": "INFO"}
ROOT = {"ts": at(1), "trace_id": "t", "span_id": "a", "service": "cart", "operation": "GET", "duration": 0.5}


def judged(dataset: Any, *rows: dict[str, Any]) -> Verdict:
    whole = [{**dict.fromkeys(dataset.schema.names), **row} for row in rows]
    table = pa.Table.from_pylist(whole, schema=dataset.schema)
    return judge(Scope("shop", dataset.name, "feed", WINDOW), table, EXPECTATION)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"raw": "\x00garbage", "ts": None, "message": None}, "parsed"),
        ({"ts": None}, "fields_present"),
        ({"message": None}, "fields_present"),
        ({"message": ""}, "fields_present"),
        ({"ts": at(-1)}, "inside_window"),
        ({"ts": at(60)}, "inside_window"),
    ],
)
def test_a_bad_line_is_set_apart_by_its_rule(change: dict[str, Any], rule: str) -> None:
    verdict = judged(LOG_EVENT, LINE, {**LINE, **change})
    assert verdict.good.num_rows == 1
    assert verdict.quarantined["rule"].to_pylist() == [rule]
    assert verdict.stop is None


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"raw": "{}", "ts": None}, "parsed"),
        ({"trace_id": None}, "fields_present"),
        ({"span_id": ""}, "fields_present"),
        ({"trace_id": "t" * 501}, "ids_short"),
        ({"span_id": "ä" * 501}, "ids_short"),
        ({"duration": -0.001}, "duration_not_negative"),
        ({"duration": 8 * 86_400.0}, "duration_plausible"),
        ({"duration": float("nan")}, "duration_plausible"),
        ({"ts": at(61)}, "inside_window"),
    ],
)
def test_a_bad_span_is_set_apart_by_its_rule(change: dict[str, Any], rule: str) -> None:
    verdict = judged(SPAN, ROOT, {**ROOT, "span_id": "b", **change})
    assert verdict.good.num_rows == 1
    assert verdict.quarantined["rule"].to_pylist() == [rule]


def test_a_span_that_does_not_say_how_long_it_lasted_is_loaded_and_told() -> None:
    verdict = judged(SPAN, ROOT, {**ROOT, "span_id": "b", "duration": None})
    assert (verdict.good["duration"].to_pylist(), verdict.stop) == ([0.5, None], None)
    assert "durations_said" in warned(verdict)


def test_a_line_with_an_id_comes_once_and_equal_lines_without_one_all_stay() -> None:
    verdict = judged(LOG_EVENT, {**LINE, "event_id": "1"}, {**LINE, "event_id": "1"}, LINE, LINE)
    assert verdict.good.num_rows == 3
    assert verdict.quarantined["rule"].to_pylist() == ["line_once"]
    assert json.loads(verdict.quarantined["raw"][0].as_py())["message"] == "order placed"


def test_a_span_comes_once_and_one_whose_id_is_used_again_for_something_else_stays() -> None:
    verdict = judged(SPAN, ROOT, ROOT, {**ROOT, "operation": "POST"}, {**ROOT, "kind": "client"})
    assert verdict.good.num_rows == 3
    assert verdict.quarantined["rule"].to_pylist() == ["span_once"]


def test_spans_whose_parent_is_missing_are_loaded_and_told() -> None:
    verdict = judged(
        SPAN, ROOT, {**ROOT, "span_id": "b", "parent_id": "gone"}, {**ROOT, "span_id": "c", "parent_id": "a"}
    )
    assert verdict.good.num_rows == 3
    assert "parents_there" in warned(verdict)
    (found,) = [one for one in verdict.results if one.rule == "parents_there"]
    assert found.observed == pytest.approx(1 / 3)


def test_a_cycle_of_spans_is_loaded_as_it_is() -> None:
    verdict = judged(SPAN, {**ROOT, "parent_id": "b"}, {**ROOT, "span_id": "b", "parent_id": "a"})
    assert (verdict.good.num_rows, verdict.stop) == (2, None)


def test_lines_without_a_level_are_loaded_and_told() -> None:
    verdict = judged(LOG_EVENT, {**LINE, "level": None}, {**LINE, "level": None}, LINE)
    assert verdict.good.num_rows == 3
    assert "levels_said" in warned(verdict)


@pytest.mark.parametrize("dataset", [LOG_EVENT, SPAN], ids=["log_event", "span"])
def test_an_empty_window_is_loaded_as_empty_with_a_warning(dataset: Any) -> None:
    verdict = judged(dataset)
    assert (verdict.stop, warned(verdict)) == (None, {"not_empty"})


def test_lines_ahead_of_the_present_are_set_apart() -> None:
    late = {**LINE, "ts": WINDOW.end - timedelta(seconds=1)}
    whole = pa.Table.from_pylist([{**dict.fromkeys(LOG_EVENT.schema.names), **late}], schema=LOG_EVENT.schema)
    early = EXPECTATION.__class__(as_of=WINDOW.start)
    verdict = judge(Scope("shop", "log_event", "feed", WINDOW), whole, early)
    assert verdict.quarantined["rule"].to_pylist() == ["not_ahead"]
