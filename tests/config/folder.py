"""A configuration folder for a test, from the text of its files."""

from pathlib import Path
from textwrap import dedent

SERVICES = """\
services:
  cart:
    owner: storefront
    aliases: {prometheus: [shop/cart, "/cart-[0-9]+/"]}
  checkout:
    owner: payments
    tier: 1
    dependencies: [cart]
"""
SOURCES = """\
sources:
  prometheus: {type: prometheus, url: "http://localhost:9090"}
"""
QUERIES = """\
defaults: {sources: prometheus, step: 1m}
queries:
  requests: {expr: http_requests, kind: traffic, unit: requests}
  errors: {expr: http_errors, kind: errors, unit: requests}
  latency_p95: {expr: latency, kind: latency, unit: seconds}
  disk_used: {expr: used, kind: usage, unit: bytes}
  disk_size: {expr: size, kind: limit, unit: bytes}
"""


def write_config(folder: Path, **texts: str) -> Path:
    """Write a sound configuration, with the given files in place of its own: `slos` is slos/all.yaml."""
    files = {"services": SERVICES, "sources": SOURCES, "queries": QUERIES, **texts}
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / ("slos/all.yaml" if name == "slos" else f"{name}.yaml")
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    return folder
