"""Deliveries of webhooks → rows: each provider's documented payload; versions, repeats and rubbish."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.config.source import SourceConfig
from include.inbox import Delivery, Inbox
from include.inbox.delivery import key_of
from include.sources import SourceRejected
from include.window import Window
from tests.sources import card
from tests.sources.conftest import Ask

HOUR = Window.parse("2026-11-05T07")

# https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
ALERTMANAGER = {
    "receiver": "sms",
    "status": "firing",
    "alerts": [
        {
            "status": "firing",
            "labels": {
                "alertname": "ProbeFailure",
                "instance": "https://server.example.org",
                "job": "http_checks",
                "monitor": "master",
                "severity": "critical",
            },
            "annotations": {
                "description": "Instance https://server.example.org has been down for over 5m. Job: http_checks",
                "summary": "BlackBox Probe Failure: https://server.example.org",
            },
            "startsAt": "2026-11-05T08:08:45.828739266+01:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0\\u0026g0.tab=1",
            "fingerprint": "1a30ba71cca2921f",
        }
    ],
    "groupLabels": {"alertname": "ProbeFailure"},
    "commonLabels": {"alertname": "ProbeFailure", "severity": "critical"},
    "commonAnnotations": {},
    "externalURL": "http://prometheus.example.org:9093",
    "version": "4",
    "groupKey": '{}/{severity="critical"}:{alertname="ProbeFailure"}',
    "truncatedAlerts": 0,
}

# https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/
GRAFANA = {
    "receiver": "My Super Webhook",
    "status": "firing",
    "orgId": 1,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "High memory usage", "team": "blue", "zone": "us-1"},
            "annotations": {
                "description": "The system has high memory usage",
                "runbook_url": "https://myrunbook.com/runbook/1234",
                "summary": "This alert was triggered for zone us-1",
            },
            "startsAt": "2026-11-05T09:03:03.157076+02:00",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://play.grafana.org/alerting/1afz29v7z/edit",
            "fingerprint": "c6eadffa33fcdf37",
            "silenceURL": "https://play.grafana.org/alerting/silence/new?alertmanager=grafana&matchers=zone%3Dus-1",
            "dashboardURL": "https://play.grafana.org/d/abc",
            "panelURL": "",
            "values": {"B": 44.23943737541908, "C": 1},
        }
    ],
    "groupLabels": {},
    "commonLabels": {"team": "blue"},
    "commonAnnotations": {},
    "externalURL": "https://play.grafana.org/",
    "version": "1",
    "groupKey": "{}:{}",
    "truncatedAlerts": 0,
    "title": "[FIRING:1]  (blue)",
    "state": "alerting",
    "message": "**Firing**",
}


def pagerduty(event_type: str, at: str, status: str, **more: Any) -> dict[str, Any]:
    """Return an event of an incident: https://developer.pagerduty.com/docs/webhooks-overview."""
    incident = {
        "id": "PGR0VU2",
        "type": "incident",
        "self": "https://api.pagerduty.com/incidents/PGR0VU2",
        "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "number": 2,
        "status": status,
        "incident_key": "d3640fbd41094207a1c11e58e46b1662",
        "created_at": "2026-11-05T07:01:27Z",
        "title": "A little bump in the road",
        "service": {"id": "PF9KMXH", "summary": "API Service", "type": "service_reference"},
        "assignees": [{"id": "PTUXL6G", "summary": "User 123", "type": "user_reference"}],
        "escalation_policy": {"id": "PUS0KTE", "summary": "Default", "type": "escalation_policy_reference"},
        "teams": [{"id": "PFCVPS0", "summary": "Engineering", "type": "team_reference"}],
        "priority": {"id": "PSO75BM", "summary": "P1", "type": "priority_reference"},
        "urgency": "high",
        "conference_bridge": {
            "conference_number": "+1 1234123412,,987654321#",
            "conference_url": "https://example.com",
        },
        "resolve_reason": None,
        **more,
    }
    return _event(f"id-{event_type}-{at}", event_type, "incident", at, incident)


def _event(event_id: str, event_type: str, resource: str, at: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "event": {
            "id": event_id,
            "event_type": event_type,
            "resource_type": resource,
            "occurred_at": at,
            "agent": None,
            "client": None,
            "data": data,
        }
    }


SERVICE = _event(
    "01BRB6ZP4M6T8ZG4X6BP63ZB9O",
    "service.updated",
    "service",
    "2026-11-05T07:35:11.682Z",
    {
        "html_url": "https://acme.pagerduty.com/services/PF9KMXH",
        "id": "PF9KMXH",
        "self": "https://api.pagerduty.com/services/PF9KMXH",
        "summary": "testing service updates",
        "alert_creation": "create_alerts_and_incidents",
        "teams": [],
        "type": "service",
    },
)


def datadog(transition: str, at: datetime, **more: Any) -> dict[str, Any]:
    """Return the source card's template, filled in: https://docs.datadoghq.com/integrations/webhooks/."""
    return {
        "id": f"70000{at:%H%M}",
        "aggreg_key": "9bd4ac313a4d1e8fae2482df7b77628",
        "alert_cycle_key": "16523498761",
        "alert_id": "1234",
        "alert_title": f"[{transition} on {{host:ip-012345}}] Host is Down",
        "alert_transition": transition,
        "alert_type": "success" if transition == "Recovered" else "error",
        "alert_priority": "",
        "alert_scope": "availability-zone:us-east-1a, role:computing-node",
        "alert_status": "system.load.1 over host:my-host was > 0 at least once during the last 1m",
        "date": str(int(at.timestamp() * 1000)),
        "last_updated": str(int(at.timestamp() * 1000)),
        "link": "https://app.datadoghq.com/event/jump_to?event_id=123456",
        "tags": "monitor, service:cart,env:prod",
        **more,
    }


class Hook:
    """A webhook and its inbox, into which a test puts deliveries."""

    def __init__(self, folder: Path) -> None:
        self._url = str(folder / "inbox")
        self._inbox = Inbox(self._url)

    def get(self, document: Any, minute: float, delivery_id: str | None = None) -> None:
        """Receive a document at a minute of the hour."""
        body = json.dumps(document).encode()
        received = HOUR.start + timedelta(minutes=minute)
        key = key_of(delivery_id, body)
        self._inbox.put(Delivery("shop", received, key, document, delivery_id))

    def source(self, provider: str, dataset: str = "alert", **options: Any) -> Any:
        config = {"type": "webhook", "connection": "hook", "options": {"provider": provider}}
        return Ask.feed(config, {"dataset": dataset, "options": options}, inbox=self._url)

    def rows(
        self, provider: str, dataset: str = "alert", window: Window = HOUR, **options: Any
    ) -> list[dict[str, Any]]:
        return Ask.rows(self.source(provider, dataset, **options), window)


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def at(minute: float) -> datetime:
    return HOUR.start + timedelta(minutes=minute)


def test_alertmanagers_documented_delivery_is_an_alert(hook: Hook) -> None:
    hook.get(ALERTMANAGER, 9)
    (row,) = hook.rows("alertmanager")
    assert row == {
        "alert_id": "1a30ba71cca2921f-20261105T070845Z",
        "fingerprint": "1a30ba71cca2921f",
        "name": "ProbeFailure",
        "service": "http_checks",
        "severity": "critical",
        "status": "firing",
        "starts_at": datetime(2026, 11, 5, 7, 8, 45, 828739, tzinfo=UTC),
        "ends_at": None,
        "summary": "BlackBox Probe Failure: https://server.example.org",
        "labels": '{"alertname":"ProbeFailure","instance":"https://server.example.org","job":"http_checks",'
        '"monitor":"master","severity":"critical"}',
        "url": "http://prometheus.example.org:9090/graph?g0.expr=probe_success+%3D%3D+0\\u0026g0.tab=1",
        "updated_at": at(9),
        "deleted": False,
        "raw": None,
    }


def test_the_newest_delivery_of_an_alert_wins_and_it_comes_once(hook: Hook) -> None:
    alert = ALERTMANAGER["alerts"][0]  # type: ignore[index]
    hook.get(ALERTMANAGER, 9)
    hook.get(ALERTMANAGER, 20)
    over = {**alert, "status": "resolved", "endsAt": "2026-11-05T07:30:45.828739266Z"}
    again = {**alert, "startsAt": "2026-11-05T07:40:00Z"}
    hook.get({**ALERTMANAGER, "alerts": [over]}, 31)
    hook.get({**ALERTMANAGER, "alerts": [again, {**alert, "fingerprint": "ffff"}]}, 41)
    rows = hook.rows("alertmanager")
    assert [(row["alert_id"], row["status"], row["updated_at"]) for row in rows] == [
        ("1a30ba71cca2921f-20261105T070845Z", "resolved", at(31)),
        ("1a30ba71cca2921f-20261105T074000Z", "firing", at(41)),
        ("ffff-20261105T070845Z", "firing", at(41)),
    ]
    assert rows[0]["ends_at"] == datetime(2026, 11, 5, 7, 30, 45, 828739, tzinfo=UTC)


def test_a_window_brings_what_was_received_in_it_to_the_microsecond(hook: Hook) -> None:
    edge = HOUR.end - timedelta(microseconds=1)
    for n, minute in enumerate((0.0, (edge - HOUR.start).total_seconds() / 60, 60.0, -0.001)):
        alert = {**ALERTMANAGER["alerts"][0], "fingerprint": str(n)}  # type: ignore[index]
        hook.get({**ALERTMANAGER, "alerts": [alert]}, minute)
    assert [row["fingerprint"] for row in hook.rows("alertmanager")] == ["0", "1"]
    assert [row["fingerprint"] for row in hook.rows("alertmanager", window=HOUR.shifted(HOUR.duration))] == ["2"]
    five = Window(HOUR.start, HOUR.start + timedelta(minutes=5))
    assert [row["fingerprint"] for row in hook.rows("alertmanager", window=five)] == ["0"]
    wide = Window(HOUR.start - timedelta(days=2), HOUR.end + timedelta(days=2))
    assert len(hook.rows("alertmanager", window=wide)) == 4


def test_alerts_that_alertmanager_left_out_of_a_group_are_a_warning(hook: Hook) -> None:
    hook.get({**ALERTMANAGER, "truncatedAlerts": 7}, 9)
    source = hook.source("alertmanager")
    Ask.rows(source, HOUR)
    assert source.warnings == [
        "A delivery of 2026-11-05 07:09:00 left out 7 alerts of its group. Set max_alerts: 0 where it is sent."
    ]


def test_grafanas_documented_delivery_is_an_alert_with_its_link_and_the_feeds_defaults(hook: Hook) -> None:
    hook.get(GRAFANA, 9)
    (row,) = hook.rows("grafana", defaults={"severity": "warning", "service": "checkout"})
    assert (row["alert_id"], row["name"], row["summary"]) == (
        "c6eadffa33fcdf37-20261105T070303Z", "High memory usage", "This alert was triggered for zone us-1"
    )  # fmt: skip
    assert (row["severity"], row["service"], row["url"]) == ("warning", "checkout", "https://play.grafana.org/d/abc")
    (bare,) = hook.rows("grafana")
    assert (bare["severity"], bare["service"]) == (None, None)


def test_pagerdutys_documented_event_is_an_incident_without_the_people_on_call(hook: Hook) -> None:
    hook.get(pagerduty("incident.priority_updated", "2026-11-05T07:02:22.169Z", "triggered"), 3, "a")
    (row,) = hook.rows("pagerduty", "incident")
    assert row == {
        "incident_id": "PGR0VU2",
        "title": "A little bump in the road",
        "service": "API Service",
        "severity": "P1",
        "status": "open",
        "opened_at": datetime(2026, 11, 5, 7, 1, 27, tzinfo=UTC),
        "acknowledged_at": None,
        "resolved_at": None,
        "cause": None,
        "outcome": None,
        "labels": '{"escalation_policy":"Default","incident_key":"d3640fbd41094207a1c11e58e46b1662","number":"2",'
        '"teams":"Engineering","urgency":"high"}',
        "url": "https://acme.pagerduty.com/incidents/PGR0VU2",
        "updated_at": at(3),
        "deleted": False,
        "raw": None,
    }


def test_events_that_overtake_each_other_leave_the_newest_state_and_what_earlier_ones_said(hook: Hook) -> None:
    reason = {"resolve_reason": {"type": "merge_resolve_reason"}, "priority": None}
    hook.get(pagerduty("incident.resolved", "2026-11-05T07:30:00Z", "resolved", **reason), 31, "c")
    hook.get(pagerduty("incident.triggered", "2026-11-05T07:01:27Z", "triggered"), 32, "a")
    hook.get(pagerduty("incident.acknowledged", "2026-11-05T07:10:00Z", "acknowledged"), 33, "b")
    (row,) = hook.rows("pagerduty", "incident")
    assert (row["status"], row["updated_at"]) == ("resolved", at(31))
    assert (row["acknowledged_at"], row["resolved_at"]) == (at(10), at(30))
    assert (row["outcome"], row["severity"]) == ("merge_resolve_reason", "high")


def test_an_event_that_comes_late_does_not_reopen_what_an_earlier_window_closed(hook: Hook) -> None:
    hook.get(pagerduty("incident.resolved", "2026-11-05T07:30:00Z", "resolved"), 31, "c")
    hook.get(pagerduty("incident.acknowledged", "2026-11-05T07:10:00Z", "acknowledged"), 62, "b")
    assert [row["status"] for row in hook.rows("pagerduty", "incident")] == ["resolved"]
    assert hook.rows("pagerduty", "incident", window=HOUR.shifted(HOUR.duration)) == []


def test_a_reopened_incident_is_open_again(hook: Hook) -> None:
    hook.get(pagerduty("incident.acknowledged", "2026-11-05T07:10:00Z", "acknowledged"), 11, "a")
    hook.get(pagerduty("incident.resolved", "2026-11-05T07:20:00Z", "resolved"), 21, "b")
    hook.get(pagerduty("incident.reopened", "2026-11-05T07:30:00Z", "triggered"), 31, "c")
    (row,) = hook.rows("pagerduty", "incident")
    assert (row["status"], row["acknowledged_at"], row["resolved_at"]) == ("open", None, None)


def test_one_delivery_that_two_servers_kept_counts_once(hook: Hook) -> None:
    hook.get(SERVICE, 36, "one")
    hook._inbox.put(Delivery("shop", at(36.5), key_of("one", b"") + "x", SERVICE, "one"))  # another server's race
    assert len(hook.rows("pagerduty", "change_event")) == 1


def test_an_event_of_a_service_is_a_change_of_its_configuration_and_no_incident(hook: Hook) -> None:
    hook.get(SERVICE, 36, "one")
    (row,) = hook.rows("pagerduty", "change_event")
    assert (row["change_id"], row["kind"], row["title"], row["started_at"]) == (
        "01BRB6ZP4M6T8ZG4X6BP63ZB9O",
        "configuration",
        "PagerDuty service testing service updates: updated",
        datetime(2026, 11, 5, 7, 35, 11, 682000, tzinfo=UTC),
    )
    assert hook.rows("pagerduty", "incident") == []


def test_a_test_event_and_a_note_are_understood_and_give_no_row(hook: Hook) -> None:
    note = {"id": "P2LA89X", "content": "I am glad", "type": "incident_note", "incident": {"id": "PGR0VU2"}}
    hook.get(_event("1", "pagey.ping", "pagey", "2026-11-05T07:00:00Z", {"message": "Hello", "type": "ping"}), 1, "1")
    hook.get(_event("2", "incident.annotated", "incident", "2026-11-05T07:00:00Z", note), 2, "2")
    assert hook.rows("pagerduty", "incident") == []
    assert hook.rows("pagerduty", "change_event") == []


def test_datadogs_template_is_an_alert_and_its_recovery_knows_when_it_began(hook: Hook) -> None:
    hook.get(datadog("Triggered", at(5)), 5.1, "a")
    hook.get(datadog("Recovered", at(25)), 25.1, "b")
    (row,) = hook.rows("datadog")
    assert (row["alert_id"], row["name"], row["service"], row["severity"]) == (
        "9bd4ac313a4d1e8fae2482df7b77628-16523498761", "Host is Down", "cart", "error"
    )  # fmt: skip
    assert (row["status"], row["starts_at"], row["ends_at"]) == ("resolved", at(5), at(25))
    assert row["labels"] == (
        '{"availability-zone":"us-east-1a","env":"prod","monitor":"true","role":"computing-node","service":"cart"}'
    )


def test_a_recovery_in_a_later_window_still_knows_when_it_began(hook: Hook) -> None:
    hook.get(datadog("Triggered", at(5), alert_priority="P2"), 5.1, "a")
    hook.get(datadog("Recovered", at(125)), 125.1, "b")
    (row,) = hook.rows("datadog", window=Window.parse("2026-11-05T09"))
    assert (row["status"], row["severity"], row["starts_at"]) == ("resolved", "P2", at(5))
    assert [row["status"] for row in hook.rows("datadog")] == ["firing"]


def test_a_datadog_variable_that_was_not_filled_in_says_nothing(hook: Hook) -> None:
    hook.get(datadog("Warn", at(5), alert_priority="$ALERT_PRIORITY", link="null", alert_type="warning"), 5.1, "a")
    (row,) = hook.rows("datadog")
    assert (row["severity"], row["url"], row["status"]) == ("warning", None, "firing")


def test_a_generic_sender_that_speaks_our_words_needs_no_options(hook: Hook) -> None:
    hook.get(
        {
            "alert_id": "7-1", "fingerprint": "7", "name": "Queue is full", "service": "cart", "severity": "high",
            "status": "firing", "starts_at": "2026-11-05T08:15:00+01:00", "summary": "9,000 waiting",
            "labels": {"queue": "orders", "depth": 9000}, "url": "https://queue.example", "updated_at": None,
        },
        16,
    )  # fmt: skip
    (row,) = hook.rows("generic")
    assert (row["alert_id"], row["starts_at"], row["updated_at"]) == ("7-1", at(15), at(16))
    assert row["labels"] == '{"depth":"9000","queue":"orders"}'


def test_a_generic_delivery_is_read_as_its_options_say(hook: Hook) -> None:
    said = {"data": {"deploys": [
        {"meta": {"uid": 41}, "what": "rollout", "app": "cart", "tag": "v1.2", "began": 1793862000, "done": None},
        {"what": "no id and no title"},
        "rubbish",
    ]}}  # fmt: skip
    hook.get(said, 16)
    rows = hook.rows(
        "generic",
        "change_event",
        records="data.deploys",
        columns={
            "change_id": "meta.uid", "kind": "what", "service": "app", "title": "tag", "version": "tag",
            "started_at": "began", "ended_at": "done",
        },
        words={"kind": {"rollout": "deployment"}},
        time_unit="s",
    )  # fmt: skip
    good = [row for row in rows if row["raw"] is None]
    assert [(row["change_id"], row["kind"], row["version"], row["started_at"]) for row in good] == [
        ("41", "deployment", "v1.2", datetime.fromtimestamp(1793862000, UTC))
    ]
    assert {row["raw"] for row in rows} - {None} == {'{"what": "no id and no title"}', "rubbish"}


def test_an_alert_without_an_id_is_known_by_its_name_and_service(hook: Hook) -> None:
    for minute, status in ((10, "firing"), (20, "resolved")):
        said = {"name": "Disk", "service": "db", "severity": "low", "status": status, "starts_at": "2026-11-05T07:10Z"}
        hook.get(said, minute)
    (row,) = hook.rows("generic")
    assert (row["status"], row["updated_at"]) == ("resolved", at(20))
    assert row["alert_id"].endswith("-20261105T071000Z")


def test_what_cannot_be_understood_goes_out_with_its_own_text(hook: Hook) -> None:
    hook.get({"hello": "world"}, 1)
    hook.get({"alerts": [{"labels": {"alertname": "No start"}}, 7]}, 2)
    (hook._inbox._folder("shop", at(3)) / "20261105T070300000000Z-0.json").write_text("{half")
    rows = hook.rows("alertmanager")
    assert [row["raw"] for row in rows] == [
        '{"hello": "world"}', '{"labels": {"alertname": "No start"}}', "7", "{half"
    ]  # fmt: skip
    assert all(row["alert_id"] is None and row["starts_at"] is None for row in rows)
    for provider, dataset in (("pagerduty", "incident"), ("datadog", "alert"), ("grafana", "alert")):
        assert all(row["raw"] for row in hook.rows(provider, dataset)), provider


def test_ten_thousand_deliveries_of_one_moment_are_all_read(hook: Hook) -> None:
    folder = hook._inbox._folder("shop", at(9))
    folder.mkdir(parents=True)
    for n in range(10_001):
        alert = {**ALERTMANAGER["alerts"][0], "fingerprint": f"{n:05}"}  # type: ignore[index]
        kept = Delivery("shop", at(9), f"{n:032x}", {"alerts": [alert]})
        (folder / f"20261105T070900000000Z-{n:032x}.json").write_text(kept.to_json())
    assert len({row["fingerprint"] for row in hook.rows("alertmanager")}) == 10_001


def test_an_empty_inbox_is_an_empty_window(hook: Hook) -> None:
    assert hook.rows("alertmanager") == []


@pytest.mark.parametrize(
    ("provider", "dataset"), [("alertmanager", "incident"), ("grafana", "change_event"), ("datadog", "incident")]
)
def test_a_dataset_that_a_provider_does_not_deliver_is_refused(hook: Hook, provider: str, dataset: str) -> None:
    with pytest.raises(SourceRejected, match=f"of type webhook has no {dataset}"):
        hook.source(provider, dataset)


def test_a_webhook_needs_a_connection_and_a_provider() -> None:
    with pytest.raises(ValueError, match="type webhook needs connection"):
        SourceConfig.model_validate({"name": "a", "type": "webhook", "options": {"provider": "grafana"}})
    with pytest.raises(ValueError, match="a value for provider"):
        SourceConfig.model_validate({"name": "a", "type": "webhook", "connection": "c"})
    options = {"provider": "grafana", "body_limit_mebibytes": 50}
    with pytest.raises(ValueError, match="less than or equal to 10"):
        SourceConfig.model_validate({"name": "a", "type": "webhook", "connection": "c", "options": options})


def test_an_option_of_another_provider_or_an_unknown_column_is_refused(hook: Hook) -> None:
    for provider, option in (("alertmanager", "timestamp_header"), ("pagerduty", "delivery_id")):
        config = {"name": "a", "type": "webhook", "connection": "c", "options": {"provider": provider, option: "x"}}
        with pytest.raises(ValueError, match=f"no {option} with provider {provider}"):
            SourceConfig.model_validate(config)
    with pytest.raises(
        SourceRejected, match=r"columns names colour\. Of alert it may name alert_id, .*updated_at, url\."
    ):
        hook.source("generic", columns={"colour": "c"})
    with pytest.raises(SourceRejected, match="defaults names starts_at"):
        hook.source("grafana", defaults={"starts_at": "now"})
    with pytest.raises(SourceRejected, match="are for provider generic"):
        hook.source("grafana", records="alerts")


def test_the_examples_of_the_card_are_sound() -> None:
    found = card.sources("webhook")
    assert {source.options["provider"] for source in found.values()} == {
        "alertmanager", "grafana", "pagerduty", "datadog", "generic"
    }  # fmt: skip
