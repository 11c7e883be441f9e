import re
from pathlib import Path
from textwrap import dedent

import pytest

from include.config import load_config
from tests.config.folder import write_config

DOCS = Path(__file__).parents[2] / "docs"
QUERIES = """\
defaults: {sources: prometheus, kind: other, unit: count}
queries:
  http_requests: {expr: a}
  http_errors: {expr: b}
  http_request_duration_p95: {expr: c}
  node_disk_used: {expr: d}
  node_disk_size: {expr: e}
  postgres_connections: {expr: f}
"""
SERVICES = """\
services:
  cart: {owner: storefront}
  orders-db: {}
"""


def examples(page: str, start: str) -> list[str]:
    """Return the indented blocks of a page that begin with `start`."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", (DOCS / page).read_text(), flags=re.MULTILINE)
    return [text for block in blocks if (text := dedent(block).strip("\n") + "\n").startswith(start)]


def test_the_objectives_in_the_docs_are_accepted_as_they_stand(tmp_path: Path) -> None:
    blocks = examples("add-an-slo.md", "apiVersion:")
    assert len(blocks) == 2
    config = load_config(write_config(tmp_path, services=SERVICES, queries=QUERIES, slos="---\n".join(blocks)))
    assert [slo.name for slo in config.slos] == ["cart-requests", "cart-latency"]


@pytest.mark.parametrize(
    ("file", "start", "more"),
    [
        ("services", "services:", "  cache: {}\n"),
        ("queries", "queries:", ""),
        ("limits", "limits:", ""),
        ("mail", "enabled:", ""),
    ],
)
def test_the_yaml_on_adding_a_prometheus_is_accepted_as_it_stands(
    tmp_path: Path, file: str, start: str, more: str
) -> None:
    (block,) = examples("add-prometheus.md", start)
    texts = {"services": SERVICES, "queries": QUERIES, file: block + more}
    load_config(write_config(tmp_path, **texts))


def test_the_maintenance_windows_in_the_docs_are_accepted_as_they_stand(tmp_path: Path) -> None:
    (block,) = examples("feedback.md", "maintenance:")
    config = load_config(write_config(tmp_path, services=SERVICES, queries=QUERIES, calendar=block))
    assert [one.name for one in config.maintenance] == ["new_racks", "patches"]
    assert config.maintenance[1].covers("orders-db")
