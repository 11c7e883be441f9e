"""Issues of a fake Jira Cloud: pages by token, times of JQL in the user's zone, changelogs, documents as text."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.severity import severity_of
from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.records.jira_values import document_text
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.jira import ISSUE, FakeJira, entry, issue
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
WHO = Credentials(login="mia@example.com", password="token")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def source(fake: FakeJira, dataset: str = "incident", who: Credentials | None = WHO, **feed: Any) -> Any:
    return Ask.feed({"type": "jira", "url": fake.url}, {"dataset": dataset, **feed}, credentials=who)


def ten(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 10, 1, 10, minute, second, tzinfo=UTC)


def test_an_issue_gives_the_columns_of_an_incident() -> None:
    with FakeJira() as fake:
        fake.issues = [ISSUE]
        (row,) = Ask.rows(source(fake), HOUR)
    assert row == {
        "incident_id": "10002",
        "title": "Main order flow broken",
        "service": "Cart",
        "severity": "Highest",
        "status": "acknowledged",
        "opened_at": datetime(2026, 10, 1, 9, tzinfo=UTC),
        "acknowledged_at": datetime(2026, 10, 1, 9, 10, tzinfo=UTC),
        "resolved_at": None,
        "cause": None,
        "outcome": None,
        "labels": '{"key":"ED-1","labels":"shop,outage","project":"ED","service":"Cart","status":"In Progress",'
        '"type":"Incident"}',
        "url": f"{fake.url}/browse/ED-1",
        "updated_at": datetime(2026, 10, 1, 10, 30, 0, 123_000, tzinfo=UTC),
        "deleted": False,
        "raw": None,
    }
    assert [severity_of(name).name for name in ("Highest", "High", "Medium", "Low", "Lowest")] == [
        "CRITICAL",
        "HIGH",
        "MEDIUM",
        "LOW",
        "INFO",
    ]


@pytest.mark.parametrize("zone_hours", [-12, -7, 0, 2, 14])
def test_the_window_is_exact_whatever_the_users_time_zone(zone_hours: int) -> None:
    with FakeJira() as fake:
        fake.zone_hours = zone_hours
        edges = [HOUR.start - timedelta(milliseconds=1), HOUR.start, HOUR.end - timedelta(milliseconds=1), HOUR.end]
        fake.issues = [issue(number, moment) for number, moment in enumerate(edges)]
        rows = Ask.rows(source(fake), HOUR)
    assert [row["incident_id"] for row in rows] == ["10001", "10002"]


def test_times_with_an_offset_are_utc_in_the_rows() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(1, ten(5), created="2026-10-01T11:00:00.000+0200")]
        fake.issues[0]["fields"]["updated"] = "2026-10-01T03:15:00.000-0700"
        (row,) = Ask.rows(source(fake), HOUR)
    assert (row["updated_at"], row["opened_at"]) == (ten(15), datetime(2026, 10, 1, 9, tzinfo=UTC))


def test_every_page_is_read_and_each_issue_comes_once() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(i, ten(0) + timedelta(seconds=i)) for i in range(350)]
        fake.page = 80
        rows = Ask.rows(source(fake, expr="project = ED"), HOUR)
        bodies = [asked.json for asked in fake.asked]
    assert [row["incident_id"] for row in rows] == [str(10_000 + i) for i in range(350)]
    assert [body.get("nextPageToken") for body in bodies] == [None, "80", "160", "240", "320"]
    assert bodies[0]["jql"] == (
        '(project = ED) AND updated >= "2026-09-30 21:59" AND updated <= "2026-10-02 01:01"'
        " ORDER BY updated ASC, key ASC"
    )


def test_ten_thousand_and_one_issues_of_one_moment_all_come() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(i, ten(5)) for i in range(10_001)]
        assert len({row["incident_id"] for row in Ask.rows(source(fake), HOUR)}) == 10_001


def test_an_issue_that_is_updated_while_pages_are_read_comes_once_with_its_newest_version() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(i, ten(0) + timedelta(seconds=i)) for i in range(150)]

        def work(search: int) -> None:
            if search == 2:
                fake.issues[3] = issue(3, ten(50), summary="Newer")
                fake.issues.append(issue(900, ten(0)))

        fake.before_page = work
        rows = Ask.rows(source(fake), HOUR)
    told = {row["incident_id"]: row["title"] for row in rows}
    assert len(told) == len(rows)
    assert told["10003"] == "Newer"
    assert {str(10_000 + i) for i in range(150)} <= set(told)


def test_a_token_that_expires_mid_way_makes_the_search_begin_again() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(i, ten(0) + timedelta(seconds=i)) for i in range(350)]
        fake.forget = {3}
        rows = Ask.rows(source(fake), HOUR)
        assert len(rows) == len({row["incident_id"] for row in rows}) == 350
        fake.forget = set(range(1_000))
        with pytest.raises(SourceUnavailable, match="refused its own page token, 3 times"):
            Ask.rows(source(fake), HOUR)


def test_a_token_that_leads_nowhere_is_an_error() -> None:
    page = Reply({"issues": [], "nextPageToken": "same"})
    with FakeJira() as fake:
        fake.failures = [page, page]
        with pytest.raises(SourceUnavailable, match="same page as its next one again"):
            Ask.rows(source(fake), HOUR)


def test_done_issues_are_resolved_and_documents_become_text() -> None:
    done = {"name": "Closed", "statusCategory": {"key": "done"}}
    found = {
        "type": "doc",
        "version": 1,
        "content": [
            {
                "type": "paragraph",
                "content": [{"type": "text", "text": "The pool "}, {"type": "text", "text": "was full"}],
            },
            {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"url": "https://example.com/1"}}]},
        ],
    }
    fields = {"status": done, "resolutiondate": "2026-10-01T10:20:00.000+0000", "resolution": {"name": "Fixed"}}
    with FakeJira() as fake:
        fake.issues = [issue(1, ten(20), **fields, customfield_10060=found)]
        (row,) = Ask.rows(source(fake, options={"cause_field": "customfield_10060"}), HOUR)
    assert (row["status"], row["resolved_at"], row["acknowledged_at"]) == ("resolved", ten(20), None)
    assert (row["outcome"], row["cause"]) == ("Fixed", "The pool was full\nhttps://example.com/1")


def test_issues_can_be_changes() -> None:
    fields = {
        "fixVersions": [{"name": "2.7.1"}],
        "customfield_10070": "2026-10-01T10:01:00.000+0000",
        "customfield_10071": {"value": "Checkout"},
        "resolutiondate": "2026-10-01T10:20:00.000+0000",
    }
    options = {"kind": "deployment", "started_field": "customfield_10070", "service_field": "customfield_10071"}
    with FakeJira() as fake:
        fake.issues = [issue(1, ten(20), **fields)]
        (row,) = Ask.rows(source(fake, "change_event", options=options), HOUR)
    assert (row["change_id"], row["kind"], row["service"], row["version"]) == (
        "10001",
        "deployment",
        "Checkout",
        "2.7.1",
    )
    assert (row["started_at"], row["ended_at"]) == (ten(1), ten(20))


def test_changes_of_incidents_come_from_the_whole_changelog() -> None:
    with FakeJira() as fake:
        fake.issues = [
            issue(1, HOUR.end + timedelta(days=3)),
            issue(2, ten(30)),
            issue(3, HOUR.start - timedelta(hours=1)),
        ]
        fake.changes = {
            "10001": [entry(i, ten(0) + timedelta(seconds=30 * i), "priority", str(i), str(i + 1)) for i in range(250)],
            "10002": [entry(900, HOUR.start - timedelta(hours=2)), entry(901, ten(30))],
            "10003": [entry(950, ten(30))],
        }
        rows = Ask.rows(source(fake, "incident_change"), HOUR)
        paths = [asked.path.rpartition("3/")[2] for asked in fake.asked]
    assert paths == ["search/jql", *["issue/10001/changelog"] * 3]
    assert len(rows) == 121
    assert len({row["change_id"] for row in rows}) == 121
    assert {name: rows[0][name] for name in ("change_id", "incident_id", "field", "before", "after", "actor")} == {
        "change_id": "10001-0-0",
        "incident_id": "10001",
        "field": "severity",
        "before": "0",
        "after": "1",
        "actor": "Mia Krystof",
    }
    assert [row["summary"] for row in rows if row["incident_id"] == "10002"] == ["status: New → Done"]


def test_a_page_of_a_changelog_that_is_missing_is_an_error() -> None:
    history = {"histories": [entry(1, ten(5))]}
    with FakeJira() as fake:
        fake.failures = [
            Reply({"issues": [{**ISSUE, "changelog": history}]}),
            Reply({"values": [entry(1, ten(5))], "isLast": False}),
            Reply({"values": [], "isLast": False}),
        ]
        with pytest.raises(SourceUnavailable, match="left out the page from 1"):
            Ask.rows(source(fake, "incident_change"), HOUR)


def test_an_odd_issue_goes_out_with_raw() -> None:
    with FakeJira() as fake:
        fake.issues = [issue(1, ten(5), status={"name": "Odd", "statusCategory": {"key": "purple"}})]
        (row,) = Ask.rows(source(fake), HOUR)
    assert (row["incident_id"], row["updated_at"], json.loads(row["raw"])["key"]) == (None, ten(5), "ED-1")


def test_refusals_and_bad_answers() -> None:
    with FakeJira() as fake:
        with pytest.raises(SourceRejected, match="answered 401"):
            Ask.rows(source(fake, who=Credentials(login="mia@example.com", password="old")), HOUR)
        fake.failures = [Reply({}, 429, {"Retry-After": "3"}), Reply(b"", 500), Reply({"issues": []}, cut=2)]
        assert Ask.rows(source(fake), HOUR) == []
        fake.failures = [Reply({"errorMessages": ["Field x does not exist"]}, 400)]
        with pytest.raises(SourceRejected, match="Field x does not exist"):
            Ask.rows(source(fake), HOUR)
        fake.failures = [Reply({"issue": []})]
        with pytest.raises(SourceAnswerInvalid, match="did not answer with issues"):
            Ask.rows(source(fake), HOUR)
        with pytest.raises(SourceRejected, match="has its own ORDER BY"):
            source(fake, expr="project = ED order  by key")
        with pytest.raises(SourceRejected, match="type jira has no alert"):
            source(fake, "alert")


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeJira() as fake:
        yield fake


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_names = st.sampled_from([*ISSUE["fields"].keys() - {"updated"}])


@settings(max_examples=25, deadline=None)
@given(odd=st.dictionaries(_names, _json, max_size=4), other=_json)
def test_no_issue_is_lost_whatever_it_looks_like(shared: Any, odd: dict[str, Any], other: Any) -> None:
    shared.failures = [Reply({"issues": [{**ISSUE, "fields": {**ISSUE["fields"], **odd}}, other]})]
    assert len(Ask.rows(source(shared), HOUR)) == 2


@settings(max_examples=25, deadline=None)
@given(odd=st.dictionaries(st.sampled_from(["id", "author", "items"]), _json, max_size=2))
def test_no_entry_is_lost_whatever_it_looks_like(shared: Any, odd: dict[str, Any]) -> None:
    old = entry(1, HOUR.start - timedelta(hours=1))
    history = {"histories": [{**entry(2, ten(5)), **odd}, old]}
    shared.failures = [Reply({"issues": [{**ISSUE, "changelog": history}]})]
    rows = Ask.rows(source(shared, "incident_change"), HOUR)
    assert rows or odd.get("items") in ([], {}, "")


_nodes = st.recursive(
    st.none() | st.text(max_size=5) | st.integers(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["doc", "paragraph", "text", "hardBreak", "mention", "odd"]) | st.integers(),
            "text": st.text(max_size=5) | inner,
            "attrs": st.dictionaries(st.sampled_from(["text", "url"]), inner, max_size=2) | inner,
            "content": st.lists(inner, max_size=3) | inner,
        },
    ),
    max_leaves=10,
)


@settings(max_examples=200, deadline=None)
@given(_nodes)
def test_any_document_gives_text_or_says_that_it_cannot_be_stored(node: Any) -> None:
    try:
        found = document_text(node)
    except ValueError:
        return
    assert found is None or found.strip() == found


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("jira")["jira"].feeds) == ["history", "incidents", "releases"]
