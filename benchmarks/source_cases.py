"""The servers that `sources` reads from: for each connector one function that fills its server with `rows` rows.

To add a connector, write a generator with `@case`; it imports its fake inside, so that one whose fake or library is
missing costs no other row.
"""

import csv
import json
import tempfile
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.source_reading import Serve, Served
from include.http import Credentials
from include.window import Window

HOUR = Window.parse("2026-10-01T12")
IN_FILE = 1_000
"""Rows of each file, however many there are in all: what may grow is the number of files."""
LINE = "GET /api/carts/{} 200 in 12 ms, 10.0.0.7, user jane@example.org"


@dataclass(frozen=True)
class Case:
    """One connector and one kind of what it reads.

    `rows` is the smaller of the two reads: more than one batch or page, so that four times as many need no more memory.
    """

    name: str
    rows: int
    serve: Serve


CASES: list[Case] = []


def case(name: str, rows: int) -> Callable[[Callable[[int], Iterator[Served]]], Serve]:
    """Add a server to `CASES`; the generator yields once, with the server filled."""

    def add(fill: Callable[[int], Iterator[Served]]) -> Serve:
        serve = contextmanager(fill)
        CASES.append(Case(name, rows, serve))
        return serve

    return add


def moments(rows: int) -> Iterator[tuple[int, datetime]]:
    """Yield the number and the time of rows that are spread evenly over the hour."""
    step = timedelta(hours=1) / rows
    return ((number, HOUR.start + number * step) for number in range(rows))


@case("files, metrics", 50_000)
def _metric_files(rows: int) -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as folder:
        for part in range(rows // IN_FILE):
            with (Path(folder) / f"{part}.csv").open("w", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(["ts", "job", "value"])
                lines.writerows([at.isoformat(), f"job-{part}", number] for number, at in moments(IN_FILE))
        layout = {"time": "ts", "value": "value", "labels": {"job": "job"}}
        yield Served({"type": "files", "path": folder, "layout": layout}, {"expr": "value"}, HOUR)


@case("pagerduty, changes", 2_500)
def _pagerduty_changes(rows: int) -> Iterator[Served]:
    from tests.fakes.pagerduty import ENTRY, KEY, FakePagerDuty

    with FakePagerDuty() as fake:
        fake.entries = [{**ENTRY, "id": f"E{number}", "created_at": at.isoformat()} for number, at in moments(rows)]
        source = {"type": "pagerduty", "url": fake.url}
        yield Served(source, {"dataset": "incident_change"}, HOUR, Credentials(token=KEY))


@case("opsgenie, alerts", 2_500)
def _opsgenie_alerts(rows: int) -> Iterator[Served]:
    from tests.fakes.opsgenie import ALERT, KEY, FakeOpsgenie

    with FakeOpsgenie() as fake:
        fake.alerts = [{**ALERT, "id": f"A{number}", "updatedAt": at.isoformat()} for number, at in moments(rows)]
        source = {"type": "opsgenie", "url": fake.url, "options": {"api": "opsgenie"}}
        yield Served(source, {"dataset": "alert"}, HOUR, Credentials(token=KEY))


@case("pagerduty, incidents", 250)
def _pagerduty_incidents(rows: int) -> Iterator[Served]:
    from tests.fakes.pagerduty import ENTRY, INCIDENT, KEY, FakePagerDuty

    with FakePagerDuty() as fake:
        for number, at in moments(rows):  # every other incident is older than the window and changed in it
            opened = (at - timedelta(hours=2 * (number % 2))).isoformat()
            fake.incidents.append({**INCIDENT, "id": f"I{number}", "created_at": opened})
            entry = {**ENTRY, "incident": {"id": f"I{number}"}}
            fake.entries.append({**entry, "id": f"E{number}", "created_at": opened})
            fake.entries.append(
                {**entry, "id": f"A{number}", "type": "annotate_log_entry", "created_at": at.isoformat()}
            )
        yield Served({"type": "pagerduty", "url": fake.url}, {"dataset": "incident"}, HOUR, Credentials(token=KEY))


@case("jsm, alerts", 2_500)
def _jsm_alerts(rows: int) -> Iterator[Served]:
    from tests.fakes.opsgenie import ALERT, CLOUD, KEY, FakeOpsgenie

    with FakeOpsgenie() as fake:
        fake.alerts = [{**ALERT, "id": f"A{number}", "updatedAt": at.isoformat()} for number, at in moments(rows)]
        source = {"type": "opsgenie", "url": fake.url, "options": {"cloud_id": CLOUD}}
        yield Served(source, {"dataset": "alert"}, HOUR, Credentials(token=KEY))


@case("loki, logs", 10_000)
def _loki_logs(rows: int) -> Iterator[Served]:
    from tests.fakes.loki import FakeLoki

    with FakeLoki() as fake:
        for number, at in moments(rows):
            fake.log(int(at.timestamp() * 1e6) * 1_000, LINE.format(number), app=f"app-{number % 10}")
        yield Served({"type": "loki", "url": fake.url}, {"dataset": "log_event", "expr": '{app=~".+"}'}, HOUR)


@case("datadog, logs", 10_000)
def _datadog_logs(rows: int) -> Iterator[Served]:
    from tests.fakes.datadog import API_KEY, APP_KEY, FakeDatadog, line

    with FakeDatadog() as fake:
        fake.logs = [line(number, at, message=LINE.format(number)) for number, at in moments(rows)]
        who = Credentials(token=API_KEY, password=APP_KEY)
        yield Served({"type": "datadog", "url": fake.url}, {"dataset": "log_event"}, HOUR, who)


@case("datadog, metrics", 10_000)
def _datadog_metrics(rows: int) -> Iterator[Served]:
    from tests.fakes.datadog import API_KEY, APP_KEY, FakeDatadog

    start, minutes = int(HOUR.start.timestamp()), rows // 10
    with FakeDatadog() as fake:
        points = {(start + 60 * minute) * 1_000: float(minute) for minute in range(minutes)}
        fake.series = {(f"service:app-{number}",): points for number in range(10)}
        window = Window(HOUR.start, HOUR.start + timedelta(minutes=minutes))
        query = {"expr": "avg:system.cpu.user{*} by {service}", "step": "1m"}
        who = Credentials(token=API_KEY, password=APP_KEY)
        yield Served({"type": "datadog", "url": fake.url}, query, window, who)


@case("jaeger, spans", 2_500)
def _jaeger_spans(rows: int) -> Iterator[Served]:
    from tests.fakes.jaeger import FakeJaeger, span

    spans = [
        span(f"{number // 10:032x}", f"{number:016x}", f"app-{number % 10}", int(at.timestamp() * 1e6))
        for number, at in moments(rows)
    ]
    with FakeJaeger(spans) as fake:
        yield Served({"type": "jaeger", "url": fake.url}, {"dataset": "span"}, HOUR)


@case("zipkin, spans", 2_500)
def _zipkin_spans(rows: int) -> Iterator[Served]:
    from tests.fakes.zipkin import FakeZipkin

    spans = []
    for number, at in moments(rows):
        one = {"traceId": f"{number // 10:032x}", "id": f"{number + 1:016x}", "name": "get /", "kind": "SERVER",
               "timestamp": int(at.timestamp() * 1e6), "duration": 1_000,
               "localEndpoint": {"serviceName": f"app-{number % 10}"}}  # fmt: skip
        spans.append(one if number % 10 == 0 else {**one, "parentId": f"{number // 10 * 10 + 1:016x}"})
    with FakeZipkin(spans) as fake:
        yield Served({"type": "zipkin", "url": fake.url}, {"dataset": "span"}, HOUR)


@case("github, changes", 250)
def _github_changes(rows: int) -> Iterator[Served]:
    from tests.fakes.github import TOKEN, FakeGitHub

    with FakeGitHub() as fake:
        for number, at in moments(rows):
            fake.deploy(number + 1, at, ("success", at))
        query = {"dataset": "change_event", "expr": "octocat/example"}
        yield Served({"type": "github", "url": fake.url}, query, HOUR, Credentials(token=TOKEN))


@case("kafka, logs", 10_000)
def _kafka_logs(rows: int) -> Iterator[Served]:
    from tests.fakes.kafka import FakeKafka

    with FakeKafka() as fake:
        for number, at in moments(rows):
            fake.write("logs", json.dumps({"msg": LINE.format(number), "app": "cart"}), at)
        fake.settle()
        query = {
            "dataset": "log_event",
            "layout": {"columns": {"message": "msg", "service": "app"}},
            "options": {"topic": "logs"},
        }
        times = partial(_know_times, rows)
        yield Served({"type": "kafka", "options": {"brokers": fake.brokers}}, query, HOUR, prepare=times)


def _know_times(rows: int) -> None:
    """Let the reader find offsets by time, which librdkafka's mock cluster cannot."""
    import confluent_kafka

    from include.sources.kafka import client as kafka_client

    times = [int(at.timestamp() * 1_000) for _, at in moments(rows)]

    class KnowingConsumer(confluent_kafka.Consumer):  # type: ignore[misc]
        def offsets_for_times(self, partitions: list[Any], timeout: float | None = None) -> list[Any]:  # noqa: ARG002
            found = [bisect_left(times, one.offset) if one.partition == 0 else rows for one in partitions]
            return [
                confluent_kafka.TopicPartition(one.topic, one.partition, at if at < rows else -1)
                for one, at in zip(partitions, found, strict=True)
            ]

    kafka_client.Consumer = KnowingConsumer


@case("prometheus, metrics", 50_000)
def _prometheus_metrics(rows: int) -> Iterator[Served]:
    from tests.servers import openmetrics, running_prometheus

    start = int(HOUR.start.timestamp())
    times = [start + 15 * step for step in range(rows // 10)]
    history = openmetrics({f'load{{job="app-{series}"}}': (times, range(len(times))) for series in range(10)})
    window = Window(HOUR.start, HOUR.start + timedelta(seconds=15 * len(times)))
    with tempfile.TemporaryDirectory() as folder, running_prometheus(Path(folder) / "p", history) as server:
        yield Served({"type": "prometheus", "url": server.url}, {"expr": "load", "step": "15s"}, window)


@case("victoria-metrics, metrics", 50_000)
def _victoria_metrics(rows: int) -> Iterator[Served]:
    from tests.servers import running_victoria_metrics, write_points

    start = int(HOUR.start.timestamp())
    times = [start + 15 * step for step in range(rows // 10)]
    window = Window(HOUR.start, HOUR.start + timedelta(seconds=15 * len(times)))
    with tempfile.TemporaryDirectory() as folder, running_victoria_metrics(Path(folder) / "v") as server:
        write_points(server, {f"load_{series}": (times, range(len(times))) for series in range(10)})
        source = {"type": "prometheus", "url": server.url, "options": {"server": "victoriametrics"}}
        yield Served(source, {"expr": '{__name__=~"load_.*"}', "step": "15s"}, window)


@case("alertmanager, alerts", 500)
def _alertmanager_alerts(rows: int) -> Iterator[Served]:
    import httpx

    from tests.servers import running_alertmanager

    window = Window(HOUR.start, HOUR.start + timedelta(days=36_500))
    with tempfile.TemporaryDirectory() as folder, running_alertmanager(Path(folder) / "a") as server:
        alerts = [{"labels": {"alertname": "HighErrors", "job": f"app-{number}"}} for number in range(rows)]
        httpx.post(f"{server.url}/api/v2/alerts", json=alerts, trust_env=False).raise_for_status()
        yield Served({"type": "alertmanager", "url": server.url}, {"dataset": "alert"}, window)


@case("elasticsearch, logs", 30_000)
def _elasticsearch_logs(rows: int) -> Iterator[Served]:
    from tests.fakes.elasticsearch import FakeElasticsearch

    with FakeElasticsearch() as fake:
        for number, at in moments(rows):
            said = {"@timestamp": at.isoformat(), "message": LINE.format(number), "service": {"name": "cart"}}
            fake.index(int(at.timestamp() * 1e6) * 1_000, f"D{number}", **said)
        query = {"dataset": "log_event", "options": {"index": "logs-*"}}
        yield Served({"type": "elasticsearch", "url": fake.url}, query, HOUR)


@case("tempo, spans", 1_000)
def _tempo_spans(rows: int) -> Iterator[Served]:
    from tests.fakes.tempo import FakeTempo

    traces: dict[str, Any] = {}
    for number, at in moments(rows):
        nano = int(at.timestamp() * 1e6) * 1_000
        name = f"{number // 10:032x}"
        span = {"traceId": name, "spanId": f"{number + 1:016x}", "name": "GET /", "kind": "SPAN_KIND_SERVER",
                "startTimeUnixNano": str(nano), "endTimeUnixNano": str(nano + 1_000_000)}  # fmt: skip
        traces.setdefault(name, [{"resource": {"attributes": []}, "scopeSpans": [{"spans": []}]}])
        traces[name][0]["scopeSpans"][0]["spans"].append(span)
    with FakeTempo(traces) as fake:
        query = {"dataset": "span", "options": {"accept_incomplete_search": True}}
        yield Served({"type": "tempo", "url": fake.url}, query, HOUR)


@case("kubernetes, alerts", 4_000)
def _kubernetes_alerts(rows: int) -> Iterator[Served]:
    from tests.fakes.kubernetes import TOKEN, FakeKubernetes, event

    with FakeKubernetes() as fake:
        fake.now = HOUR.end
        for number, at in moments(rows):
            fake.events.append(event(number, firstTimestamp=at.isoformat(), lastTimestamp=at.isoformat()))
        yield Served({"type": "kubernetes", "url": fake.url}, {"dataset": "alert"}, HOUR, Credentials(token=TOKEN))


@case("splunk, logs", 40_000)
def _splunk_logs(rows: int) -> Iterator[Served]:
    from tests.fakes.splunk import FakeSplunk

    with FakeSplunk() as fake:
        for number, at in moments(rows):
            fake.log(int(at.timestamp() * 1e6), LINE.format(number), host="node-1", sourcetype="access")
        yield Served({"type": "splunk", "url": fake.url}, {"dataset": "log_event", "expr": "index=shop"}, HOUR)


@case("servicenow, incidents", 2_500)
def _servicenow_incidents(rows: int) -> Iterator[Served]:
    from tests.fakes.servicenow import LOGIN, PASSWORD, FakeServiceNow, incident

    with FakeServiceNow() as fake:
        fake.tables["incident"] = [incident(number, at) for number, at in moments(rows)]
        who = Credentials(login=LOGIN, password=PASSWORD)
        yield Served({"type": "servicenow", "url": fake.url}, {"dataset": "incident"}, HOUR, who)


@case("jira, incidents", 3_000)
def _jira_incidents(rows: int) -> Iterator[Served]:
    from tests.fakes.jira import FakeJira, issue

    with FakeJira() as fake:
        fake.issues = [issue(number + 1, at) for number, at in moments(rows)]
        who = Credentials(login="mia@example.com", password="token")  # noqa: S106
        yield Served({"type": "jira", "url": fake.url}, {"dataset": "incident"}, HOUR, who)


@case("files, logs", 20_000)
def _log_files(rows: int) -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as folder:
        for part in range(rows // IN_FILE):
            with (Path(folder) / f"{part}.jsonl").open("w") as file:
                for number, at in moments(IN_FILE):
                    said = {"ts": at.isoformat(), "app": "cart", "line": LINE.format(f"{part}-{number}")}
                    file.write(json.dumps(said) + "\n")
        layout = {"files": "*.jsonl", "time": "ts", "columns": {"message": "line", "service": "app"}}
        yield Served({"type": "files", "path": folder}, {"dataset": "log_event", "layout": layout}, HOUR)
