"""PagerDuty, as `FakePagerDuty` speaks it: incidents as of the window's end, their changes, whole lists."""

import csv
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.datasets import INCIDENT, INCIDENT_CHANGE
from include.http import Credentials
from include.sources import SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.sources.records.pagerduty_incident import incident_row
from include.sources.records.pagerduty_log import Heard, change_row, hear, in_order
from include.window import Window
from tests.fakes.api import Asked, Reply
from tests.fakes.pagerduty import ENTRY, KEY, MEASURED, FakePagerDuty
from tests.fakes.pagerduty import INCIDENT as DOCUMENTED
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window.parse("2026-10-01T12")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


@pytest.fixture
def fake() -> Iterator[FakePagerDuty]:
    with FakePagerDuty() as server:
        yield server


def source(fake: FakePagerDuty, dataset: str = "incident", key: str = KEY, **options: Any) -> Any:
    config = {"type": "pagerduty", "url": fake.url, "timeout": "5s"}
    return Ask.feed(config, {"dataset": dataset, "options": options}, credentials=Credentials(token=key))


def rows(fake: FakePagerDuty, window: Window = HOUR, dataset: str = "incident", **options: Any) -> list[dict[str, Any]]:
    return Ask.rows(source(fake, dataset, **options), window)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def incident(identity: str, created_at: str, **more: Any) -> dict[str, Any]:
    return {**DOCUMENTED, "id": identity, "created_at": created_at, "last_status_change_at": created_at,
            "resolved_at": None, "status": "triggered", **more}  # fmt: skip


def entry(kind: str, of: str, at: str, identity: str = "", **more: Any) -> dict[str, Any]:
    reference = {"id": of, "type": "incident_reference", "summary": "[#1] On fire"}
    return {**ENTRY, "id": identity or f"{of}-{kind}-{at}", "type": f"{kind}_log_entry", "created_at": at,
            "incident": reference, **more}  # fmt: skip


def test_the_documented_incident_and_entry_come_as_rows(fake: FakePagerDuty) -> None:
    fake.incidents = [{**DOCUMENTED, "created_at": "2015-11-07T00:14:20Z", "resolved_at": "2015-11-07T00:20:00Z"}]
    fake.entries = [ENTRY, entry("resolve", "PT4KHLK", "2015-11-07T00:20:00Z")]
    window = Window.parse("2015-11-07T00")
    assert rows(fake, window) == [
        {
            "incident_id": "PT4KHLK",
            "title": "The server is on fire.",
            "service": "My Mail Service",
            "severity": "P2",
            "status": "resolved",
            "opened_at": utc("2015-11-07T00:14:20"),
            "acknowledged_at": None,
            "resolved_at": utc("2015-11-07T00:20:00"),
            "cause": None,
            "outcome": None,
            "labels": '{"escalation_policy":"Another Escalation Policy",'
            '"incident_key":"baf7cf21b1da41b4b0221008339ff357","number":"1234","priority":"P2","service_id":"PIJ90N7","teams":"Engineering","urgency":"high"}',
            "url": "https://subdomain.pagerduty.com/incidents/PT4KHLK",
            "updated_at": utc("2015-11-07T00:20:00"),
            "deleted": False,
            "raw": None,
        }
    ]
    assert rows(fake, window, "incident_change")[0] == {
        "change_id": "Q02JTSNZWHSEKV",
        "incident_id": "PT4KHLK",
        "field": "status",
        "before": None,
        "after": "open",
        "actor": "My Mail Service",
        "summary": "Triggered through the API",
        "updated_at": utc("2015-11-07T00:14:20"),
        "deleted": False,
        "raw": None,
    }


def test_an_incident_opened_last_week_and_resolved_now_comes_whole_with_this_window(fake: FakePagerDuty) -> None:
    fake.incidents = [incident("OLD", "2026-09-24T08:00:00Z", status="resolved",
                               last_status_change_at="2026-10-01T12:30:00Z")]  # fmt: skip
    fake.entries = [
        entry("trigger", "OLD", "2026-09-24T08:00:00Z"),
        entry("acknowledge", "OLD", "2026-09-24T08:05:00Z"),
        entry("resolve", "OLD", "2026-10-01T12:30:00Z"),
    ]
    (row,) = rows(fake)
    assert (row["status"], row["opened_at"], row["acknowledged_at"], row["resolved_at"], row["updated_at"]) == (
        "resolved",
        utc("2026-09-24T08:00:00"),
        utc("2026-09-24T08:05:00"),
        utc("2026-10-01T12:30:00"),
        utc("2026-10-01T12:30:00"),
    )


def test_an_old_window_read_again_gives_the_incident_as_it_was_then(fake: FakePagerDuty) -> None:
    ended = "2026-10-03T09:00:00Z"
    fake.incidents = [incident("A", "2026-10-01T12:10:00Z", status="resolved", last_status_change_at=ended)]
    fake.entries = [
        entry("trigger", "A", "2026-10-01T12:10:00Z"),
        entry("acknowledge", "A", "2026-10-01T12:20:00Z"),
        entry("annotate", "A", "2026-10-02T12:00:00Z"),
        entry("resolve", "A", "2026-10-03T09:00:00Z"),
    ]
    days = Window.parse("2026-10-01/2026-10-04")
    found = [(row["updated_at"], row["status"], row["resolved_at"]) for row in rows(fake, days)]
    assert found == [
        (utc("2026-10-01T12:20:00"), "acknowledged", None),
        (utc("2026-10-02T12:00:00"), "acknowledged", None),
        (utc("2026-10-03T09:00:00"), "resolved", utc("2026-10-03T09:00:00")),
    ]
    assert [row["status"] for row in rows(fake)] == ["acknowledged"]


def test_an_incident_whose_only_news_is_that_somebody_was_notified_did_not_change(fake: FakePagerDuty) -> None:
    fake.incidents = [incident("A", "2026-10-01T08:00:00Z")]
    fake.entries = [entry("trigger", "A", "2026-10-01T08:00:00Z"), entry("notify", "A", "2026-10-01T12:00:05Z")]
    assert rows(fake) == []
    assert rows(fake, dataset="incident_change") == []
    assert [row["field"] for row in rows(fake, dataset="incident_change", notifications=True)] == ["notification"]


def test_an_incident_without_a_log_comes_by_its_creation(fake: FakePagerDuty) -> None:
    fake.incidents = [incident("A", "2026-10-01T12:10:00Z", status="acknowledged",
                               last_status_change_at="2026-10-01T13:30:00Z",
                               acknowledgements=[{"at": "2026-10-01T13:30:00Z"}])]  # fmt: skip
    (row,) = rows(fake)
    assert (row["status"], row["acknowledged_at"], row["updated_at"]) == ("open", None, utc("2026-10-01T12:10:00"))


def test_an_incident_that_is_gone_is_said_to_be_deleted(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "GONE", "2026-10-01T12:10:00Z")]
    reader = source(fake)
    assert [(row["incident_id"], row["deleted"]) for row in Ask.rows(reader, HOUR)] == [("GONE", True)]
    assert reader.warnings == ["shop: PagerDuty no longer has incident GONE, which its log names."]


@pytest.mark.parametrize("ends", ["[)", "(]"])
def test_windows_side_by_side_hold_each_change_once_whichever_end_the_system_counts_in(ends: str) -> None:
    with FakePagerDuty(ends) as fake:
        times = ["11:59:59", "12:00:00", "12:00:01", "12:59:59", "13:00:00"]
        fake.entries = [entry("annotate", "A", f"2026-10-01T{at}Z") for at in times]
        found = [rows(fake, Window.parse(f"2026-10-01T{hour}"), "incident_change") for hour in (11, 12, 13)]
    assert [[f"{row['updated_at']:%H:%M:%S}" for row in hour] for hour in found] == [times[:1], times[1:4], times[4:]]


def test_pages_of_a_hundred_come_whole_and_in_order(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", f"2026-10-01T12:{i // 60:02}:{i % 60:02}Z", f"E{i:03}") for i in range(250)]
    found = rows(fake, dataset="incident_change")
    assert [row["change_id"] for row in found] == [f"E{i:03}" for i in range(250)]
    assert [asked.one("offset") for asked in fake.asked] == ["0", "100", "200"]
    assert {(asked.one("limit"), asked.one("time_zone")) for asked in fake.asked} == {("100", "UTC")}


def test_a_range_of_more_than_ten_thousand_is_halved(fake: FakePagerDuty) -> None:
    start = HOUR.start
    fake.entries = [
        entry("annotate", "A", (start + timedelta(seconds=i * 0.3)).isoformat(), f"E{i:05}") for i in range(12_000)
    ]
    assert [row["change_id"] for row in rows(fake, dataset="incident_change")] == [f"E{i:05}" for i in range(12_000)]


def test_more_than_the_cap_in_one_second_is_an_error_and_no_shorter_list(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", "2026-10-01T12:00:00Z", f"E{i}") for i in range(10_001)]
    with pytest.raises(SourceAnswerInvalid, match=r"more than 10,000 records in the second from 2026-10-01T12:00:00"):
        rows(fake, dataset="incident_change")


def test_a_range_of_more_than_six_months_is_asked_for_in_parts(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", f"2025-{month:02}-15T00:00:00Z") for month in range(1, 13)]
    found = rows(fake, Window.parse("2025-01-01/2026-02-01"), "incident_change")
    assert [row["updated_at"].month for row in found] == list(range(1, 13))


def test_entries_that_slip_between_pages_come_once_and_one_that_slipped_through_is_read_again(
    fake: FakePagerDuty,
) -> None:
    fake.entries = [entry("annotate", "A", f"2026-10-01T12:{i // 60:02}:{i % 60:02}Z", f"E{i:03}") for i in range(150)]

    def late_then_gone(asked: Asked) -> None:
        if len(fake.asked) == 2:  # one more at the top: the rest move down by one
            fake.entries.append(entry("annotate", "A", "2026-10-01T12:59:00Z", "LATE"))
        if len(fake.asked) == 4:  # and gone again between the pages of the second pass: the rest move up
            fake.entries.pop()

    fake.before = late_then_gone
    assert [row["change_id"] for row in rows(fake, dataset="incident_change")] == [f"E{i:03}" for i in range(150)]


def test_an_entry_that_is_deleted_while_paging_loses_no_other(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", f"2026-10-01T12:{i // 60:02}:{i % 60:02}Z", f"E{i:03}") for i in range(150)]
    fake.before = lambda _: fake.entries.remove(fake.entries[-1]) if len(fake.asked) == 2 else None
    assert [row["change_id"] for row in rows(fake, dataset="incident_change")] == [f"E{i:03}" for i in range(149)]


@pytest.mark.parametrize("broken", ["repeats", "is missing"])
def test_a_list_of_which_a_page_fails_is_an_error(fake: FakePagerDuty, broken: str) -> None:
    fake.entries = [entry("annotate", "A", f"2026-10-01T12:{i // 60:02}:{i % 60:02}Z", f"E{i:03}") for i in range(250)]

    def second_page(asked: Asked) -> Reply | None:
        if asked.one("offset") != "100":
            return None
        page = fake.entries[150:250] if broken == "repeats" else []
        return Reply({"log_entries": page, "limit": 100, "offset": 100, "more": True, "total": 250})

    fake.before = second_page
    with pytest.raises(SourceUnavailable, match=r"150 different records of 250, 3 times"):
        rows(fake, dataset="incident_change")


def test_an_answer_that_counts_nothing_and_leaves_a_page_out_is_an_error(fake: FakePagerDuty) -> None:
    fake.before = lambda _: Reply({"log_entries": [], "more": True, "total": None})
    with pytest.raises(SourceUnavailable, match="left out the page from 0"):
        rows(fake, dataset="incident_change")


@pytest.mark.parametrize("body", [b"[]", b"7", b'{"log_entries": 7}', b'{"error": "no"}'])
def test_another_document_is_invalid(fake: FakePagerDuty, body: bytes) -> None:
    fake.before = lambda _: Reply(body)
    with pytest.raises(SourceAnswerInvalid, match="answered without"):
        rows(fake)


def test_a_wrong_key_is_rejected_and_a_rate_limit_is_waited_for(fake: FakePagerDuty) -> None:
    with pytest.raises(SourceRejected, match="answered 401"):
        Ask.rows(source(fake, key="wrong"), HOUR)
    fake.entries = [entry("annotate", "A", "2026-10-01T12:00:00Z")]
    fake.failures = [
        Reply({"error": {"message": "Rate Limit Exceeded", "code": 2020}}, 429, {"ratelimit-reset": "13"}),
        Reply(b"", 500),
        Reply({"log_entries": []}, cut=5),
    ]
    assert len(rows(fake, dataset="incident_change")) == 1


def test_times_with_another_zone_are_the_same_moments(fake: FakePagerDuty) -> None:
    fake.entries = [
        entry("annotate", "A", "2026-10-01T14:30:00+02:00"),
        entry("annotate", "A", "2026-10-01T07:31:00-05:00"),
    ]
    assert [row["updated_at"] for row in rows(fake, dataset="incident_change")] == [
        utc("2026-10-01T12:30:00"), utc("2026-10-01T12:31:00")
    ]  # fmt: skip


def test_only_the_teams_that_the_feed_names_are_read(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", "2026-10-01T12:00:00Z"),
                    entry("annotate", "B", "2026-10-01T12:00:00Z", teams=[{"id": "OTHER"}])]  # fmt: skip
    assert [row["incident_id"] for row in rows(fake, dataset="incident_change", teams=["OTHER", "NONE"])] == ["B"]


def test_what_cannot_be_read_goes_out_once_with_its_text(fake: FakePagerDuty) -> None:
    odd = entry("annotate", "A", "2026-10-01T12:00:00Z", "ODD", incident="none")
    fake.entries = [entry("annotate", "A", "2026-10-01T12:00:00Z", "FINE")]
    page = Reply({"log_entries": [odd, *fake.entries], "more": False, "total": 2})
    fake.before = lambda _: page
    found = rows(fake, dataset="incident_change")
    assert [(row["change_id"], row["raw"] and json.loads(row["raw"])) for row in found] == [(None, odd), ("FINE", None)]


def test_entries_that_cannot_be_read_are_a_warning_where_only_incidents_are_asked_for(fake: FakePagerDuty) -> None:
    fake.entries = [entry("annotate", "A", "2026-10-01T12:00:00Z", incident={"id": None})]
    reader = source(fake)
    assert Ask.rows(reader, HOUR) == []
    (warning,) = reader.warnings
    assert warning.startswith("shop: 1 entries of PagerDuty's log cannot be read: an incident that only they name")


def test_an_incident_that_cannot_be_read_goes_out_once_with_its_text(fake: FakePagerDuty) -> None:
    fake.incidents = [incident("A", "2026-10-01T12:00:00Z", status="strange")]
    fake.entries = [entry("trigger", "B", "2026-10-01T12:00:00Z")]
    fake.incidents.append(incident("B", "2026-10-01T12:00:00Z", service="no reference"))
    found = rows(fake)
    assert sorted(json.loads(row["raw"])["id"] for row in found) == ["A", "B"]


def test_analytics_adds_what_it_measured_page_by_page(fake: FakePagerDuty) -> None:
    fake.page = 2
    for name in "ABCDE":
        fake.incidents.append(incident(name, "2026-10-01T12:00:00Z"))
        fake.entries.append(entry("trigger", name, "2026-10-01T12:00:00Z"))
        fake.measures.append({**MEASURED, "id": name, "created_at": "2026-10-01T12:00:00"})
    fake.incidents.append(incident("OLD", "2026-09-01T00:00:00Z"))
    fake.entries += [entry("trigger", "OLD", "2026-09-01T00:00:00Z"), entry("annotate", "OLD", "2026-10-01T12:30:00Z")]
    fake.measures.append({**MEASURED, "id": "OLD", "created_at": "2026-09-01T00:00:00", "seconds_to_first_ack": 77})
    found = {row["incident_id"]: json.loads(row["labels"]) for row in rows(fake, analytics=True)}
    assert [found[name]["seconds_to_first_ack"] for name in [*"ABCDE", "OLD"]] == ["5"] * 5 + ["77"]
    assert found["A"]["major"] == "false"
    assert "user_defined_effort_seconds" not in found["A"]


def test_a_cursor_that_expires_in_the_middle_makes_the_list_start_again(fake: FakePagerDuty) -> None:
    fake.page = 1
    for name in "ABC":
        fake.incidents.append(incident(name, "2026-10-01T12:00:00Z"))
        fake.measures.append({**MEASURED, "id": name, "created_at": "2026-10-01T12:00:00"})
    expired = [Reply({"error": {"message": "Invalid cursor", "code": 2001}}, 400)]

    def second_page(asked: Asked) -> Reply | None:
        return expired.pop() if expired and asked.method == "POST" and asked.json.get("starting_after") else None

    fake.before = second_page
    assert [json.loads(row["labels"])["engaged_seconds"] for row in rows(fake, analytics=True)] == ["3510"] * 3
    expired += [Reply({}, 400), Reply({}, 400)]
    with pytest.raises(SourceRejected, match="answered 400"):
        rows(fake, analytics=True)


def test_analytics_that_does_not_know_an_incident_yet_changes_nothing(fake: FakePagerDuty) -> None:
    fake.incidents = [incident("A", "2026-10-01T12:00:00Z"), incident("OLD", "2026-09-01T00:00:00Z")]
    fake.entries = [entry("annotate", "OLD", "2026-10-01T12:30:00Z")]
    assert [row["labels"] for row in rows(fake, analytics=True)] == [row["labels"] for row in rows(fake)]


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("trigger", {}, ("status", None, "open")),
        ("acknowledge", {}, ("status", None, "acknowledged")),
        ("unacknowledge", {}, ("status", "acknowledged", "open")),
        ("resolve", {}, ("status", None, "resolved")),
        ("assign", {"assignees": [{"id": "P1", "summary": "Ada"}, {"id": "P2"}]}, ("assignee", None, "Ada, P2")),
        ("escalate", {}, ("escalation", None, None)),
        ("priority_change", {"channel": {"old_priority": {"summary": "P4"}, "new_priority": {"name": "P1"}}},
         ("severity", "P4", "P1")),
        ("priority_change", {"channel": {"new_priority": {"summary": "P2"}}}, ("severity", None, "P2")),
        ("urgency_change", {"summary": "Urgency changed from low to high."}, ("urgency", "low", "high")),
        ("urgency_change", {"summary": "Changed to Low urgency"}, ("urgency", None, "low")),
        ("annotate", {"channel": {"type": "note", "summary": "restarted it"}}, ("note", None, "restarted it")),
        ("snooze", {}, ("snooze", None, None)),
        ("responder_request", {}, ("responder_request", None, None)),
        ("notify", {}, ("notification", None, None)),
    ],
)  # fmt: skip
def test_each_kind_of_entry_says_what_changed(kind: str, more: dict[str, Any], expected: tuple[Any, ...]) -> None:
    row = change_row(entry(kind, "A", "2026-10-01T12:00:00Z", **more))
    assert (row["field"], row["before"], row["after"]) == expected
    assert row["raw"] is None


def test_the_log_tells_the_first_acknowledgement_and_forgets_an_end_after_which_it_went_on() -> None:
    log = [("trigger", 0), ("acknowledge", 1), ("unacknowledge", 2), ("acknowledge", 3), ("resolve", 4), ("trigger", 5)]
    entries = [entry(kind, "A", f"2026-10-01T12:0{minute}:00Z") for kind, minute in log]
    known: dict[str, Heard] = {}
    hear(known, in_order([change_row(one) for one in reversed(entries)]))
    assert known["A"] == Heard("A", utc("2026-10-01T12:05:00"), True, "open", utc("2026-10-01T12:01:00"), None)


def test_of_one_second_the_opening_comes_first_and_the_end_last() -> None:
    entries = [entry(kind, "A", "2026-10-01T12:00:00Z") for kind in ("resolve", "acknowledge", "assign", "trigger")]
    ordered = [row["after"] or row["field"] for row in in_order([change_row(one) for one in entries])]
    assert ordered == ["open", "assignee", "acknowledged", "resolved"]


def test_who_escalates_an_acknowledged_incident_triggers_it_again() -> None:
    log = [("trigger", 0), ("assign", 0), ("acknowledge", 1), ("assign", 1), ("escalate", 2)]
    known: dict[str, Heard] = {}
    statuses = []
    for kind, minute in log:
        hear(known, [change_row(entry(kind, "A", f"2026-10-01T12:0{minute}:00Z"))])
        statuses.append(known["A"].status)
    assert statuses == ["open", "open", "acknowledged", "open", "open"]


def test_a_priority_that_no_scale_knows_leaves_the_urgency_as_severity() -> None:
    known = incident("A", "2026-10-01T12:00:00Z", priority={"summary": "SEV-2"})
    custom = incident("B", "2026-10-01T12:00:00Z", priority={"summary": "Customers angry"}, urgency="low")
    merged = incident("C", "2026-10-01T12:00:00Z", priority=None,
                      resolve_reason={"type": "merge_resolve_reason", "incident": {"id": "A"}})  # fmt: skip
    found = [incident_row(one, None, HOUR.end) for one in (known, custom, merged)]
    assert [(row["severity"], row["outcome"]) for row in found] == [
        ("SEV-2", None),
        ("low", None),
        ("high", "merged into A"),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(sorted({*DOCUMENTED, *ENTRY}))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=6), JSON)
def test_any_record_gives_a_row_or_its_text(spoiled: dict[str, Any], anything: Any) -> None:
    import pyarrow as pa

    for record in (anything, {**DOCUMENTED, **spoiled}, {**ENTRY, **spoiled}):
        for row, schema in (
            (incident_row(record, None, HOUR.end), INCIDENT.schema),
            (change_row(record), INCIDENT_CHANGE.schema),
        ):
            pa.RecordBatch.from_pylist([row], schema=schema).validate(full=True)
            if row["raw"] is not None:
                assert set(row.values()) - {None} == {row["raw"]}
                assert repr(json.loads(row["raw"])) == repr(record)


@pytest.mark.needs("data")
def test_real_incidents_with_their_logs(fake: FakePagerDuty, data_dir: Path) -> None:
    with (data_dir / "incidents" / "_raw_pagerduty_incidents.csv").open(newline="") as file:
        fake.incidents = [json.loads(row["data"]) for row in csv.DictReader(file)]
    fake.entries = [one for incident in fake.incidents for one in incident["log_entries"]]
    found = rows(fake, Window.parse("2022-11-03/2022-11-04"))
    assert [
        (row["incident_id"], row["title"], row["service"], row["severity"], row["status"], row["acknowledged_at"],
         row["resolved_at"])
        for row in found
    ] == [
        ("Q3CZAU7Q4008QD", "Slow startup", "DevService", "high", "acknowledged", utc("2022-11-03T06:44:37"), None),
        ("Q1OHFWFP3GPXOG", "Spamming logs", "DevService", "low", "resolved", utc("2022-11-03T06:45:46"),
         utc("2022-11-03T06:51:44")),
        ("Q3YON8WNWTZMRQ", "Crash reported", "DevService", "high", "open", utc("2022-11-03T06:23:07"), None),
    ]  # fmt: skip
    before = {
        row["incident_id"]: row["status"] for row in rows(fake, Window.parse("2022-11-03T06:00/2022-11-03T06:30"))
    }
    assert before == {"Q3YON8WNWTZMRQ": "acknowledged"}
    changes = rows(fake, Window.parse("2022-11-03/2022-11-04"), "incident_change", notifications=True)
    assert len(changes) == len(fake.entries)
    assert all(row["raw"] is None for row in changes)


def test_the_example_of_the_card_is_valid() -> None:
    assert [feed.dataset for feed in card.sources("pagerduty")["pager"].feeds.values()] == [
        "incident",
        "incident_change",
    ]


def test_other_datasets_are_refused(fake: FakePagerDuty) -> None:
    with pytest.raises(SourceRejected, match="type pagerduty has no alert"):
        source(fake, "alert")
