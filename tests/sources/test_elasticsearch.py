"""Log lines from a fake Elasticsearch and a fake OpenSearch over a real socket."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.http import AnswerInvalid
from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.logs.elasticsearch_pages import Pages, Search
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.elasticsearch import API_KEY, HIT, FakeElasticsearch
from tests.sources import card
from tests.sources.conftest import Ask

START = 1_790_848_800 * 10**9  # 2026-10-01T10:00:00Z
TEN = datetime(2026, 10, 1, 10, tzinfo=UTC)
HOUR = Window(TEN, TEN + timedelta(hours=1))


def source(
    fake: FakeElasticsearch,
    *,
    expr: str = "",
    feed: Any = None,
    options: Any = None,
    credentials: Any = None,
    **more: Any,
) -> Any:
    config = {
        "type": "elasticsearch", "url": fake.url, "timeout": "5s",
        "options": {"flavour": fake.flavour, **(options or {})}, **more,
    }  # fmt: skip
    query = {"dataset": "log_event", "expr": expr, "options": {"index": "logs-*", **(feed or {})}}
    return Ask.feed(config, query, credentials=credentials)


def messages(reader: Any, window: Window = HOUR) -> list[str]:
    return [row["message"] for row in Ask.rows(reader, window)]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture(params=["elasticsearch", "opensearch"])
def flavour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_document_becomes_a_row() -> None:
    with FakeElasticsearch() as fake:
        fake.index(HIT["sort"][0], HIT["_id"], HIT["_index"], **HIT["_source"])
        rows = Ask.rows(source(fake, feed={"index": ".ds-logs-*"}), HOUR)
        opened, asked, closed = fake.asked
    assert rows == [
        {
            "ts": TEN + timedelta(milliseconds=123), "service": "cart", "host": "node-1", "level": "error",
            "logger": "access", "message": "GET /cart 503", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
            "span_id": "00f067aa0ba902b7",
            "attributes": '{"host":{"ip":["<ip>"]},"http":{"response":{"status_code":503}},'
            '"log":{"file":{"path":"/var/log/nginx/access.log"}},"service":{"version":"1.4.2"}}',
            "event_id": ".ds-logs-nginx.access-default-2026.10.01-000001/DHtDfIwB5zHRqLhVzwYc", "raw": None,
        }
    ]  # fmt: skip
    assert (opened.method, opened.path, opened.one("keep_alive")) == ("POST", "/.ds-logs-*/_pit", "300s")
    assert asked.json == {
        "query": {"bool": {"filter": [{"range": {"@timestamp": {
            "gte": "2026-10-01T10:00:00.000000000Z", "lt": "2026-10-01T11:00:00.000000000Z",
            "format": "strict_date_optional_time_nanos",
        }}}]}},
        "sort": [{"@timestamp": {"order": "asc", "numeric_type": "date_nanos"}}, {"_shard_doc": {"order": "asc"}}],
        "track_total_hits": True, "size": 10_000, "pit": {"id": "46ToAwMDaWR51", "keep_alive": "300s"},
    }  # fmt: skip
    assert (closed.method, closed.path, closed.json) == ("DELETE", "/_pit", {"id": "46ToAwMDaWR51"})


def test_opensearch_has_paths_and_a_tiebreaker_of_its_own() -> None:
    with FakeElasticsearch("opensearch") as fake:
        fake.index(START, "a", message="m")
        assert messages(source(fake)) == ["m"]
        opened, asked, closed = fake.asked
    assert opened.path == "/logs-*/_search/point_in_time"
    assert asked.json["sort"][1] == {"_id": {"order": "asc"}}
    assert (closed.path, closed.json) == ("/_search/point_in_time", {"pit_id": ["46ToAwMDaWR51"]})


def test_the_other_flavour_is_told_apart() -> None:
    with FakeElasticsearch("opensearch") as fake:
        fake.index(START, "a", message="m")
        with pytest.raises(SourceRejected, match="no handler for POST /logs-\\*/_pit"):
            messages(source(fake, options={"flavour": "elasticsearch"}))


def test_documents_come_in_pages_and_none_twice(flavour: str) -> None:
    with FakeElasticsearch(flavour) as fake:
        for i in range(2_500):
            fake.index(START + i // 7 * 1_000, f"{i:05}", message=f"{i}")
        found = messages(source(fake, options={"page": 1_000}))
        assert [body["size"] for body in fake.searches] == [1_000] * 3
        assert [body["track_total_hits"] for body in fake.searches] == [True, False, False]
        assert not fake.views
    assert sorted(map(int, found)) == list(range(2_500))


def test_ten_thousand_and_one_documents_at_one_time(flavour: str) -> None:
    with FakeElasticsearch(flavour) as fake:
        for i in range(10_001):
            fake.index(START + 5, f"{i}", message=f"{i}")
        assert sorted(map(int, messages(source(fake)))) == list(range(10_001))


def test_a_point_in_time_that_expires_is_opened_again_and_nothing_is_lost_or_twice(flavour: str) -> None:
    with FakeElasticsearch(flavour) as fake:
        for i in range(100):
            fake.index(START + i // 30 * 1_000, f"{i:03}", message=f"{i}")
        fake.expire_after = [5, 4, 3]
        found = messages(source(fake, options={"page": 10}))
        assert fake.opened == 4
    assert sorted(map(int, found)) == list(range(100))


def test_documents_that_come_or_go_while_it_pages_are_no_matter() -> None:
    with FakeElasticsearch() as fake:
        for i in range(30):
            fake.index(START + i, f"{i:03}", message=f"{i}")
        as_it_was = fake.answer

        def answer(asked: Asked) -> Reply:
            reply = as_it_was(asked)
            if len(fake.searches) == 1 and len(fake.documents) == 30:
                fake.documents.pop(20)
                fake.index(START + 25, "new", message="new")
                fake.index(START + 5, "late", message="late")
            return reply

        fake.answer = answer  # type: ignore[method-assign]
        assert messages(source(fake, options={"page": 10})) == [str(i) for i in range(30)]


def test_a_point_in_time_that_always_expires_is_an_error() -> None:
    with FakeElasticsearch() as fake:
        fake.index(START, "a", message="m")
        fake.expire_after = [0, 0, 0]
        with pytest.raises(
            SourceUnavailable, match=r"lost its point in time 3 times before a new document came.*keep_alive"
        ):
            messages(source(fake))


def test_a_point_in_time_that_expires_before_one_time_is_through_does_not_go_on_for_ever() -> None:
    with FakeElasticsearch() as fake:
        for i in range(100):
            fake.index(START, f"{i:03}", message=f"{i}")
        fake.expire_after = [2] * 50
        with pytest.raises(SourceUnavailable, match="3 times before a new document came"):
            messages(source(fake, options={"page": 10}))
        assert fake.opened < 10


def test_a_missing_page_is_an_error() -> None:
    with FakeElasticsearch() as fake:
        for i in range(30):
            fake.index(START + i, f"{i:03}", message=f"{i}")
        fake.spoils = [{}, {"hits": {"hits": []}}]
        with pytest.raises(SourceUnavailable, match="counted 30 documents and gave 10: a page is missing"):
            messages(source(fake, options={"page": 10}))


def test_two_documents_that_share_time_and_tiebreaker_are_not_lost_silently() -> None:
    with FakeElasticsearch("opensearch") as fake:
        for index in ("logs-a", "logs-b"):
            fake.index(START, "same", index, message=index, number=index)
        with pytest.raises(SourceUnavailable, match="the tie-breaker _id is the same for two documents"):
            messages(source(fake, options={"page": 1}))
        assert messages(source(fake, options={"page": 1}, feed={"tiebreaker": "number"})) == ["logs-a", "logs-b"]


def test_a_page_that_repeats_is_an_error() -> None:
    with FakeElasticsearch() as fake:
        for i in range(30):
            fake.index(START + i // 15, f"{i:03}", message=f"{i}")
        first = [{**HIT, "_id": f"{i}", "sort": [START + i // 5, i]} for i in range(10)]
        again = {"hits": {"total": {"value": 30, "relation": "eq"}, "hits": first}}
        fake.spoils = [again, again]
        with pytest.raises(SourceAnswerInvalid, match="a page came again, or not in order of time"):
            messages(source(fake, options={"page": 10}))
        same = [{**HIT, "_id": f"{i}", "sort": [START, i]} for i in range(10)]
        fake.spoils = [{"hits": {"total": {"value": 30, "relation": "eq"}, "hits": same}}] * 2
        with pytest.raises(SourceAnswerInvalid, match="a page came again"):
            messages(source(fake, options={"page": 10}))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"timed_out": True}, "timed out and gave a part of the result"),
        (
            {"_shards": {"total": 5, "successful": 4, "failed": 1, "failures": [
                {"shard": 0, "index": "logs-shop", "reason": {"type": "query_shard_exception", "reason": "gone"}}]}},
            'failed on 1 of 5 shards: .*"query_shard_exception"',
        ),
        ({"_clusters": {"total": 2, "successful": 1, "skipped": 1}}, "left out 1 of 2 clusters"),
    ],
)  # fmt: skip
def test_a_part_of_a_result_never_passes_for_the_whole(spoil: dict[str, Any], said: str) -> None:
    with FakeElasticsearch() as fake:
        fake.index(START, "a", message="m")
        fake.spoils = [spoil]
        with pytest.raises(SourceUnavailable, match=said):
            messages(source(fake))
        assert not fake.views


def test_the_window_is_half_open_and_the_query_string_is_sent() -> None:
    with FakeElasticsearch() as fake:
        for at in (START - 1, START, START + 3_600 * 10**9 - 1, START + 3_600 * 10**9):
            fake.index(at, f"{at}", message=f"{at}", service={"name": "cart"})
        fake.index(START, "other", message="other", service={"name": "checkout"})
        found = messages(source(fake, expr="service.name:cart"))
        wanted = fake.searches[0]["query"]["bool"]["filter"][1]
    assert found == [f"{START}", f"{START + 3_600 * 10**9 - 1}"]
    assert wanted == {"query_string": {"query": "service.name:cart"}}


def test_options_name_the_fields() -> None:
    with FakeElasticsearch() as fake:
        fake.index(
            START, "a", text="line", app="cart", node={"name": "n1"}, sev=3, cls="Main", when="x", tr="AB", sp="CD"
        )
        feed = {
            "message": "text", "service": "app", "host": ["none", "node.name"], "level": "sev", "logger": "cls",
            "trace_id": "tr", "span_id": "sp", "time_field": "when",
        }  # fmt: skip
        row = Ask.rows(source(fake, feed=feed), HOUR)[0]
    assert {name: row[name] for name in feed if name in row} == {
        "message": "line", "service": "cart", "host": "n1", "level": "3", "logger": "Main", "trace_id": "ab",
        "span_id": "cd",
    }  # fmt: skip
    assert row["attributes"] is None


def test_an_api_key_and_a_login_are_sent() -> None:
    with FakeElasticsearch() as fake:
        fake.index(START, "a", message="m")
        fake.authorization = f"ApiKey {API_KEY}"
        assert messages(source(fake, credentials=Credentials(token=API_KEY))) == ["m"]
        fake.authorization = "Basic ZWxhc3RpYzpjaGFuZ2VtZQ=="
        assert messages(source(fake, credentials=Credentials(login="elastic", password="changeme"))) == ["m"]
        fake.authorization = "Bearer jwt"
        assert messages(source(fake, credentials=Credentials(token="jwt"), options={"token": "Bearer"})) == ["m"]
        with pytest.raises(SourceRejected, match="answered 401"):
            messages(source(fake))


def test_an_index_that_does_not_exist() -> None:
    with FakeElasticsearch() as fake:
        with pytest.raises(SourceRejected, match=r"index_not_found_exception.*no such index \[logs-x\]"):
            messages(source(fake, feed={"index": "logs-x"}))
        reader = source(fake)
        assert Ask.rows(reader, HOUR) == []
        assert reader.warnings == ["No index is called logs-*: nothing was searched."]


def test_an_answer_that_is_too_large_is_asked_for_in_smaller_pages() -> None:
    with FakeElasticsearch() as fake:
        for i in range(40):
            fake.index(START + i, f"{i}", message=f"{i:05}" + "x" * 100_000)
        found = messages(source(fake, max_answer_mebibytes=1, options={"page": 40}))
        assert [body["size"] for body in fake.searches][:3] == [40, 20, 10]
    assert [text[:5] for text in found] == [f"{i:05}" for i in range(40)]


def test_a_line_of_ten_megabytes_a_nul_and_half_a_surrogate_pair_survive() -> None:
    texts = ["x" * 10_000_000, "a\x00b", "half \ud800 a pair"]
    with FakeElasticsearch() as fake:
        for i, text in enumerate(texts):
            fake.index(START + i, f"{i}", message=text)
        found = messages(source(fake))
    assert found == [*texts[:2], "half \\ud800 a pair"]


def test_hits_without_a_document_go_out_once_with_raw() -> None:
    hits = [
        {"_index": "i", "_id": "1", "sort": [START, 1]},
        {"_index": "i", "_id": "2", "_source": {"message": "no time"}, "sort": [None, 2]},
        7,
        {"_index": "i", "_id": "3", "_source": {"message": "good"}, "sort": [START + 1, 3]},
    ]
    with FakeElasticsearch() as fake:
        fake.spoils = [{"hits": {"total": {"value": 4, "relation": "eq"}, "hits": hits}}]
        rows = Ask.rows(source(fake), HOUR)
    assert rows[0]["message"] == "good"
    assert [json.loads(row["raw"]) for row in rows[1:]] == hits[:3]


def test_times_that_are_no_nanoseconds_are_an_error() -> None:
    with FakeElasticsearch() as fake:
        hits = [{**HIT, "sort": [START // 10**6, 1]}]
        fake.spoils = [{"hits": {"total": {"value": 1, "relation": "eq"}, "hits": hits}}]
        with pytest.raises(SourceAnswerInvalid, match="none is of the time that was asked for"):
            messages(source(fake))


def test_failures() -> None:
    with FakeElasticsearch() as fake:
        fake.index(START, "a", message="m")
        fake.failures += [Reply({"error": "busy"}, 429, {"Retry-After": "0"}), Reply({}, 503)]
        assert messages(source(fake)) == ["m"]
        fake.failures += [Reply({}, 500)] * 4
        with pytest.raises(SourceUnavailable, match="answered 500"):
            messages(source(fake))
        fake.failures += [Reply({"id": "a"}), *[Reply({"hits": {"hits": []}}, cut=10)] * 4]
        with pytest.raises(SourceUnavailable, match="half an answer"):
            messages(source(fake))
        for body in ([], 7, {}, {"hits": []}, {"hits": {"hits": 7}}, {"hits": {"hits": [], "total": 3}}):
            fake.failures += [Reply({"id": "a"}), Reply(body)]
            with pytest.raises(SourceAnswerInvalid):
                messages(source(fake))


def test_a_point_in_time_that_cannot_be_given_back_is_a_warning() -> None:
    with FakeElasticsearch() as fake:
        fake.failures += [
            Reply({"id": "a"}),
            Reply({"_shards": {"total": 1}, "hits": {"hits": [], "total": {"value": 0, "relation": "eq"}}}),
            Reply({}, 403),
        ]
        reader = source(fake)
        assert Ask.rows(reader, HOUR) == []
    assert len(reader.warnings) == 1
    assert reader.warnings[0].startswith("The point in time was not given back, it expires by itself: ")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
hits = st.lists(
    st.fixed_dictionaries(
        {"_source": json_values | st.just({}), "sort": st.tuples(st.integers(START, START + 3)).map(list) | json_values}
    )
    | json_values,
    max_size=4,
)


class Given:
    """A point in time that gives one answer."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self._answers = [answer, {"hits": {"hits": []}}]

    def open(self) -> None:
        pass

    def search(self, body: Any) -> dict[str, Any]:
        return self._answers.pop(0)


@settings(max_examples=100, deadline=None)
@given(hits)
def test_every_hit_of_any_page_comes_out_or_the_page_is_refused(page: list[Any]) -> None:
    answer = {"hits": {"hits": page, "total": {"value": len(page), "relation": "eq"}}}
    try:
        found = list(Pages(Given(answer), Search("", "t", "_doc"), HOUR, 10))  # type: ignore[arg-type]
    except AnswerInvalid:
        return
    outside = [hit for hit in page if isinstance(hit, dict) and _sorted_outside(hit.get("sort"), hit.get("_source"))]
    assert sum(len(one.hits) + len(one.unread) for one in found) == len(page) - len(outside)


def _sorted_outside(sort: Any, document: Any) -> bool:
    first = sort[0] if isinstance(sort, list) and sort else None
    is_time = isinstance(first, int) and not isinstance(first, bool) and 0 <= first < 2**63
    return is_time and isinstance(document, dict) and not START <= first < START + 3_600 * 10**9


def test_the_card_shows_a_configuration_that_is_valid() -> None:
    shown = card.sources("elasticsearch")
    assert {feed.dataset for one in shown.values() for feed in one.feeds.values()} == {"log_event"}
    assert [one.options["flavour"] for one in shown.values()] == ["elasticsearch", "opensearch"]
