"""What `make run HEADLESS=1` on the simulated fleet has left behind: `make test ARGS="-m smoke tests/smoke"`.

The truth is computed here, from the simulator's own state, which lies outside the home that tasks know.
"""

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from include.clock import SystemClock
from include.config import load_config
from include.report import EVERYONE, Store
from include.settings import Settings
from include.stack.findings import match
from include.stack.job import CONSUMERS, INGESTS, PRODUCERS, Job, fleet_folder
from include.stack.summary import episodes_of
from include.stack.terminal import Terminal
from include.warehouse import Warehouse
from include.warehouse.schema import (
    capacity_status,
    delivery,
    lineage,
    load_log,
    log_event,
    log_summary,
    metric_point,
    series,
    slo_status,
    span,
)
from include.window import Window

pytestmark = pytest.mark.smoke
LEAST_RECALL = 0.60
LEAST_SAVED = 0.78
"""Share of the volume of log lines that need not be stored."""
MOST_FALSE = 0.50
"""False episodes per service and day."""


@pytest.fixture(scope="module")
def job() -> Job:
    settings = Settings()
    return Job(settings, load_config(settings.config_dir), SystemClock(), Terminal())


@pytest.fixture(scope="module")
def told(job: Job) -> dict:
    return json.loads((job.settings.home / "last_run.json").read_text())


@pytest.fixture(scope="module")
def warehouse(job: Job) -> Warehouse:
    return Warehouse(job.settings.warehouse)


@pytest.fixture(scope="module")
def truth(job: Job, tmp_path_factory: pytest.TempPathFactory) -> dict:
    out = tmp_path_factory.mktemp("truth") / "truth.json"
    command = [sys.executable, "-m", "include.demo", "truth", str(job.fleet_state), "--out", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return json.loads(out.read_text())


def test_airflow_says_that_every_run_of_every_dag_succeeded(told: dict):
    assert {run["state"] for run in told["runs"]} == {"success"}
    expected = {*CONSUMERS, *PRODUCERS, *INGESTS} - {"maintain_warehouse", "fill_gaps"}
    assert {run["dag_id"] for run in told["runs"]} >= expected


def test_nothing_runs_any_more(job: Job):
    assert job.supervisor.running() == {}


def test_every_point_is_there_once(warehouse: Warehouse, job: Job, told: dict):
    counts = warehouse.frame(
        sa.select(sa.func.count().label("points"), sa.func.count(sa.distinct(metric_point.c.series_id)).label("series"))
    ).iloc[0]
    keys = sa.select(metric_point.c.series_id, metric_point.c.ts).distinct().subquery()
    distinct = warehouse.frame(sa.select(sa.func.count().label("n")).select_from(keys))["n"].iloc[0]
    assert counts["points"] == distinct
    assert counts["series"] > 200
    assert counts["points"] > 0.98 * counts["series"] * told["days"] * 1440


def test_every_series_belongs_to_a_known_service(warehouse: Warehouse, job: Job):
    assert set(warehouse.frame(sa.select(series.c.service).distinct())["service"]) <= set(job.config.services)


def test_no_load_failed(warehouse: Warehouse):
    assert set(warehouse.frame(sa.select(load_log.c.status).distinct())["status"]) <= {"loaded", "unchanged"}


def test_every_log_line_is_counted_and_most_of_their_volume_is_not_stored(warehouse: Warehouse, job: Job, told: dict):
    by_class = warehouse.frame(
        sa.select(
            log_summary.c.log_class,
            *(sa.func.sum(log_summary.c[name]).label(name) for name in ("lines", "kept", "bytes", "kept_bytes")),
        ).group_by(log_summary.c.log_class)
    ).set_index("log_class")
    stored = warehouse.frame(
        sa.select(log_event.c.log_class, sa.func.count().label("lines")).group_by(log_event.c.log_class)
    ).set_index("log_class")["lines"]
    saved = 1 - by_class["kept_bytes"].sum() / by_class["bytes"].sum()
    print(f"\n{by_class['lines'].sum():,} log lines counted, {saved:.1%} of their volume not stored")
    written = sum(pq.read_metadata(path).num_rows for path in fleet_folder(job.settings, job.config).glob("logs/*"))
    assert 0.97 * written <= by_class["lines"].sum() <= written
    assert stored.to_dict() == by_class["kept"].astype(int).to_dict()
    whole = by_class.loc[["CRITICAL", "INTERESTING"]]
    assert (whole["kept"] == whole["lines"]).all()
    assert saved >= LEAST_SAVED


def test_every_span_is_there_once_and_has_its_service(warehouse: Warehouse, job: Job):
    identity = (span.c.trace_id, span.c.span_id)
    count = sa.select(sa.func.count().label("n"))
    spans = warehouse.frame(count.select_from(span))["n"].iloc[0]
    assert spans == warehouse.frame(count.select_from(sa.select(*identity).distinct().subquery()))["n"].iloc[0]
    assert spans > 10_000
    assert set(warehouse.frame(sa.select(span.c.service).distinct())["service"]) <= set(job.config.services)


def test_the_planted_faults_are_found_without_many_false_alarms(
    warehouse: Warehouse, job: Job, truth: dict, told: dict
):
    whole = warehouse.frame(
        sa.select(sa.func.min(metric_point.c.ts).label("a"), sa.func.max(metric_point.c.ts).label("b"))
    )
    window = Window(whole["a"].iloc[0].to_pydatetime(), whole["b"].iloc[0].to_pydatetime() + pd.Timedelta("1min"))
    found = match(episodes_of(warehouse), truth["faults"], window, len(job.config.services))
    print(
        f"\n{found.found} of {found.planted} planted faults found ({found.recall:.0%}; at least {LEAST_RECALL:.0%}), "
        f"{found.false_per_service_day:.2f} false episodes per service and day (at most {MOST_FALSE}); "
        f"missed: {', '.join(found.missed) or 'none'}"
    )
    assert found.planted >= 10
    assert found.recall >= LEAST_RECALL
    assert found.false_per_service_day <= MOST_FALSE


def test_the_disk_that_runs_out_first_is_in_what_needs_action(job: Job, warehouse: Warehouse, truth: dict):
    soon = min(truth["disks"], key=lambda disk: disk["days_left_at_anchor"])
    assert soon["days_left_at_anchor"] < 15
    status = warehouse.frame(sa.select(capacity_status).where(capacity_status.c.query == "disk_used_bytes"))
    row = status[status["service"] == soon["service"]].iloc[0]
    assert row["exhausted_p10"] <= pd.Timestamp(soon["full_at"]) + pd.Timedelta(days=2)
    assert row["exhausted_p90"] >= pd.Timestamp(soon["full_at"]) - pd.Timedelta(days=2)
    store = Store(job.settings.documents)
    entry = store.latest("capacity", EVERYONE)
    assert entry
    actions = store.read("capacity", entry.id).actions
    assert f"{soon['service']} disk" in [action.subject for action in actions]


def test_error_budgets_are_counted_for_every_objective(job: Job, warehouse: Warehouse):
    rows = warehouse.frame(sa.select(slo_status))
    assert set(rows["slo"]) == {slo.name for slo in job.config.slos}
    assert (rows["coverage"] > 0.95).all()


def test_every_result_can_be_traced(warehouse: Warehouse):
    runs = set(warehouse.frame(sa.select(lineage.c.run_id))["run_id"])
    for table in (capacity_status, slo_status):
        assert set(warehouse.frame(sa.select(table.c.run_id).distinct())["run_id"]) <= runs


def test_each_audience_was_mailed_once_and_the_mail_arrived(job: Job, warehouse: Warehouse):
    sent = warehouse.frame(sa.select(delivery).where(delivery.c.state == "sent"))
    assert set(sent["audience"]) >= {EVERYONE, "payments", "platform"}
    assert not sent.duplicated(["name", "audience", "channel"]).any()
    assert len(list((job.settings.home / "mail").glob("*.eml"))) == len(sent)


def test_no_task_could_open_the_truth(job: Job):
    assert not job.fleet_state.is_relative_to(job.settings.home)
    assert not any(str(job.fleet_state.parent) in value for value in job.environment.values())
    assert not list(Path(job.settings.home / "fleet").rglob("*truth*"))
