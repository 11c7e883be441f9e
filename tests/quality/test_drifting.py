"""A source's columns change: what is told, and what each policy does with the rows."""

import json
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.drift import DriftPolicy
from include.datasets import LOG_EVENT, METRIC_POINT, Scope, canonical_labels
from include.quality import Verdict, judge
from include.quality.drifting import RULES
from include.quality.shape import MOST_COLUMNS, Column, after, compare, shape_of
from tests.quality.batches import EXPECTATION, WINDOW, at, points, warned

SCOPE = Scope("shop", "log_event", "feed", WINDOW)
KNOWN = {
    "ts": Column("text", 1.0),
    "message": Column("text", 1.0),
    "level": Column("text", 1.0),
    "service": Column("text", 1.0),
    "attributes.status": Column("number", 1.0),
}


def lines(*attributes: dict[str, str] | None, level: str | None = "INFO") -> pa.Table:
    rows = [
        {"ts": at(1), "message": "done", "service": "cart", "level": level, "attributes": one and canonical_labels(one)}
        for one in attributes
    ]
    return pa.Table.from_pylist(
        [{**dict.fromkeys(LOG_EVENT.schema.names), **row} for row in rows], schema=LOG_EVENT.schema
    )


def judged(table: pa.Table, known: Any = KNOWN, **policy: str) -> Verdict:
    return judge(SCOPE, table, replace(EXPECTATION, shape=known, drift=DriftPolicy.model_validate(policy)))


def told(verdict: Verdict) -> set[str]:
    return warned(verdict) & set(RULES.values())


def said(verdict: Verdict, rule: str) -> str | None:
    return next(result.message for result in verdict.results if result.rule == rule)


def test_the_first_batch_of_a_feed_is_learned_and_nothing_is_told() -> None:
    verdict = judged(lines(*[{"status": "200"}] * 30), known={})
    assert told(verdict) == set()
    assert verdict.learned["attributes.status"] == Column("number", 1.0)
    assert {"ts", "message", "level", "service"} < set(verdict.learned)


def test_a_batch_of_the_known_shape_teaches_nothing() -> None:
    verdict = judged(lines(*[{"status": "200"}] * 30))
    assert (told(verdict), verdict.learned) == (set(), {})


def test_a_new_column_is_told_and_added() -> None:
    verdict = judged(lines(*[{"status": "200", "region": "eu"}] * 30))
    assert said(verdict, "columns_known") == "new: attributes.region; loaded all the same"
    assert (verdict.good.num_rows, verdict.stop) == (30, None)
    assert verdict.learned == {"attributes.region": Column("text", 1.0)}


def test_a_column_that_changed_its_type_is_told_and_kept_as_text() -> None:
    verdict = judged(lines(*[{"status": "200"}] * 20, *[{"status": "OK"}] * 10))
    assert said(verdict, "types_kept") == "changed: attributes.status; loaded all the same"
    assert verdict.learned == {"attributes.status": Column("text", 1.0)}


def test_a_column_that_is_gone_is_told_once() -> None:
    verdict = judged(lines(*[{"status": "200"}] * 30, level=None))
    assert said(verdict, "columns_there") == "missing: level; loaded all the same"
    assert verdict.learned == {"level": Column("text", 0.0)}
    again = judged(lines(*[{"status": "200"}] * 30, level=None), known={**KNOWN, **verdict.learned})
    assert told(again) == set()


def test_a_handful_of_rows_says_nothing_about_what_is_missing() -> None:
    verdict = judged(lines(*[None] * 3))
    assert told(verdict) == set()
    assert verdict.learned == {}


@pytest.mark.parametrize(
    ("policy", "table", "rule"),
    [
        ({"new": "quarantine"}, lines(*[{"status": "1"}] * 28, *[{"status": "1", "x": "y"}] * 2), "columns_known"),
        ({"changed": "quarantine"}, lines(*[{"status": "1"}] * 28, *[{"status": "OK"}] * 2), "types_kept"),
    ],
)
def test_rows_that_differ_are_set_apart_where_the_policy_says_so(
    policy: dict[str, str], table: pa.Table, rule: str
) -> None:
    verdict = judged(table, **policy)
    assert (verdict.good.num_rows, verdict.quarantined["rule"].to_pylist()) == (28, [rule, rule])
    assert json.loads(verdict.quarantined["raw"][0].as_py())["service"] == "cart"
    assert verdict.learned == {}, "what is not loaded is not learned"
    assert (said(verdict, rule) or "").endswith("2 rows set apart")


@pytest.mark.parametrize("way", ["new", "changed", "missing"])
def test_a_change_stops_the_load_where_the_policy_says_so(way: str) -> None:
    tables = {
        "new": lines(*[{"status": "1", "x": "y"}] * 30),
        "changed": lines(*[{"status": "OK"}] * 30),
        "missing": lines(*[None] * 30),
    }
    verdict = judged(tables[way], **{way: "stop"})
    assert "have changed" in (verdict.stop or "")
    assert "set that policy to add or coerce" in (verdict.stop or "")
    assert verdict.learned == {}


def test_a_new_label_of_a_metric_is_told() -> None:
    scope = Scope("prometheus", "metric_point", "rate", WINDOW)
    table = points([(at(1), canonical_labels({"job": "cart", "pod": "a"}), 1.0)])
    known = shape_of(points([(at(1), canonical_labels({"job": "cart"}), 1.0)]), METRIC_POINT)
    verdict = judge(scope, table, replace(EXPECTATION, shape=known))
    assert said(verdict, "columns_known") == "new: labels.pod; loaded all the same"


_COLUMNS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(Column, st.sampled_from(["text", "number", "truth"]), st.floats(0, 1)),
)


@given(_COLUMNS, _COLUMNS, st.integers(0, 100))
def test_what_was_learned_is_not_told_again(known: Any, found: Any, rows: int) -> None:
    learned = {**known, **after(known, found, rows)}
    assert compare(learned, found, rows).new == ()
    assert compare(learned, found, rows).changed == ()


def test_a_feed_teaches_five_hundred_columns_and_says_so_once() -> None:
    first = judged(lines(*[{"status": "200", f"key{at}": "x"} for at in range(2000)]), known={})
    assert len(first.learned) == MOST_COLUMNS == 500
    assert first.learned["attributes.status"] == Column("number", 1.0), "what most rows have comes first"
    message = "new: 1,505 of 2,005 columns are not remembered; a feed teaches 500"
    assert said(first, "columns_known") == message
    full = dict(first.learned)
    again = judged(lines(*[{"status": "200", f"key{at}": "x"} for at in range(2000)]), known=full)
    assert (told(again), set(again.learned)) == (set(), set())


@pytest.mark.parametrize("way", ["quarantine", "stop"])
def test_a_feed_that_is_full_is_not_held_to_what_it_could_not_remember(way: str) -> None:
    full = {f"attributes.key{at}": Column("text", 0.01) for at in range(495)} | KNOWN
    assert len(full) == 500
    verdict = judged(lines(*[{"status": "1", "x": "y"}] * 30), known=full, new=way)
    assert (verdict.good.num_rows, verdict.stop, verdict.learned) == (30, None, {})


def test_a_feed_that_becomes_full_remembers_what_most_rows_have() -> None:
    nearly = {f"attributes.key{at}": Column("text", 0.01) for at in range(494)} | KNOWN
    verdict = judged(lines(*[{"status": "1", "a": "y"}] * 2, *[{"status": "1", "b": "y"}] * 28), known=nearly)
    assert list(verdict.learned) == ["attributes.b"]
    assert "attributes.a, attributes.b" in (said(verdict, "columns_known") or "")
    assert "a feed teaches 500" in (said(verdict, "columns_known") or "")


def test_a_key_without_a_name_is_a_key_and_not_the_whole_column() -> None:
    known = {**KNOWN, "attributes.": Column("number", 0.5)}
    table = lines(*[{"status": "1", "": "7"}] * 28, *[{"status": "1", "": "x"}] * 2)
    verdict = judged(table, known=known, changed="quarantine")
    assert verdict.good.num_rows == 28


def test_an_empty_window_tells_nothing_and_teaches_nothing() -> None:
    every: list[dict[str, str]] = [{}, {"new": "stop", "changed": "stop", "missing": "stop"}]
    for ways in every:
        verdict = judged(lines(), **ways)
        assert (told(verdict), verdict.learned, verdict.stop) == (set(), {}, None)


def test_metrics_without_labels_have_the_columns_of_the_contract_only() -> None:
    scope = Scope("prometheus", "metric_point", "rate", WINDOW)
    verdict = judge(scope, points([(at(1), "{}", 1.0), (at(2), "{}", 2.0)]), EXPECTATION)
    assert verdict.learned == {"ts": Column("text", 1.0), "value": Column("text", 1.0)}


def test_by_default_what_is_known_never_changes_which_rows_load() -> None:
    table = lines(*[{"status": "OK", "x": "y"}] * 30, level=None)
    shapes: list[dict[str, Column]] = [{}, KNOWN, {**KNOWN, "attributes.gone": Column("truth", 1.0)}]
    for known in shapes:
        verdict = judged(table, known=known)
        assert (verdict.good.equals(table), verdict.quarantined.num_rows, verdict.stop) == (True, 0, None)


@pytest.mark.parametrize(("change", "policy"), [({"x": "y"}, {"new": "stop"}), ({"status": "OK"}, {"changed": "stop"})])
def test_a_policy_that_holds_rows_back_looks_at_every_row(change: dict[str, str], policy: dict[str, str]) -> None:
    usual: list[dict[str, str] | None] = [{"status": "1"}] * 20_000
    usual[7] = {"status": "1", **change}
    assert told(judged(lines(*usual))) == set(), "a sample does, where every row loads"
    assert judged(lines(*usual), **policy).stop is not None
