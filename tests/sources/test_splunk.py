"""Log lines from a fake Splunk over a real socket."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.http import AnswerInvalid, Rejected, Unavailable
from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.logs.splunk_export import Export
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.splunk import EVENT, PREVIEWS, FakeSplunk, microseconds
from tests.sources import card
from tests.sources.conftest import Ask

TEN = datetime(2026, 10, 1, 10, tzinfo=UTC)
HOUR = Window(TEN, TEN + timedelta(hours=1))
START = microseconds("2026-10-01T10:00:00Z")
END = b'{"preview":false,"lastrow":true}'


def source(fake: FakeSplunk, *, expr: str = "index=shop", options: Any = None, **more: Any) -> Any:
    config = {"type": "splunk", "url": fake.url, "timeout": "5s"}
    query = {"dataset": "log_event", "expr": expr, "options": options or {}}
    return Ask.feed(config, query, **more)


def messages(reader: Any) -> list[str]:
    return [row["message"] for row in Ask.rows(reader, HOUR)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def test_the_documented_event_becomes_a_row() -> None:
    with FakeSplunk() as fake:
        fake.events.append((microseconds("2013-09-11T16:05:37.503-07:00"), EVENT))
        window = Window(datetime(2013, 9, 11, 23, tzinfo=UTC), datetime(2013, 9, 12, 0, tzinfo=UTC))
        rows = Ask.rows(source(fake, expr="search index=_internal", options={"level": "none"}), window)
        form = fake.asked[0].form
    assert rows == [
        {
            "ts": datetime(2013, 9, 11, 23, 5, 37, 503_000, UTC), "service": None, "host": "TESTBOX-mbp15.local",
            "level": None, "logger": "/Applications/splunk/var/log/splunk/metrics.log", "message": EVENT["_raw"],
            "trace_id": None, "span_id": None, "attributes": '{"index":"_internal","sourcetype":"splunkd"}',
            "event_id": "_internal~26~6C4FD68A-A664-44BA-A4B1-22759F85DBE2/26:311977", "raw": None,
        }
    ]  # fmt: skip
    assert form == {
        "search": [
            'search index=_internal | fields *, _bkt, _cd | eval almanac_time=strftime(_time, "%s.%6N")'
        ],
        "earliest_time": ["1378940400.000000"], "latest_time": ["1378944000.000000"],
        "output_mode": ["json"], "preview": ["false"],
    }  # fmt: skip


def test_events_come_newest_first_in_batches_that_are_in_order() -> None:
    with FakeSplunk() as fake:
        for i in range(12_000):
            fake.log(START + i, f"{i}")
        batches = list(source(fake).read(HOUR))
    assert [batch.num_rows for batch in batches] == [10_000, 2_000]
    found = [batch["message"].to_pylist() for batch in batches]
    assert [(texts[0], texts[-1]) for texts in found] == [("2000", "11999"), ("0", "1999")]
    assert sorted(int(text) for texts in found for text in texts) == list(range(12_000))


def test_ten_thousand_and_one_events_at_one_time() -> None:
    with FakeSplunk() as fake:
        for i in range(10_001):
            fake.log(START, f"{i}")
        rows = Ask.rows(source(fake), HOUR)
    assert len({row["message"] for row in rows}) == len({row["event_id"] for row in rows}) == 10_001


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Shanghai", "Asia/Kolkata", "UTC"])
def test_the_zone_of_the_account_does_not_matter(zone: str) -> None:
    with FakeSplunk(zone) as fake:
        fake.log(START + 123_456, "m")
        assert Ask.rows(source(fake), HOUR)[0]["ts"] == TEN + timedelta(microseconds=123_456)


def test_the_window_is_half_open() -> None:
    with FakeSplunk() as fake:
        for us in (START - 1, START, START + 3_600_000_000 - 1, START + 3_600_000_000):
            fake.log(us, str(us))
        assert messages(source(fake)) == [str(START), str(START + 3_600_000_000 - 1)]


def test_an_event_outside_the_window_does_not_come_out() -> None:
    early = {"preview": False, "offset": 1, "result": {"_raw": "early", "almanac_time": f"{START // 10**6 - 1}.999999"}}
    with FakeSplunk() as fake:
        fake.log(START, "m")
        fake.spoil = lambda lines: [lines[0], json.dumps(early).encode(), lines[-1]]
        assert messages(source(fake)) == ["m"]


def test_fields_become_columns_and_attributes() -> None:
    with FakeSplunk() as fake:
        fake.log(
            START, "GET /", app="cart", host="web-1", log_level="ERROR", logger="http", trace_id="AB", span_id="CD",
            status="503", tags=["a", "b"], empty=None, source="/var/log/a.log", date_hour="10", punct="_/",
        )  # fmt: skip
        row = Ask.rows(source(fake), HOUR)[0]
        other = Ask.rows(source(fake, options={"service": "source", "message": "status", "level": "x"}), HOUR)[0]
    assert [row[name] for name in ("service", "host", "level", "logger", "trace_id", "span_id", "attributes")] == [
        "cart", "web-1", "ERROR", "http", "ab", "cd",
        '{"index":"shop","source":"/var/log/a.log","status":"503","tags":["a","b"]}',
    ]  # fmt: skip
    assert (other["service"], other["message"], other["level"]) == ("/var/log/a.log", "503", None)


@pytest.mark.parametrize(
    ("expr", "sent"),
    [
        ("index=shop", "search index=shop"),
        ("  search index=shop ", "search index=shop"),
        ("| search index=shop | where x=1", "| search index=shop | where x=1"),
        ("index=shop [search index=x earliest=-1h]", "search index=shop [search index=x earliest=-1h]"),
    ],
)
def test_a_search_gets_its_first_command(expr: str, sent: str) -> None:
    with FakeSplunk() as fake:
        messages(source(fake, expr=expr))
        assert fake.asked[0].form["search"][0].startswith(sent + " | fields *, _bkt, _cd | eval ")


@pytest.mark.parametrize("expr", ["index=shop earliest=-1h", "search latest = now index=x", "| search earliest=1"])
def test_a_search_with_times_of_its_own_is_refused(expr: str) -> None:
    with FakeSplunk() as fake:
        with pytest.raises(SourceRejected, match=r"expr names earliest or latest\. Take them out"):
            source(fake, expr=expr)
        with pytest.raises(SourceRejected, match="expr is empty"):
            source(fake, expr=" ")


def test_tokens_and_logins_are_sent() -> None:
    with FakeSplunk() as fake:
        fake.log(START, "m")
        fake.authorization = "Bearer eyJraWQ"
        assert messages(source(fake, credentials=Credentials(token="eyJraWQ"))) == ["m"]
        fake.authorization = "Basic YWRtaW46Y2hhbmdlbWU="
        assert messages(source(fake, credentials=Credentials(login="admin", password="changeme"))) == ["m"]
        fake.authorization = "Splunk 192fd3e46a31246da7ea7f109e7f95fd"
        config = {"type": "splunk", "url": fake.url, "options": {"token": "Splunk"}}
        session = Credentials(token="192fd3e46a31246da7ea7f109e7f95fd")
        reader = Ask.feed(config, {"dataset": "log_event", "expr": "index=shop"}, credentials=session)
        assert messages(reader) == ["m"]
        with pytest.raises(SourceRejected, match=r"answered 401 Unauthorized: .*Unauthorized"):
            messages(source(fake))


def test_previews_are_no_rows() -> None:
    rows = list(Export([*PREVIEWS.splitlines(), b'{"preview":false,"offset":0,"result":{"a":"1"}}', END], "here"))
    assert rows == [{"a": "1"}]


def test_a_stream_without_its_last_row_is_not_whole() -> None:
    with FakeSplunk() as fake:
        for i in range(5):
            fake.log(START + i, f"{i}")
        fake.spoil = lambda lines: lines[:3]
        with pytest.raises(SourceUnavailable, match="ended without its last row"):
            messages(source(fake))
        fake.failures = [Reply(b"")]
        with pytest.raises(SourceUnavailable, match="ended without its last row"):
            messages(source(fake))
        fake.spoil = list
        assert len(messages(source(fake))) == 5


def test_a_window_without_events_is_whole() -> None:
    with FakeSplunk() as fake:
        assert Ask.rows(source(fake), HOUR) == []


def test_a_row_that_is_missing_is_an_error() -> None:
    with FakeSplunk() as fake:
        for i in range(5):
            fake.log(START + i, f"{i}")
        fake.spoil = lambda lines: [*lines[:2], *lines[4:]]
        with pytest.raises(SourceUnavailable, match="left out rows 2 to 3"):
            messages(source(fake))


def test_a_stream_that_is_cut_is_not_read_again() -> None:
    with FakeSplunk() as fake:
        for i in range(100):
            fake.log(START + i, f"{i}")
        whole = fake.answer
        fake.answer = lambda asked: Reply(whole(asked).document, cut=50)  # type: ignore[method-assign]
        with pytest.raises(SourceUnavailable, match="half an answer"):
            messages(source(fake))
        assert len(fake.asked) == 1


@pytest.mark.parametrize(
    ("kind", "text", "error"),
    [
        ("FATAL", "Error in 'EvalCommand': The 'nosuchfunc' function is undefined", "failed: Error in"),
        ("ERROR", "The search job has failed due to an error.", "failed: The search job"),
        ("WARN", "The search results may be incomplete: the process on peer idx2 ended prematurely.", "a part of"),
        ("WARN", "Unable to distribute to peer named idx2 because peer has status = Down.", "a part of its results"),
        ("INFO", "The search auto-finalized after it reached its time limit: 30 seconds.", "a part of its results"),
        ("WARN", "The maximum disk usage quota for this user has been reached.", "a part of its results"),
    ],
)  # fmt: skip
def test_what_splunk_says_in_the_stream_is_heard(kind: str, text: str, error: str) -> None:
    with FakeSplunk() as fake:
        fake.log(START, "m")
        fake.log(START, "n")
        fake.said = [{"type": kind, "text": text}]
        with pytest.raises(SourceAnswerInvalid, match=error):
            messages(source(fake))


def test_messages_that_spoil_nothing_are_kept_as_warnings() -> None:
    with FakeSplunk() as fake:
        fake.log(START, "m")
        fake.said = [
            {"type": "WARN", "text": "The term 'x' contains a wildcard in the middle of a word."},
            {"type": "ERROR", "text": "[idx1] Could not load lookup=LOOKUP-owners"},
            {"type": "INFO", "text": "Your search is fine."},
            {"type": "DEBUG", "text": "base lispy: [ AND index::shop ] truncated"},
        ]
        reader = source(fake)
        assert messages(reader) == ["m"]
        assert reader.warnings == [said["text"] for said in fake.said[:2]]
        fake.said = [{"type": "INFO", "text": "Your timerange was substituted based on your search string"}]
        with pytest.raises(SourceRejected, match="searched another time"):
            messages(source(fake))


def test_lines_that_are_no_event_and_events_without_a_time_go_out_with_raw() -> None:
    odd = [b'{"preview":false,"offset":1,"result":7}', b'{"broken": "caf\xe9}', b"half a li", b'{"what":1}']
    timeless = b'{"preview":false,"offset":2,"result":{"_raw":"a","_time":"2026"}}'
    with FakeSplunk() as fake:
        fake.log(START, "good")
        fake.spoil = lambda lines: [lines[0], *odd, timeless, lines[-1]]
        rows = Ask.rows(source(fake), HOUR)
    assert rows[0]["message"] == "good"
    assert [row["raw"] for row in rows[1:]] == [
        '{"offset":1,"preview":false,"result":7}', '{"broken": "caf\\udce9}', "half a li", '{"what":1}',
        '{"_raw":"a","_time":"2026"}',
    ]  # fmt: skip
    assert all(value is None for row in rows[1:] for name, value in row.items() if name != "raw")


def test_a_line_of_ten_megabytes_a_nul_and_half_a_surrogate_pair_survive() -> None:
    texts = ["x" * 10_000_000, "a\x00b", "half \ud800 a pair"]
    with FakeSplunk() as fake:
        for i, text in enumerate(texts):
            fake.log(START + i, text)
        found = messages(source(fake))
    assert found == [*texts[:2], "half \\ud800 a pair"]


def test_a_web_page_is_no_export() -> None:
    with FakeSplunk() as fake:
        fake.failures = [Reply(b"<!doctype html>\n<html>Splunk</html>")]
        with pytest.raises(SourceAnswerInvalid, match="Check that url is that of the management port, 8089"):
            messages(source(fake))


def test_failures() -> None:
    with FakeSplunk() as fake:
        fake.log(START, "m")
        fake.failures = [Reply({}, 429, {"Retry-After": "0"}), Reply({}, 503)]
        assert messages(source(fake)) == ["m"]
        fake.failures = [Reply({"messages": [{"type": "WARN", "text": "quota"}]}, 503)] * 4
        with pytest.raises(SourceUnavailable, match="answered 503"):
            messages(source(fake))
        with pytest.raises(SourceRejected, match=r"Unknown search command .*nosuchcmd"):
            messages(source(fake, expr="index=shop | nosuchcmd"))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
said = st.dictionaries(st.sampled_from(["preview", "offset", "lastrow", "result", "messages", "x"]), json_values)
stream = st.lists(st.binary().map(lambda one: one.replace(b"\n", b"")) | said.map(lambda one: json.dumps(one).encode()))


@settings(max_examples=100, deadline=None)
@given(stream)
def test_any_stream_gives_events_and_text_or_one_of_three_errors(lines: list[bytes]) -> None:
    try:
        found = list(Export([b'{"preview":false}', *lines, END], "here"))
    except (AnswerInvalid, Unavailable, Rejected):
        return
    rows = [record for line in lines if (record := _parsed(line)) is not None]
    assert len(found) == 1 + len(rows)


def _parsed(line: bytes) -> Any:
    """Return what of a line must come out: everything but previews, messages and the mark of the end."""
    try:
        record = json.loads(line.decode("utf-8", "surrogateescape"))
    except ValueError:
        return line
    if not isinstance(record, dict):
        return line
    bare = "result" not in record and (record.get("lastrow") is True or "messages" in record)
    return None if record.get("preview") or bare else record


def test_the_card_shows_a_configuration_that_is_valid() -> None:
    assert [feed.dataset for feed in card.sources("splunk")["splunk"].feeds.values()] == ["log_event"]
