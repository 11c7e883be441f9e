"""Metric points from a fake Datadog: its documented answers, its roll-ups, its limits."""

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.config.query import MetricQuery
from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.datadog import API_KEY, APP_KEY, FakeDatadog
from tests.sources import card
from tests.sources.conftest import Ask, at

START = 1_790_812_800
KEYS = Credentials(token=API_KEY, password=APP_KEY)
HOUR = Window(at(START), at(START + 3600))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def source(url: str, credentials: Credentials | None = KEYS, **query: Any) -> Any:
    asked = {"expr": "avg:system.cpu.user{*} by {service}", "step": "1m", **query}
    return Ask.metrics({"type": "datadog", "url": url}, asked, credentials=credentials)


def says(fake: FakeDatadog, series: Any, times: Any, values: Any) -> None:
    attributes = {"series": series, "times": times, "values": values}
    fake.failures.append(Reply({"data": {"id": "0", "type": "timeseries_response", "attributes": attributes}}))


def test_a_recorded_answer_gives_its_points() -> None:
    # From the vendor's own recording: github.com/DataDog/datadog-api-client-python, tests/v2/cassettes/test_scenarios/
    # test_timeseries_cross_product_query_returns_ok_response.yaml.
    recorded = (
        b'{"data":{"id":"0","type":"timeseries_response","attributes":{"series":[{"group_tags":[],"query_index":0,'
        b'"unit":null}],"times":[1711977645000,1711977705000,1711980225000],"values":[[1,1,87]]}}}'
    )
    with FakeDatadog() as fake:
        fake.failures.append(Reply(recorded))
        rows = Ask.rows(source(fake.url, step="15s"), Window(at(1_711_977_600), at(1_711_981_200)))
    assert [(row["ts"], row["labels"], row["value"]) for row in rows] == [
        (at(1_711_977_645), "{}", 1.0),
        (at(1_711_977_705), "{}", 1.0),
        (at(1_711_980_225), "{}", 87.0),
    ]


def test_a_window_of_two_days_is_read_in_ranges_that_datadog_does_not_roll_up() -> None:
    with FakeDatadog() as fake:
        minutes = range(2 * 1440)
        fake.series = {("service:cart", "env:prod"): {(START + 60 * i) * 1000: float(i) for i in minutes}}
        table = Ask.table(source(fake.url), Window(at(START), at(START + 2 * 86_400)))
        bodies = [asked.json["data"]["attributes"] for asked in fake.asked]
    assert [row["value"] for row in table.to_pylist()] == [float(i) for i in minutes]
    assert set(table["labels"].to_pylist()) == {'{"env":"prod","service":"cart"}'}
    assert [(body["from"], body["to"], body["interval"]) for body in bodies] == [
        (START * 1000, (START + 60_000) * 1000, 60_000),
        ((START + 60_000) * 1000, (START + 120_000) * 1000, 60_000),
        ((START + 120_000) * 1000, (START + 172_800) * 1000, 60_000),
    ]
    assert bodies[0]["queries"] == [
        {"data_source": "metrics", "name": "a", "query": "avg:system.cpu.user{*} by {service}"}
    ]


def test_neighbouring_windows_with_odd_edges_share_no_point_and_miss_none() -> None:
    with FakeDatadog() as fake:
        fake.series = {(): {(START + 10 * i) * 1000: float(i) for i in range(720)}}
        edges = [START, START + 61, START + 119, START + 1800, START + 3600]
        apart = [
            (row["ts"], row["value"])
            for first, last in itertools.pairwise(edges)
            for row in Ask.rows(source(fake.url), Window(at(first), at(last)))
        ]
        whole = [(row["ts"], row["value"]) for row in Ask.rows(source(fake.url), HOUR)]
    assert apart == whole
    assert len(whole) == 60


def test_nulls_are_no_points_and_groups_become_labels() -> None:
    with FakeDatadog() as fake:
        series = [{"group_tags": ["service:cart", "zone:a", "zone:b", "canary"]}, {"group_tags": ["service:N/A"]}]
        times = [(START + 60 * i) * 1000 for i in range(3)]
        says(fake, series, times, [[1, None, 3.5], [None, None, None]])
        rows = Ask.rows(source(fake.url), HOUR)
    assert [(row["ts"], row["labels"], row["value"]) for row in rows] == [
        (at(START), '{"canary":"true","service":"cart","zone":"a,b"}', 1.0),
        (at(START + 120), '{"canary":"true","service":"cart","zone":"a,b"}', 3.5),
    ]


def test_a_value_that_is_no_number_goes_out_with_raw() -> None:
    with FakeDatadog() as fake:
        says(fake, [{"group_tags": ["a:b"]}], [(START + 60 * i) * 1000 for i in range(4)], [[1, "x", True, None]])
        rows = Ask.rows(source(fake.url), HOUR)
    assert [row["value"] for row in rows] == [1.0, None, None]
    assert json.loads(rows[1]["raw"]) == {"labels": {"a": "b"}, "value": '"x"'}
    assert json.loads(rows[2]["raw"]) == {"labels": {"a": "b"}, "value": "true"}


def test_points_that_datadog_rolled_up_are_an_error() -> None:
    with FakeDatadog() as fake:
        fake.roll_up_to = 300_000
        fake.series = {(): {(START + 60 * i) * 1000: 1.0 for i in range(60)}}
        with pytest.raises(SourceAnswerInvalid, match=r"300 s apart, where 60 s were asked for.*Set the query's step"):
            Ask.rows(source(fake.url), HOUR)


def test_points_beside_the_grid_are_an_error() -> None:
    with FakeDatadog() as fake:
        says(fake, [{"group_tags": []}], [(START + 30) * 1000], [[1]])
        with pytest.raises(SourceAnswerInvalid, match="not on the grid of 60 s"):
            Ask.rows(source(fake.url), HOUR)


def test_a_rare_metric_is_no_roll_up() -> None:
    with FakeDatadog() as fake:
        fake.series = {(): {(START + 60 * i) * 1000: 1.0 for i in (0, 7, 8, 21, 40)}}
        assert len(Ask.rows(source(fake.url), HOUR)) == 5


def test_points_outside_the_window_do_not_come_out() -> None:
    with FakeDatadog() as fake:
        says(fake, [{"group_tags": []}], [(START + 60 * i) * 1000 for i in (-1, 0, 59, 60)], [[1, 2, 3, 4]])
        assert [row["value"] for row in Ask.rows(source(fake.url), HOUR)] == [2.0, 3.0]


def test_another_unit_than_the_query_says_is_told() -> None:
    with FakeDatadog() as fake:
        fake.unit = [{"family": "time", "name": "millisecond", "scale_factor": 0.001}, None]
        fake.series = {(): {START * 1000: 250.0}}
        reader = source(fake.url, unit="seconds")
        assert [row["value"] for row in Ask.rows(reader, HOUR)] == [250.0]
        assert reader.warnings == ["Datadog says millisecond, the query 'cpu' says seconds"]


def test_both_keys_are_sent_and_a_missing_one_is_told_before_anything_is_asked() -> None:
    with FakeDatadog() as fake:
        assert Ask.rows(source(fake.url), HOUR) == []
        for keys in (None, Credentials(token="api-key"), Credentials(password="app-key")):
            with pytest.raises(SourceRejected, match="the API key as token in the extra, and the application key as"):
                source(fake.url, keys)
        assert len(fake.asked) == 1
        with pytest.raises(SourceRejected, match="answered 403"):
            Ask.rows(source(fake.url, Credentials(token="other", password="keys")), HOUR)
        headers = {name.lower() for name in fake.asked[0].headers}
    assert {"dd-api-key", "dd-application-key"} <= headers
    assert "authorization" not in headers


def test_429_and_500_and_half_an_answer_are_tried_again() -> None:
    with FakeDatadog() as fake:
        fake.series = {(): {START * 1000: 1.0}}
        reset = {"X-RateLimit-Limit": "100", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}
        fake.failures = [Reply({"errors": ["Rate limit"]}, 429, reset), Reply(b"", 500), Reply({"data": {}}, cut=3)]
        assert len(Ask.rows(source(fake.url), HOUR)) == 1
        fake.failures = [Reply(b"", 500)] * 4
        with pytest.raises(SourceUnavailable, match="answered 500"):
            Ask.rows(source(fake.url), HOUR)


def test_a_query_with_a_mistake_is_rejected_with_what_datadog_said() -> None:
    with FakeDatadog() as fake, pytest.raises(SourceRejected, match="unable to parse"):
        Ask.rows(source(fake.url, expr="nonsense"), HOUR)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeDatadog() as fake:
        yield fake


@settings(max_examples=60, deadline=None)
@given(series=_json, times=_json, values=_json)
def test_any_answer_gives_rows_or_says_that_it_is_none(shared: Any, series: Any, times: Any, values: Any) -> None:
    says(shared, series, times, values)
    try:
        Ask.rows(source(shared.url), HOUR)
    except SourceAnswerInvalid:
        pass
    finally:
        shared.failures.clear()


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.none() | st.integers() | st.floats() | st.text(max_size=4) | st.booleans(), max_size=12))
def test_no_value_is_lost(shared: Any, values: list[Any]) -> None:
    says(shared, [{"group_tags": []}], [(START + 60 * i) * 1000 for i in range(len(values))], [values])
    rows = Ask.rows(source(shared.url), HOUR)
    assert len(rows) == sum(value is not None for value in values)


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("datadog")["datadog"].feeds) == ["logs"]
    queries = [query for block in card.blocks("datadog") for query in block.get("queries", {}).items()]
    assert [MetricQuery.model_validate({"name": name, **given}).name for name, given in queries] == ["cpu_user"]
