"""Zipkin, as `FakeZipkin` speaks it: every span of a window once, from stores that find traces in different ways."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config.source import SourceConfig
from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.zipkin import FakeZipkin
from tests.sources.conftest import Ask, at

START = 1_790_812_800
MICRO = START * 1_000_000
HOUR = Window(at(START), at(START + 3600))
STORES = pytest.mark.parametrize("store", ["memory", "elasticsearch"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture
def fake() -> Iterator[FakeZipkin]:
    with FakeZipkin([]) as server:
        yield server


def source(fake: FakeZipkin, **options: Any) -> Any:
    config = {"type": "zipkin", "url": fake.url, "timeout": "5s"}
    return Ask.feed(config, {"dataset": "span", "options": options})


def read(fake: FakeZipkin, window: Window = HOUR, **options: Any) -> list[dict[str, Any]]:
    return Ask.rows(source(fake, **options), window)


def span(trace: str, identity: str, micro: int, parent: str | None = None, **more: Any) -> dict[str, Any]:
    return {"traceId": trace, "id": identity, "kind": "SERVER", "name": "get", "timestamp": micro, "duration": 5,
            "localEndpoint": {"serviceName": "shop"}, **({"parentId": parent} if parent else {}), **more}  # fmt: skip


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["span_id"] for row in rows]


def test_times_of_the_search_are_milliseconds_and_those_of_spans_microseconds(fake: FakeZipkin) -> None:
    fake.spans = [span("a", "1", MICRO + 123_456)]
    (row,) = read(fake)
    assert (row["ts"], row["duration"], row["service"]) == (at(START + 0.123456), 5e-6, "shop")
    query = {name: texts[0] for name, texts in fake.asked[0].query.items()}
    assert query == {"endTs": str((START + 3660) * 1000), "lookback": "4260000", "limit": "500"}


@STORES
def test_a_window_with_more_traces_than_one_search_brings_is_halved(fake: FakeZipkin, store: str) -> None:
    fake.store = store
    fake.spans = [span(f"{number:x}", f"{number:x}", MICRO + number * 7_000_123) for number in range(1, 251)]
    assert ids(read(fake, limit=20)) == [f"{number:x}" for number in range(1, 251)]
    assert len(fake.asked) > 13


@STORES
def test_spans_at_the_edges_of_the_window_and_of_milliseconds_come_once(fake: FakeZipkin, store: str) -> None:
    fake.store = store
    times = [MICRO - 1, MICRO, MICRO + 499, MICRO + 500, MICRO + 999, MICRO + 1000, MICRO + 3_599_999_999,
             MICRO + 3_600_000_000]  # fmt: skip
    fake.spans = [span(f"a{number}", f"{number}", micro) for number, micro in enumerate(times)]
    assert ids(read(fake, limit=7)) == ["1", "2", "3", "4", "5", "6"]


@STORES
def test_a_trace_that_lies_in_many_parts_comes_once(fake: FakeZipkin, store: str) -> None:
    fake.store = store
    fake.spans = [
        span("f", f"{number:x}", MICRO + number * 60_000_000, "0" if number else None) for number in range(50)
    ]
    fake.spans += [span(f"a{number}", "1", MICRO + number * 90_000_000) for number in range(1, 39)]
    rows = read(fake, limit=6)
    assert len(rows) == 88
    assert len({(row["trace_id"], row["span_id"]) for row in rows}) == 88


def test_traces_that_are_over_are_forgotten_and_come_once_all_the_same(
    fake: FakeZipkin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("include.sources.traces.search._REMEMBERED", 5)
    fake.store = "elasticsearch"
    fake.spans = [span("f", "1", MICRO), span("f", "2", MICRO + 3_000_000_000, "1")]
    fake.spans += [span(f"a{number}", "1", MICRO + number * 90_000_000) for number in range(1, 39)]
    rows = read(fake, limit=6)
    assert len(rows) == len({(row["trace_id"], row["span_id"]) for row in rows}) == 40


@STORES
def test_spans_in_the_window_of_a_trace_that_began_before_come_as_far_as_longest_trace_says(
    fake: FakeZipkin, store: str
) -> None:
    fake.store = store
    fake.spans = [span("a", "1", MICRO - 300_000_000), span("a", "2", MICRO + 1, "1"),
                  span("b", "3", MICRO - 1), span("b", "4", MICRO + 3_600_000_000, "3")]  # fmt: skip
    assert ids(read(fake)) == ["2"]
    assert ids(read(fake, longest_trace="1m")) == (["2"] if store == "elasticsearch" else [])


def test_a_trace_that_lasts_longer_than_longest_trace_is_told(fake: FakeZipkin) -> None:
    fake.spans = [span("a", "1", MICRO), span("a", "2", MICRO + 61_000_000, "1")]
    reader = source(fake, longest_trace="1m")
    assert len(Ask.rows(reader, HOUR)) == 2
    (warning,) = reader.warnings
    assert warning == (
        "A trace went on for 0:01:01, longer than longest_trace (0:01:00) in the feed's options: spans of others that "
        "began even earlier may be missing. Raise it."
    )


def test_a_child_whose_clock_runs_before_its_roots_is_not_lost_at_the_end_of_the_window(fake: FakeZipkin) -> None:
    end = MICRO + 3_600_000_000
    fake.spans = [span("a", "1", end + 50_000), span("a", "2", end - 20_000, "1")]
    assert ids(read(fake)) == ["2"]
    assert ids(read(fake, Window(at(START + 3600), at(START + 7200)))) == ["1"]


def test_the_halves_of_a_shared_span_and_ids_of_two_lengths_all_come(fake: FakeZipkin) -> None:
    fake.spans = [
        span("d269b633813fc60c", "1", MICRO, kind="CLIENT"),
        span("5b8efff798038103d269b633813fc60c", "1", MICRO + 1, shared=True),
        span("5B8EFFF798038103D269B633813FC60C", "1", MICRO + 2, "9", kind=None),
    ]
    for strict in (True, False):
        fake.strict = strict
        rows = read(fake)
        assert [(row["trace_id"][:16], row["kind"]) for row in rows] == [
            ("d269b633813fc60c", "client"), ("5b8efff798038103", "server"), ("5b8efff798038103", "internal"),
        ]  # fmt: skip


def test_a_millisecond_that_is_full_is_an_error(fake: FakeZipkin) -> None:
    fake.spans = [span(f"{number:x}", "1", MICRO + 1_500_000) for number in range(1, 31)]
    with pytest.raises(
        SourceAnswerInvalid,
        match=r"has 30 traces or more in the millisecond from 2026-10-01T00:00:01\.499000Z, as many",
    ):
        read(fake, limit=30)
    assert len(read(fake, limit=31)) == 30


@STORES
def test_an_incomplete_span_is_told_once_with_its_trace(fake: FakeZipkin, store: str) -> None:
    fake.store = store
    fake.spans = [span("a", "1", MICRO + 1), {**span("a", "2", 0, "1")}, span("a", "3", MICRO + 9_000_000, "1"),
                  span("b", "4", MICRO - 9), {"traceId": "b", "id": "5"}]  # fmt: skip
    rows = read(fake)
    assert [(row["span_id"], row["raw"] is None) for row in rows] == [("1", True), ("3", True), (None, False)]
    assert json.loads(rows[2]["raw"])["id"] == "2"
    rows = read(fake, Window(at(START - 3600), at(START)))
    assert [row["span_id"] for row in rows] == ["4", None]


def test_one_trace_by_its_id(fake: FakeZipkin) -> None:
    fake.spans = [span("ab", "2", MICRO + 9, "1"), span("ab", "1", MICRO), span("cd", "3", MICRO)]
    assert ids(source(fake).get_trace("ab").to_pylist()) == ["1", "2"]
    assert source(fake).get_trace("ff").num_rows == 0
    fake.failures = [Reply(b"no such page", 404)]
    with pytest.raises(SourceRejected, match="404"):
        source(fake).get_trace("ff")


def test_an_answer_that_repeats_an_earlier_one_is_an_error() -> None:
    class Cached(FakeZipkin):
        first: Reply | None = None

        def answer(self, asked: Asked) -> Reply:
            reply = super().answer(asked)
            if self.first is None and 0 < len(reply.document) < 4:
                self.first = reply
            return self.first or reply

    spans = [span(f"a{number}", "1", MICRO + number * 700_000_000) for number in range(6)]
    with Cached(spans) as fake, pytest.raises(SourceAnswerInvalid, match=r"with other traces\. Look for a cache"):
        read(fake, limit=4)


def test_errors_name_the_source_and_say_what_to_do(fake: FakeZipkin) -> None:
    fake.spans = [span("a", "1", MICRO)]
    fake.failures = [Reply(b"no", 401)]
    with pytest.raises(SourceRejected, match=r"Source 'shop': .*answered 401"):
        read(fake)
    fake.failures = [Reply(b"", 429, {"Retry-After": "0"}), Reply(b'[[{"traceId":"a","id"')]
    assert len(read(fake)) == 1
    fake.failures = [Reply(b"down", 500)] * 4
    with pytest.raises(SourceUnavailable, match="answered 500"):
        read(fake)
    fake.failures = [Reply({"status": "UP"})]
    with pytest.raises(SourceAnswerInvalid, match="did not answer with a list"):
        read(fake)
    with pytest.raises(SourceRejected, match="of type zipkin has no log_event"):
        Ask.feed({"type": "zipkin", "url": "http://z"}, {"dataset": "log_event"})
    with pytest.raises(SourceRejected, match="a feed of zipkin has no expr"):
        Ask.feed({"type": "zipkin", "url": "http://z"}, {"dataset": "span", "expr": "x"})


def test_an_answer_beyond_the_size_limit_is_asked_in_halves(fake: FakeZipkin) -> None:
    fake.spans = [
        span(f"{number:x}", "1", MICRO + number * 300_000_000, tags={"k": "x" * 300_000}) for number in range(1, 9)
    ]
    config = {"type": "zipkin", "url": fake.url, "max_answer_mebibytes": 1}
    assert len(Ask.rows(Ask.feed(config, {"dataset": "span"}), HOUR)) == 8


def test_the_card_is_valid() -> None:
    card = (Path(__file__).parents[2] / "docs/sources/zipkin.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", card, re.DOTALL):
        for name, text in yaml.safe_load(block)["sources"].items():
            feeds = {key: {"name": key, "source": name, **feed} for key, feed in text.pop("feeds").items()}
            SourceConfig.model_validate({"name": name, "feeds": feeds, **text})


@pytest.mark.needs("data")
def test_real_traces_come_whole(data_dir: Path) -> None:
    total = 0
    for path in sorted(data_dir.glob("traces/zipkin/*.json")):
        spans = json.loads(path.read_bytes())
        times = [one["timestamp"] for one in spans]
        for store in ("memory", "elasticsearch"):
            with FakeZipkin(spans, store) as fake:
                rows = read(fake, Window(at(min(times) / 1e6), at(max(times) / 1e6 + 1)), limit=2)
            keys = {(row["trace_id"], row["span_id"], row["kind"]) for row in rows}
            assert keys == {(one["traceId"], one["id"], one.get("kind", "internal").lower()) for one in spans}
            assert all(row["raw"] is None for row in rows)
        total += len(rows)
    assert total == 252
