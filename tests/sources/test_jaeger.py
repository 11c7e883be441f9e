"""Jaeger, as `FakeJaeger` speaks it: every span of a window once, by both of its APIs and from each of its stores."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config.source import SourceConfig
from include.http import Credentials
from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.jaeger import FakeJaeger, refusal, span, spans_of
from tests.servers import free_port
from tests.sources.conftest import Ask, at

START = 1_790_812_800
MICRO = START * 1_000_000
HOUR = Window(at(START), at(START + 3600))
BOTH = pytest.mark.parametrize("api", ["v3", "internal"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture
def fake() -> Iterator[FakeJaeger]:
    with FakeJaeger([]) as server:
        yield server


def source(fake: FakeJaeger, **options: Any) -> Any:
    config = {"type": "jaeger", "url": fake.url, "timeout": "5s"}
    return Ask.feed(config, {"dataset": "span", "options": options}, credentials=Credentials(token="t"))


def read(fake: FakeJaeger, window: Window = HOUR, **options: Any) -> list[dict[str, Any]]:
    return Ask.rows(source(fake, **options), window)


def ids(rows: list[dict[str, Any]]) -> list[str]:
    assert all(row["raw"] is None for row in rows)
    return [row["span_id"].lstrip("0") for row in rows]


def searches(fake: FakeJaeger) -> list[Asked]:
    return [asked for asked in fake.asked if asked.path.endswith("/traces")]


@BOTH
def test_a_search_asks_for_each_service_the_whole_window_and_spans_as_they_are_stored(
    fake: FakeJaeger, api: str
) -> None:
    fake.spans = [span("a", "1", "cart", MICRO), span("b", "2", "web", MICRO + 1)]
    assert ids(read(fake, api=api)) == ["1", "2"]
    query = {name: texts[0] for name, texts in searches(fake)[0].query.items()}
    if api == "v3":
        assert query == {
            "query.service_name": "cart", "query.start_time_min": "2026-09-30T23:59:59.999999Z",
            "query.start_time_max": "2026-10-01T01:00:00.000000Z", "query.search_depth": "500",
            "query.num_traces": "500", "query.raw_traces": "true",
        }  # fmt: skip
    else:
        assert query == {"service": "cart", "start": str(MICRO - 1), "end": str(MICRO + 3_600_000_000),
                         "limit": "500", "raw": "true"}  # fmt: skip
    assert fake.asked[0].headers["Authorization"] == "Bearer t"


@BOTH
def test_a_span_comes_whole(fake: FakeJaeger, api: str) -> None:
    tags = [{"key": "span.kind", "type": "string", "value": "client"}, {"key": "error", "type": "bool", "value": True}]
    parent = [{"refType": "CHILD_OF", "traceID": "a", "spanID": "00000000000000ff"}]
    fake.spans = [span("a", "1", "cart", MICRO + 5, duration=250_000, tags=tags, references=parent)]
    (row,) = read(fake, api=api)
    assert (row["ts"], row["parent_id"], row["service"], row["operation"]) == (
        at(START + 5e-6), "00000000000000ff", "cart", "GET /",
    )  # fmt: skip
    assert (row["kind"], row["duration"], row["error"]) == ("client", 0.25, True)


@BOTH
@pytest.mark.parametrize("store", ["memory", "cassandra"])
def test_a_window_with_more_traces_than_one_search_brings_is_halved(fake: FakeJaeger, api: str, store: str) -> None:
    fake.store = store
    fake.spans = [span(f"{number:x}1", f"{number + 1:x}", "cart", MICRO + number * 7_000_000) for number in range(250)]
    rows = read(fake, api=api, limit=20)
    assert ids(rows) == [f"{number + 1:x}" for number in range(250)]
    assert len(searches(fake)) > 13
    assert [row["ts"] for row in rows] == sorted(row["ts"] for row in rows)


@BOTH
def test_spans_at_the_edges_of_the_window_and_of_its_halves_come_once(fake: FakeJaeger, api: str) -> None:
    middle = MICRO + 1_800_000_000
    times = [MICRO - 1, MICRO, middle - 1, middle, middle + 1, MICRO + 3_599_999_999, MICRO + 3_600_000_000]
    for store in ("memory", "cassandra"):
        fake.store = store
        fake.spans = [span(f"a{number}", f"{number + 1}", "cart", micro) for number, micro in enumerate(times)]
        assert ids(read(fake, api=api, limit=4)) == ["2", "3", "4", "5", "6"]


def test_nanoseconds_at_an_edge_are_not_lost(fake: FakeJaeger) -> None:
    fake.spans = [span("a", "1", "cart", MICRO + 3_599_999_999, nanoseconds=999)]
    assert [row["ts"] for row in read(fake)] == [at(START + 3600) - timedelta(microseconds=1)]


@BOTH
def test_spans_in_the_window_of_a_trace_that_began_long_before_come_too(fake: FakeJaeger, api: str) -> None:
    fake.spans = [
        span("a", "1", "web", MICRO - 7_200_000_000), span("a", "2", "cart", MICRO + 1),
        span("a", "3", "web", MICRO + 3_700_000_000), span("a", "4", "web", MICRO + 2),
    ]  # fmt: skip
    assert ids(read(fake, api=api)) == ["2", "4"]


def test_a_store_that_finds_a_trace_by_its_beginning_needs_longest_trace(fake: FakeJaeger) -> None:
    fake.store = "by_start"
    fake.spans = [span("a", "1", "web", MICRO - 60_000_000), span("a", "2", "cart", MICRO + 1)]
    assert ids(read(fake)) == []
    assert ids(read(fake, longest_trace="2m")) == ["2"]
    fake.store = "memory"
    assert ids(read(fake, longest_trace="2m")) == ["2"]


def test_a_child_whose_clock_runs_before_its_roots_is_found_with_its_root(fake: FakeJaeger) -> None:
    parent = [{"refType": "CHILD_OF", "traceID": "a", "spanID": "1"}]
    fake.store = "by_start"
    end = MICRO + 3_600_000_000
    fake.spans = [span("a", "1", "web", end + 50_000), span("a", "2", "cart", end - 20_000, references=parent)]
    assert ids(read(fake, longest_trace="2m")) == ["2"]


@BOTH
def test_a_microsecond_that_is_full_is_an_error(fake: FakeJaeger, api: str) -> None:
    fake.spans = [span(f"{number:x}a", f"{number + 1:x}", "cart", MICRO + 1_000_000) for number in range(30)]
    full = (
        r"Source 'shop' has 30 traces or more in the microsecond from 2026-10-01T00:00:00\.999999Z for the service "
        r"'cart', as many as one search may bring, so some would be missing\. Raise limit in the feed's options"
    )
    with pytest.raises(SourceAnswerInvalid, match=full):
        read(fake, api=api, limit=30)
    assert len(read(fake, api=api, limit=31)) == 30


def test_ten_thousand_and_one_traces_at_one_time(fake: FakeJaeger) -> None:
    fake.spans = [span(f"{number:x}a", f"{number + 1:x}", "cart", MICRO + 1_000_000) for number in range(10_001)]
    with pytest.raises(SourceAnswerInvalid, match="10,000 traces or more in the microsecond"):
        read(fake, Window(at(START + 1), at(START + 1.000002)), api="internal", limit=10_000)
    assert len(read(fake, api="internal", limit=10_002)) == 10_001


def test_cassandra_reads_three_rows_of_its_index_per_trace_so_large_traces_are_asked_in_halves(
    fake: FakeJaeger,
) -> None:
    fake.store = "cassandra"
    fake.spans = [
        span(f"{trace:x}a", f"{trace * 20 + number + 1:x}", "cart", MICRO + trace * 60_000_000 + number)
        for trace in range(20) for number in range(20)
    ]  # fmt: skip
    reader = source(fake, limit=10)
    assert sorted(ids(Ask.rows(reader, HOUR))) == sorted(f"{number + 1:x}" for number in range(400))
    assert reader.warnings == []
    fake.spans = [span("a", f"{number + 1:x}", "cart", MICRO) for number in range(31)]
    assert len(Ask.rows(reader, HOUR)) == 31
    (warning,) = reader.warnings
    assert warning == (
        "There are 30 spans or more in the microsecond from 2026-10-01T00:00:00Z for the service 'cart'. If the store "
        "is Cassandra, some may be missing: raise limit."
    )


def test_a_stream_of_lines_is_read_like_one_document(fake: FakeJaeger) -> None:
    fake.stream = True
    fake.spans = [span("a", "1", "cart", MICRO), span("b", "2", "cart", MICRO + 1)]
    assert ids(read(fake)) == ["1", "2"]


def test_a_service_without_a_name_is_read_with_the_traces_in_which_it_is_found(fake: FakeJaeger) -> None:
    fake.spans = [span("a", "1", "cart", MICRO), span("a", "2", "", MICRO + 1), span("a", "3", "web", MICRO + 2)]
    for api in ("v3", "internal"):
        rows = read(fake, api=api)
        assert sorted((row["span_id"].lstrip("0"), row["service"]) for row in rows) == [
            ("1", "cart"), ("2", None), ("3", "web"),
        ]  # fmt: skip


def test_only_the_services_that_are_named_are_read(fake: FakeJaeger) -> None:
    fake.spans = [span("a", "1", "cart", MICRO), span("a", "2", "web", MICRO + 1)]
    assert ids(read(fake, services=["web", "web"])) == ["2"]
    assert not any(asked.path.endswith("/services") for asked in fake.asked)


@BOTH
def test_a_span_that_cannot_be_read_goes_out_once_as_its_text(api: str) -> None:
    class Torn(FakeJaeger):
        def answer(self, asked: Asked) -> Reply:
            return Reply(
                super().answer(asked).body.replace(b'"' + b"bad".rjust(16, b"0"), b'"').replace(b'"bad"', b'""')
            )

    with Torn(
        [span("a", "1", "cart", MICRO), span("a", "bad", "cart", MICRO + 1), span("a", "3", "web", MICRO)]
    ) as fake:
        rows = read(fake, api=api)
    assert [row["raw"] is None for row in rows].count(True) == 2
    (torn,) = [row for row in rows if row["raw"] is not None]
    assert json.loads(torn["raw"])["spanId" if api == "v3" else "spanID"] == ""


def test_a_span_without_a_time_lies_where_its_trace_ends() -> None:
    end = MICRO + 3_600_000_000

    class Torn(FakeJaeger):
        def answer(self, asked: Asked) -> Reply:
            return Reply(super().answer(asked).body.replace(b'"startTime": %d,' % (MICRO + 7), b'"startTime": "x",'))

    torn = [span("a", "1", "cart", MICRO + 7), span("a", "2", "cart", end - 1), span("a", "3", "cart", end + 1)]
    with Torn(torn) as fake:
        first, second = (read(fake, one, api="internal") for one in (HOUR, Window(at(START + 3600), at(START + 7200))))
    assert [row["span_id"] for row in first] == ["2"]
    assert [(row["span_id"], row["raw"] is None) for row in second] == [("3", True), (None, False)]
    assert json.loads(second[1]["raw"])["spanID"] == "1"


def test_an_answer_that_repeats_an_earlier_one_is_an_error() -> None:
    class Cached(FakeJaeger):
        first: Reply | None = None

        def answer(self, asked: Asked) -> Reply:
            reply = super().answer(asked)
            if asked.path.endswith("/traces") and reply.status == 200 and json.loads(reply.body)["data"]:
                if self.first is None and len(json.loads(reply.body)["data"]) < 4:
                    self.first = reply
                return self.first or reply
            return reply

    spans = [span(f"a{number}", f"{number + 1}", "cart", MICRO + number * 700_000_000) for number in range(6)]
    with Cached(spans) as fake, pytest.raises(
        SourceAnswerInvalid, match="answered a search from 2026-10-01T00:30:00Z to 2026-10-01T01:00:00Z with other"
    ):  # fmt: skip
        read(fake, api="internal", limit=4)


@BOTH
def test_one_trace_by_its_id(fake: FakeJaeger, api: str) -> None:
    fake.spans = [span("ab", "2", "cart", MICRO + 9), span("ab", "1", "web", MICRO), span("cd", "3", "web", MICRO)]
    trace = source(fake, api=api).get_trace("ab")
    assert ids(trace.to_pylist()) == ["1", "2"]
    fake.failures = [refusal(404, "trace not found")] if api == "v3" else []
    assert source(fake, api=api).get_trace("ff").num_rows == 0
    fake.failures = [Reply(b"404 page not found", 404)]
    with pytest.raises(SourceRejected, match="404"):
        source(fake, api=api).get_trace("ff")


def test_a_jaeger_that_names_no_service_says_so(fake: FakeJaeger) -> None:
    reader = source(fake)
    assert Ask.rows(reader, HOUR) == []
    assert reader.warnings == ["Jaeger names no service, so there is nothing to search for."]


def test_errors_name_the_source_and_say_what_to_do(fake: FakeJaeger) -> None:
    fake.spans = [span("a", "1", "cart", MICRO)]
    fake.failures = [Reply(b"no", 401)]
    with pytest.raises(SourceRejected, match=r"Source 'shop': .*answered 401"):
        read(fake)
    fake.failures = [Reply(b"", 429, {"Retry-After": "0"})]
    assert len(read(fake)) == 1
    fake.failures = [Reply(b"down", 500)] * 4
    with pytest.raises(SourceUnavailable, match="answered 500"):
        read(fake)
    fake.most = 100
    with pytest.raises(SourceUnavailable, match="search depth must be greater than 0 and less than max traces"):
        read(fake)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        Ask.rows(Ask.feed({"type": "jaeger", "url": f"http://127.0.0.1:{free_port()}"}, {"dataset": "span"}), HOUR)


def test_half_an_answer_is_tried_again_and_an_error_within_one_is_none(fake: FakeJaeger) -> None:
    fake.spans = [span("a", "1", "cart", MICRO)]
    services = fake.answer(Asked("GET", "/api/v3/services", {}, {}, b""))
    whole = Reply({"result": {"resourceSpans": []}})
    fake.failures = [services, Reply(b'{"result":{"resourceSpans":[{"res', 200)]
    assert len(read(fake)) == 1
    fake.failures = [services, Reply(whole.body + b"\n" + whole.body[:20], 200)]
    assert len(read(fake)) == 1
    error = b'\n{"error":{"grpcCode":2,"httpCode":500,"message":"store is gone"}}'
    fake.failures = [services, Reply(whole.body + error)]
    with pytest.raises(SourceAnswerInvalid, match=r"answered with an error: .*store is gone"):
        read(fake)
    fake.failures = [services, Reply(b"[" * 100_000 + b"]" * 100_000)]
    with pytest.raises(SourceAnswerInvalid, match="nested too deep"):
        read(fake)
    fake.failures = [Reply(b"<html>sign in</html>")]
    with pytest.raises(SourceAnswerInvalid, match="HTML instead of JSON"):
        read(fake)


def test_a_feed_that_jaeger_cannot_answer_is_refused() -> None:
    with pytest.raises(SourceRejected, match="of type jaeger has no alert"):
        Ask.feed({"type": "jaeger", "url": "http://j"}, {"dataset": "alert"})
    with pytest.raises(SourceRejected, match="a feed of jaeger has no expr"):
        Ask.feed({"type": "jaeger", "url": "http://j"}, {"dataset": "span", "expr": "x"})


def test_the_card_is_valid() -> None:
    card = (Path(__file__).parents[2] / "docs/sources/jaeger.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", card, re.DOTALL):
        for name, text in yaml.safe_load(block)["sources"].items():
            feeds = {key: {"name": key, "source": name, **feed} for key, feed in text.pop("feeds").items()}
            SourceConfig.model_validate({"name": name, "feeds": feeds, **text})


@pytest.mark.needs("data")
def test_real_traces_come_whole_through_the_internal_api(data_dir: Path) -> None:
    counts = {}
    for path in sorted([*data_dir.glob("traces/jaeger/*.json"), *data_dir.glob("crisp/*.json")]):
        document = json.loads(path.read_bytes())
        if isinstance(document, list) or "resourceSpans" in document:
            continue
        traces = document.get("data", [document])
        spans = [one for trace in traces for one in spans_of(trace)]
        first, last = (pick(one["startTime"] for one in spans) for pick in (min, max))
        with FakeJaeger(spans) as fake:
            rows = read(fake, Window(at(first / 1e6), at(last / 1e6 + 1)), api="internal", limit=2)
        assert {(row["trace_id"], row["span_id"]) for row in rows} == {
            (one["traceID"].lower(), one["spanID"].lower()) for one in spans
        }
        assert all(row["raw"] is None for row in rows)
        counts[path.name] = len(rows)
    assert sum(counts.values()) == SPANS_OF_REAL_TRACES


SPANS_OF_REAL_TRACES = 138
