import pandas as pd
import pytest

from include.demo import World
from include.demo.alerts import alerts_of
from include.demo.incidents import incidents_of, report_of
from include.demo.records import alert_rows, changes_of, incident_rows
from include.demo.world import day_of
from tests.demo.test_faults import planted


@pytest.fixture(scope="module")
def alerts(world: World) -> pd.DataFrame:
    today = day_of(world.anchor)
    return pd.concat([alert_rows(world, day).to_pandas() for day in range(today - 14, today)])


def test_an_alert_fires_first_and_resolves_later(alerts: pd.DataFrame) -> None:
    assert set(alerts["status"]) == {"firing", "resolved"}
    resolved = alerts[alerts["status"] == "resolved"]
    assert (resolved["ends_at"] > resolved["starts_at"]).all()
    assert alerts[alerts["status"] == "firing"]["ends_at"].isna().all()
    assert not alerts.duplicated(["alert_id", "status"]).any()
    firing = set(alerts[alerts["status"] == "firing"]["alert_id"])
    begun_before = resolved[~resolved["alert_id"].isin(firing)]
    assert (begun_before["starts_at"] < alerts["updated_at"].min()).all()


def test_some_alerts_flap(alerts: pd.DataFrame) -> None:
    starts = alerts[alerts["status"] == "firing"].sort_values(["fingerprint", "starts_at"])
    again = starts.groupby("fingerprint")["starts_at"].diff() < pd.Timedelta(minutes=15)
    assert again.sum() > 10


def test_an_alert_that_lasts_for_days_keeps_its_start(world: World) -> None:
    disk = min(world.disks, key=lambda disk: disk.days_left)
    today = day_of(world.anchor)
    seen = [
        {alert.start for alert in alerts_of(world, day) if alert.rule.service == disk.service and alert.end > 1e12}
        for day in range(today + 6, today + 9)
    ]
    assert seen[0]
    assert seen[0] <= seen[1] <= seen[2]


def test_an_incident_is_opened_acknowledged_and_resolved_in_that_order(world: World) -> None:
    today = day_of(world.anchor)
    rows = pd.concat([incident_rows(world, day).to_pandas() for day in range(today - 28, today)])
    assert set(rows["status"]) == {"open", "acknowledged", "resolved"}
    done = rows[rows["status"] == "resolved"]
    assert (done["opened_at"] < done["acknowledged_at"]).all()
    assert (done["acknowledged_at"] < done["resolved_at"]).all()
    assert done["incident_id"].is_unique
    assert done["outcome"].notna().all()
    assert done["cause"].isna().any()
    assert set(done["severity"]) <= {"SEV1", "SEV2", "SEV3", "SEV4"}
    assert 20 <= len(done) <= 50


def test_a_few_faults_are_never_reported_and_a_few_incidents_are_about_nothing(world: World) -> None:
    faults = planted(world, 10)
    unreported = [fault for fault in faults if report_of(world, fault) is None]
    assert 0 < len(unreported) < 0.3 * len(faults)
    today = day_of(world.anchor)
    assert {i.id for day in range(today - 60, today) for i in incidents_of(world, day) if i.fault is None}


def test_an_incident_is_never_opened_before_its_fault(world: World) -> None:
    by_id = {fault.id: fault for fault in planted(world, 3)}
    today = day_of(world.anchor)
    for day in range(today - 28, today):
        for incident in incidents_of(world, day):
            if incident.fault in by_id:
                assert by_id[incident.fault].start < incident.opened < incident.resolved


def test_a_bad_release_is_rolled_back(world: World) -> None:
    fault = next(f for f in planted(world) if f.kind == "bad_deployment")
    titles = [c.title for c in changes_of(world, int(fault.end // 1440)) if c.service == fault.service]
    assert "Roll back to the version before" in titles
