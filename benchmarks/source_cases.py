"""The servers that `sources` reads from: for each connector one function that fills its server with `rows` rows.

To add a connector, write a generator with `@case`; it imports its fake inside, so that one whose fake or library is
missing costs no other row.
"""

import csv
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.source_reading import Serve, Served
from include.http import Credentials
from include.window import Window

HOUR = Window.parse("2026-10-01T12")


@dataclass(frozen=True)
class Case:
    """One connector and one kind of what it reads; `rows` is the smaller of the two reads."""

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
        for part in range(rows // 5_000):
            with (Path(folder) / f"{part}.csv").open("w", newline="") as file:
                lines = csv.writer(file)
                lines.writerow(["ts", "job", "value"])
                lines.writerows([at.isoformat(), f"job-{part}", number] for number, at in moments(5_000))
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
