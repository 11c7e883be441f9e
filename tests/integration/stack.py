"""One small Almanac under a real Airflow, for the tests of the scheduler: how it is built, asked and cut short.

A fleet of 18 services and three metrics; its history is loaded without the scheduler, which would take a minute.
What the tests are about, the newest hour and all that follows, goes through the scheduler.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
import yaml

from include.clock import SystemClock
from include.config import load_config
from include.demo.files import write_metrics
from include.demo.state import Injection, read_state, write_state
from include.demo.world import day_of
from include.orchestration.detect import score_shard
from include.orchestration.ingest import load_piece, plan_reads
from include.orchestration.reports import compute_slo, publish_slo
from include.orchestration.runtime import Runtime
from include.orchestration.train import train_model
from include.settings import REPOSITORY, Settings
from include.stack.api import DONE, DagRun
from include.stack.job import Job, fleet_folder
from include.stack.processes import Supervisor
from include.stack.terminal import Terminal
from include.warehouse.schema import delivery, metric_point, series
from include.window import Window
from models.registry import ANOMALY
from tests.servers import free_port

HOUR = timedelta(hours=1)
DAYS = 3
FAILED = 500.0
END = datetime(2026, 11, 5, 12, tzinfo=UTC)
"""When the simulated world ends: fixed, so that it is the same world in every run of the tests."""
CONSUMERS = ("detect_anomalies", "report_slo", "report_data_quality")
QUERIES = ("requests", "errors", "latency_p95")
NOT_COMPARED = {"run_id", "load_id", "recorded_at", "updated_at", "finished_at", "started_at", "model_version"}


@dataclass
class Stack:
    """A running Almanac and its world, which ends at `end`."""

    job: Job
    end: datetime

    @property
    def home(self) -> Path:
        """Folder of everything that it writes."""
        return self.job.settings.home

    def runtime(self, run_id: str = "test") -> Runtime:
        """Return a runtime on it, for what the test does itself."""
        return Runtime(self.job.settings, self.job.config, SystemClock(), run_id)

    def hour(self, before_end: int) -> Window:
        """Return the window that starts so many hours before the end."""
        start = self.end - before_end * HOUR
        return Window(start, start + HOUR)

    def trigger(self, dag_id: str, partition: Window | None = None, **conf: Any) -> DagRun:
        """Start a run by REST: of a partition, or with params."""
        return self.job.api.trigger(dag_id, conf, partition_key=key(partition) if partition else None)

    def finished(self, run: DagRun, within: float = 120) -> DagRun:
        """Wait until a run has ended, however it ends."""
        wait_for(f"{run.dag_id} {run.run_id}", lambda: self._state(run) in DONE, within)
        return self.job.api.run(run.dag_id, run.run_id)

    def succeeded(self, run: DagRun, within: float = 120) -> DagRun:
        """Wait until a run has succeeded."""
        return self.job.api.wait(run, within, poll=0.3)

    def quiet(self, *dag_ids: str, within: float = 120) -> None:
        """Wait until nothing of these DAGs (by default the consumers) is queued, running or about to be."""
        names = dag_ids or CONSUMERS

        def idle() -> bool:
            return all(run.state in DONE for dag_id in names for run in self.job.api.runs(dag_id))

        until = time.monotonic() + within
        calm = 0
        while calm < 6:  # a scheduler's loop or two may lie between an announcement and the run behind it
            calm = calm + 1 if idle() else 0
            assert time.monotonic() < until, f"{', '.join(names)} did not come to rest in {within:.0f} s"
            time.sleep(0.5)

    def runs_of(self, dag_id: str, window: Window) -> list[DagRun]:
        """Return the runs of a DAG on a partition, newest first."""
        return [run for run in self.job.api.runs(dag_id) if run.partition_key == key(window)]

    def pause(self, dag_id: str, paused: bool = True) -> None:
        """Keep the scheduler from running a DAG, or let it."""
        self.job.api._call("PATCH", f"/api/v2/dags/{dag_id}?update_mask=is_paused", json={"is_paused": paused})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask Airflow's REST API."""
        return self.job.api._call(method, path, json=body)

    def frame(self, statement: sa.Select[Any]) -> pd.DataFrame:
        """Read the warehouse."""
        return self.runtime().warehouse.frame(statement)

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> pd.DataFrame:
        """Return what a table holds, in one order, without columns that say which run wrote it and when."""
        columns = [column for column in table.c if column.name not in NOT_COMPARED]
        found = self.frame(sa.select(*columns).where(*where))
        return found.sort_values(list(found.columns), ignore_index=True, key=lambda c: c.astype(str))

    def points(self, window: Window) -> pd.DataFrame:
        """Return the points of a window."""
        return self.rows(metric_point, metric_point.c.ts >= window.start, metric_point.c.ts < window.end)

    def value(self, query: str, service: str, ts: datetime) -> float:
        """Return one value."""
        found = self.frame(
            sa.select(metric_point.c.value)
            .join(series, series.c.series_id == metric_point.c.series_id)
            .where(series.c.query == query, series.c.service == service, metric_point.c.ts == ts)
        )
        return float(found["value"].item())

    def ledger(self) -> pd.DataFrame:
        """Return the ledger of deliveries, by id."""
        return self.frame(sa.select(delivery)).set_index("delivery_id").sort_index()

    def mails(self) -> list[str]:
        """Return what the mail sink has received, by file name."""
        return sorted(path.name for path in (self.home / "mail").glob("*.eml"))

    @property
    def failing(self) -> list[datetime]:
        """The minutes in which checkout fails."""
        return [self.hour(4).start + timedelta(minutes=minute) for minute in range(10, 40)]

    @property
    def late(self) -> datetime:
        """The one of them, over three hours ago, whose point comes late."""
        return self.hour(4).start + timedelta(minutes=25)

    def inject(self, metric: str, service: str, at: datetime, value: float) -> None:
        """Make a point of the past late: the fleet's files have it only now."""
        self.job.python(
            *("-m", "include.demo", "inject", str(self.fleet), "--state", str(self.job.fleet_state)),
            *("--metric", metric, "--service", service, "--at", f"{at:%Y-%m-%dT%H:%M}", "--value", f"{value:g}"),
        )

    @property
    def fleet(self) -> Path:
        """The folder that the source reads."""
        return fleet_folder(self.job.settings, self.job.config)

    @contextmanager
    def without_source(self) -> Iterator[None]:
        """Take the source's folder away."""
        away = self.fleet.with_name("away")
        self.fleet.rename(away)
        try:
            yield
        finally:
            away.rename(self.fleet)

    def log(self, run: DagRun, task_id: str, map_index: int = -1, attempt: int = 1) -> list[dict[str, Any]]:
        """Return the lines of a task's log."""
        folder = self.home / "airflow" / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}" / f"task_id={task_id}"
        file = (folder / f"map_index={map_index}" if map_index >= 0 else folder) / f"attempt={attempt}.log"
        return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]

    def _state(self, run: DagRun) -> str:
        return self.job.api.run(run.dag_id, run.run_id).state


def key(window: Window) -> str:
    """Return the partition key of a window."""
    return f"{window.start:%Y-%m-%dT%H:%M:%S}"


def wait_for(what: str, ready: Callable[[], object], within: float, every: float = 0.2) -> Any:
    """Return what `ready` gives once it is true; fail after so many seconds."""
    deadline = time.monotonic() + within
    while not (found := ready()):
        assert time.monotonic() < deadline, f"{what}: not in {within:.0f} s"
        time.sleep(every)
    return found


def small_configuration(folder: Path) -> Path:
    """Write the fleet's configuration with few metrics, and a source whose rows may come three hours late."""
    shutil.copytree(REPOSITORY / "include" / "config" / "fleet", folder)
    queries = yaml.safe_load((folder / "queries.yaml").read_text())
    queries["queries"] = {name: queries["queries"][name] for name in QUERIES}
    (folder / "queries.yaml").write_text(yaml.safe_dump(queries))
    sources = yaml.safe_load((folder / "sources.yaml").read_text())
    sources["sources"]["fleet"]["lateness"] = "3h"
    (folder / "sources.yaml").write_text(yaml.safe_dump(sources))
    (folder / "limits.yaml").unlink()
    return folder


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Start everything on free ports, with three days of history up to the newest hour and a champion."""
    settings = Settings(
        home=folder / "home",
        config_dir=small_configuration(folder / "config"),
        ui_port=_port_with_neighbours(),
        mlflow_port=(mlflow := free_port()),
        mlflow_url=f"http://127.0.0.1:{mlflow}",
        smtp_port=free_port(),
        shards=2,
    )
    job = Job(settings, load_config(settings.config_dir), SystemClock(), Terminal(), DAYS)
    dags = folder / "dags"
    shutil.copytree(REPOSITORY / "dags", dags)
    shutil.copy(Path(__file__).parent / "dags" / "late_on_purpose.py", dags)
    job.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    job.supervisor = Supervisor(settings.home, job.environment, REPOSITORY)
    stack = Stack(job, END)
    try:
        job.simulate(END)
        job.prepare()
        job.start()
        _history(stack)
        yield stack
    finally:
        job.supervisor.stop(patience_seconds=5)


def _history(stack: Stack) -> None:
    """Load, train and detect up to the newest hour, and report the three hours before it.

    For half an hour checkout fails, but the point of one minute in its midst is still to come.
    """
    rt = stack.runtime("history")
    state = read_state(stack.job.fleet_state)
    for at in (at for at in stack.failing if at != stack.late):
        state = state.with_injection(Injection("errors", "checkout", at.isoformat(), FAILED))
    write_state(stack.job.fleet_state, state, stack.fleet)
    file = stack.fleet / "metrics" / f"{stack.late:%Y-%m-%d}.parquet"
    write_metrics(file, state, day_of(stack.late), stack.end)
    newest = stack.hour(1)
    history = Window(newest.start - timedelta(days=DAYS), newest.start)
    for piece in plan_reads(rt, history, ["metric_point"], None, with_late=False):
        load_piece(rt, piece, ["metric_point"], _no_credentials)
    train_model(rt, history, ANOMALY, days=DAYS)
    for shard in range(rt.settings.shards):
        score_shard(rt, Window(newest.start - 6 * HOUR, newest.start), shard)
    for hours in (4, 3, 2):
        compute_slo(rt, stack.hour(hours))
        publish_slo(rt, stack.hour(hours))


def _no_credentials(connection: str) -> Any:
    raise AssertionError(f"the fleet needs no credentials, but {connection} was asked for")


def _port_with_neighbours() -> int:
    """Return a free port whose internal neighbours (see `include.stack.environment`) are ports too."""
    while (port := free_port()) > 64_000:
        continue
    return port
