import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from include.config import load_config
from include.config.__main__ import app
from include.config.discovery import Prometheus
from include.config.ready import fitting, ready
from include.config.starter import Wanted, build_starter, service_names, write_starter
from tests.servers import answering, free_port, openmetrics, running_prometheus

CONFIG = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - {{job_name: shop/node, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
"""
HISTORY = {
    'http_requests_total{job="1e3",status="200"}': 100.0,
    'http_requests_total{job="1e3",status="500"}': 1.0,
    'http_request_duration_seconds_bucket{job="1e3",le="+Inf"}': 7.0,
    'container_memory_working_set_bytes{namespace="shop",pod="cart-1",container="cart"}': 5.0,
    'kube_pod_container_resource_limits{namespace="shop",pod="cart-1",container="cart",resource="memory"}': 9.0,
    'tanks_level_ratio{job="/brewery/"}': 0.5,
}
runner = CliRunner()


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prometheus that scrapes a real node exporter and holds a little history of other exporters."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "exporter").mkdir()
    port = free_port()
    text = openmetrics({selector: ([1_790_812_800.0], [value]) for selector, value in HISTORY.items()}, kind="unknown")
    exporter = ["prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}"]
    with (
        answering(exporter, f"http://127.0.0.1:{port}/metrics", folder / "exporter"),
        running_prometheus(folder / "server", history=text, config=CONFIG.format(port=port)) as server,
    ):
        deadline = time.monotonic() + 30
        while not httpx.get(f"{server.url}/api/v1/query?query=node_load1").json()["data"]["result"]:
            assert time.monotonic() < deadline, "Prometheus scraped nothing in 30 s"
            time.sleep(0.2)
        yield server.url


@pytest.mark.needs("prometheus")
def test_discover_writes_a_configuration_that_passes_check(prometheus: str, tmp_path: Path) -> None:
    result = runner.invoke(app, ["discover", prometheus, "--out", str(tmp_path / "mine")])
    assert result.exit_code == 0, result.output
    checked = runner.invoke(app, ["check", "--dir", str(tmp_path / "mine")])
    assert checked.exit_code == 0, checked.output
    config = load_config(tmp_path / "mine")

    assert set(config.services) == {"shop-node", "1e3", "cart"}
    assert config.resolve_service("prometheus", "shop/node") == "shop-node"
    assert set(config.queries) >= {
        *("node_cpu_utilisation", "node_memory_used", "node_memory_size", "node_disk_used", "node_disk_size"),
        *("node_network_received", "node_network_sent", "http_requests", "http_errors", "http_error_rate"),
        *("http_request_duration_p95", "container_memory", "container_memory_limit"),
    }
    assert config.queries["http_errors"].expr.count('status=~"5.."') == 1
    assert {limit.name for limit in config.limits} >= {"node-disk", "node-memory", "node-cpu", "container-memory"}
    assert {slo.name: slo.queries for slo in config.slos} == {
        "1e3-availability": ("http_errors", "http_requests"),
        "shop-node-availability": ("up",),
    }
    assert not config.mail.enabled


@pytest.mark.needs("prometheus")
def test_the_node_queries_that_discover_writes_have_answers(prometheus: str, tmp_path: Path) -> None:
    with httpx.Client(base_url=prometheus) as client:
        write_starter(build_starter(Prometheus(client), Wanted(prometheus)), tmp_path, force=False)
        for name, query in load_config(tmp_path).queries.items():
            answer = client.get("/api/v1/query", params={"query": query.expr}).json()
            assert answer["status"] == "success", (name, answer)
            if name in {"up", "node_memory_used", "node_memory_size", "node_disk_used", "node_disk_size"}:
                assert answer["data"]["result"], name
                assert set(answer["data"]["result"][0]["metric"]) - {"__name__"} == set(query.identity_labels or ())


@pytest.mark.needs("prometheus")
def test_every_ready_query_is_promql_that_prometheus_parses(prometheus: str) -> None:
    entries = ready()[0].values()
    names = {metric for entry in entries for metric in (*entry.metrics, *entry.needs)}
    found = fitting("prometheus", names, lambda _: {"code"})
    assert len(found) >= len(entries)
    with httpx.Client(base_url=prometheus) as client:
        for item in found:
            answer = client.get("/api/v1/query", params={"query": item.query.expr})
            assert answer.status_code == 200, (item.query.name, answer.text)
            assert "$" not in item.query.expr + item.query.name


@pytest.mark.needs("prometheus")
def test_all_gauges_adds_one_query_for_each_metric_up_to_the_cap(prometheus: str, tmp_path: Path) -> None:
    arguments = ["discover", prometheus, "--out", str(tmp_path), "--all-gauges"]
    assert runner.invoke(app, arguments).exit_code == 0
    config = load_config(tmp_path)
    tank = config.queries["tanks_level_ratio"]
    assert (tank.expr, tank.kind, tank.unit, tank.identity_labels) == ("tanks_level_ratio", "other", "ratio", None)
    assert config.resolve_service("prometheus", "/brewery/") == "brewery"
    assert "http_requests_total" not in config.queries

    capped = runner.invoke(app, [*arguments, "--max-gauges", "1", "--force"])
    assert "gauges left out" in capped.output
    assert sum(query.kind == "other" for query in load_config(tmp_path).queries.values()) == 1


@pytest.mark.needs("prometheus")
def test_discover_overwrites_nothing_without_force(prometheus: str, tmp_path: Path) -> None:
    (tmp_path / "services.yaml").write_text("services: {mine: {}}\n")
    result = runner.invoke(app, ["discover", prometheus, "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "already has services.yaml" in result.output
    assert (tmp_path / "services.yaml").read_text() == "services: {mine: {}}\n"
    assert not (tmp_path / "queries.yaml").exists()


@dataclass(frozen=True)
class Refusal:
    url: str
    arguments: tuple[str, ...]
    message: str


@pytest.mark.parametrize(
    "case",
    [
        Refusal("http://127.0.0.1:1", (), "cannot be reached"),
        Refusal("localhost", (), "an address such as http://prometheus:9090"),
        Refusal("http://me:secret@localhost", (), "an address without a password"),
        Refusal("http://localhost", ("--step", "5"), "a duration with its unit"),
        Refusal("http://localhost", ("--source", "a b"), "a name of letters"),
        Refusal("http://localhost", ("--token-file", "/nowhere"), "/nowhere cannot be read"),
    ],
)
def test_discover_says_in_a_sentence_what_it_cannot_do(tmp_path: Path, case: Refusal) -> None:
    result = runner.invoke(app, ["discover", case.url, "--out", str(tmp_path), *case.arguments])
    assert result.exit_code == 1
    assert case.message in result.output
    assert "secret" not in result.output
    assert "Traceback" not in result.output


def test_service_names_are_clean_and_unique() -> None:
    assert service_names(["shop/cart", "shop-cart", "node", "//", "a b", "shop cart"]) == {
        "node": "node",
        "shop-cart": "shop-cart",
        "shop cart": "shop-cart-2",
        "shop/cart": "shop-cart-3",
        "//": "service",
        "a b": "a-b",
    }
