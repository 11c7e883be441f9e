"""Events of a fake Kubernetes: chunks whose token expires, occurrences around a window, what the cluster drops."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.sources import Credentials, SourceAnswerInvalid, SourceRejected, SourceUnavailable
from include.window import Window
from tests.fakes.api import Reply
from tests.fakes.kubernetes import EVENT, TOKEN, FakeKubernetes, event
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
WHO = Credentials(token=TOKEN)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("include.http.client.HttpClient._wait", lambda *_: 0.0)


def source(fake: FakeKubernetes, dataset: str = "alert", who: Credentials | None = WHO, **feed: Any) -> Any:
    return Ask.feed({"type": "kubernetes", "url": fake.url}, {"dataset": dataset, **feed}, credentials=who)


def test_a_warning_gives_the_columns_of_an_alert() -> None:
    with FakeKubernetes() as fake:
        fake.events = [EVENT]
        (row,) = Ask.rows(source(fake, service_labels=["workload"]), HOUR)
    assert row == {
        "alert_id": "0b7f3c52-6a5e-4a57-9f0e-55b1a2c3d4e5",
        "fingerprint": "e4a3296296d37cef",
        "name": "BackOff",
        "service": "cart",
        "severity": "warning",
        "status": "resolved",
        "starts_at": datetime(2026, 10, 1, 10, 20, tzinfo=UTC),
        "ends_at": datetime(2026, 10, 1, 10, 31, 7, tzinfo=UTC),
        "summary": "Back-off restarting failed container cart in pod cart-7d4b9c6f5-x2x9q_shop(8f5c2e1a)",
        "labels": '{"component":"kubelet","count":"5","kind":"Pod","name":"cart-7d4b9c6f5-x2x9q","namespace":"shop",'
        '"node":"node-1","reason":"BackOff","workload":"cart"}',
        "url": None,
        "updated_at": datetime(2026, 10, 1, 10, 31, 7, tzinfo=UTC),
        "deleted": False,
        "raw": None,
    }


@pytest.mark.parametrize(
    ("reason", "message", "kind"),
    [
        ("ScalingReplicaSet", "Scaled up replica set cart-7d4b9c6f5 from 0 to 1", "deployment"),
        ("ScalingReplicaSet", "Scaled up replica set cart-7d4b9c6f5 to 3", "deployment"),
        ("ScalingReplicaSet", "Scaled up replica set cart-7d4b9c6f5 from 2 to 3", "scale"),
        ("ScalingReplicaSet", "Scaled down replica set cart-5f6d7c8b9 from 1 to 0", "scale"),
        ("SuccessfulRescale", "New size: 5; reason: cpu resource utilization above target", "scale"),
        ("NodeNotSchedulable", "Node node-1 status is now: NodeNotSchedulable", "configuration"),
    ],
)
def test_scaling_and_rollouts_are_changes(reason: str, message: str, kind: str) -> None:
    about = {"kind": "Deployment", "name": "cart", "namespace": "shop"}
    with FakeKubernetes() as fake:
        fake.events = [event(1, type="Normal", reason=reason, message=message, involvedObject=about, count=1)]
        (row,) = Ask.rows(source(fake, "change_event"), HOUR)
    assert (row["change_id"], row["kind"], row["title"], row["service"]) == ("uid-1", kind, message, "shop")
    assert (row["started_at"].minute, row["ended_at"].minute, row["updated_at"].minute) == (20, 31, 31)


def test_pulled_images_and_started_containers_are_no_changes() -> None:
    with FakeKubernetes() as fake:
        fake.events = [event(i, type="Normal", reason=reason) for i, reason in enumerate(["Pulled", "Killing"])]
        assert Ask.rows(source(fake, "change_event"), HOUR) == []
        (row,) = Ask.rows(source(fake, "change_event", options={"changes": {"Killing": "other"}}), HOUR)
    assert (row["change_id"], row["kind"]) == ("uid-1", "other")


def test_every_chunk_is_read_and_each_event_comes_once() -> None:
    with FakeKubernetes() as fake:
        fake.events = [event(i) for i in range(1_201)]
        rows = Ask.rows(source(fake), HOUR)
        asked = [(one.one("limit"), one.one("fieldSelector"), bool(one.one("continue"))) for one in fake.asked]
    assert len({row["alert_id"] for row in rows}) == len(rows) == 1_201
    assert asked == [("500", "type=Warning", again) for again in (False, True, True)]


def test_a_list_that_expires_mid_way_is_begun_again() -> None:
    with FakeKubernetes() as fake:
        fake.events = [event(i) for i in range(1_201)]
        fake.forget = {3}
        fake.before_chunk = lambda given: fake.events.append(event(9_000 + given))
        rows = Ask.rows(source(fake), HOUR)
    assert len({row["alert_id"] for row in rows}) == len(rows)
    assert {f"uid-{i}" for i in range(1_201)} <= {row["alert_id"] for row in rows}


def test_a_list_that_always_expires_is_an_error() -> None:
    with FakeKubernetes() as fake:
        fake.events = [event(i) for i in range(1_201)]
        fake.forget = set(range(100))
        with pytest.raises(SourceUnavailable, match="forgot its list before the end, 3 times"):
            Ask.rows(source(fake), HOUR)


def test_each_window_shows_an_event_by_its_last_occurrence_in_it() -> None:
    with FakeKubernetes() as fake:
        fake.events = [
            event(1, firstTimestamp="2026-10-01T09:00:00Z", lastTimestamp="2026-10-01T10:00:00Z"),
            event(2, firstTimestamp="2026-10-01T09:00:00Z", lastTimestamp="2026-10-01T09:59:59Z"),
            event(3, firstTimestamp="2026-10-01T10:59:59Z", lastTimestamp="2026-10-01T11:03:00Z"),
            event(4, firstTimestamp="2026-10-01T09:00:00Z", lastTimestamp="2026-10-01T11:03:00Z"),
            event(5, firstTimestamp="2026-10-01T11:00:00Z", lastTimestamp="2026-10-01T11:00:00Z"),
        ]
        now = Ask.rows(source(fake), HOUR)
        later = Ask.rows(source(fake), Window(HOUR.end, HOUR.end + timedelta(hours=1)))
    assert [(row["alert_id"], row["status"], row["updated_at"].strftime("%H:%M:%S")) for row in now] == [
        ("uid-1", "resolved", "10:00:00"),
        ("uid-3", "firing", "10:59:59"),
    ]
    assert '"count"' not in now[1]["labels"]
    assert [(row["alert_id"], row["status"]) for row in later] == [
        ("uid-5", "resolved"),
        ("uid-3", "resolved"),
        ("uid-4", "resolved"),
    ]


def test_times_of_every_kind_of_writer() -> None:
    nothing = {"firstTimestamp": None, "lastTimestamp": None}
    series = {"count": 9, "lastObservedTime": "2026-10-01T10:40:00.250000Z"}
    with FakeKubernetes() as fake:
        fake.events = [
            event(1, **nothing, eventTime="2026-10-01T10:05:00.123456Z", series=series),
            event(2, **nothing, eventTime="2026-10-01T12:06:00.123456+02:00"),
            event(3, **nothing),
        ]
        rows = Ask.rows(source(fake), HOUR)
    assert [(row["starts_at"].isoformat()[11:26], row["ends_at"].isoformat()[11:26]) for row in rows] == [
        ("10:06:00.123456", "10:06:00.123456"),
        ("10:20:00+00:00", "10:20:00+00:00"),
        ("10:05:00.123456", "10:40:00.250000"),
    ]
    assert '"count":"9"' in rows[2]["labels"]


def test_what_the_cluster_has_dropped_is_told() -> None:
    with FakeKubernetes() as fake:
        fake.events = [EVENT]
        reader = source(fake)
        Ask.rows(reader, HOUR)
        assert reader.warnings == [
            (
                "Kubernetes keeps events for 1:00:00: of 2026-10-01 10:00:00 to 10:05:00 only those that occurred again"
                " later are there. Read on a grid of 15 minutes or less, or raise --event-ttl of its API server, and"
                " event_ttl here."
            )
        ]
        Ask.rows(reader, Window(HOUR.start + timedelta(minutes=45), HOUR.end))
        assert reader.warnings == []


def test_only_the_named_namespaces_and_fields() -> None:
    with FakeKubernetes() as fake:
        fake.events = [event(i, metadata={"namespace": name}) for i, name in enumerate(["a", "b", "c"])]
        fake.events[1]["reason"] = "Unhealthy"
        rows = Ask.rows(source(fake, options={"namespaces": ["b", "c"]}, expr="reason=BackOff"), HOUR)
        assert [asked.path for asked in fake.asked] == ["/api/v1/namespaces/b/events", "/api/v1/namespaces/c/events"]
        with pytest.raises(SourceRejected, match="field label not supported"):
            Ask.rows(source(fake, expr="spec.nodeName=x"), HOUR)
    assert [row["alert_id"] for row in rows] == ["uid-2"]


def test_refusals_and_bad_answers() -> None:
    with FakeKubernetes() as fake:
        with pytest.raises(SourceRejected, match=r"answered 401.*Check the login"):
            Ask.rows(source(fake, who=Credentials(token="old")), HOUR)
        fake.failures = [Reply({"kind": "Status"}, 429, {"Retry-After": "1"}), Reply(b"", 500), Reply({}, cut=1)]
        assert Ask.rows(source(fake), HOUR) == []
        fake.failures = [Reply({"kind": "EventList"})]
        with pytest.raises(SourceAnswerInvalid, match="did not answer with a list"):
            Ask.rows(source(fake), HOUR)
        with pytest.raises(SourceRejected, match="type kubernetes has no incident"):
            source(fake, "incident")


@pytest.fixture(scope="module")
def shared() -> Any:
    with FakeKubernetes() as fake:
        yield fake


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_fields = st.sampled_from(["reason", "message", "count", "series", "source", "involvedObject", "metadata", "eventTime"])


@settings(max_examples=40, deadline=None)
@given(odd=st.dictionaries(_fields, _json, max_size=4), other=_json)
def test_no_event_is_lost_whatever_it_looks_like(shared: Any, odd: dict[str, Any], other: Any) -> None:
    items = [{**event(1), **odd}, other]
    shared.failures = [Reply({"kind": "EventList", "metadata": {}, "items": items})]
    assert len(Ask.rows(source(shared), HOUR)) == 2


def test_the_card_shows_configuration_that_is_valid() -> None:
    assert sorted(card.sources("kubernetes")["cluster"].feeds) == ["changes", "warnings"]
