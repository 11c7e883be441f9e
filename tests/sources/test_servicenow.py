"""Incidents and changes of a fake ServiceNow: keyset pages, hidden rows, time zones of the user, states."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.servicenow import LOGIN, PASSWORD, FakeServiceNow, incident, text
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
WHO = Credentials(login=LOGIN, password=PASSWORD)
CART = "b0c4030ac0a800090152e7a4564ca36c"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def source(fake: FakeServiceNow, dataset: str = "incident", who: Credentials | None = WHO, **feed: Any) -> Any:
    return Ask.feed({"type": "servicenow", "url": fake.url}, {"dataset": dataset, **feed}, credentials=who)


def numbers(rows: list[dict[str, Any]]) -> list[int]:
    return [int(row["incident_id"], 16) for row in rows]


def ten(minute: int, second: int = 0) -> datetime:
    return datetime(2026, 10, 1, 10, minute, second, tzinfo=UTC)


def test_an_incident_gives_its_columns() -> None:
    done = {"state": "6", "resolved_at": "2026-10-01 10:30:00", "close_code": "Solved (Permanently)"}
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(1, ten(30, 5), **done, close_notes="The pool was exhausted")]
        fake.shown = {("cmdb_ci", CART): "Cart", ("state", "6"): "Resolved", ("priority", "1"): "1 - Critical"}
        (row,) = Ask.rows(source(fake), HOUR)
    assert row == {
        "incident_id": "00000000000000000000000000000001",
        "title": "Unable to check out",
        "service": "Cart",
        "severity": "1",
        "status": "resolved",
        "opened_at": datetime(2026, 10, 1, 9, tzinfo=UTC),
        "acknowledged_at": None,
        "resolved_at": ten(30),
        "cause": "The pool was exhausted",
        "outcome": "Solved (Permanently)",
        "labels": '{"category":"software","cmdb_ci":"Cart","number":"INC0000001","service":"Cart","state":"Resolved"}',
        "url": f"{fake.url}/incident.do?sys_id=00000000000000000000000000000001",
        "updated_at": ten(30, 5),
        "deleted": False,
        "raw": None,
    }


def test_a_recorded_incident_of_the_demonstration_data() -> None:
    # github.com/demisto/content, Packs/ServiceNow/Integrations/ServiceNowv2/test_data/response_constants.py.
    recorded = {
        "sys_updated_on": "2020-04-02 14:03:31",
        "number": "INC0000039",
        "sys_created_on": "2019-09-05 00:42:29",
        "state": "1",
        "closed_at": "",
        "impact": "2",
        "business_service": "",
        "priority": "4",
        "opened_at": "2019-09-05 00:41:01",
        "resolved_at": "",
        "short_description": "Trouble getting to Oregon mail server",
        "close_code": "",
        "close_notes": "",
        "sys_id": "sys_id",
        "urgency": "3",
        "severity": "3",
    }
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [recorded]
        start = datetime(2020, 4, 2, 14, tzinfo=UTC)
        (row,) = Ask.rows(source(fake), Window(start, start + timedelta(hours=1)))
    assert (row["title"], row["severity"], row["status"]) == ("Trouble getting to Oregon mail server", "4", "open")
    assert (row["opened_at"], row["resolved_at"]) == (datetime(2019, 9, 5, 0, 41, 1, tzinfo=UTC), None)
    assert (row["service"], row["cause"], row["outcome"], row["raw"]) == ("incident", None, None, None)


def test_every_page_is_read_by_its_key_and_each_record_comes_once() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(i, ten(0) + timedelta(seconds=i // 7)) for i in range(3_100)]
        batches = list(source(fake).read(HOUR))
        asked = [(one.one("sysparm_query"), one.one("sysparm_offset")) for one in fake.asked]
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert numbers(rows) == list(range(3_100))
    assert asked[2:5] == [
        (
            (
                "sys_updated_on>=2026-10-01 10:00:00^sys_updated_on<2026-10-01 11:00:00"
                "^ORDERBYsys_updated_on^ORDERBYsys_id"
            ),
            "0",
        ),
        (
            (
                "sys_updated_on=2026-10-01 10:02:22^sys_id>000000000000000000000000000003e7"
                "^ORDERBYsys_updated_on^ORDERBYsys_id"
            ),
            "0",
        ),
        (
            "sys_updated_on>2026-10-01 10:02:22^sys_updated_on<2026-10-01 11:00:00^ORDERBYsys_updated_on^ORDERBYsys_id",
            "0",
        ),
    ]


def test_ten_thousand_and_one_records_of_one_second_all_come() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(i, ten(5)) for i in range(10_001)]
        assert numbers(Ask.rows(source(fake), HOUR)) == list(range(10_001))


def test_records_that_change_while_pages_are_read_shift_no_other() -> None:
    with FakeServiceNow() as fake:
        table = fake.tables["incident"]
        table += [incident(i, ten(0) + timedelta(seconds=i)) for i in range(2_500)]

        def work(asked: int) -> None:
            if asked == 3:
                table[5]["sys_updated_on"] = text(ten(59))
                table[6]["sys_updated_on"] = text(HOUR.end)
                del table[7]

        fake.before_page = work
        got = numbers(Ask.rows(source(fake), HOUR))
    assert got == [*range(2_500), 5]


def test_rows_that_the_user_may_not_see_do_not_end_the_read() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(i, ten(0) + timedelta(seconds=i // 2)) for i in range(4_500)]
        fake.hidden = {f"{i:032x}" for i in [*range(900, 3_300), 4_000]}
        assert numbers(Ask.rows(source(fake), HOUR)) == [*range(900), *range(3_300, 4_000), *range(4_001, 4_500)]


def test_the_users_time_zone_shows_nowhere() -> None:
    with FakeServiceNow() as fake:
        fake.zone_hours = -7
        fake.tables["incident"] = [
            incident(1, ten(0)),
            incident(2, ten(59, 59)),
            incident(3, HOUR.end),
            incident(4, HOUR.start - timedelta(seconds=1)),
        ]
        rows = Ask.rows(source(fake), HOUR)
    assert [(row["incident_id"][-1], row["updated_at"], row["opened_at"].hour) for row in rows] == [
        ("1", ten(0), 9),
        ("2", ten(59, 59), 9),
    ]


def test_queries_that_are_read_in_the_users_zone_are_an_error_and_no_lost_records() -> None:
    with FakeServiceNow() as fake:
        fake.zone_hours, fake.local_queries = 2, True
        fake.tables["incident"] = [incident(1, ten(0))]
        with pytest.raises(SourceRejected, match="Set the time zone of the user of the connection to GMT"):
            Ask.rows(source(fake), HOUR)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("1", "open"),
        ("2", "acknowledged"),
        ("3", "acknowledged"),
        ("6", "resolved"),
        ("7", "resolved"),
        ("8", "resolved"),
    ],
)
def test_states_become_the_contracts_words(state: str, status: str) -> None:
    ended = {"resolved_at": "2026-10-01 10:04:00"}
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(1, ten(5), state=state, **ended)]
        (row,) = Ask.rows(source(fake), HOUR)
    assert (row["status"], row["resolved_at"]) == (status, ten(4) if status == "resolved" else None)


def test_a_state_of_ones_own_is_told_and_can_be_mapped() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(1, ten(5), state="18")]
        fake.shown = {("state", "18"): "Awaiting vendor"}
        reader = source(fake)
        (row,) = Ask.rows(reader, HOUR)
        assert reader.warnings == ["State 18 (Awaiting vendor) of incidents is not known; map it in options.states"]
        assert (row["status"], row["updated_at"]) == (None, ten(5))
        assert json.loads(row["raw"])["number"] == {"display_value": "INC0000001", "value": "INC0000001"}
        (row,) = Ask.rows(source(fake, options={"states": {"18": "acknowledged"}}), HOUR)
    assert row["status"] == "acknowledged"


def test_changes_that_have_begun_come_and_plans_do_not() -> None:
    plan = {"start_date": "2026-10-01 10:10:00", "end_date": "2026-10-01 10:20:00"}
    work = {"work_start": "2026-10-01 10:12:00", "work_end": "2026-10-01 10:25:00"}
    with FakeServiceNow() as fake:
        fake.tables["change_request"] = [
            incident(1, ten(1), state="-2", **plan),
            incident(2, ten(2), state="-1", **plan),
            incident(3, ten(3), state="3", **plan),
            incident(4, ten(4), state="3", **plan, **work),
            incident(5, ten(5), state="4", **plan),
            incident(6, ten(6), state="0"),
        ]
        rows = Ask.rows(source(fake, "change_event", options={"kinds": {"software": "deployment"}}), HOUR)
    told = [(row["change_id"][-1], row["kind"], row["started_at"], row["ended_at"]) for row in rows]
    assert told == [
        ("2", "deployment", ten(10), None),
        ("3", "deployment", ten(10), ten(20)),
        ("4", "deployment", ten(12), ten(25)),
        ("6", "deployment", datetime(2026, 10, 1, 9, tzinfo=UTC), None),
    ]


def test_the_feeds_own_conditions_come_first_and_must_leave_room_for_others() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(1, ten(5)), incident(2, ten(6), category="network")]
        assert numbers(Ask.rows(source(fake, expr="category=network"), HOUR)) == [2]
        for expr in ("category=network^NQpriority=1", "ORDERBYnumber"):
            with pytest.raises(SourceRejected, match="has \\^NQ or ORDERBY"):
                source(fake, expr=expr)


def test_an_answer_in_part_is_an_error() -> None:
    part = {"result": [], "error": {"message": "Transaction cancelled: maximum execution time exceeded"}}
    with FakeServiceNow() as fake:
        fake.failures = [Reply(part)]
        with pytest.raises(SourceUnavailable, match="answered in part: Transaction cancelled"):
            Ask.rows(source(fake), HOUR)
        fake.failures = [Reply({"results": []})]
        with pytest.raises(SourceAnswerInvalid, match="did not answer with a result"):
            Ask.rows(source(fake), HOUR)


def test_login_and_token_and_what_is_refused() -> None:
    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(1, ten(5))]
        assert len(Ask.rows(source(fake, who=Credentials(token="good")), HOUR)) == 1
        fake.failures = [Reply({}, 429, {"Retry-After": "3"}), Reply(b"", 500), Reply({"result": []}, cut=2)]
        assert len(Ask.rows(source(fake), HOUR)) == 1
        with pytest.raises(SourceRejected, match="answered 401"):
            Ask.rows(source(fake, who=Credentials(login="almanac", password="old")), HOUR)
        with pytest.raises(SourceRejected, match="Invalid table u_other"):
            Ask.rows(source(fake, options={"table": "u_other"}), HOUR)
        with pytest.raises(SourceRejected, match="type servicenow has no alert"):
            source(fake, "alert")


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeServiceNow() as fake:
        yield fake


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_fields = st.sampled_from(["state", "number", "short_description", "opened_at", "priority", "cmdb_ci", "resolved_at"])


@settings(max_examples=30, deadline=None)
@given(
    odd=st.dictionaries(_fields, _json | st.fixed_dictionaries({"value": _json, "display_value": _json}), max_size=4)
)
def test_no_incident_is_lost_whatever_it_looks_like(shared: Any, odd: dict[str, Any]) -> None:
    stored = incident(1, ten(5))
    record = {**{name: {"value": value, "display_value": value} for name, value in stored.items()}, **odd}
    shared.failures = [Reply({"result": []}), Reply({"result": [record]})]
    rows = Ask.rows(source(shared), HOUR)
    assert len(rows) == 1
    assert rows[0]["updated_at"] == ten(5)


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("servicenow")["servicenow"].feeds) == ["changes", "incidents"]
