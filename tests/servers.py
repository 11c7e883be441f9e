"""Real servers for tests: Prometheus with known history, Alertmanager, VictoriaMetrics; `answering` for other commands.

Every server listens on a free port of the loopback and is stopped with its fixture. Histories are back-filled as
OpenMetrics text with promtool, so a test knows every point that the server holds.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import httpx
import numpy as np
import pytest

HISTORY_START = 1_790_812_800  # 2026-10-01T00:00:00Z
HISTORY_STEP = 15
HISTORY_POINTS = 23_040  # four days: more than twice the 11,000 points that one query may bring
HISTORY_SERIES: Mapping[str, float] = {
    'fleet_cpu{job="shop/cart",instance="10.0.0.1:9100",zone="a"}': 0.25,
    'fleet_cpu{job="shop/cart",instance="10.0.0.2:9100",zone="b"}': 0.5,
    'fleet_cpu{job="shop/auth",instance="10.0.0.3:9100",zone="a"}': 0.75,
}


@dataclass(frozen=True)
class Server:
    """A server that runs for one test or one session: its address and its folder."""

    url: str
    folder: Path


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def answering(command: Sequence[str], ready: str, folder: Path, accept: Sequence[int] = (200,)) -> Iterator[None]:
    """Run `command` until the block ends; the block starts once GET `ready` answers with an accepted status."""
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(list(command), cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not _answers(ready, accept):
            assert process.poll() is None, f"{command[0]} ended at once:\n{log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{command[0]} did not answer in 30 s:\n{log.read_text()[-2000:]}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str, accept: Sequence[int]) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code in accept
    except httpx.TransportError:
        return False


def openmetrics(series: Mapping[str, tuple[Iterable[float], Iterable[float]]], kind: str = "gauge") -> str:
    """Return OpenMetrics text of `{selector: (unix seconds, values)}`; series of one metric become one family."""
    families: dict[str, list[str]] = {}
    for selector, (times, values) in series.items():
        lines = families.setdefault(selector.split("{")[0], [])
        lines.extend(f"{selector} {value!r} {at!r}" for at, value in zip(times, values, strict=True))
    parts = [f"# TYPE {name} {kind}\n" + "\n".join(lines) + "\n" for name, lines in families.items()]
    return "".join(parts) + "# EOF\n"


def back_fill(data: Path, text: str) -> None:
    """Write OpenMetrics text as blocks into a Prometheus data folder, before that Prometheus starts."""
    source = data.parent / "history.om"
    source.write_text(text)
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(source), str(data)],
        check=True,
        capture_output=True,
    )


@contextmanager
def running_prometheus(
    folder: Path, history: str = "", config: str = "", web_config: str = "", arguments: Sequence[str] = ()
) -> Iterator[Server]:
    """Run a Prometheus with back-filled history, 90 days of retention and nothing to scrape unless `config` says so."""
    data = folder / "data"
    data.mkdir(parents=True)
    if history:
        back_fill(data, history)
    (folder / "prometheus.yml").write_text(config or "global: {scrape_interval: 15s}\n")
    extra = list(arguments)
    if web_config:
        (folder / "web.yml").write_text(web_config)
        extra.append("--web.config.file=web.yml")
    port = free_port()
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=90d",
        f"--web.listen-address=127.0.0.1:{port}",
        *extra,
    ]
    url = f"http://127.0.0.1:{port}"
    with answering(command, f"{url}/-/ready", folder, accept=(200, 401)):
        yield Server(url, folder)


@contextmanager
def running_victoria_metrics(folder: Path, arguments: Sequence[str] = ()) -> Iterator[Server]:
    """Run an empty VictoriaMetrics that keeps a hundred years."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [
        "victoria-metrics",
        f"-storageDataPath={folder / 'data'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-retentionPeriod=100y",
        *arguments,
    ]
    url = f"http://127.0.0.1:{port}"
    with answering(command, f"{url}/health", folder):
        yield Server(url, folder)


def write_points(
    server: Server,
    series: Mapping[str, tuple[Iterable[float], Iterable[float]]],
    labels: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write `{metric: (unix seconds, values)}` into a VictoriaMetrics, each with job="shop/cart", ready to be read."""
    for name, (times, values) in series.items():
        line = {
            "metric": {"__name__": name, "job": "shop/cart", **labels},
            "values": list(values),
            "timestamps": [round(at * 1000) for at in times],
        }
        httpx.post(f"{server.url}/api/v1/import", content=json.dumps(line), trust_env=False).raise_for_status()
    httpx.get(f"{server.url}/internal/force_flush", trust_env=False).raise_for_status()


@contextmanager
def running_alertmanager(folder: Path, config: str = "") -> Iterator[Server]:
    """Run an Alertmanager with one receiver that does nothing, unless `config` says otherwise."""
    folder.mkdir(parents=True, exist_ok=True)
    nobody = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"
    (folder / "alertmanager.yml").write_text(config or nobody)
    port = free_port()
    command = [
        "prometheus-alertmanager",
        "--config.file=alertmanager.yml",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    url = f"http://127.0.0.1:{port}"
    with answering(command, f"{url}/-/ready", folder):
        yield Server(url, folder)


def history_values(base: float) -> np.ndarray:
    """Return the values of one back-filled series: a slow wave around `base`, exact in the text that is written."""
    return np.round(base + 0.1 * np.sin(np.arange(HISTORY_POINTS) / 240.0), 6)


@pytest.fixture(scope="session")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Prometheus that holds `HISTORY_SERIES`: three series, every 15 s, for the four days from `HISTORY_START`."""
    times = [HISTORY_START + HISTORY_STEP * i for i in range(HISTORY_POINTS)]
    series = {selector: (times, history_values(base).tolist()) for selector, base in HISTORY_SERIES.items()}
    with running_prometheus(tmp_path_factory.mktemp("prometheus"), openmetrics(series)) as server:
        yield server


@pytest.fixture(scope="session")
def victoria_metrics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A VictoriaMetrics for the whole session; a test writes metrics under names of its own."""
    with running_victoria_metrics(tmp_path_factory.mktemp("victoria")) as server:
        yield server


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Server]:
    """A fresh Alertmanager without alerts."""
    with running_alertmanager(tmp_path / "alertmanager") as server:
        yield server
