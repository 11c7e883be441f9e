"""A day of Train Ticket under fault injection (Nezha), read from its files by YAML only, through the whole main job.

The day is moved so that it ends with the last full hour: 15 hours of metrics of 46 pods, and 28 faults as incidents.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from include.clock import SystemClock
from include.warehouse.schema import (
    anomaly,
    capacity_status,
    delivery,
    incident,
    load_log,
    metric_point,
    quarantine_row,
    series,
)
from include.window import Grid
from tests.integration.main_job import MainJob, main_job, write_config

pytestmark = [pytest.mark.needs("data"), pytest.mark.timeout(600)]

DAY_ENDS = datetime(2023, 1, 30, tzinfo=UTC)
METRICS = {
    "cpu_percent": ("CpuUsageRate(%)", "saturation", "%"),
    "memory_percent": ("MemoryUsageRate(%)", "saturation", "%"),
    "latency_p95": ("PodServerLatencyP95(s)", "latency", "seconds"),
    "workload": ("PodWorkload(Ops)", "traffic", "requests/s"),
}


@pytest.fixture(scope="module")
def nezha(data_dir: Path) -> Path:
    return data_dir / "nezha" / "rca_data" / "2023-01-29"


@pytest.fixture(scope="module")
def end() -> datetime:
    return Grid.HOUR.floor(SystemClock().now())


@pytest.fixture(scope="module")
def config(nezha: Path, end: datetime, tmp_path_factory: pytest.TempPathFactory) -> Path:
    services = sorted(file.name.rsplit("-", 2)[0] for file in (nezha / "metric").glob("*_metric.csv.gz"))
    shift = f"{(end - DAY_ENDS).total_seconds():.0f}s"
    metrics = {
        "files": "metric/*_metric.csv.gz",
        "time": "TimeStamp",
        "time_unit": "s",
        "time_align": "1m",
        "shift": shift,
        "labels": {"pod": "PodName"},
    }
    faults = {
        "files": "*-fault_list.json",
        "records": "*",
        "time": "inject_time",
        "shift": shift,
        "columns": {
            "incident_id": "{inject_pod}/{inject_time}",
            "title": "{inject_type} on {inject_pod}",
            "service": "inject_pod",
            "cause": "inject_type",
        },
        "defaults": {"status": "resolved", "severity": "HIGH"},
    }
    return write_config(
        tmp_path_factory.mktemp("files") / "train-ticket",
        services={
            "services": {
                name: {"owner": "tickets", "tier": 2, "aliases": {"nezha": [f"/{name}-[0-9a-f]+-[0-9a-z]{{5}}/"]}}
                for name in services
            }
        },
        sources={
            "sources": {
                "nezha": {
                    "type": "files",
                    "path": str(nezha),
                    "layout": metrics,
                    "feeds": {"faults": {"dataset": "incident", "layout": faults}},
                }
            }
        },
        queries={
            "defaults": {"sources": "nezha", "service_label": "pod"},
            "queries": {
                name: {"expr": column, "kind": kind, "unit": unit} for name, (column, kind, unit) in METRICS.items()
            },
        },
        limits={
            "limits": {
                "cpu": {"resource": "CPU", "query": "cpu_percent", "value": 100},
                "memory": {"resource": "memory", "query": "memory_percent", "value": 100},
            }
        },
    )


@pytest.fixture(scope="module")
def done(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainJob]:
    with main_job(config, tmp_path_factory.mktemp("home")) as job:
        ended = job.command("run", "--days", "2", "--headless")
        print(ended.stdout, ended.stderr)
        assert ended.returncode == 0, ended.stderr
        yield job


@pytest.fixture(scope="module")
def in_the_files(nezha: Path, end: datetime) -> pd.DataFrame:
    """Return [query, labels, ts, value] as the files say it, read with pandas alone."""
    frames = []
    for file in sorted((nezha / "metric").glob("*_metric.csv.gz")):
        frame = pd.read_csv(file)
        ts = pd.to_datetime(frame["TimeStamp"], unit="s", utc=True).dt.floor("min") + (end - DAY_ENDS)
        labels = [json.dumps({"pod": pod}, separators=(",", ":")) for pod in frame["PodName"]]
        frames += [
            pd.DataFrame({"query": query, "labels": labels, "ts": ts, "value": frame[column]})
            for query, (column, _, _) in METRICS.items()
        ]
    found = pd.concat(frames).dropna(subset="value")
    return found.drop_duplicates(["query", "labels", "ts"], keep="last")


def test_every_point_in_the_warehouse_is_the_files_own_and_there_once(done: MainJob, in_the_files: pd.DataFrame):
    loaded = done.warehouse.frame(
        sa.select(series.c.query, series.c.labels, metric_point.c.ts, metric_point.c.value).join(
            metric_point, series.c.series_id == metric_point.c.series_id
        )
    )
    print(f"\n{len(loaded):,} points of {loaded.groupby(['query', 'labels']).ngroups} series")
    key = ["query", "labels", "ts"]
    assert not loaded.duplicated(key).any()
    both = loaded.merge(in_the_files, on=key, how="outer", suffixes=("", "_file"), indicator=True)
    assert set(both["_merge"]) == {"both"}
    assert (both["value"] == both["value_file"]).all()


def test_every_fault_is_an_incident_of_the_service_whose_pod_it_hit(done: MainJob, end: datetime):
    found = done.warehouse.frame(sa.select(incident))
    assert len(found) == 28
    assert "ts-contacts-service" in set(found["service"])
    assert not found["service"].str.startswith("unresolved").any()
    first = found["opened_at"].min()
    assert first - (end - DAY_ENDS) == pd.Timestamp("2023-01-29 08:43:04", tz="UTC")


def test_what_is_no_number_is_set_apart_with_its_reason(done: MainJob, nezha: Path):
    files = (nezha / "metric").glob("*_metric.csv.gz")
    missing = sum(int(pd.read_csv(file)["PodServerLatencyP95(s)"].isna().sum()) for file in files)
    rows = done.warehouse.frame(sa.select(quarantine_row.c.query, quarantine_row.c.rule, quarantine_row.c.raw))
    assert set(rows["query"]) == {"latency_p95"}
    assert set(rows["rule"]) == {"value_not_nan"}
    assert len(rows) == rows["raw"].nunique() == missing


def test_some_hours_are_too_short_for_a_forecast_and_the_report_says_so(done: MainJob):
    status = done.warehouse.frame(sa.select(capacity_status))
    assert len(status) == 2 * 46
    assert set(status["status"]) == {"insufficient_history"}
    assert set(status["reason"]) == {"16 hours of history; a forecast needs 14 days."}
    report = done.report("capacity")
    assert report.verdict.text == "Nothing can be said yet: 92 resources lack the history that a forecast needs."
    assert report.nothing_to_do == "Nothing can be judged yet. Resources appear here once their history is long enough."


def test_a_model_is_trained_on_the_hours_there_are_and_finds_anomalies(done: MainJob):
    assert len(done.warehouse.frame(sa.select(anomaly.c.service).limit(1))) == 1
    assert done.report("models").tables


def test_nothing_was_mailed_no_load_failed_and_everything_is_stopped(done: MainJob):
    assert done.warehouse.frame(sa.select(delivery).where(delivery.c.state == "sent")).empty
    assert set(done.warehouse.frame(sa.select(load_log.c.status).distinct())["status"]) <= {"loaded", "unchanged"}
    assert done.job.supervisor.running() == {}
