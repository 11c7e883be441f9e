"""Log lines from a fake Loki over a real socket."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.logs.loki_lines import NoStreamsError, lines_of
from include.sources.logs.loki_selector import halves, narrowed, selector_of
from include.sources.logs.rows import LogFields
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.loki import DOCUMENTED, FakeLoki
from tests.sources import card
from tests.sources.conftest import Ask

START = 1_790_848_800 * 10**9  # 2026-10-01T10:00:00Z
TEN = datetime(2026, 10, 1, 10, tzinfo=UTC)
HOUR = Window(TEN, TEN + timedelta(hours=1))


def source(fake: FakeLoki, *, page: int = 5_000, expr: str = '{app=~".+"}', options: Any = None, **more: Any) -> Any:
    config = {"type": "loki", "url": fake.url, "timeout": "5s", "options": {"page": page}, **more}
    return Ask.feed(config, {"dataset": "log_event", "expr": expr, "options": options or {}})


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def test_the_documented_answer_is_read() -> None:
    with FakeLoki() as fake:
        fake.failures.append(Reply(DOCUMENTED))
        window = Window(datetime(2019, 9, 23, 19, tzinfo=UTC), datetime(2019, 9, 23, 20, tzinfo=UTC))
        rows = Ask.rows(source(fake, expr='{job="varlogs"}'), window)
        asked = {name: values[0] for name, values in fake.asked[0].query.items()}
    assert asked == {
        "query": '{job="varlogs"}', "start": "1569265200000000000", "end": "1569268800000000000",
        "limit": "5000", "direction": "forward",
    }  # fmt: skip
    assert [(row["ts"].isoformat(), row["message"]) for row in rows] == [
        ("2019-09-23T19:21:32.548155+00:00", "bar"),
        ("2019-09-23T19:21:37.240578+00:00", "foo"),
    ]
    assert {name: rows[0][name] for name in ("service", "host", "level", "logger", "attributes", "event_id")} == {
        "service": "varlogs", "host": None, "level": "info", "logger": "/var/log/myproject.log",
        "attributes": None, "event_id": None,
    }  # fmt: skip


def test_pages_are_read_until_the_last_and_lines_at_their_edges_come_once() -> None:
    with FakeLoki(cap=10) as fake:
        for i in range(47):
            fake.log(START + i // 3 * 1_000, f"line {i}", app="cart", pod=f"pod-{i % 2}")
        rows = Ask.rows(source(fake, page=10), HOUR)
        assert fake.pages == 6
    assert sorted(row["message"] for row in rows) == sorted(f"line {i}" for i in range(47))
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)


def test_equal_lines_are_as_many_as_there_are() -> None:
    with FakeLoki(cap=4) as fake:
        for i in range(11):
            fake.log(START + i // 3, "the same", app="cart")
        assert len(Ask.rows(source(fake, page=4), HOUR)) == 11


def test_the_start_is_inside_and_the_end_is_not() -> None:
    with FakeLoki() as fake:
        for ns in (START - 1, START, START + 3_600 * 10**9 - 1, START + 3_600 * 10**9):
            fake.log(ns, str(ns), app="cart")
        rows = Ask.rows(source(fake), HOUR)
    assert [row["message"] for row in rows] == [str(START), str(START + 3_600 * 10**9 - 1)]


def test_ten_thousand_lines_at_one_nanosecond_are_read_by_their_streams() -> None:
    with FakeLoki() as fake:
        for i in range(10_001):
            fake.log(START + 5, f"{i}", app="cart", pod=f"pod {i % 7}", zone=f"z.{i % 3}")
        fake.log(START + 4, "before", app="cart")
        fake.log(START + 6, "after", app="cart")
        rows = Ask.rows(source(fake), HOUR)
    assert len(rows) == 10_003
    assert (rows[0]["message"], rows[-1]["message"]) == ("before", "after")
    assert len({row["message"] for row in rows}) == 10_003


def test_one_stream_with_too_many_lines_at_one_nanosecond_is_an_error_that_says_what_to_do() -> None:
    with FakeLoki(cap=10) as fake:
        for i in range(11):
            fake.log(START + 5, f"{i}", app="cart")
        with pytest.raises(SourceAnswerInvalid) as caught:
            Ask.rows(source(fake, page=10), HOUR)
    assert str(caught.value) == (
        "Source 'shop': Loki has more than 9 lines of {app=~\".+\"} at 2026-10-01T10:00:00.000000005Z, and gives no "
        "more at once. Raise max_entries_limit_per_query in Loki and page in the source's options, or split the feed "
        "in two by line filters in expr."
    )


def test_a_cap_of_the_server_below_the_page_is_obeyed() -> None:
    with FakeLoki(cap=7) as fake:
        for i in range(20):
            fake.log(START + i, f"{i}", app="cart")
        rows = Ask.rows(source(fake, page=5_000), HOUR)
        assert [asked.one("limit") for asked in fake.asked] == ["5000", "7", "7", "7", "7"]
    assert [row["message"] for row in rows] == [str(i) for i in range(20)]


def test_labels_and_structured_metadata_become_columns_and_attributes() -> None:
    with FakeLoki() as fake:
        fake.log(
            START + 1_234_567, "GET /", {"trace_id": "0242AC120002", "user_id": "superUser123"},
            service_name="shop/cart", pod="cart-1", detected_level="warn", env="dev", filename="/var/log/a.log",
        )  # fmt: skip
        fake.log(START + 2_000_000, "plain", job="batch", app="x")
        flagged = Ask.rows(source(fake, expr='{env=~".*"}'), HOUR)
        fake.understands_flags = False
        merged = Ask.rows(source(fake, expr='{env=~".*"}'), HOUR)
    assert flagged == merged
    assert flagged[0] == {
        "ts": TEN + timedelta(microseconds=1_234), "service": "shop/cart", "host": "cart-1", "level": "warn",
        "logger": "/var/log/a.log", "message": "GET /", "trace_id": "0242ac120002", "span_id": None,
        "attributes": '{"env":"dev","user_id":"superUser123"}', "event_id": None, "raw": None,
    }  # fmt: skip
    assert (flagged[1]["service"], flagged[1]["attributes"]) == ("batch", '{"app":"x"}')


def test_options_name_the_labels() -> None:
    with FakeLoki() as fake:
        fake.log(START, "m", app="cart", node="n1", sev="err", cls="Main")
        options = {"service": "app", "host": ["machine", "node"], "level": "sev", "logger": "cls"}
        row = Ask.rows(source(fake, options=options), HOUR)[0]
    assert [row[name] for name in ("service", "host", "level", "logger", "attributes")] == [
        "cart", "n1", "err", "Main", None
    ]  # fmt: skip


def test_a_tenant_is_named_by_a_header_and_a_login_is_sent() -> None:
    with FakeLoki(tenant="team-a") as fake:
        fake.log(START, "m", app="cart")
        with pytest.raises(SourceRejected, match="answered 401 Unauthorized: 'no org id'"):
            Ask.rows(source(fake), HOUR)
        reader = Ask.feed(
            {"type": "loki", "url": fake.url, "headers": {"X-Scope-OrgID": "team-a"}},
            {"dataset": "log_event", "expr": '{app="cart"}'},
            credentials=Credentials(login="12345", password="glc_secret"),
        )
        assert len(Ask.rows(reader, HOUR)) == 1
        assert fake.asked[-1].headers["Authorization"] == "Basic MTIzNDU6Z2xjX3NlY3JldA=="


def test_a_month_is_asked_day_by_day() -> None:
    with FakeLoki() as fake:
        fake.log(START, "first", app="cart")
        fake.log(START + 30 * 86_400 * 10**9, "last", app="cart")
        rows = Ask.rows(source(fake), Window(TEN, TEN + timedelta(days=31)))
        assert fake.pages == 31
    assert [row["message"] for row in rows] == ["first", "last"]


def test_an_answer_that_is_too_large_is_asked_for_in_smaller_pages() -> None:
    with FakeLoki() as fake:
        for i in range(40):
            fake.log(START + i, f"{i:05}" + "x" * 100_000, app="cart")
        rows = Ask.rows(source(fake, max_answer_mebibytes=1), HOUR)
        limits = [int(asked.one("limit")) for asked in fake.asked]
    assert [row["message"][:5] for row in rows] == [f"{i:05}" for i in range(40)]
    assert limits[:10] == [5000, 2500, 1250, 625, 312, 156, 78, 39, 19, 9]


def test_a_line_of_ten_megabytes_a_nul_and_bytes_that_are_no_text_survive() -> None:
    long = "x" * 10_000_000
    with FakeLoki() as fake:
        for i, line in enumerate((long, "a\x00b", "caf\ufffd", "half \ud800 a pair", '{"json": "\\u0000"}')):
            fake.log(START + i, line, app="cart")
        rows = Ask.rows(source(fake), HOUR)
    assert [row["message"] for row in rows] == [
        long,
        "a\x00b",
        "caf\ufffd",
        "half \\ud800 a pair",
        '{"json": "\\u0000"}',
    ]


def test_a_page_that_repeats_is_an_error() -> None:
    values = [[str(START + i), f"{i}"] for i in range(10)]
    page = {"status": "success", "data": {"resultType": "streams", "result": [{"stream": {}, "values": values}]}}
    with FakeLoki() as fake:
        fake.failures += [Reply(page), Reply(page)]
        with pytest.raises(SourceAnswerInvalid, match="Look for a proxy or cache that repeats answers"):
            Ask.rows(source(fake, page=10), HOUR)


def test_lines_that_come_while_it_pages_are_no_matter() -> None:
    with FakeLoki(cap=10) as fake:
        for i in range(25):
            fake.log(START + i * 10, f"{i}", app="cart")
        as_it_was = fake.answer

        def answer(asked: Asked) -> Reply:
            reply = as_it_was(asked)
            if fake.pages == 1:
                fake.log(START + 1, "late", app="cart")
                fake.log(START + 95, "new", app="cart")
            return reply

        fake.answer = answer  # type: ignore[method-assign]
        rows = Ask.rows(source(fake, page=10), HOUR)
    assert [row["message"] for row in rows] == [*(str(i) for i in range(10)), "new", *(str(i) for i in range(10, 25))]


def test_values_that_are_no_line_go_out_once_with_raw() -> None:
    odd: list[Any] = [["soon", "a"], [str(START), 7], [START, "number"], "text", [str(START)], ["9" * 30, "far"]]
    with FakeLoki() as fake:
        stream = {"stream": {"app": "cart"}, "values": [[str(START + 1), "good"], *odd, odd[0]]}
        result = [stream, 7, {"stream": {"a": "b"}}, {"stream": 8, "values": [["1", "x"]]}]
        fake.failures.append(Reply({"status": "success", "data": {"resultType": "streams", "result": result}}))
        rows = Ask.rows(source(fake), HOUR)
    assert rows[0]["message"] == "good"
    assert [json.loads(row["raw"]) for row in rows[1:]] == [
        *({"stream": {"app": "cart"}, "value": value} for value in odd), 7, {"stream": {"a": "b"}}, [8, ["1", "x"]]
    ]  # fmt: skip


def test_what_loki_warns_of_is_kept() -> None:
    with FakeLoki() as fake:
        fake.warnings = ["maximum number of series reached for a single query"]
        reader = source(fake)
        assert Ask.rows(reader, HOUR) == []
        assert reader.warnings == ["maximum number of series reached for a single query"]


def test_a_query_that_counts_is_refused() -> None:
    with FakeLoki() as fake:
        fake.failures.append(Reply({"status": "success", "data": {"resultType": "matrix", "result": []}}))
        with pytest.raises(SourceAnswerInvalid, match="matrix instead of streams: expr must be a log query"):
            Ask.rows(source(fake), HOUR)
        with pytest.raises(SourceRejected, match="does not begin with a stream selector"):
            source(fake, expr='rate({app="cart"}[5m])')


def test_failures() -> None:
    with FakeLoki() as fake:
        fake.log(START, "m", app="cart")
        fake.failures += [Reply(b"too many outstanding requests", 429, {"Retry-After": "0"}), Reply(b"gone", 500)]
        assert len(Ask.rows(source(fake), HOUR)) == 1
        fake.failures += [Reply(DOCUMENTED, cut=40)] * 4
        with pytest.raises(SourceUnavailable, match="half an answer"):
            Ask.rows(source(fake), HOUR)
        fake.failures += [Reply(b"query timed out", 504)] * 4
        with pytest.raises(SourceUnavailable, match="answered 504"):
            Ask.rows(source(fake), HOUR)
        fake.failures += [Reply(b"parse error at line 1, col 2: syntax error", 400)]
        with pytest.raises(SourceRejected, match="parse error at line 1"):
            Ask.rows(source(fake), HOUR)
        for body in ({}, [], 7, {"status": "error"}, {"status": "success", "data": {"resultType": "streams"}}):
            fake.failures.append(Reply(body))
            with pytest.raises(SourceAnswerInvalid):
                Ask.rows(source(fake), HOUR)


@pytest.mark.parametrize(
    ("expr", "selector"),
    [
        ('{app="a"}', '{app="a"}'),
        ('  ( {a="}", b=`x}` } |= "{c}" )', '{a="}", b=`x}` }'),
        ('# {no="t"}\n{app="\\"}"} | json', '{app="\\"}"}'),
    ],
)
def test_the_selector_of_a_query(expr: str, selector: str) -> None:
    assert selector_of(expr) == selector


def test_a_query_is_narrowed_and_streams_are_halved() -> None:
    assert narrowed('{ app="a", } | json', ['pod=~"x"']) == '{app="a",pod=~"x"} | json'
    assert narrowed('# {a="b"}\n{a="b"}', ['c="d"']) == '# {a="b"}\n{a="b",c="d"}'
    assert halves([{"a": "1"}, {"a": "1"}]) is None
    assert halves([]) is None
    streams = [{"app": "cart", "pod": f"p.{i}"} for i in range(4)] + [{"app": "cart"}]
    assert halves(streams) == ('pod=~"|p\\\\.0"', 'pod!~"|p\\\\.0"')


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
values = st.lists(
    st.tuples(st.integers(0, 2**64).map(str) | json_values, st.text() | json_values).map(list)
    | st.tuples(st.just("5"), st.text(), json_values).map(list)
    | json_values,
    max_size=5,
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.fixed_dictionaries({"stream": json_values, "values": values}) | json_values, max_size=3))
def test_every_value_of_any_answer_is_a_line_or_unread(result: list[Any]) -> None:
    lines = lines_of(
        {"status": "success", "data": {"resultType": "streams", "result": result}}, LogFields((), service=("a",))
    )
    expected = sum(
        len(one["values"]) or (not isinstance(one["stream"], dict))
        if isinstance(one, dict) and isinstance(one.get("values"), list)
        else 1
        for one in result
    )
    assert lines.count == expected
    lines.rows.validate(full=True)


@settings(max_examples=100, deadline=None)
@given(json_values)
def test_any_other_document_is_said_to_be_none(document: Any) -> None:
    with pytest.raises(NoStreamsError):
        lines_of(document, LogFields(()))


def test_the_card_shows_a_configuration_that_is_valid() -> None:
    assert [feed.dataset for feed in card.sources("loki")["logs"].feeds.values()] == ["log_event"]
