"""JSON records as log lines: which member becomes which column, and that nothing is lost."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.datasets import LOG_EVENT
from include.http import AnswerInvalid, Unavailable
from include.redact import redact_batch
from include.sources.logs.records import read_log_json, record_in, taken
from include.sources.logs.rows import LogFields, in_order, log_batch, of_window, rows_of, times_of
from include.window import Window

WHERE = LogFields(
    message=("message", "msg"),
    service=("service.name", "service"),
    host=("host.name", "host"),
    level=("log.level",),
    trace_id=("trace.id",),
    dropped=("@timestamp",),
)
AT = "2026-10-01T10:00:00Z"


def rows(records: list[Any], where: LogFields = WHERE) -> list[dict[str, Any]]:
    times = times_of([record.get("@timestamp") if isinstance(record, dict) else None for record in records])
    batch = log_batch(records, times, where)
    batch.validate(full=True)
    assert batch.schema == LOG_EVENT.schema
    return batch.to_pylist()


def test_members_become_columns_and_the_rest_becomes_attributes() -> None:
    nested = {
        "@timestamp": AT, "message": "slow", "service": {"name": "cart", "version": "1.2"}, "host.name": "node-1",
        "log": {"level": "warn"}, "trace": {"id": "ABC0"}, "http": {"status": 503, "ok": False},
    }  # fmt: skip
    assert rows([nested]) == [
        {
            "ts": datetime(2026, 10, 1, 10, tzinfo=UTC), "service": "cart", "host": "node-1", "level": "warn",
            "logger": None, "message": "slow", "trace_id": "abc0", "span_id": None,
            "attributes": '{"http":{"ok":false,"status":503},"service":{"version":"1.2"}}',
            "event_id": None, "raw": None,
        }
    ]  # fmt: skip


def test_the_first_path_that_holds_something_counts() -> None:
    row = rows([{"@timestamp": AT, "message": "", "msg": "text", "service": "cart", "host": {"ip": "::1"}}])[0]
    assert (row["message"], row["service"], row["host"]) == ("text", "cart", None)
    assert row["attributes"] == '{"host":{"ip":"::1"},"message":""}'


def test_numbers_truth_values_and_lists_of_them_are_text() -> None:
    record = {"a": 7, "b": True, "c": ["x", 1], "d": [{"no": 1}], "e": 0}
    assert [taken(record, (name,)) for name in "abcde"] == ["7", "true", "x,1", None, "0"]
    assert record == {"d": [{"no": 1}]}


def test_a_record_without_a_readable_time_goes_out_as_it_came() -> None:
    found = rows([{"@timestamp": "yesterday", "message": "a"}, {"message": "b"}, "no JSON", 7, None])
    assert [row["raw"] for row in found] == [
        '{"@timestamp":"yesterday","message":"a"}', '{"message":"b"}', "no JSON", "7", "null"
    ]  # fmt: skip
    assert all(value is None for row in found for name, value in row.items() if name != "raw")


def test_half_a_surrogate_pair_a_nul_and_ten_megabytes_survive() -> None:
    long = "x" * 10_000_000
    found = rows([{"@timestamp": AT, "message": text} for text in (json.loads('"a\\ud800b"'), "a\x00b", long)])
    assert [row["message"] for row in found] == ["a\\ud800b", "a\x00b", long]


def test_bytes_that_are_no_utf_8_cost_neither_the_line_nor_themselves() -> None:
    line = b'{"@timestamp": "2026-10-01T10:00:00Z", "message": "caf\xe9 \xf0\x9f"}'
    assert rows([record_in(line)])[0]["message"] == "caf\\udce9 \\udcf0\\udc9f"
    assert rows([read_log_json(line, "here")])[0]["message"] == "caf\\udce9 \\udcf0\\udc9f"
    assert record_in(b"plain \xff") == "plain \\udcff"
    assert record_in(b"[1]") == "[1]"
    assert record_in('{"a": 1}') == {"a": 1}
    assert record_in(b"[" * 100_000) == "[" * 100_000
    assert read_log_json(b'{"a": 1}', "here") == {"a": 1}
    with pytest.raises(Unavailable, match="half an answer"):
        read_log_json(b'{"a": "\xe9', "here")
    with pytest.raises(AnswerInvalid, match="nested too deep"):
        read_log_json(b"[" * 100_000 + b"]" * 100_000, "here")


def test_ids_of_lines_that_hold_an_address_stay_apart_when_it_is_hidden() -> None:
    given = ["logs/DHtDfIwB5zHRqLhVzwYc", "main~26~6C4F-A664/26:311977", "logs/ann@example.org", "logs/bob@example.org"]
    batch = rows_of({"ts": times_of([AT] * 5), "event_id": pa.array([*given, None])})
    found = redact_batch(batch)[0]["event_id"].to_pylist()
    assert found[:2] == given[:2]
    assert found[2:] == ["72f64d2dc9e2b63eec57e767a62f27ea", "a1d0539294e17393c1e625fdc860515b", None]


def test_ids_of_zeros_are_none() -> None:
    assert [row["trace_id"] for row in rows([
        {"@timestamp": AT, "message": "m", "trace": {"id": text}} for text in ("000", "-", " AB ", "null", "7")
    ])] == [None, None, "ab", None, "7"]  # fmt: skip


@pytest.mark.parametrize(
    ("unit", "value", "expected"),
    [
        ("iso", "2026-10-01T10:00:00+02:00", "2026-10-01T08:00:00+00:00"),
        ("iso", "2026-10-01T10:00:00.123456789-0330", "2026-10-01T13:30:00.123456+00:00"),
        ("iso", "2026-10-01 10:00:00", "2026-10-01T08:00:00+00:00"),
        ("s", 1_790_848_800.25, "2026-10-01T10:00:00.250000+00:00"),
        ("s", "1790848800", "2026-10-01T10:00:00+00:00"),
        ("ms", 1_790_848_800_001, "2026-10-01T10:00:00.001000+00:00"),
        ("us", 1_790_848_800_000_001, "2026-10-01T10:00:00.000001+00:00"),
        ("ns", "1790848800000001999", "2026-10-01T10:00:00.000001+00:00"),
        ("iso", 1_790_848_800, None),
        ("iso", None, None),
        ("s", True, None),
        ("ms", "soon", None),
        ("ms", 10**30, None),
    ],
)
def test_times(unit: str, value: Any, expected: str | None) -> None:
    found = times_of([value, None], unit, "Europe/Berlin").to_pylist()[0]
    assert (found and found.isoformat()) == expected


def test_times_of_many_zones_in_one_page() -> None:
    texts = ["2026-10-01T10:00:00Z", "2026-10-01T12:00:00.5+02:00", "kaputt", "2026-10-01T10:00:01"]
    found = times_of(texts).to_pylist()
    assert [time and time.timestamp() for time in found] == [1_790_848_800, 1_790_848_800.5, None, 1_790_848_801]


def test_the_window_is_half_open_and_rows_without_a_time_stay() -> None:
    window = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
    texts = [
        "2026-10-01T11:00:00Z",
        "2026-10-01T10:59:59.999999Z",
        "no",
        "2026-10-01T10:00:00Z",
        "2026-10-01T09:59:59Z",
    ]
    batch = rows_of({"ts": times_of(texts), "message": pa.array(texts)})
    assert in_order(of_window(batch, window))["message"].to_pylist() == [texts[3], texts[1], texts[2]]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["@timestamp", "message", "msg", "service", "service.name", "name", "log", "level", "trace"])


@settings(max_examples=100, deadline=None)
@given(st.lists(json_values | st.dictionaries(names, json_values | st.just(AT), max_size=6), max_size=5))
def test_any_record_gives_one_row(records: list[Any]) -> None:
    read = [json.loads(json.dumps(record)) for record in records]
    assert len(rows(read)) == len(records)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary() | st.text(), max_size=4))
def test_any_line_gives_one_row(lines: list[bytes | str]) -> None:
    assert len(rows([record_in(line) for line in lines])) == len(lines)
