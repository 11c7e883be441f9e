"""Log lines from a fake Datadog: pages of 1,000 by a cursor that may be forgotten, lines at one time, odd lines."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.datasets import LOG_EVENT
from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.datadog import API_KEY, APP_KEY, FakeDatadog, line
from tests.sources.conftest import Ask, at

START = 1_790_812_800
HOUR = Window(at(START), at(START + 3600))
KEYS = Credentials(token=API_KEY, password=APP_KEY)
# The vendor's own recording: github.com/DataDog/datadog-api-client-python, tests/v2/cassettes/test_scenarios/
# test_search_logs_returns_ok_response_with_pagination.yaml.
RECORDED = (
    b'{"meta":{"page":{"after":"eyJhZnRlciI6IkFRQUFBWUFaZGJvSjdkR3dOZ0FBQUFCQldVRmFaR0p5TVVGQlEwczRPRU4zWW1aMVVESlJRVU'
    b'UifQ"}},"data":[{"attributes":{"status":"ok","tags":["source:sinatra","env:integrations-lab","source:sinatra","inst'
    b'ance_index:0"],"timestamp":"2022-04-11T16:29:47.000Z","host":"05f9b9df-ae45-4c8b-66bf-e24c","attributes":{"duration'
    b'":2700000.0,"http":{"url_details":{"path":"/"},"status_category":"OK","url":"/","status_code":200,"version":"1.'
    b'1","method":"GET"}},"message":"GET / HTTP/1.1 200 117 0.0027"},"type":"log","id":"AQAAAYAZdbh47dGwNwAAAABBWUF'
    b'aZGJyMUFBQ0s4OEN3YmZ1UDJRQUI"}],"links":{"next":"https://api.datadoghq.com/api/v2/logs/events?sort=timestamp"}}'
)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def source(fake: FakeDatadog, **feed: Any) -> Any:
    return Ask.feed({"type": "datadog", "url": fake.url}, {"dataset": "log_event", **feed}, credentials=KEYS)


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["event_id"][2:]) for row in rows]


def test_a_recorded_line_gives_its_columns() -> None:
    with FakeDatadog() as fake:
        fake.failures = [Reply(RECORDED), Reply({"data": [], "meta": {}})]
        rows = Ask.rows(source(fake), Window(at(1_649_694_587), at(1_649_694_588)))
    assert len(rows) == 1
    row = rows[0]
    assert row["ts"].isoformat() == "2022-04-11T16:29:47+00:00"
    assert (row["host"], row["level"], row["service"]) == ("05f9b9df-ae45-4c8b-66bf-e24c", "ok", None)
    assert row["message"] == "GET / HTTP/1.1 200 117 0.0027"
    assert row["event_id"] == "AQAAAYAZdbh47dGwNwAAAABBWUFaZGJyMUFBQ0s4OEN3YmZ1UDJRQUI"
    assert json.loads(row["attributes"]) == {
        "duration": 2700000.0,
        "http": {
            "method": "GET",
            "status_category": "OK",
            "status_code": 200,
            "url": "/",
            "url_details": {"path": "/"},
            "version": "1.1",
        },
        "tags": ["source:sinatra", "env:integrations-lab", "source:sinatra", "instance_index:0"],
    }


def test_every_page_is_read_and_each_line_comes_once_in_order() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START + i)) for i in range(3_500)]
        reader = source(fake, expr="service:cart", options={"indexes": "main"})
        batches = list(reader.read(HOUR))
        bodies = [asked.json for asked in fake.asked]
    assert [batch.num_rows for batch in batches] == [1_000, 1_000, 1_000, 500]
    assert all(batch.schema == LOG_EVENT.schema for batch in batches)
    assert numbers([row for batch in batches for row in batch.to_pylist()]) == list(range(3_500))
    assert len(bodies) == 5
    assert bodies[0] == {
        "filter": {
            "query": "service:cart",
            "indexes": ["main"],
            "storage_tier": "indexes",
            "from": "2026-10-01T00:00:00.000Z",
            "to": "2026-10-01T01:00:00.000Z",
        },
        "page": {"limit": 1_000},
        "sort": "timestamp",
        "options": {"timezone": "UTC"},
    }


def test_the_window_is_half_open_to_the_microsecond() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START) + timedelta(milliseconds=i)) for i in range(4)]
        start, end = at(START) + timedelta(microseconds=900), at(START) + timedelta(milliseconds=3)
        assert numbers(Ask.rows(source(fake), Window(start, end))) == [1, 2]


def test_ten_thousand_and_one_lines_at_one_time_all_come() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START + 5)) for i in range(10_001)]
        fake.forget = {4, 8}
        rows = Ask.rows(source(fake), HOUR)
    assert numbers(rows) == list(range(10_001))


def test_a_cursor_that_expires_mid_way_loses_and_repeats_nothing() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START + i // 3)) for i in range(5_000)]
        fake.forget = {3, 5}
        rows = Ask.rows(source(fake), HOUR)
        again = [asked.json["filter"]["from"] for asked in fake.asked if "cursor" not in asked.json["page"]]
    assert numbers(rows) == list(range(5_000))
    assert again == ["2026-10-01T00:00:00.000Z", "2026-10-01T00:11:06.000Z", "2026-10-01T00:16:39.000Z"]


def test_a_cursor_that_is_always_forgotten_is_an_error_in_the_end() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START)) for i in range(1_500)]
        fake.forget = set(range(2, 100))
        with pytest.raises(SourceUnavailable, match="forgot its cursor 4 times without a new line"):
            Ask.rows(source(fake), HOUR)


def test_lines_that_arrive_while_pages_are_read_neither_shift_nor_repeat_others() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START + i)) for i in range(2_500)]

        def arrive(page: int) -> None:
            if page == 2:
                fake.logs += [line(9_000, at(START + 10)), line(9_001, at(START + 2_400))]

        fake.before_page = arrive
        got = numbers(Ask.rows(source(fake), HOUR))
    assert sorted(got) == [*range(2_500), 9_001]
    assert len(got) == len(set(got))


def test_a_page_that_comes_again_gives_each_line_once() -> None:
    with FakeDatadog() as fake:
        fake.logs = [line(i, at(START + i)) for i in range(1_500)]
        page = fake._search({"filter": {"from": "0", "to": "9999999999999"}, "page": {"limit": 1_000}})
        fake.failures = [page]
        rows = Ask.rows(source(fake), HOUR)
    assert numbers(rows) == list(range(1_500))


def test_a_cursor_that_leads_nowhere_is_an_error() -> None:
    with FakeDatadog() as fake:
        page = {"data": [line(1, at(START))], "meta": {"page": {"after": "same"}}}
        fake.failures = [Reply(page), Reply(page)]
        with pytest.raises(SourceUnavailable, match="same page as its next one again"):
            Ask.rows(source(fake), HOUR)


def test_pages_out_of_order_are_an_error() -> None:
    with FakeDatadog() as fake:
        first = {"data": [line(5, at(START + 50))], "meta": {"page": {"after": "a"}}}
        fake.failures = [Reply(first), Reply({"data": [line(1, at(START))], "meta": {}})]
        with pytest.raises(SourceUnavailable, match="not in order of time"):
            Ask.rows(source(fake), HOUR)


def test_a_search_that_ran_out_of_time_or_warns_is_an_error() -> None:
    with FakeDatadog() as fake:
        fake.meta = {"status": "timeout"}
        with pytest.raises(SourceUnavailable, match="ran out of time"):
            Ask.rows(source(fake), HOUR)
        warning = {"code": "unknown_index", "detail": "indexes: foo", "title": "One or several indexes are missing"}
        fake.meta = {"status": "done", "warnings": [warning]}
        with pytest.raises(SourceAnswerInvalid, match=r"lines may be missing.*unknown_index"):
            Ask.rows(source(fake), HOUR)


def test_times_of_other_zones_and_odd_lines() -> None:
    with FakeDatadog() as fake:
        zoned = line(1, at(START))
        zoned["attributes"]["timestamp"] = "2026-10-01T02:00:01.5+02:00"
        timeless = line(2, at(START))
        timeless["attributes"]["timestamp"] = "yesterday"
        half = line(3, at(START + 2), message="a\ud800b", attributes=None, tags=None)
        outside = line(4, at(START + 9_000))
        traced = line(
            5, at(START + 3), attributes={"dd": {"trace_id": "71", "span_id": "72"}, "logger": {"name": "x.Y"}}
        )
        fake.failures = [Reply({"data": [zoned, timeless, half, outside, traced, "text", None, 7], "meta": {}})]
        rows = Ask.rows(source(fake), HOUR)
    assert [row["event_id"] for row in rows] == ["AQ00000001", None, "AQ00000003", "AQ00000005", None, None, None]
    assert rows[0]["ts"].isoformat() == "2026-10-01T00:00:01.500000+00:00"
    assert (rows[1]["ts"], json.loads(rows[1]["raw"])["id"]) == (None, "AQ00000002")
    assert (rows[2]["ts"], rows[2]["message"], rows[2]["attributes"]) == (at(START + 2), "a\\ud800b", None)
    assert (rows[3]["trace_id"], rows[3]["span_id"], rows[3]["logger"]) == ("71", "72", "x.Y")
    assert [row["raw"] for row in rows[4:]] == ["text", "null", "7"]


def test_other_datasets_are_refused() -> None:
    with FakeDatadog() as fake, pytest.raises(SourceRejected, match="type datadog has no alert"):
        Ask.feed({"type": "datadog", "url": fake.url}, {"dataset": "alert"}, credentials=KEYS)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_lines = st.fixed_dictionaries(
    {"attributes": st.fixed_dictionaries({}, optional=dict.fromkeys(["tags", "attributes", "message", "host"], _json))}
)


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeDatadog() as fake:
        yield fake


@settings(max_examples=80, deadline=None)
@given(data=st.lists(_lines | _json, max_size=5))
def test_no_line_is_lost_whatever_it_looks_like(shared: Any, data: list[Any]) -> None:
    for entry in data:
        if isinstance(entry, dict) and isinstance(entry.get("attributes"), dict):
            entry["attributes"]["timestamp"] = "2026-10-01T00:00:01Z"
    shared.failures = [Reply({"data": data, "meta": {}})]
    assert len(Ask.rows(source(shared), HOUR)) == len(data)
