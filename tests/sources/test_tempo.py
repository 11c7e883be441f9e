"""Tempo, as `FakeTempo` speaks it: a trace by its id is whole; a window by its search is not, and that is said."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from include.config.source import SourceConfig
from include.sources import SourceAnswerInvalid, SourceRejected
from include.sources.traces.tempo import INCOMPLETE
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.tempo import FakeTempo
from tests.sources.conftest import Ask, at

START = 1_790_812_800
HOUR = Window(at(START), at(START + 3600))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture
def fake() -> Iterator[FakeTempo]:
    with FakeTempo({}) as server:
        yield server


def trace(identity: str, *seconds: float) -> list[dict[str, Any]]:
    nanos = [int((START + second) * 10**9) for second in seconds]
    spans = [
        {"traceId": identity, "spanId": f"{number:016x}", "name": "op", "kind": "SPAN_KIND_SERVER",
         "startTimeUnixNano": str(nano), "endTimeUnixNano": str(nano + 9)}
        for number, nano in enumerate(nanos, start=1)
    ]  # fmt: skip
    return [{"resource": {"attributes": []}, "scopeSpans": [{"spans": spans}]}]


def source(fake: FakeTempo, expr: str = "", **options: Any) -> Any:
    config = {"type": "tempo", "url": fake.url, "timeout": "5s", "headers": {"X-Scope-OrgID": "shop"}}
    return Ask.feed(config, {"dataset": "span", "expr": expr, "options": options})


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_one_trace_by_its_id(fake: FakeTempo, api: str) -> None:
    fake.traces = {"ab" * 16: trace("ab" * 16, 5, 1)}
    rows = source(fake, api=api).get_trace("ab" * 16).to_pylist()
    assert [(row["ts"], row["kind"], row["duration"]) for row in rows] == [
        (at(START + 1), "server", 9e-9), (at(START + 5), "server", 9e-9),
    ]  # fmt: skip
    assert fake.asked[0].path == f"/api/{'v2/' if api == 'v2' else ''}traces/{'ab' * 16}"
    assert fake.asked[0].headers["X-Scope-OrgID"] == "shop"
    assert source(fake, api=api).get_trace("cd" * 16).num_rows == 0
    fake.failures = [Reply(b"404 page not found", 404)]
    with pytest.raises(SourceRejected, match="404"):
        source(fake, api=api).get_trace("cd" * 16)


def test_a_trace_of_which_tempo_gives_only_a_part_is_told(fake: FakeTempo) -> None:
    fake.traces, fake.partial = {"ab": trace("ab", 1)}, {"ab"}
    reader = source(fake)
    assert reader.get_trace("ab").num_rows == 1
    assert reader.warnings == ["Tempo gave only a part of a trace: trace exceeds max size."]


def test_a_window_is_not_read_by_search_unless_that_is_accepted(fake: FakeTempo) -> None:
    with pytest.raises(SourceRejected, match=r"Tempo's search is not whole.*accept_incomplete_search: true"):
        Ask.rows(source(fake), HOUR)
    assert fake.asked == []


def test_an_accepted_search_brings_what_it_finds_once_and_says_that_it_may_not_be_whole(fake: FakeTempo) -> None:
    fake.traces = {f"{number:032x}": trace(f"{number:032x}", number * 30) for number in range(1, 101)}
    fake.traces["f" * 32] = trace("f" * 32, -5, 1000, 3599.5, 3600)
    reader = source(fake, "{ status = error }", accept_incomplete_search=True, limit=10)
    rows = Ask.rows(reader, HOUR)
    assert len(rows) == 102
    assert len({(row["trace_id"], row["span_id"]) for row in rows}) == 102
    assert reader.warnings == [INCOMPLETE]
    searches = [asked for asked in fake.asked if asked.path == "/api/search"]
    assert len(searches) > 10
    assert {name: texts[0] for name, texts in searches[0].query.items()} == {
        "q": "{ status = error }", "start": str(START), "end": str(START + 3600), "limit": "10",
    }  # fmt: skip
    assert len(Ask.rows(reader, HOUR)) == 102
    assert reader.warnings == [INCOMPLETE]


def test_a_second_with_more_traces_than_a_search_brings_is_told(fake: FakeTempo) -> None:
    fake.traces = {f"{number:032x}": trace(f"{number:032x}", 7) for number in range(1, 31)}
    reader = source(fake, accept_incomplete_search=True, limit=30)
    assert len(Ask.rows(reader, HOUR)) == 30
    assert reader.warnings == [INCOMPLETE, "There are 30 traces or more within one second; the rest is not read."]


def test_errors_name_the_source(fake: FakeTempo) -> None:
    fake.traces = {"ab": trace("ab", 1)}
    fake.failures = [Reply(b"no", 401)]
    with pytest.raises(SourceRejected, match=r"Source 'shop': .*answered 401"):
        source(fake).get_trace("ab")
    fake.failures = [Reply(b"", 429, {"Retry-After": "0"}), Reply(b"", 500), Reply(b'{"trace":{"resourceSpans":[{')]
    assert source(fake).get_trace("ab").num_rows == 1
    fake.failures = [Reply([])]
    with pytest.raises(SourceAnswerInvalid, match="did not answer with a trace"):
        source(fake).get_trace("ab")
    for wrong in ([], {"traces": 7}, {"traces": [{}]}):
        fake.failures = [Reply(wrong)]
        with pytest.raises(SourceAnswerInvalid, match="did not answer its search with a list of traces"):
            Ask.rows(source(fake, accept_incomplete_search=True), HOUR)
    with pytest.raises(SourceRejected, match="of type tempo has no alert"):
        Ask.feed({"type": "tempo", "url": "http://t"}, {"dataset": "alert"})


def test_the_card_is_valid() -> None:
    card = (Path(__file__).parents[2] / "docs/sources/tempo.md").read_text()
    for block in re.findall(r"```yaml\n(.*?)```", card, re.DOTALL):
        for name, text in yaml.safe_load(block)["sources"].items():
            feeds = {key: {"name": key, "source": name, **feed} for key, feed in text.pop("feeds").items()}
            SourceConfig.model_validate({"name": name, "feeds": feeds, **text})


@pytest.mark.needs("data")
def test_real_otlp_traces_come_whole(data_dir: Path) -> None:
    total = 0
    for path in [data_dir / "traces/otlp/trace.json", *sorted(data_dir.glob("traces/jaeger/otlp2jaeger-*in*.json"))]:
        groups = json.loads(path.read_bytes())["resourceSpans"]
        spans = [one for group in groups for scope in group["scopeSpans"] for one in scope["spans"]]
        with FakeTempo({spans[0]["traceId"].lower(): groups}) as fake:
            rows = source(fake).get_trace(spans[0]["traceId"]).to_pylist()
        assert {row["span_id"] for row in rows} == {one["spanId"].lower() for one in spans}
        assert all(row["raw"] is None for row in rows)
        total += len(rows)
    assert total == 7
