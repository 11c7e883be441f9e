"""What a Prometheus must not say, said by a fake one over a real socket; each test is named after the case."""

import json
from typing import Any

import numpy as np
import pytest

from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fake_http import Answer, fake_server, says
from tests.servers import free_port
from tests.sources.conftest import Ask, at

MINUTE = Window(at(1_790_812_800), at(1_790_812_860))


def matrix(result: list[dict[str, Any]], **more: Any) -> Answer:
    document = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return says(200, json.dumps(document, separators=(",", ":")).encode())


def source(url: str, **query: Any) -> Any:
    return Ask.metrics({"type": "prometheus", "url": url, "timeout": "2s"}, {"expr": "up", "step": "15s", **query})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def test_source_down() -> None:
    with pytest.raises(SourceUnavailable, match=r"Source 'shop': .*cannot be reached"):
        Ask.rows(source(f"http://127.0.0.1:{free_port()}"), MINUTE)


def test_half_an_answer() -> None:
    start = b'{"status":"success","data":{"resultType":"matrix","result":['
    body = start + b'{"metric":{"a":"b"},"values":[[1790812800,"1"],[17'
    with fake_server(says(200, body)) as server:
        with pytest.raises(SourceUnavailable, match="half an answer"):
            Ask.rows(source(server.url), MINUTE)
        assert len(server.asked) == 4


def test_html_instead_of_json() -> None:
    with (
        fake_server(says(200, b"<html>Sign in</html>")) as server,
        pytest.raises(SourceAnswerInvalid, match="HTML instead of JSON: '<html>Sign in</html>'"),
    ):
        Ask.rows(source(server.url), MINUTE)


def test_429_is_tried_again() -> None:
    good = matrix([{"metric": {"a": "b"}, "values": [[1_790_812_800, "1"]]}])
    with fake_server(says(429, headers={"Retry-After": "0"}), good) as server:
        assert len(Ask.rows(source(server.url), MINUTE)) == 1


def test_401_is_rejected() -> None:
    with fake_server(says(401)) as server, pytest.raises(SourceRejected, match="answered 401"):
        Ask.rows(source(server.url), MINUTE)


def test_an_error_in_json_is_rejected_with_its_reason() -> None:
    body = b'{"status":"error","errorType":"bad_data","error":"parse error at 1"}'
    for status, kind in ((200, SourceAnswerInvalid), (400, SourceRejected)):
        with fake_server(says(status, body)) as server, pytest.raises(kind, match="parse error at 1"):
            Ask.rows(source(server.url), MINUTE)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"7",
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":7}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[7]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[["x","1"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1,"1","2"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":[],"values":[[1,"1"]]}]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"histograms":[[1,{}]]}]}}',
    ],
)
def test_another_document_is_invalid(body: bytes) -> None:
    with fake_server(says(200, body)) as server, pytest.raises(SourceAnswerInvalid):
        Ask.rows(source(server.url), MINUTE)


def test_nan_inf_and_text() -> None:
    values = [[1_790_812_800 + 15 * i, text] for i, text in enumerate(["NaN", "+Inf", "-Inf", "kaputt"])]
    with fake_server(matrix([{"metric": {"a": "b"}, "values": values}])) as server:
        rows = Ask.rows(source(server.url), MINUTE)
    assert np.array_equal([row["value"] for row in rows[:3]], [np.nan, np.inf, -np.inf], equal_nan=True)
    assert [row["raw"] for row in rows[:3]] == [None, None, None]
    assert rows[3]["value"] is None
    assert rows[3]["ts"] == at(1_790_812_845)
    assert json.loads(rows[3]["raw"]) == {"labels": {"a": "b"}, "value": "kaputt"}


def test_a_million_labels_are_cut_at_the_cap_and_the_rest_is_told_in_one_row() -> None:
    series = [{"metric": {"id": f"{i:07}"}, "values": [[1_790_812_800, "1"]]} for i in range(30_000)]
    with fake_server(matrix(series)) as server:
        rows = Ask.rows(source(server.url), MINUTE)
    assert len(rows) == 20_001
    assert rows[0]["labels"] == '{"id":"0000000"}'
    told = json.loads(rows[-1]["raw"])
    assert told["series_left_out"] == 10_000
    assert told["points"] == 10_000
    assert told["problem"].startswith("30,000 series, beyond the cap of 20,000")
    assert rows[-1]["labels"] is None
    assert rows[-1]["value"] is None


def test_oversized_and_unstorable_labels_go_out_as_error_rows() -> None:
    point = [[1_790_812_800, "1"]]
    series = [
        {"metric": {"long": "x" * 5_000}, "values": point},
        {"metric": {f"l{i}": "x" for i in range(70)}, "values": point},
        {"metric": {"nul": "a\x00b"}, "values": point},
        {"metric": {"good": "yes"}, "values": point},
    ]
    with fake_server(matrix(series)) as server:
        rows = Ask.rows(source(server.url), MINUTE)
    assert rows[0] == {"ts": at(1_790_812_800), "labels": '{"good":"yes"}', "value": 1.0, "raw": None}
    assert [json.loads(row["raw"])["problem"] for row in rows[1:]] == [
        "labels longer than 4,096 bytes",
        "70 labels, more than 64",
        "a label with characters that cannot be stored",
    ]
    assert all(row["value"] is None and row["labels"] is None for row in rows[1:])


def test_an_empty_window() -> None:
    with fake_server(matrix([])) as server:
        assert Ask.rows(source(server.url), MINUTE) == []


def test_warnings_are_surfaced_and_a_cut_list_of_series_is_an_error() -> None:
    with fake_server(matrix([], warnings=["slow store"], infos=["metric might not be a counter"])) as server:
        reader = source(server.url)
        Ask.rows(reader, MINUTE)
        assert reader.warnings == ["slow store", "metric might not be a counter"]
    cut = matrix([], warnings=["results truncated due to limit"])
    with fake_server(cut) as server, pytest.raises(SourceAnswerInvalid, match="left series out: results truncated"):
        Ask.rows(source(server.url), MINUTE)


def test_a_partial_answer_is_tried_later() -> None:
    with fake_server(matrix([], isPartial=True)) as server, pytest.raises(SourceUnavailable, match="partial"):
        Ask.rows(source(server.url), MINUTE)


def test_an_answer_with_spaces_is_read_too() -> None:
    document = {"status": "success", "data": {"resultType": "matrix", "result": [
        {"metric": {"a": '"values":[[1'}, "values": [[1_790_812_800, "1.5"]]}]}}  # fmt: skip
    with fake_server(says(200, json.dumps(document, indent=1).encode())) as server:
        rows = Ask.rows(source(server.url), MINUTE)
    assert [(row["labels"], row["value"]) for row in rows] == [('{"a":"\\"values\\":[[1"}', 1.5)]


def test_points_outside_the_range_that_was_asked_for_do_not_come_out() -> None:
    values = [[1_790_812_785, "1"], [1_790_812_800, "2"], [1_790_812_860, "3"]]
    with fake_server(matrix([{"metric": {"a": "b"}, "values": values}])) as server:
        assert [row["value"] for row in Ask.rows(source(server.url), MINUTE)] == [2.0]
