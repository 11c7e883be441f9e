import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from include.config import load_config
from include.demo.fleet import INDEX, NAMES, SERVICES, cluster_name, metric_labels, pager_name
from include.settings import REPOSITORY
from include.sources.fleet import FleetSource
from include.window import Window


def demo(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "include.demo", *map(str, arguments)]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outside") / "fleet"
    done = demo("write", folder, "--end", "2026-11-21T06:00", "--days", 2, "--no-logs", "--no-traces")
    assert done.returncode == 0, done.stderr
    assert "3 days up to 2026-11-21 06:00 UTC in" in done.stdout
    return folder


def test_the_folder_that_the_platform_reads_holds_no_state(fleet: Path) -> None:
    assert sorted(path.name for path in fleet.iterdir()) == ["alerts", "changes", "incidents", "metrics"]
    assert {path.suffix for path in fleet.rglob("*") if path.is_file()} == {".parquet"}
    known = json.loads((fleet.parent / "fleet-world" / "state.json").read_text())
    assert known["seed"] == 7
    for path in fleet.rglob("*.parquet"):
        assert set(pq.read_schema(path).metadata or {}) <= {b"through", b"ARROW:schema"}


def test_a_state_inside_the_folder_is_refused(tmp_path: Path) -> None:
    done = demo("write", tmp_path / "fleet", "--state", tmp_path / "fleet" / "state.json", "--days", 1)
    assert done.returncode == 1
    assert "where the platform reads" in done.stderr
    assert "Traceback" not in done.stderr


def test_writing_again_keeps_seed_and_anchor_and_adds_what_is_missing(fleet: Path) -> None:
    state = fleet.parent / "fleet-world" / "state.json"
    before = state.read_text()
    old = (fleet / "metrics" / "2026-11-20.parquet").stat().st_mtime_ns
    done = demo("write", fleet, "--seed", 99, "--end", "2026-11-21T07:00", "--no-logs", "--no-traces")
    assert done.returncode == 0, done.stderr
    assert state.read_text() == before
    assert (fleet / "metrics" / "2026-11-20.parquet").stat().st_mtime_ns == old
    newest = pq.read_table(fleet / "metrics" / "2026-11-21.parquet")["ts"].to_pandas().max()
    assert newest.isoformat() == "2026-11-21T06:59:00+00:00"


def test_an_injected_point_is_read_and_survives_the_next_write(fleet: Path) -> None:
    at = "2026-11-21T02:30"
    done = demo("inject", fleet, "--metric", "latency_p95", "--service", "checkout", "--at", at, "--value", 42.5)
    assert done.returncode == 0, done.stderr
    demo("write", fleet, "--end", "2026-11-21T07:30", "--no-logs", "--no-traces")
    query = load_config(REPOSITORY / "include" / "config" / "fleet").queries["latency_p95"]
    window = Window.parse("2026-11-21T02:30/2026-11-21T02:31")
    rows = [row for batch in FleetSource("fleet", str(fleet), query).read(window) for row in batch.to_pylist()]
    assert [row["value"] for row in rows if "checkout" in row["labels"]] == [42.5]
    assert len(rows) == len(SERVICES)


def test_a_point_that_is_not_there_yet_or_unknown_cannot_be_injected(fleet: Path) -> None:
    future = demo(
        "inject", fleet, "--metric", "cpu_utilisation", "--service", "cart", "--at", "2030-01-01", "--value", 1
    )
    assert future.returncode == 1
    assert "not written yet" in future.stderr
    unknown = demo("inject", fleet, "--metric", "nonsense", "--service", "cart", "--at", "2026-11-20", "--value", 1)
    assert unknown.returncode == 1
    assert "nonsense" in unknown.stderr


def test_the_truth_is_told_only_when_asked_for(fleet: Path, tmp_path: Path) -> None:
    done = demo("truth", fleet, "--out", tmp_path / "truth.json")
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "truth.json").read_text())
    assert {"faults", "near_misses", "disks", "alerts"} <= told.keys()


def test_without_a_world_there_is_one_sentence(tmp_path: Path) -> None:
    done = demo("truth", tmp_path / "nothing", "--out", tmp_path / "truth.json")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "There is no world" in done.stderr


def test_following_catches_up_and_stops_on_sigterm(tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    end = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() - 7200))
    assert demo("write", folder, "--end", end, "--days", 1, "--no-logs", "--no-traces").returncode == 0
    before = max(path.name for path in (folder / "metrics").iterdir())
    newest_before = pq.read_table(folder / "metrics" / before)["ts"].to_pandas().max()
    process = subprocess.Popen([sys.executable, "-m", "include.demo", "follow", str(folder)], cwd=REPOSITORY)
    try:
        deadline = time.monotonic() + 30
        newest = newest_before
        while newest <= newest_before and time.monotonic() < deadline:
            time.sleep(0.2)
            last = max(path.name for path in (folder / "metrics").glob("2*.parquet"))
            newest = pq.read_table(folder / "metrics" / last)["ts"].to_pandas().max()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
    assert newest > newest_before
    assert not list(folder.rglob("*.part"))


def test_the_fleet_and_its_configuration_agree_on_names_calls_and_limits() -> None:
    config = load_config(REPOSITORY / "include" / "config" / "fleet")
    assert set(config.services) == set(NAMES)
    for service in SERVICES:
        position = INDEX[service.name]
        for alias in (metric_labels(position)["job"], pager_name(position), cluster_name(position)):
            assert config.resolve_service("fleet", alias) == service.name
        assert set(config.services[service.name].dependencies) == set(service.calls)
        assert config.services[service.name].tier == service.tier
        pools = [
            one for one in config.limits if one.query == "connections_used" and one.service in (None, service.name)
        ]
        assert max(pools, key=lambda one: one.specificity).value == service.connections
