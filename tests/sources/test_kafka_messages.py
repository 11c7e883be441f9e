import json

import numpy as np
import pytest
from confluent_kafka import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from include.config.query import MetricQuery
from include.config.source import Feed, FileLayout
from include.datasets import dataset
from include.sources.files.facts import facts
from include.sources.files.points import points
from include.sources.files.records import records
from include.sources.kafka.messages import Chunk, Wanted, read_value

COLUMNS = {"message": "msg", "service": "a.b", "event_id": "{_partition}-{_offset}", "host": "_key"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["msg", "a", "b", "ts"]), inner),
    max_leaves=8,
)
values = st.one_of(
    st.binary(max_size=30),
    st.none(),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: b"\x00\x00\x00\x00\x07" + json.dumps(value).encode()),
)


def chunk(payloads: list[bytes | None], form: str, wanted: Wanted) -> Chunk:
    messages = [
        Message("t", 3, offset, b"\xffkey", value, [("h", b"\xfe"), ("n", None)], timestamp=(1, offset * 1000))
        for offset, value in enumerate(payloads)
    ]
    return Chunk.of(messages, form, wanted, "_deleted")


@settings(deadline=None, max_examples=150)
@given(payloads=st.lists(values, max_size=6), form=st.sampled_from(["json", "text"]), in_field=st.booleans())
def test_any_messages_are_each_one_line_and_no_byte_of_them_is_lost(
    payloads: list[bytes | None], form: str, in_field: bool
) -> None:
    layout = FileLayout(columns={**COLUMNS, **({"message": "_text"} if form == "text" else {})}, time="ts")
    wanted = Wanted.of(layout, None, everything=True)
    read = chunk(payloads, form, wanted)
    said = np.array([value is not None for value in payloads], dtype=bool)
    rows = read.rows(read.times(layout, in_field), said, wanted)
    feed = Feed.model_validate({"name": "f", "source": "s", "dataset": "log_event"})
    table = facts(rows, layout, feed)
    assert table.num_rows == np.count_nonzero(said)
    for row in table.to_pylist():
        if row["raw"] is None:
            value = payloads[int(row["event_id"].removeprefix("3-"))]
            assert value is not None
            assert form == "text" or row["message"] in {None, (read_value(value, "json") or {}).get("msg")}


@settings(deadline=None, max_examples=60)
@given(payloads=st.lists(values, max_size=5))
def test_any_messages_are_records_or_points_or_raw(payloads: list[bytes | None]) -> None:
    layout = FileLayout(columns={"alert_id": "a", "ends_at": "b", "deleted": "_deleted"}, labels={"x": "msg"})
    wanted = Wanted.of(layout, None, everything=False)
    read, everything = chunk(payloads, "json", wanted), np.ones(len(payloads), dtype=bool)
    feed = Feed.model_validate({"name": "f", "source": "s", "dataset": "alert"})
    table = records(read.rows(read.times(layout, False), everything, wanted), layout, feed)
    assert table.num_rows == len(payloads)
    assert table.schema == dataset("alert").schema

    asked = {"name": "q", "sources": "s", "expr": "x", "kind": "other", "unit": "ratio"}
    layout = FileLayout(value="a", labels={"x": "msg"})
    wanted = Wanted.of(layout, "x", everything=False)
    read = chunk(payloads, "json", wanted)
    rows = read.rows(read.times(layout, False), everything, wanted)
    assert points(rows, layout, MetricQuery.model_validate(asked)).num_rows == len(payloads)


@pytest.mark.parametrize(
    ("value", "cells"),
    [
        (b'{"a": {"b": [1, {"c": null}]}, "d": 1.50}', {"a.b": '[1, {"c": null}]', "d": "1.5"}),
        (b'\x00\x00\x00\x00\x2a{"a": 1}', {"a": "1"}),
        (b'{"\\ud800": "\\udfff"}', {"?": "?"}),
        (b'{"a": ' + b"9" * 5000 + b"}", None),
        (b"[" * 100_000, None),
        (b'{"a":' * 100_000, None),
        (b"7", None),
        (b"", None),
        (None, {}),
    ],
)
def test_a_value_is_flat_texts_or_nothing(value: bytes | None, cells: dict[str, str | None] | None) -> None:
    assert read_value(value, "json") == cells


def test_messages_that_each_have_fields_of_their_own_are_taken_in_portions() -> None:
    wanted = Wanted.of(FileLayout(columns={"message": "msg"}), None, everything=True)
    payloads: list[bytes | None] = [json.dumps({f"k{at}": at, "msg": "m"}).encode() for at in range(3000)]
    read = chunk(payloads, "json", wanted)
    keep = np.ones(3000, dtype=bool)
    portions = list(read.portions(keep, wanted))
    assert len(portions) == 4
    assert (np.sum(portions, axis=0) == 1).all()
