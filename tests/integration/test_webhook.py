"""A real Alertmanager delivers to a real Airflow: the alert is there within a minute, and final with its window's run.

Only what this needs of the stack is started: no MLflow, no mail, two DAGs.
"""

import contextlib
import json
import resource
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from include.clock import SystemClock
from include.config import load_config
from include.inbox import inbox_beside
from include.orchestration.runtime import Runtime
from include.settings import REPOSITORY, Settings
from include.stack import environment
from include.stack.api import DagRun
from include.stack.job import POOLS, Job
from include.stack.processes import Supervisor
from include.stack.terminal import Terminal
from include.warehouse.schema import alert, load_log
from include.window import Grid, Window
from tests.config.folder import write_config
from tests.integration.stack import _port_with_neighbours, wait_for
from tests.servers import Server, free_port, running_alertmanager

pytestmark = [pytest.mark.needs("alertmanager"), pytest.mark.timeout(240)]

TOKEN = "a-token-of-this-test"
SOURCES = """
sources:
  pages:
    type: webhook
    connection: pages_hook
    lateness: 0s
    options: {provider: alertmanager}
    feeds:
      pages: {dataset: alert}
"""
QUERIES = "queries: {}\n"
SERVICES = "services: {cart: {owner: storefront}}\n"


@dataclass
class Hooked:
    """A running Airflow with one webhook, and the Alertmanager that delivers to it."""

    job: Job
    alertmanager: Server

    @property
    def hooks(self) -> str:
        return f"{self.job.settings.ui}/almanac/hooks"

    def fire(self, name: str, **more: Any) -> None:
        """Send an alert to Alertmanager, as Prometheus does."""
        labels = {"alertname": name, "service": "cart", "severity": "critical", "instance": "10.0.0.1:9100"}
        one = {"labels": labels, "annotations": {"summary": "Cart is slow, call jane@example.org"}, **more}
        httpx.post(f"{self.alertmanager.url}/api/v2/alerts", json=[one], trust_env=False).raise_for_status()

    def paused_triages(self) -> list[DagRun]:
        """Let no triage begin any more, let those that have begun end, and return all of them."""

        def paused_at_rest() -> bool:
            self._pause_triage(True)
            at_rest = all(run.state != "running" for run in self.job.api.runs("triage"))
            if not at_rest:  # paused in the middle of its run, it would never end
                self._pause_triage(False)
            return at_rest

        wait_for("triages to end", paused_at_rest, 60, every=1.0)
        return self.job.api.runs("triage")

    def _pause_triage(self, paused: bool) -> None:
        self.job.api._call("PATCH", "/api/v2/dags/triage?update_mask=is_paused", json={"is_paused": paused})

    def kept(self) -> list[Path]:
        """Return the files of the inbox."""
        return list(Path(inbox_beside(self.job.settings.landing)).rglob("*.json"))

    def alerts(self) -> list[dict[str, Any]]:
        """Return the warehouse's alerts."""
        settings = self.job.settings
        rt = Runtime(settings, self.job.config, SystemClock(), "test")
        found: list[dict[str, Any]] = rt.warehouse.read(sa.select(alert).order_by(alert.c.name)).to_pylist()
        return found


@pytest.fixture(scope="module")
def hooked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hooked]:
    folder = tmp_path_factory.mktemp("webhook")
    config = write_config(folder / "config", services=SERVICES, sources=SOURCES, queries=QUERIES)
    settings = Settings(
        home=folder / "home",
        config_dir=config,
        ui_port=_port_with_neighbours(),
        mlflow_port=free_port(),
        smtp_port=free_port(),
    )
    job = Job(settings, load_config(config), SystemClock(), Terminal(), 1)
    dags = folder / "dags"
    dags.mkdir()
    for name in ("triage.py", "ingest_events.py"):
        shutil.copy(REPOSITORY / "dags" / name, dags)
    job.environment["AIRFLOW__CORE__DAGS_FOLDER"] = str(dags)
    job.environment["AIRFLOW_CONN_PAGES_HOOK"] = json.dumps({"conn_type": "http", "extra": {"token": TOKEN}})
    job.supervisor = Supervisor(settings.home, job.environment, REPOSITORY)
    receiver = f"""
route: {{receiver: almanac, group_by: [alertname], group_wait: 0s, group_interval: 1s}}
receivers:
- name: almanac
  webhook_configs:
  - url: {settings.ui}/almanac/hooks/pages
    http_config: {{authorization: {{credentials: {TOKEN}}}}}
"""
    try:
        job.prepare()
        for server in environment.servers(settings):
            if server.name not in {"mlflow", "mail-sink"}:
                job.supervisor.start(server)
        wait_for("Airflow to be healthy", job.api.healthy, 120)
        job.api.sign_in()
        wait_for("the DAGs to be read", lambda: {"triage", "ingest_events"} <= job.api.dag_ids(), 60)
        wait_for("the heavy libraries", lambda: "Almanac preloaded" in job.supervisor.tail("scheduler", 400), 90)
        for name, (slots, description) in POOLS.items():
            job.api.ensure_pool(name, slots, description)
        job.api.unpause("triage")
        with running_alertmanager(folder / "alertmanager", receiver) as alertmanager:
            yield Hooked(job, alertmanager)
    finally:
        job.supervisor.stop(patience_seconds=5)


def test_alerts_are_there_within_a_minute_and_final_with_their_windows_run(hooked: Hooked) -> None:
    burst = [f"Pod{n:02}IsDown" for n in range(20)]
    fired = datetime.now(UTC)
    hooked.fire("CartIsSlow", startsAt=fired.isoformat())
    for name in burst:
        hooked.fire(name)
    row = wait_for("the first alert in the warehouse", hooked.alerts, 60)[0]
    seconds = (datetime.now(UTC) - fired).total_seconds()
    print(f"\nfrom the alert to the warehouse: {seconds:.1f} s")
    assert (row["name"], row["service"], row["severity"], row["status"]) == (
        "CartIsSlow", "cart", "CRITICAL", "firing"
    )  # fmt: skip
    assert row["summary"] == "Cart is slow, call <email>"
    assert fired - timedelta(seconds=1) <= row["updated_at"] <= datetime.now(UTC)
    names = ["CartIsSlow", *burst]
    wait_for("the whole burst", lambda: [one["name"] for one in hooked.alerts()] == names, 90)
    assert all(one["provisional"] for one in hooked.alerts())

    hooked.fire("CartIsSlow", startsAt=fired.isoformat(), endsAt=datetime.now(UTC).isoformat())
    wait_for("its end in the inbox", lambda: any('"resolved"' in path.read_text() for path in hooked.kept()), 30)
    triages = hooked.paused_triages()
    assert {run.state for run in triages} <= {"success", "queued"}
    assert len(triages) == len({run.run_id for run in triages}) <= 4, "22 deliveries, at most one run a minute"

    hooked.job.api.unpause("ingest_events")
    for window in sorted({Window.containing(at, Grid.HOUR) for at in (fired, datetime.now(UTC))}):
        run = hooked.job.api.trigger("ingest_events", {"window": window.key})
        hooked.job.api.wait(run, 90, poll=0.3)
    rows = hooked.alerts()
    assert [one["name"] for one in rows] == names, "none twice"
    assert not any(one["provisional"] for one in rows)
    assert (rows[0]["status"], rows[1]["status"]) == ("resolved", "firing")
    loads = Runtime(hooked.job.settings, hooked.job.config, SystemClock(), "test").warehouse.frame(sa.select(load_log))
    statuses = set(loads["status"])
    assert {"provisional", "loaded"} <= statuses <= {"provisional", "loaded", "unchanged"}, "an hour without alerts"


def test_deliveries_need_no_sign_in_but_their_secret_and_the_pages_still_need_one(hooked: Hooked) -> None:
    with httpx.Client(trust_env=False, timeout=20) as client:
        said = {"alerts": [{"status": "firing", "labels": {"alertname": "Forged"}}]}
        assert client.post(f"{hooked.hooks}/pages", json=said).status_code == 401
        assert client.post(f"{hooked.hooks}/nobody", json=said).status_code == 401
        signed_in = {"Authorization": hooked.job.api._client.headers["Authorization"]}
        assert client.post(f"{hooked.hooks}/pages", json=said, headers=signed_in).status_code == 401
        assert client.get(f"{hooked.hooks}/pages").status_code == 405
        assert client.get(f"{hooked.job.settings.ui}/almanac/").status_code == 401
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert client.post(f"{hooked.hooks}/pages", content=b"{", headers=right).status_code == 415
        kind = {"Content-Type": "application/json"}
        answer = client.post(f"{hooked.hooks}/pages", content=b"{", headers=right | kind)
        assert (answer.status_code, "Traceback" in answer.text) == (400, False)
        large = b'"' + b"x" * (1 << 20) + b'"'
        assert client.post(f"{hooked.hooks}/pages", content=large, headers=right | kind).status_code == 413


def test_fifty_megabytes_cost_the_server_no_memory(hooked: Hooked) -> None:
    port, pid = hooked.job.settings.ui_port, hooked.job.supervisor.running()["api-server"]
    head = (
        f"POST /almanac/hooks/pages HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    before = _megabytes(pid)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.sendall(head.encode())
        sent = 0
        with contextlib.suppress(OSError):
            for _ in range(50 << 4):
                wire.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                sent += 65_536
    assert sent < 20 << 20
    assert _megabytes(pid) < before + 15


def _megabytes(group: int) -> float:
    """Return the resident memory of a group of processes."""
    fields = (stat.read_text().rpartition(")")[2].split() for stat in Path("/proc").glob("[0-9]*/stat"))
    return sum(int(one[21]) for one in fields if int(one[2]) == group) * resource.getpagesize() / 2**20


def test_a_delivery_is_kept_while_its_triage_is_paused(hooked: Hooked, tmp_path: Path) -> None:
    before = hooked.paused_triages()
    right = {"Authorization": f"Bearer {TOKEN}"}
    said = {"alerts": [{"status": "firing", "labels": {"alertname": "Kept"}, "startsAt": "2026-11-05T07:00:00Z"}]}
    with httpx.Client(trust_env=False, timeout=20) as client:
        assert client.post(f"{hooked.hooks}/pages", json=said, headers=right).status_code == 202
        assert client.post(f"{hooked.hooks}/pages", json=said, headers=right).json()["duplicate"] is True
    assert sum("Kept" in path.read_text() for path in hooked.kept()) == 1
    assert len(hooked.job.api.runs("triage")) == len(before)
