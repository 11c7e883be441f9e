import json
import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config.logs import LogRules
from include.datasets import LOG_EVENT
from include.parse.judged import EVENTS, SUMMARY, TEMPLATES
from include.parse.pipeline import Digest, digest
from include.parse.template import template_id

T0 = datetime(2026, 11, 5, 7, 0, tzinfo=UTC)
KEEP_ALL = LogRules(rare_lines=0, routine_sample=1.0)


def line(seconds: float = 0, message: str | None = "ok", **more: str | None) -> dict:
    return {"ts": T0 + timedelta(seconds=seconds), "service": "shop/cart", "message": message, **more}


def table(*lines: dict) -> pa.Table:
    return pa.Table.from_pylist(list(lines), schema=LOG_EVENT.schema)


def digested(*lines: dict, rules: LogRules = KEEP_ALL) -> Digest:
    return digest(table(*lines), resolve=lambda alias: alias.removeprefix("shop/"), rules=rules)


def test_what_is_stored_of_three_lines() -> None:
    found = digested(
        line(
            1, "took 12 ms", level="info", host="a", logger="web", trace_id="t1", span_id="s1", attributes='{"a":"b"}'
        ),
        line(2, "took 7 ms", level="INFO"),
        line(61, "out of memory", level="crit"),
    )
    took, memory = template_id("took <*> ms"), template_id("out of memory")
    assert found.events.schema.equals(EVENTS)
    assert found.events.to_pylist()[0] == {
        "ts": T0 + timedelta(seconds=1),
        "service": "cart",
        "service_alias": "shop/cart",
        "host": "a",
        "level": "INFO",
        "log_class": "ROUTINE",
        "logger": "web",
        "template_id": took,
        "message": "took 12 ms",
        "trace_id": "t1",
        "span_id": "s1",
        "attributes": '{"a":"b"}',
    }
    assert found.summary.schema.equals(SUMMARY)
    assert found.summary.to_pylist() == [
        {"ts": T0, "service": "cart", "service_alias": "shop/cart", "level": "INFO"}
        | {"log_class": "ROUTINE", "template_id": took}
        | {"lines": 2, "kept": 2, "bytes": 19, "kept_bytes": 19},
        {"ts": T0 + timedelta(minutes=1), "service": "cart", "service_alias": "shop/cart", "level": "FATAL"}
        | {"log_class": "CRITICAL"}
        | {"template_id": memory, "lines": 1, "kept": 1, "bytes": 13, "kept_bytes": 13},
    ]
    assert found.templates.schema.equals(TEMPLATES)
    assert min(found.templates.to_pylist(), key=lambda row: row["first_seen"]) == {
        "template_id": took,
        "template": "took <*> ms",
        "level": "INFO",
        "log_class": "ROUTINE",
        "first_seen": T0 + timedelta(seconds=1),
        "last_seen": T0 + timedelta(seconds=2),
        "lines": 2,
        "example": "took 12 ms",
    }


def test_a_window_without_lines_has_empty_tables_of_the_same_schemas() -> None:
    found = digested()
    assert (found.events.schema, found.summary.schema, found.templates.schema) == (EVENTS, SUMMARY, TEMPLATES)
    assert (len(found.events), len(found.summary), len(found.templates)) == (0, 0, 0)


def test_a_message_that_is_json_gives_its_text_level_service_and_trace() -> None:
    text = '{"msg":"took 12 ms","severity":"warning","service":"shop/pay","trace_id":"t1","spanId":"s1","user":7}'
    found = digested(line(0, text, service=None, level=None))
    (event,) = found.events.to_pylist()
    assert (event["message"], event["level"], event["service"]) == ("took 12 ms", "WARN", "pay")
    assert (event["trace_id"], event["span_id"], event["attributes"]) == ("t1", "s1", '{"user":7}')
    assert found.summary["bytes"].to_pylist() == [len(text)]


@pytest.mark.parametrize(
    ("text", "message", "attributes"),
    [
        ('{"msg":"\\ud800"}', "?", None),
        ('{"msg":"x","y":NaN}', "x", '{"y":"NaN"}'),
        ('{"msg":"x","y":1e999}', "x", '{"y":"1e999"}'),
    ],
)
def test_json_that_utf8_cannot_hold_or_numbers_cannot_reach_is_read_all_the_same(
    text: str, message: str, attributes: str | None
) -> None:
    (event,) = digested(line(0, text)).events.to_pylist()
    assert (event["message"], event["attributes"]) == (message, attributes)


def test_words_in_a_quoted_message_count() -> None:
    found = digested(line(0, 'level=info msg="payment of 12 EUR declined" order=7'))
    assert found.events["log_class"].to_pylist() == ["CRITICAL"]


def test_what_the_source_says_stands_before_what_the_json_says() -> None:
    found = digested(line(0, '{"message":"x","level":"error","service":"pay"}', level="info"))
    (event,) = found.events.to_pylist()
    assert (event["message"], event["level"], event["service"]) == ("x", "INFO", "cart")


@pytest.mark.parametrize(
    "text",
    [
        "{not json}",
        '{"user": 7}',
        "{}",
        "[1]",
        '{"msg": {"deep": 1}}',
        "{" * 50_000 + "}",
    ],
)
def test_json_without_a_text_stays_as_it_is(text: str) -> None:
    assert digested(line(0, text)).events["message"].to_pylist() == [text]


def test_lines_without_message_service_or_level_are_counted() -> None:
    found = digested(line(0, None, service=None))
    (row,) = found.summary.to_pylist()
    assert (row["service"], row["level"], row["lines"], row["bytes"]) == ("", "UNKNOWN", 1, 0)
    assert found.events["service_alias"].to_pylist() == [""]


def test_each_alias_of_a_service_is_counted_by_itself() -> None:
    found = digested(line(0, "ok"), line(1, "ok", service="cart"))
    rows = found.summary.select(["service", "service_alias", "lines"]).to_pylist()
    assert [tuple(row.values()) for row in rows] == [("cart", "cart", 1), ("cart", "shop/cart", 1)]


def test_a_template_has_its_worst_level_and_class_and_its_earliest_line() -> None:
    found = digested(line(5, "took 3 ms", level="info"), line(2, "took 9 ms", level="error"), line(2, "took 8 ms"))
    (row,) = found.templates.to_pylist()
    assert (row["level"], row["log_class"], row["lines"], row["example"]) == ("ERROR", "CRITICAL", 3, "took 8 ms")


def test_a_trace_survives_whole_or_not_at_all_and_one_in_ten_does() -> None:
    rules = LogRules(rare_lines=0)
    lines = [line(n, f"step {n}", level="info", trace_id=f"{n % 2000:032x}") for n in range(6000)]
    found = digested(*lines, rules=rules)
    kept = found.events.group_by("trace_id").aggregate([("message", "count")])
    assert set(kept["message_count"].to_pylist()) == {3}
    assert 150 < len(kept) < 250


def test_one_in_ten_lines_without_a_trace_survives() -> None:
    found = digested(*[line(n % 60, f"item {n} sold", level="info") for n in range(20_000)], rules=LogRules())
    assert 1_850 < len(found.events) < 2_150
    assert sum(found.summary["lines"].to_pylist()) == 20_000


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["msg", "level", "service", "traceId", "x"]) | st.text(max_size=3), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON.map(json.dumps) | st.text(max_size=10).map("{{{}}}".format), max_size=6))
def test_any_json_gives_one_event_a_line(texts: list[str]) -> None:
    found = digested(*[line(number, text) for number, text in enumerate(texts)])
    assert len(found.events) == len(texts)
    assert sum(found.summary["bytes"].to_pylist()) == sum(len(text.encode()) for text in texts)


LINES = st.lists(
    st.builds(
        line,
        st.integers(0, 200),
        st.sampled_from(["took 1 ms", "took 2 ms", "payment declined", '{"msg":"hello"}', "", None])
        | st.text(max_size=20),
        service=st.sampled_from(["shop/cart", "cart", "pay", None]),
        level=st.sampled_from(["info", "WARN", "error", None, "odd"]),
        trace_id=st.sampled_from([None, "a", "b", "c"]),
        host=st.sampled_from(["h", None]),
    ),
    max_size=25,
)


@given(LINES, st.randoms(use_true_random=False), st.sampled_from([0.0, 0.1, 0.5]))
def test_any_order_gives_the_same_and_no_line_goes_uncounted(
    lines: list[dict], shuffle: random.Random, share: float
) -> None:
    rules = LogRules(rare_lines=2, routine_sample=share)
    one = digested(*lines, rules=rules)
    shuffle.shuffle(lines)
    two = digested(*lines, rules=rules)
    assert (one.events, one.summary, one.templates) == (two.events, two.summary, two.templates)
    assert sum(one.summary["lines"].to_pylist()) == sum(one.templates["lines"].to_pylist()) == len(lines)
    assert sum(one.summary["kept"].to_pylist()) == len(one.events)
    for row in one.summary.to_pylist():
        assert row["log_class"] == "ROUTINE" or row["kept"] == row["lines"]
        assert row["ts"].second == 0


def test_what_a_json_message_says_beside_its_text_is_added_to_what_the_source_said() -> None:
    said = '{"msg":"done","level":"info","took":"12","pod":"b"}'
    found = digested(line(message=said, attributes='{"pod":"a"}'))
    assert found.events["message"].to_pylist() == ["done"]
    assert found.events["attributes"].to_pylist() == ['{"pod":"a","took":"12"}']
