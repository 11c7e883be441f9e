"""Opsgenie and JSM operations, as `FakeOpsgenie` speaks them: alerts and incidents, whole while they change."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from include.config.source import SourceConfig
from include.datasets import ALERT, INCIDENT
from include.http import Credentials
from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.records.opsgenie_rows import alert_row, incident_row
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.opsgenie import ALERT as DOCUMENTED
from tests.fakes.opsgenie import CLOUD, KEY, LOGIN, FakeOpsgenie
from tests.fakes.opsgenie import INCIDENT as DOCUMENTED_INCIDENT
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window.parse("2026-10-01T12")
JSM = {"api": "jsm", "cloud_id": CLOUD}
OPSGENIE = {"api": "opsgenie"}


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture
def fake() -> Iterator[FakeOpsgenie]:
    with FakeOpsgenie() as server:
        yield server


def source(
    fake: FakeOpsgenie, dataset: str = "alert", options: Any = JSM, who: Credentials | None = None, **query: Any
) -> Any:
    config = {"type": "opsgenie", "url": fake.url, "timeout": "5s", "options": options}
    return Ask.feed(config, {"dataset": dataset, **query}, credentials=who or Credentials(token=KEY))


def rows(fake: FakeOpsgenie, window: Window = HOUR, **query: Any) -> list[dict[str, Any]]:
    return Ask.rows(source(fake, **query), window)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def alert(identity: str, updated_at: str, **more: Any) -> dict[str, Any]:
    return {**DOCUMENTED, "id": identity, "createdAt": "2026-10-01T08:00:00Z", "updatedAt": updated_at, **more}


def incident(identity: str, updated_at: str, **more: Any) -> dict[str, Any]:
    return {**DOCUMENTED_INCIDENT, "id": identity, "createdAt": "2026-10-01T08:00:00Z", "updatedAt": updated_at, **more}


def spread(count: int) -> list[dict[str, Any]]:
    """Return alerts that changed one second after the other from the beginning of the hour."""
    return [alert(f"A{i:03}", (HOUR.start + timedelta(seconds=i)).isoformat()) for i in range(count)]


@pytest.mark.parametrize("options", [JSM, OPSGENIE])
def test_the_documented_alert_comes_as_a_row_from_either_api(fake: FakeOpsgenie, options: dict[str, str]) -> None:
    fake.alerts = [DOCUMENTED]
    assert rows(fake, Window.parse("2017-04-03T20"), options=options, service_labels=["source"]) == [
        {
            "alert_id": "70413a06-38d6-4c85-92b8-5ebc900d42e2",
            "fingerprint": "event_573",
            "name": "Our servers are in danger",
            "service": "Isengard",
            "severity": "P4",
            "status": "resolved",
            "starts_at": utc("2017-03-21T20:32:52.353"),
            "ends_at": utc("2017-03-21T20:33:52.856"),
            "summary": "Our servers are in danger",
            "labels": '{"alias":"event_573","integration":"Nebuchadnezzar","source":"Isengard",'
            '"tags":"OverwriteQuietHours,Critical","tiny_id":"1791"}',
            "url": None,
            "updated_at": utc("2017-04-03T20:32:57.301"),
            "deleted": False,
            "raw": None,
        }
    ]


def test_the_documented_incident_comes_as_a_row(fake: FakeOpsgenie) -> None:
    fake.incidents = [DOCUMENTED_INCIDENT]
    (row,) = rows(fake, Window.parse("2023-09-26T17"), dataset="incident", options=OPSGENIE)
    assert {name: row[name] for name in ("title", "service", "severity", "status", "opened_at", "resolved_at")} == {
        "title": "OpenAI Incident",
        "service": "daa0d66f-ad35-4396-b30d-70f0314c697a",
        "severity": "P3",
        "status": "open",
        "opened_at": utc("2023-09-26T17:06:16.824"),
        "resolved_at": None,
    }
    assert row["updated_at"] == utc("2023-09-26T17:49:10.17")
    assert row["url"].startswith("https://mytestaccount.app.opsgenie.com/incident/detail/652f14b3")


def test_incidents_of_jsm_are_read_with_jira(fake: FakeOpsgenie) -> None:
    with pytest.raises(
        SourceRejected, match=r"keeps incidents as issues of Jira\. Read them with a source of type jira"
    ):
        source(fake, "incident")
    with pytest.raises(SourceRejected, match="type opsgenie has no span"):
        source(fake, "span")


def test_who_logs_in_to_jsm_does_so_with_mail_and_token_or_bearer_and_to_opsgenie_with_a_key(
    fake: FakeOpsgenie,
) -> None:
    login, password = LOGIN
    assert rows(fake, who=Credentials(login=login, password=password)) == []
    assert rows(fake, who=Credentials(token=KEY)) == []
    assert rows(fake, who=Credentials(token=KEY), options=OPSGENIE) == []
    for options in (JSM, OPSGENIE):
        with pytest.raises(SourceRejected, match="answered 401"):
            rows(fake, who=Credentials(token="wrong"), options=options)


@pytest.mark.parametrize("options", [JSM, OPSGENIE])
def test_pages_come_whole_in_order_and_none_twice(fake: FakeOpsgenie, options: dict[str, str]) -> None:
    fake.alerts = list(reversed(spread(250)))
    assert [row["alert_id"] for row in rows(fake, options=options)] == [f"A{i:03}" for i in range(250)]
    assert len(fake.asked) == 3
    assert fake.asked[0].one("query") == "updatedAt >= 1790856000000 AND updatedAt < 1790859600000"
    assert fake.asked[1].one("query").endswith(" AND updatedAt >= 1790856099000")


def test_only_the_window_and_what_expr_selects_is_read(fake: FakeOpsgenie) -> None:
    times = ["2026-10-01T11:59:59.999Z", "2026-10-01T12:00:00Z", "2026-10-01T12:59:59.999Z", "2026-10-01T13:00:00Z"]
    fake.alerts = [alert(f"{i}", at) for i, at in enumerate(times)]
    fake.alerts.append(alert("P1", "2026-10-01T12:30:00Z", priority="P1"))
    assert [row["alert_id"] for row in rows(fake)] == ["1", "P1", "2"]
    assert [row["alert_id"] for row in rows(fake, expr="priority:P1")] == ["P1"]


def test_ten_thousand_and_one_alerts_of_one_moment_come_whole(fake: FakeOpsgenie) -> None:
    fake.alerts = [alert(f"A{i:05}", "2026-10-01T12:00:00Z") for i in range(10_001)]
    assert sorted(row["alert_id"] for row in rows(fake)) == [f"A{i:05}" for i in range(10_001)]


def test_more_of_one_moment_than_the_system_gives_is_an_error(fake: FakeOpsgenie, monkeypatch: Any) -> None:
    monkeypatch.setattr("include.sources.records.opsgenie_pages.CAP", 400)
    monkeypatch.setattr("tests.fakes.opsgenie.CAP", 400)
    fake.alerts = [alert(f"A{i}", "2026-10-01T12:00:00Z") for i in range(400)]
    with pytest.raises(SourceAnswerInvalid, match=r"holds more than 396 records of 2026-10-01 12:00:00\+00:00"):
        rows(fake)


@pytest.mark.parametrize("gone", [["A099"], ["A000"], ["A050", "A098", "A099"], ["A100"]])
def test_alerts_that_change_while_the_pages_are_read_hide_no_others(fake: FakeOpsgenie, gone: list[str]) -> None:
    fake.alerts = spread(250)

    def change(asked: Asked) -> None:
        if len(fake.asked) == 2:
            for one in fake.alerts:
                if one["id"] in gone:
                    one["updatedAt"] = "2026-10-01T14:00:00Z"

    fake.before = change
    expected = [f"A{i:03}" for i in range(250) if f"A{i:03}" not in gone or i < 100]
    assert [row["alert_id"] for row in rows(fake)] == expected


@pytest.mark.parametrize("gone", [["A000"], ["A000", "A001", "A150"], ["A099"]])
def test_alerts_of_one_moment_that_change_meanwhile_hide_no_others(fake: FakeOpsgenie, gone: list[str]) -> None:
    fake.alerts = [alert(f"A{i:03}", "2026-10-01T12:00:00Z") for i in range(250)]

    def change(asked: Asked) -> None:
        if len(fake.asked) == 2:
            fake.alerts = [one for one in fake.alerts if one["id"] not in gone]

    fake.before = change
    expected = [f"A{i:03}" for i in range(250) if f"A{i:03}" not in gone or i < 100]
    assert [row["alert_id"] for row in rows(fake)] == expected


def test_an_alert_that_changes_again_within_the_window_comes_as_both_versions(fake: FakeOpsgenie) -> None:
    fake.alerts = spread(150)

    def change(asked: Asked) -> None:
        if len(fake.asked) == 2:
            fake.alerts[0] = {**fake.alerts[0], "updatedAt": "2026-10-01T12:50:00Z", "status": "open"}

    fake.before = change
    found = rows(fake)
    assert len(found) == 151
    assert [row["updated_at"].minute for row in found if row["alert_id"] == "A000"] == [0, 50]


def test_a_page_that_repeats_is_an_error(fake: FakeOpsgenie) -> None:
    fake.alerts = spread(250)
    page = Reply({"values": fake.alerts[:100], "links": {"next": "/v1/alerts?offset=100"}})
    fake.before = lambda _: page
    with pytest.raises((SourceUnavailable, SourceAnswerInvalid), match=r"do not fit together|not in the order"):
        rows(fake)


def test_a_page_that_is_missing_is_an_error(fake: FakeOpsgenie) -> None:
    fake.alerts = spread(250)
    empty = Reply({"values": [], "links": {"next": "/v1/alerts?offset=100"}})
    fake.before = lambda _: empty if len(fake.asked) > 1 else None
    with pytest.raises(SourceUnavailable, match="left out a page"):
        rows(fake)


def test_a_list_in_another_order_is_an_error(fake: FakeOpsgenie) -> None:
    fake.before = lambda _: Reply({"values": list(reversed(spread(3))), "links": {}})
    with pytest.raises(SourceAnswerInvalid, match="not in the order of updatedAt"):
        rows(fake)


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"values": {}}', b'{"data": []}'])
def test_another_document_is_invalid(fake: FakeOpsgenie, body: bytes) -> None:
    fake.before = lambda _: Reply(body)
    with pytest.raises(SourceAnswerInvalid, match=r"answered without values\. Check url and api"):
        rows(fake)


def test_limits_errors_and_half_answers_are_tried_again(fake: FakeOpsgenie) -> None:
    fake.alerts = spread(1)
    fake.failures = [
        Reply({"message": "You are making too many requests!"}, 429, {"X-RateLimit-Period-In-Sec": "1"}),
        Reply(b"", 500),
        Reply({"values": []}, cut=4),
    ]
    assert len(rows(fake)) == 1


def test_incidents_come_in_order_of_their_change_though_the_list_is_sorted_by_creation(fake: FakeOpsgenie) -> None:
    for i in range(150):
        created = (HOUR.start - timedelta(seconds=i)).isoformat()
        fake.incidents.append(incident(f"I{i:03}", f"2026-10-01T12:{i // 60:02}:{i % 60:02}Z", createdAt=created))

    def change(asked: Asked) -> None:
        if len(fake.asked) == 2:  # of the first page, which therefore moves up
            fake.incidents = [one for one in fake.incidents if one["id"] not in {"I149", "I050"}]

    fake.before = change
    found = [row["incident_id"] for row in rows(fake, dataset="incident", options=OPSGENIE)]
    assert found == [f"I{i:03}" for i in range(150)]
    assert {asked.one("sort") for asked in fake.asked} == {"createdAt"}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"status": "open", "snoozed": False}, ("firing", None)),
        ({"status": "open", "snoozed": True}, ("suppressed", None)),
        ({"status": "closed", "report": None}, ("resolved", utc("2026-10-01T12:00:00"))),
        ({"status": "closed", "report": {"closeTime": 1500}}, ("resolved", utc("2026-10-01T08:00:01.5"))),
    ],
)
def test_an_alert_fires_is_suppressed_or_over(more: dict[str, Any], expected: tuple[Any, ...]) -> None:
    row = alert_row(alert("A", "2026-10-01T12:00:00Z", **more), ["service"])
    assert (row["status"], row["ends_at"]) == expected


@pytest.mark.parametrize(
    ("more", "service"),
    [
        ({"tags": ["service:shop/cart", "x"]}, "shop/cart"),
        ({"tags": ["service=a:b=c"]}, "a:b=c"),
        ({"details": {"service": "cart"}, "entity": "node-1"}, "cart"),
        ({"entity": "node-1"}, "node-1"),
        ({}, None),
    ],
)
def test_the_service_is_a_tag_a_detail_or_the_entity(more: dict[str, Any], service: str | None) -> None:
    assert alert_row(alert("A", "2026-10-01T12:00:00Z", **more), ["service"])["service"] == service


@pytest.mark.parametrize(
    ("more", "ended"),
    [
        ({"status": "open"}, None),
        ({"status": "resolved", "impactEndDate": "2026-10-01T09:00:00Z"}, utc("2026-10-01T09:00:00")),
        ({"status": "closed", "impactEndDate": "2026-10-01T07:00:00Z"}, utc("2026-10-01T12:00:00")),
        ({"status": "resolved", "impactEndDate": None}, utc("2026-10-01T12:00:00")),
    ],
)
def test_a_resolved_incident_ended_with_its_impact(more: dict[str, Any], ended: datetime | None) -> None:
    assert incident_row(incident("I", "2026-10-01T12:00:00Z", **more), ["service"])["resolved_at"] == ended


def test_what_cannot_be_read_goes_out_once_with_its_text(fake: FakeOpsgenie) -> None:
    alerts = spread(150)
    alerts[3] = {**alerts[3], "status": "on fire"}
    alerts[99] = {**alerts[99], "updatedAt": "yesterday"}
    pages = [Reply({"values": alerts[:100], "links": {"next": "x"}}), Reply({"values": alerts[99:], "links": {}})]
    fake.before = lambda asked: pages[1 if int(asked.one("offset")) else 0]
    found = rows(fake)
    assert len(found) == 150
    assert [json.loads(row["raw"])["id"] for row in found if row["raw"]] == ["A003", "A099"]


@pytest.mark.parametrize(
    "odd", [{"message": "half \ud800"}, {"message": "nul \x00"}, {"details": {"\udfff": "x"}}, {"tags": ["a\x00"]}]
)
def test_text_that_cannot_be_stored_keeps_the_record_as_escaped_json(odd: dict[str, Any]) -> None:
    record = alert("A", "2026-10-01T12:00:00Z", **odd)
    row = alert_row(record, ["service"])
    pa.RecordBatch.from_pylist([row], schema=ALERT.schema).validate(full=True)
    assert row["raw"].isascii()
    assert json.loads(row["raw"]) == record


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(sorted({*DOCUMENTED, *DOCUMENTED_INCIDENT, "details"}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=6), JSON)
def test_any_record_gives_a_row_or_its_text(spoiled: dict[str, Any], anything: Any) -> None:
    for record in (anything, {**DOCUMENTED, **spoiled}, {**DOCUMENTED_INCIDENT, **spoiled}):
        for row, schema in (
            (alert_row(record, ["service"]), ALERT.schema),
            (incident_row(record, ["service"]), INCIDENT.schema),
        ):
            pa.RecordBatch.from_pylist([row], schema=schema).validate(full=True)
            if row["raw"] is not None:
                assert set(row.values()) - {None} == {row["raw"]}
                assert repr(json.loads(row["raw"])) == repr(record)


@pytest.mark.needs("data")
def test_real_incidents(fake: FakeOpsgenie, data_dir: Path) -> None:
    with (data_dir / "incidents" / "_raw_opsgenie_incidents.csv").open(newline="") as file:
        fake.incidents = [json.loads(row["data"]) for row in csv.DictReader(file)]
    found = rows(fake, Window.parse("2023-09-05/2023-09-07"), dataset="incident", options=OPSGENIE)
    assert [(row["title"], row["severity"], row["status"], row["opened_at"], row["resolved_at"]) for row in found] == [
        ("Incident#2", "P5", "resolved", utc("2023-09-05T18:20:28.003"), utc("2023-09-05T18:21:21.49")),
        ("Incident#1", "P3", "open", utc("2023-09-06T14:30:56.346"), None),
    ]
    assert {row["service"] for row in found} == {"695bce3d-4621-4630-8ae1-24eb89c22d6e"}


def test_the_examples_of_the_card_are_valid() -> None:
    assert {name: list(source.feeds) for name, source in card.sources("opsgenie").items()} == {
        "jsm": ["alerts"],
        "opsgenie": ["alerts", "incidents"],
    }


@pytest.mark.parametrize("options", [{}, {"api": "opsgenie", "cloud_id": "x"}])
def test_jsm_needs_its_site(options: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="api jsm needs cloud_id, and api opsgenie takes none"):
        SourceConfig.model_validate({"name": "x", "type": "opsgenie", "url": "http://x", "options": options})
