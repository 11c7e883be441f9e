"""The parsers of spans: the documented forms, what emitters do instead, and that nothing is lost or fails."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.datasets import SPAN, canonical_labels
from include.sources.traces.jaeger_spans import parse_jaeger
from include.sources.traces.otlp import parse_otlp
from include.sources.traces.zipkin_spans import parse_zipkin
from tests.fakes.jaeger import FOUND

PARSERS = pytest.mark.parametrize("parse", [parse_otlp, parse_jaeger, parse_zipkin])
Parser = Callable[[bytes], Any]


def rows(parse: Parser, document: Any) -> list[dict[str, Any]]:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    batches = list(parse(data))
    for batch in batches:
        assert batch.schema == SPAN.schema
        batch.validate(full=True)
    return [row for batch in batches for row in batch.to_pylist()]


def otlp(*spans: Any, resource: Any = None, scope: Any = None) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": resource or {}, "scopeSpans": [{"scope": scope or {}, "spans": [*spans]}]}]}


def one(**more: Any) -> dict[str, Any]:
    return {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B174", "name": "op", "kind": 2,
            "startTimeUnixNano": "1544712660000000000", "endTimeUnixNano": "1544712661000000000", **more}  # fmt: skip


def pair(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


DOCUMENTED = otlp(
    one(name="I'm a server span", parentSpanId="EEE19B7EC3C1B173",
        attributes=[pair("my.span.attr", stringValue="some value")]),
    resource={"attributes": [pair("service.name", stringValue="my.service")]},
    scope={"name": "my.library", "version": "1.0.0",
           "attributes": [pair("my.scope.attribute", stringValue="some scope attribute")]},
)  # fmt: skip
"""examples/trace.json of open-telemetry/opentelemetry-proto."""


def test_the_documented_otlp_span() -> None:
    assert rows(parse_otlp, DOCUMENTED) == [{
        "ts": datetime(2018, 12, 13, 14, 51, tzinfo=UTC), "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": "eee19b7ec3c1b174", "parent_id": "eee19b7ec3c1b173", "service": "my.service",
        "operation": "I'm a server span", "kind": "server", "duration": 1.0, "error": False,
        "attributes": '{"my.scope.attribute":"some scope attribute","my.span.attr":"some value",'
        '"otel.scope.name":"my.library","otel.scope.version":"1.0.0","service.name":"my.service"}',
        "raw": None,
    }]  # fmt: skip


def test_wrappers_lists_and_lines_of_otlp_all_bring_their_spans() -> None:
    groups = DOCUMENTED["resourceSpans"]
    old = json.loads(json.dumps(groups).replace("scopeSpans", "instrumentationLibrarySpans"))
    marked = b"\xef\xbb\xbf" + json.dumps(DOCUMENTED).encode()
    for document in ({"result": DOCUMENTED}, {"trace": DOCUMENTED}, {"batches": groups}, {"resource_spans": groups},
                     [DOCUMENTED], {"resourceSpans": old}, marked):  # fmt: skip
        assert [row["span_id"] for row in rows(parse_otlp, document)] == ["eee19b7ec3c1b174"]
    line = json.dumps({"result": DOCUMENTED}).encode()
    assert len(rows(parse_otlp, line + b"\n\n" + line + b"\n")) == 2
    assert rows(parse_otlp, {"resourceSpans": []}) == rows(parse_otlp, {}) == rows(parse_otlp, b" \n") == []


def test_the_recorded_answer_of_jaeger_v3() -> None:
    (row,) = rows(parse_otlp, FOUND)
    assert row["trace_id"] == "000000000000009600000000000000a0"
    assert (row["ts"].year, row["parent_id"], row["kind"], row["error"], row["service"]) == (
        2339, None, "server", True, None,
    )  # fmt: skip


def test_ids_are_lower_case_hexadecimal_also_where_an_emitter_wrote_base64() -> None:
    trace = base64.b64encode(bytes.fromhex("5b8efff798038103d269b633813fc60c")).decode()
    own = base64.b64encode(bytes.fromhex("eee19b7ec3c1b174")).decode()
    (row,) = rows(parse_otlp, otlp(one(traceId=trace, spanId=own, parentSpanId="AAAAAAAAAAA=")))
    assert (row["trace_id"], row["span_id"], row["parent_id"]) == (
        "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", None,
    )  # fmt: skip


def test_trace_ids_of_64_and_128_bits_stay_as_the_source_says() -> None:
    spans = [one(traceId="D269B633813FC60C"), one(traceId="0000000000000000D269B633813FC60C"), one(traceId="trace-1")]
    assert [row["trace_id"] for row in rows(parse_otlp, otlp(*spans))] == [
        "d269b633813fc60c", "0000000000000000d269b633813fc60c", "trace-1",
    ]  # fmt: skip


def test_kind_and_status_come_as_numbers_and_as_names() -> None:
    kinds = [0, 1, 2, 3, 4, 5, "SPAN_KIND_CLIENT", "SPAN_KIND_UNSPECIFIED", 9, "x"]
    found = rows(parse_otlp, otlp(*(one(kind=kind) for kind in kinds), {k: v for k, v in one().items() if k != "kind"}))
    assert [row["kind"] for row in found] == [
        "internal", "internal", "server", "client", "producer", "consumer", "client", "internal", "internal",
        "internal", "internal",
    ]  # fmt: skip
    assert found[8]["attributes"] == '{"span.kind":"9"}'
    codes = [None, {}, {"code": 0}, {"code": 1}, {"code": 2}, {"code": "STATUS_CODE_ERROR"}, {"code": "STATUS_CODE_OK"}]
    found = rows(parse_otlp, otlp(*(one(status=code) for code in codes)))
    assert [row["error"] for row in found] == [False, False, False, False, True, True, False]
    (row,) = rows(parse_otlp, otlp(one(status={"code": 2, "message": "out of stock"})))
    assert row["attributes"] == '{"otel.status_description":"out of stock"}'


def test_every_type_of_attribute_becomes_text() -> None:
    given_attributes = [
        pair("s", stringValue="é"), pair("i", intValue="9007199254740993"), pair("n", intValue=7),
        pair("b", boolValue=True), pair("d", doubleValue=0.5), pair("y", bytesValue="aGk="), pair("none"),
        pair("l", arrayValue={"values": [{"stringValue": "a"}, {"intValue": "1"}]}),
        pair("m", kvlistValue={"values": [pair("k", boolValue=False)]}), pair("empty", arrayValue={}),
    ]  # fmt: skip
    (row,) = rows(parse_otlp, otlp(one(attributes=given_attributes)))
    expected = {"s": "é", "i": "9007199254740993", "n": "7", "b": "true", "d": "0.5", "y": "aGk=", "none": "",
                "l": '["a",1]', "m": '{"k":false}', "empty": "[]"}  # fmt: skip
    assert row["attributes"] == canonical_labels(expected)


def test_a_tag_that_the_resource_says_otherwise_is_kept_beside_it() -> None:
    span = one(attributes=[pair("host.name", stringValue="a"), pair("zone", stringValue="z")])
    resource = {"attributes": [pair("host.name", stringValue="b"), pair("zone", stringValue="z")]}
    (row,) = rows(parse_otlp, otlp(span, resource=resource))
    assert row["attributes"] == '{"host.name":"a","resource.host.name":"b","zone":"z"}'


def test_a_tag_that_is_given_twice_with_two_values_keeps_both() -> None:
    twice = [pair("a", stringValue="x"), pair("a", stringValue="x"), pair("a", stringValue="y"), pair("a", intValue=3)]
    (row,) = rows(parse_otlp, otlp(one(attributes=twice)))
    assert row["attributes"] == '{"a":"x","a#2":"y","a#3":"3"}'
    (row,) = rows(parse_jaeger, jaeger(span(tags=[tag("a", "x"), tag("a", "y"), tag("logs", "z")], logs=[1])))
    assert row["attributes"] == '{"a":"x","a#2":"y","logs":"z","logs#2":"[1]"}'
    (row,) = rows(parse_zipkin, [zipkin(tags={"local.ipv4": "me", "shared": "no"}, shared=True)])
    assert row["attributes"] == '{"local.ipv4":"me","local.ipv4#2":"172.17.0.13","shared":"no","shared#2":"true"}'


def test_events_links_and_trace_state_are_kept() -> None:
    events = [{"timeUnixNano": "1", "name": "exception", "attributes": [pair("m", stringValue="boom")]}]
    (row,) = rows(parse_otlp, otlp(one(events=events, links=[{"traceId": "aa"}], traceState="k=v")))
    tags = json.loads(row["attributes"])
    assert json.loads(tags["events"]) == events
    assert (tags["links"], tags["trace_state"]) == ('[{"traceId":"aa"}]', "k=v")


def test_a_span_that_ends_before_it_begins_has_a_negative_duration() -> None:
    (row,) = rows(parse_otlp, otlp(one(endTimeUnixNano="1544712659500000000")))
    assert (row["duration"], row["raw"]) == (-0.5, None)
    (row,) = rows(parse_jaeger, {"data": [jaeger(span(duration=-7))]})
    assert (row["duration"], row["raw"]) == (-7e-6, None)
    (row,) = rows(parse_zipkin, [zipkin(duration=-7)])
    assert (row["duration"], row["raw"]) == (-7e-6, None)


def test_a_span_without_an_end_has_no_duration() -> None:
    for end in ("0", 0, None, ""):
        (row,) = rows(parse_otlp, otlp(one(endTimeUnixNano=end)))
        assert (row["duration"], row["raw"], row["span_id"]) == (None, None, "eee19b7ec3c1b174")
    (row,) = rows(parse_zipkin, [{k: v for k, v in zipkin().items() if k != "duration"}])
    assert (row["duration"], row["raw"]) == (None, None)


@pytest.mark.parametrize("broken", [
    {"traceId": None}, {"traceId": "0" * 32}, {"spanId": ""}, {"spanId": 7}, {"startTimeUnixNano": "soon"},
    {"startTimeUnixNano": None}, {"startTimeUnixNano": "9" * 30}, {"startTimeUnixNano": "9" * 5000},
    {"attributes": "x"}, {"attributes": [7]}, {"attributes": [{}]}, {"attributes": [{"key": 7}]}, {"kind": [1]},
    {"status": 7}, {"startTimeUnixNano": True},
])  # fmt: skip
def test_what_is_no_span_goes_out_as_its_text_beside_the_others(broken: dict[str, Any]) -> None:
    given_rows = rows(parse_otlp, otlp(one(), one(**broken), one()))
    assert [row["raw"] is None for row in given_rows] == [True, False, True]
    assert json.loads(given_rows[1]["raw"]) == one(**broken)
    assert given_rows[1]["trace_id"] is None


def test_groups_that_are_no_groups_go_out_as_their_text() -> None:
    resource = {"resource": {"attributes": 7}, "scopeSpans": [{"spans": [one()]}]}
    spans = {"scopeSpans": [{"spans": 7}]}
    for document in ({"resourceSpans": 7}, {"resourceSpans": [7]}, {"resourceSpans": [{"scopeSpans": 7}]}, {"other": 1},
                     {"resourceSpans": [spans]}, [7], 7, "x", {"resourceSpans": [resource]}):  # fmt: skip
        (row,) = rows(parse_otlp, document)
        assert row["raw"] is not None
        assert row["raw"] in json.dumps(document, separators=(",", ":"), sort_keys=True)


def span(**more: Any) -> dict[str, Any]:
    return {"traceID": "df84e36b9e2ee3815d07f0867a5be1f", "spanID": "a68c6983a6d81a2", "operationName": "GET",
            "references": [], "startTime": 1542666452979000, "duration": 390000, "tags": [], "logs": [],
            "processID": "p1", "warnings": None, **more}  # fmt: skip


def jaeger(*spans: Any, **process: Any) -> dict[str, Any]:
    return {"traceID": "df84", "spans": [*spans],
            "processes": {"p1": {"serviceName": "cart", "tags": [], **process}}}  # fmt: skip


def tag(key: str, value: Any, kind: str = "string") -> dict[str, Any]:
    return {"key": key, "type": kind, "value": value}


def test_a_span_of_jaegers_own_form() -> None:
    trace = jaeger(
        span(tags=[tag("span.kind", "client"), tag("error", True, "bool"), tag("http.status_code", 500, "int64")],
             references=[{"refType": "CHILD_OF", "traceID": "DF84E36b9e2ee3815d07f0867a5be1f", "spanID": "FF"}],
             logs=[{"timestamp": 1, "fields": [tag("event", "retry")]}]),
        tags=[tag("hostname", "h1")],
    )  # fmt: skip
    for document in ({"data": [trace], "errors": None}, trace, [trace], [{"data": [trace]}]):
        assert rows(parse_jaeger, document) == [{
            "ts": datetime(2018, 11, 19, 22, 27, 32, 979000, UTC), "trace_id": "df84e36b9e2ee3815d07f0867a5be1f",
            "span_id": "a68c6983a6d81a2", "parent_id": "ff", "service": "cart", "operation": "GET", "kind": "client",
            "duration": 0.39, "error": True,
            "attributes": canonical_labels({"error": "true", "hostname": "h1", "http.status_code": "500",
                "logs": '[{"fields":[{"key":"event","type":"string","value":"retry"}],"timestamp":1}]'}),
            "raw": None,
        }]  # fmt: skip


def test_the_parent_is_the_first_child_of_in_the_same_trace() -> None:
    def refs(*given_refs: tuple[str, str, str]) -> tuple[str | None, str | None]:
        listed = [dict(zip(("refType", "traceID", "spanID"), ref, strict=True)) for ref in given_refs]
        (row,) = rows(parse_jaeger, jaeger(span(traceID="a", references=listed)))
        return row["parent_id"], row["attributes"]

    assert refs() == (None, None)
    assert refs(("FOLLOWS_FROM", "a", "1"), ("CHILD_OF", "a", "2"))[0] == "2"
    assert refs(("FOLLOWS_FROM", "a", "1"))[0] == "1"
    parent, tags = refs(("CHILD_OF", "b", "1"))
    assert parent is None
    assert tags == canonical_labels({"references": '[{"refType":"CHILD_OF","spanID":"1","traceID":"b"}]'})
    (row,) = rows(parse_jaeger, jaeger(span(references=None, parentSpanID="0a")))
    assert row["parent_id"] == "0a"


def test_what_jaegers_spans_get_wrong_goes_out_as_text() -> None:
    for broken in (
        7,
        None,
        span(processID="p9"),
        span(startTime="x"),
        span(tags=[7]),
        span(references=[7]),
        span(traceID=1),
    ):
        (row,) = rows(parse_jaeger, jaeger(broken))
        assert json.loads(row["raw"]) == broken
    assert rows(parse_jaeger, {"data": []}) == rows(parse_jaeger, {"data": None, "errors": None}) == []
    edge = {"parent": "Service574", "child": "Service1529", "callCount": 54}
    assert [row["raw"] for row in rows(parse_jaeger, [edge])] == [
        json.dumps(dict(sorted(edge.items())), separators=(",", ":"))
    ]


def test_an_empty_service_name_is_no_name() -> None:
    (row,) = rows(parse_jaeger, jaeger(span(), serviceName=""))
    assert (row["service"], row["raw"]) == (None, None)
    (row,) = rows(parse_zipkin, [zipkin(localEndpoint={"serviceName": ""})])
    assert (row["service"], row["raw"]) == (None, None)
    (row,) = rows(parse_otlp, otlp(one(), resource={"attributes": [pair("service.name", stringValue="")]}))
    assert (row["service"], row["raw"]) == (None, None)


def zipkin(**more: Any) -> dict[str, Any]:
    return {"traceId": "ef86c83c0a05a6d6", "parentId": "ef86c83c0a05a6d6", "id": "ecc00062ceef4bf0", "kind": "CLIENT",
            "name": "get", "timestamp": 1531282088548312, "duration": 20333,
            "localEndpoint": {"serviceName": "mobile-gateway", "ipv4": "172.17.0.13"},
            "tags": {"http.method": "GET"}, **more}  # fmt: skip


def test_a_span_of_zipkin() -> None:
    annotations = [{"timestamp": 1, "value": "ws"}]
    remote = {"serviceName": "db", "port": 9042}
    document = [[zipkin(remoteEndpoint=remote, shared=True, annotations=annotations)]]
    for given_document in (document, document[0], document[0][0]):
        assert rows(parse_zipkin, given_document) == [{
            "ts": datetime(2018, 7, 11, 4, 8, 8, 548312, UTC), "trace_id": "ef86c83c0a05a6d6",
            "span_id": "ecc00062ceef4bf0", "parent_id": "ef86c83c0a05a6d6", "service": "mobile-gateway",
            "operation": "get", "kind": "client", "duration": 0.020333, "error": False,
            "attributes": '{"annotations":"[{\\"timestamp\\":1,\\"value\\":\\"ws\\"}]","http.method":"GET",'
            '"local.ipv4":"172.17.0.13","remote.port":"9042","remote.service":"db","shared":"true"}',
            "raw": None,
        }]  # fmt: skip
    assert rows(parse_zipkin, [zipkin(tags={"error": ""})])[0]["error"] is True


def test_a_zipkin_span_without_a_time_is_incomplete_and_comes_behind_its_trace() -> None:
    late = {name: value for name, value in zipkin().items() if name != "timestamp"}
    found = rows(parse_zipkin, [[late, zipkin(id="a")], [zipkin(id="b")]])
    assert [(row["span_id"], row["raw"] is None) for row in found] == [("a", True), (None, False), ("b", True)]
    assert json.loads(found[1]["raw"]) == late


def test_the_two_halves_of_a_shared_span_are_two_rows() -> None:
    halves = [zipkin(), zipkin(kind="SERVER", shared=True, duration=15888)]
    assert [(row["span_id"], row["kind"]) for row in rows(parse_zipkin, halves)] == [
        ("ecc00062ceef4bf0", "client"), ("ecc00062ceef4bf0", "server"),
    ]  # fmt: skip


def test_an_id_that_is_used_again_for_something_else_stays() -> None:
    found = rows(parse_otlp, otlp(one(name="a"), one(name="b")))
    assert [(row["span_id"], row["operation"]) for row in found] == [
        ("eee19b7ec3c1b174", "a"),
        ("eee19b7ec3c1b174", "b"),
    ]


def test_cycles_missing_parents_and_skewed_clocks_are_only_data() -> None:
    around = [zipkin(id="1", parentId="2"), zipkin(id="2", parentId="1"), zipkin(id="3", parentId="3"),
              zipkin(id="4", parentId="gone", timestamp=1)]  # fmt: skip
    assert [(row["span_id"], row["parent_id"], row["ts"].year) for row in rows(parse_zipkin, around)] == [
        ("1", "2", 2018), ("2", "1", 2018), ("3", "3", 2018), ("4", "gone", 1970),
    ]  # fmt: skip


def test_a_tag_of_ten_megabytes_is_kept() -> None:
    huge = "x" * 10_000_000
    (row,) = rows(parse_otlp, otlp(one(attributes=[pair("k", stringValue=huge)])))
    assert len(row["attributes"]) == len(huge) + len('{"k":""}')
    (row,) = rows(parse_jaeger, jaeger(span(tags=[tag("k", huge)])))
    assert len(row["attributes"]) == len(huge) + len('{"k":""}')
    (row,) = rows(parse_zipkin, [zipkin(tags={"k": huge}, localEndpoint={})])
    assert len(row["attributes"]) == len(huge) + len('{"k":""}')


def test_many_large_spans_come_in_several_batches() -> None:
    spans = [zipkin(tags={"k": "x" * 1_000_000}, localEndpoint={})] * 150
    assert [batch.num_rows for batch in parse_zipkin(json.dumps(spans).encode())] == [68, 68, 14]


@PARSERS
def test_a_bomb_of_brackets_is_one_text(parse: Parser) -> None:
    for bomb in (b"[" * 200_000, b'{"a":' * 200_000, b"[" * 100_000 + b"]" * 100_000):
        assert [row["raw"] for row in rows(parse, bomb)] == [bomb.decode()]


def test_a_value_that_is_just_not_too_deep_to_be_read_costs_its_own_span_only() -> None:
    for depth in range(80, 980, 50):
        deep: Any = {"stringValue": "x"}
        text = '{"arrayValue":{"values":[' * (depth // 3) + json.dumps(deep) + "]}}" * (depth // 3)
        data = json.dumps(otlp(one(), one(attributes=["DEEP"]), one())).replace(
            '"DEEP"', '{"key":"k","value":' + text + "}"
        )
        found = rows(parse_otlp, data.encode())
        assert "x" in "".join(row["raw"] or row["attributes"] or "" for row in found)
        assert len(found) in {1, 3}


def test_half_of_a_surrogate_pair_costs_one_character() -> None:
    data = json.dumps([zipkin(name="a")]).replace('"a"', '"a\\ud83d"').encode()
    assert rows(parse_zipkin, data)[0]["operation"] == "a?"
    data = json.dumps([zipkin(id=7, name="a")]).replace('"a"', '"a\\ud83d"').encode()
    assert "a?" in rows(parse_zipkin, data)[0]["raw"]


def test_half_a_file_keeps_the_lines_that_are_whole() -> None:
    line = json.dumps(DOCUMENTED).encode()
    found = rows(parse_otlp, line + b"\n" + line[:200])
    assert [row["raw"] for row in found] == [None, line[:200].decode()]
    assert [row["raw"] for row in rows(parse_otlp, line[:200])] == [line[:200].decode()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
NAMES = (
    "traceId", "spanId", "parentSpanId", "name", "kind", "startTimeUnixNano", "endTimeUnixNano", "attributes", "status",
    "events", "links", "traceState", "traceID", "spanID", "operationName", "references", "startTime", "duration",
    "tags", "logs", "process", "processID", "id", "parentId", "timestamp", "localEndpoint", "remoteEndpoint",
    "annotations", "shared",
)  # fmt: skip
SPANS = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)
GOOD = {"traceId": "ab", "spanId": "1", "startTimeUnixNano": "1000", "traceID": "ab", "spanID": "1", "startTime": 1,
        "id": "1", "timestamp": 1, "process": {"serviceName": "s"}}  # fmt: skip


@PARSERS
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_any_bytes_give_rows_or_their_text(parse: Parser, data: bytes) -> None:
    found = rows(parse, data)
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    assert bool(found) <= bool(text)


@PARSERS
@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=JSON)
def test_any_json_gives_rows_or_their_text(parse: Parser, document: Any) -> None:
    rows(parse, document)


@PARSERS
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(spans=st.lists(SPANS | JSON.filter(lambda one: not isinstance(one, list)), max_size=4), good=st.booleans())
def test_any_span_is_one_row(parse: Parser, spans: list[Any], good: bool) -> None:
    given_spans = [{**GOOD, **one} if good and isinstance(one, dict) else one for one in spans]
    documents = {parse_otlp: otlp(*given_spans), parse_jaeger: jaeger(*given_spans), parse_zipkin: [given_spans]}
    found = rows(parse, documents[parse])
    assert len(found) == len(given_spans)
    assert all(row["raw"] is not None or (row["ts"] and row["trace_id"] and row["span_id"]) for row in found)


def test_columns_are_encoded_once_per_word() -> None:
    (batch,) = parse_zipkin(json.dumps([zipkin()] * 100).encode())
    assert isinstance(batch.column("service"), pa.DictionaryArray)
    assert len(batch.column("service").dictionary) == 1
