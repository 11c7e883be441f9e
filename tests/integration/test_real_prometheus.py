"""The main job on a real Prometheus: public cluster traces and CloudWatch series in its past, this machine now.

The configuration is made as `docs/add-prometheus.md` says: `discover` for what the node exporter tells, by hand for
the rest. Nothing is simulated but the dates of the traces.
"""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pandas as pd
import pytest
import sqlalchemy as sa

from include.clock import SystemClock
from include.config import MetricQuery, load_config
from include.settings import REPOSITORY
from include.warehouse.schema import anomaly, capacity_status, delivery, load_log, metric_point, series
from include.window import Grid, Window
from tests.integration.main_job import MainJob, main_job, write_config
from tests.integration.public_series import Series, cloudwatch, cluster_traces, newest
from tests.servers import answering, free_port, openmetrics, running_prometheus

pytestmark = [pytest.mark.needs("prometheus", "data"), pytest.mark.timeout(600)]

DAYS = 28
SERVICES = ("google", "azure", "alibaba", "ec2", "rds", "elb", "asg")
QUERIES = {
    "cluster_cpu": ("cluster_cpu_ratio", "saturation", "ratio"),
    "cluster_memory": ("cluster_memory_ratio", "usage", "ratio"),
    "cluster_memory_assigned": ("cluster_memory_assigned_ratio", "limit", "ratio"),
    "cluster_cores": ("cluster_cpu_cores", "usage", "cores"),
    "cluster_memory_gb": ("cluster_memory_assigned_gb", "usage", "GB"),
    "cluster_cpu_percent": ("cluster_cpu_percent", "saturation", "%"),
    "cluster_memory_percent": ("cluster_memory_percent", "saturation", "%"),
    "aws_cpu": ("aws_cpu_percent", "saturation", "%"),
    "aws_disk_write": ("aws_disk_write_bytes", "traffic", "bytes"),
    "aws_network_in": ("aws_network_in_bytes", "traffic", "bytes"),
    "aws_requests": ("aws_requests", "traffic", "requests"),
    "aws_instances": ("aws_instances", "other", "count"),
}
LIMITS = {
    "google-cpu": {"resource": "CPU", "query": "cluster_cpu", "value": 1.0},
    "google-memory": {"resource": "memory", "query": "cluster_memory", "limit_query": "cluster_memory_assigned"},
    "azure-memory": {"resource": "assigned memory", "query": "cluster_memory_gb", "value": 4e6},
    "azure-cores": {"resource": "cores", "query": "cluster_cores", "value": 8e6},
    "alibaba-cpu": {"resource": "CPU", "query": "cluster_cpu_percent", "value": 100},
    "alibaba-memory": {"resource": "memory", "query": "cluster_memory_percent", "value": 100},
    "aws-cpu": {"resource": "CPU", "query": "aws_cpu", "value": 100},
    "aws-network": {"resource": "network", "query": "aws_network_in", "value": 5e8},
}
TOO_SHORT = {("alibaba", "CPU"), ("alibaba", "memory"), ("ec2", "network a2eb1cd9")}
"""Alibaba has 5.8 days and that instance 4.3; a forecast needs 14."""


@dataclass(frozen=True)
class Place:
    """A Prometheus with a past and a present, since when it scrapes, and the past that it was given."""

    url: str
    since: datetime
    past: Series


@pytest.fixture(scope="module")
def place(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("monitoring")
    since = SystemClock().now()
    last = newest(since)
    past = cluster_traces(data_dir / "cluster-traces", last)
    past |= cloudwatch(data_dir / "nab" / "data" / "realAWSCloudwatch", last)
    port = free_port()
    exporter = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    scrape = (
        "global: {scrape_interval: 5s}\n"
        f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    with (
        answering(exporter, f"http://127.0.0.1:{port}/metrics", folder),
        running_prometheus(folder / "prometheus", openmetrics(past), scrape) as prometheus,
    ):
        yield Place(prometheus.url, since, past)


@pytest.fixture(scope="module")
def config(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("config") / "clusters"
    _wait_for_rates(place.url)
    command = [sys.executable, "-m", "include.config", "discover", place.url, "--out", str(folder), "--step", "15s"]
    found = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    print(found.stdout)
    return write_config(
        folder,
        services={"services": {name: {"owner": "clusters", "tier": 2} for name in SERVICES}},
        queries={
            "queries": {
                name: {"expr": metric, "kind": kind, "unit": unit, "step": "5m"}
                for name, (metric, kind, unit) in QUERIES.items()
            }
        },
        limits={"limits": LIMITS},
    )


@pytest.fixture(scope="module")
def done(place: Place, config: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MainJob]:
    """The main job, run to its end; then this hour so far, in which the node exporter began to be scraped."""
    with main_job(config, tmp_path_factory.mktemp("home")) as job:
        ended = job.command("run", "--days", str(DAYS))
        print(ended.stdout, ended.stderr)
        assert ended.returncode == 0, ended.stderr
        hours = Window(Grid.HOUR.floor(place.since), Grid.HOUR.ceil(SystemClock().now()))
        api = job.job.api
        api.sign_in()
        for dag_id in ("ingest_metrics", "report_capacity"):
            api.wait(api.trigger(dag_id, {"window": hours.key}), 120)
        yield job


@pytest.fixture(scope="module")
def loaded(done: MainJob) -> pd.DataFrame:
    """Every point in the warehouse: [query, labels, ts, value]."""
    return done.warehouse.frame(
        sa.select(series.c.query, series.c.labels, metric_point.c.ts, metric_point.c.value).join(
            metric_point, series.c.series_id == metric_point.c.series_id
        )
    )


def test_every_point_in_the_warehouse_is_what_prometheus_answers(
    loaded: pd.DataFrame, done: MainJob, place: Place, config: Path
):
    assert not loaded.duplicated(["query", "labels", "ts"]).any()
    last = loaded["ts"].max()
    answered = pd.concat(
        [_answer(place.url, query, last) for query in load_config(config).queries.values()], ignore_index=True
    )
    both = loaded.merge(answered, on=["query", "labels", "ts"], how="outer", suffixes=("", "_told"), indicator=True)
    settled = both[both["ts"] < last]  # the newest scrape may have been under way when it was asked for
    counts = settled["_merge"].value_counts().to_dict()
    print(f"\n{counts}; {loaded.groupby(['query', 'labels']).ngroups} series")
    assert (counts["left_only"], counts["right_only"]) == (0, 0)
    assert (settled["value"] == settled["value_told"]).all()
    assert last < SystemClock().now()
    assert set(load_config(config).queries) == set(loaded["query"])


def test_every_point_that_prometheus_was_given_has_arrived(loaded: pd.DataFrame, place: Place):
    names = {metric: query for query, (metric, _, _) in QUERIES.items()}
    for selector, (times, values) in place.past.items():
        metric, _, rest = selector.partition("{")
        if metric not in names:
            continue
        labels = json.dumps(dict(re.findall(r'(\w+)="([^"]*)"', rest)), sort_keys=True, separators=(",", ":"))
        mine = loaded[(loaded["query"] == names[metric]) & (loaded["labels"] == labels)].set_index("ts")["value"]
        given = pd.Series(values, index=pd.to_datetime(times, unit="s", utc=True))
        given = given[given.index.second + given.index.minute % 5 == 0]
        assert len(given) > 1000
        assert (mine.reindex(given.index) == given).all()


def test_the_capacity_report_forecasts_the_long_and_says_which_are_too_short(done: MainJob):
    status = done.warehouse.frame(sa.select(capacity_status))
    first = status[status["window_end"] == status["window_end"].min()]
    short = first[first["status"] == "insufficient_history"]
    assert set(zip(short["service"], short["resource"], strict=True)) == TOO_SHORT
    assert len(first) == 19
    forecast = first.drop(short.index)
    assert forecast["model"].notna().all()
    assert {"google", "azure", "ec2", "rds"} == set(forecast["service"])
    said = {one.subject: one.reason for one in done.report("capacity").fine_print.left_out}
    print(said)


def test_this_machine_is_in_the_last_report_with_its_disk_and_memory(done: MainJob):
    status = done.warehouse.frame(sa.select(capacity_status).where(capacity_status.c.service == "node"))
    assert {"insufficient_history"} == set(status["status"])
    assert {name.split()[0] for name in status["resource"]} >= {"disk", "memory", "CPU"}
    assert (status["limit_value"] > 0).all()


def test_a_model_was_trained_and_scores_every_service_with_a_past(done: MainJob):
    assert set(done.warehouse.frame(sa.select(anomaly.c.service).distinct())["service"]) <= {*SERVICES, "node"}
    assert done.report("models").tables


def test_nothing_was_mailed_and_no_load_failed(done: MainJob):
    assert done.warehouse.frame(sa.select(delivery).where(delivery.c.state == "sent")).empty
    assert not list((done.settings.home / "mail").glob("*.eml"))
    assert set(done.warehouse.frame(sa.select(load_log.c.status).distinct())["status"]) <= {"loaded", "unchanged"}


def _answer(url: str, query: MetricQuery, last: datetime) -> pd.DataFrame:
    """Ask a Prometheus for all that a query has, over the same steps, in its own JSON: [query, labels, ts, value]."""
    step = query.step_seconds
    end = int(last.timestamp()) // step * step
    frames = []
    for first in range(end // 3600 * 3600 - DAYS * 86_400, end + 1, 10_000 * step):
        form = {"query": query.expr, "start": first, "end": min(first + 9_999 * step, end), "step": step}
        for found in httpx.post(f"{url}/api/v1/query_range", data=form, timeout=60).json()["data"]["result"]:
            labels = {name: value for name, value in found["metric"].items() if name != "__name__"}
            times, values = zip(*found["values"], strict=True)
            frames.append(
                pd.DataFrame(
                    {"ts": pd.to_datetime(times, unit="s", utc=True), "value": [float(one) for one in values]}
                ).assign(query=query.name, labels=json.dumps(labels, sort_keys=True, separators=(",", ":")))
            )
    return pd.concat(frames, ignore_index=True)


def _wait_for_rates(url: str) -> None:
    """Wait until the node exporter was scraped twice, so that rates have a value."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "count_over_time(up{job='node'}[1m]) >= 2"})
        if answer.json()["data"]["result"]:
            return
        time.sleep(0.5)
    raise AssertionError("the node exporter was not scraped twice in a minute")
