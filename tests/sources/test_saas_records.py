"""Records of GitHub, Kubernetes, ServiceNow and Jira break no row rule of quality."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.datasets import Scope
from include.quality.expectation import Expectation
from include.quality.records import RULES, broken_records
from include.sources import Credentials
from include.window import Window
from tests.fakes import github, jira, kubernetes, servicenow
from tests.sources.conftest import Ask

HOUR = Window(datetime(2026, 10, 1, 10, tzinfo=UTC), datetime(2026, 10, 1, 11, tzinfo=UTC))
TEN = HOUR.start + timedelta(minutes=10)


def _github() -> Any:
    fake = github.FakeGitHub()
    fake.deploy(1, TEN, ("success", TEN + timedelta(minutes=2)))
    fake.releases = [{**github.RELEASE, "created_at": github.text(TEN), "published_at": github.text(TEN)}]
    return fake, Credentials(token=github.TOKEN), {"expr": "octocat/example"}, 2


def _kubernetes() -> Any:
    fake = kubernetes.FakeKubernetes()
    node = {"kind": "Node", "name": "node-1"}
    scaled = {"type": "Normal", "reason": "ScalingReplicaSet", "message": "Scaled down replica set x from 3 to 2"}
    fake.events = [
        kubernetes.event(1),
        kubernetes.event(2, involvedObject=node),
        kubernetes.event(3, **scaled),
        kubernetes.event(4, **{**scaled, "reason": "RegisteredNode", "involvedObject": node}),
    ]
    return fake, Credentials(token=kubernetes.TOKEN), {}, 2


def _servicenow() -> Any:
    fake = servicenow.FakeServiceNow()
    bare = {"cmdb_ci": "", "priority": "", "state": "7", "closed_at": "2026-10-01 10:05:00"}
    fake.tables["incident"] = [servicenow.incident(1, TEN), servicenow.incident(2, TEN, **bare)]
    work = {"state": "3", "start_date": "2026-10-01 10:05:00", "end_date": "2026-10-01 10:01:00"}
    fake.tables["change_request"] = [servicenow.incident(3, TEN, **work), servicenow.incident(4, TEN, state="-1")]
    return fake, Credentials(login=servicenow.LOGIN, password=servicenow.PASSWORD), {}, 2


def _jira() -> Any:
    fake = jira.FakeJira()
    fake.issues = [jira.issue(1, TEN), jira.issue(2, TEN, priority=None, components=[])]
    fake.changes = {str(10_000 + i): [jira.entry(i, TEN)] for i in (1, 2)}
    return fake, Credentials(login="mia@example.com", password="token"), {}, 2


@pytest.mark.parametrize(
    ("name", "build", "dataset"),
    [
        ("github", _github, "change_event"),
        ("kubernetes", _kubernetes, "alert"),
        ("kubernetes", _kubernetes, "change_event"),
        ("servicenow", _servicenow, "incident"),
        ("servicenow", _servicenow, "change_event"),
        ("jira", _jira, "incident"),
        ("jira", _jira, "incident_change"),
        ("jira", _jira, "change_event"),
    ],
)
def test_no_record_breaks_a_rule(name: str, build: Any, dataset: str) -> None:
    fake, who, feed, count = build()
    with fake:
        table = Ask.table(
            Ask.feed({"type": name, "url": fake.url}, {"dataset": dataset, **feed}, credentials=who), HOUR
        )
    scope = Scope("shop", dataset, "feed", HOUR)
    broken = broken_records(table, scope, Expectation(as_of=HOUR.end + timedelta(minutes=5)))
    assert [RULES[number - 1].name for number in broken if number] == []
    assert len(table) == count
