"""The main job on a real Prometheus: public cluster traces and CloudWatch series as its past, this machine as its present.

The configuration is made as `docs/add-prometheus.md` says: `discover` for what the node exporter tells, by hand for
the rest. Nothing is simulated but the dates of the traces.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from include.clock import SystemClock
from include.settings import REPOSITORY
from include.warehouse.schema import metric_point, series
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
    "cluster_cycles": ("cluster_cycles_per_instruction", "other", "cycles"),
    "cluster_cores": ("cluster_cpu_cores", "usage", "cores"),
    "cluster_memory_gb": ("cluster_memory_assigned_gb", "usage", "GB"),
    "cluster_cpu_percent": ("cluster_cpu_percent", "saturation", "%"),
    "cluster_memory_percent": ("cluster_memory_percent", "saturation", "%"),
    "cluster_network_in": ("cluster_network_in", "traffic", "%"),
    "cluster_network_out": ("cluster_network_out", "traffic", "%"),
    "cluster_disk_io": ("cluster_disk_io_percent", "saturation", "%"),
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
LONG = {("google", 21), ("azure", 23)}


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
        api.wait(api.trigger("ingest_metrics", {"window": hours.key}), 120)
        yield job


def test_every_point_in_the_warehouse_is_what_prometheus_answers_and_there_once(done: MainJob, place: Place):
    loaded = done.warehouse.frame(
        sa.select(series.c.query, series.c.labels, metric_point.c.ts, metric_point.c.value).join(
            metric_point, series.c.series_id == metric_point.c.series_id
        )
    )
    print(f"\n{len(loaded):,} points of {loaded.groupby(['query', 'labels']).ngroups} series")
    assert not loaded.duplicated(["query", "labels", "ts"]).any()


def _wait_for_rates(url: str) -> None:
    """Wait until the node exporter was scraped twice, so that rates have a value."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = httpx.get(f"{url}/api/v1/query", params={"query": "count_over_time(up{job='node'}[1m]) >= 2"})
        if answer.json()["data"]["result"]:
            return
        time.sleep(0.5)
    raise AssertionError("the node exporter was not scraped twice in a minute")
