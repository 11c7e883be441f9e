"""A shop of two services whose measurements are CSV files: small, literal, and read as any user's files are."""

import csv
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.clock import FixedClock
from include.config import load_config
from include.http import Credentials
from include.orchestration.ingest import load_piece
from include.orchestration.runtime import Runtime
from include.settings import Settings
from include.warehouse.schema import metric_point
from include.window import Window

SEVEN = Window.parse("2026-11-05T07")
EIGHT = Window.parse("2026-11-05T08")
NINE = Window.parse("2026-11-05T09")
NOW = datetime(2026, 11, 5, 12, 0, tzinfo=UTC)

CONFIG = {
    "services.yaml": """
        services:
          cart: {owner: storefront, aliases: {shop: [shop/cart]}}
          checkout: {owner: payments, tier: 1, dependencies: [cart], aliases: {shop: [shop/checkout, "Shop: Checkout"]}}
    """,
    "sources.yaml": """
        sources:
          shop:
            type: files
            path: shop
            lateness: 2h
            layout: {files: metrics/*.csv, metric: metric, value: value, labels: {job: job}}
            feeds:
              alerts:
                dataset: alert
                layout:
                  files: alerts/*.csv
                  time: at
                  columns: {updated_at: at, alert_id: id, fingerprint: id, name: name, service: job,
                            severity: severity, status: status, starts_at: at}
    """,
    "queries.yaml": """
        defaults: {sources: shop, step: 1m, service_label: job, identity_labels: [job]}
        queries:
          requests: {expr: requests, kind: traffic, unit: requests}
          errors: {expr: errors, kind: errors, unit: requests, bad_direction: up}
          memory: {expr: memory, kind: usage, unit: bytes, bad_direction: up}
    """,
    "limits.yaml": "limits: {memory: {resource: memory, query: memory, value: 1000}}\n",
    "slos/all.yaml": """
        apiVersion: openslo/v1
        kind: SLO
        metadata: {name: checkout-availability}
        spec:
          service: checkout
          indicator:
            metadata: {name: failed}
            spec:
              ratioMetric:
                counter: false
                bad: {metricSource: {type: Almanac, spec: {query: errors}}}
                total: {metricSource: {type: Almanac, spec: {query: requests}}}
          timeWindow: [{duration: 28d, isRolling: true}]
          budgetingMethod: Occurrences
          objectives: [{target: 0.99}]
    """,
    "calendar.yaml": """
        maintenance:
          move: {services: [cart], start: 2026-11-05T02:00, end: 2026-11-05T03:00, reason: new racks}
    """,
    "mail.yaml": """
        enabled: true
        sender: almanac@shop.example
        audiences: {everyone: {addresses: [sre@shop.example]}, payments: {addresses: [pay@shop.example]}}
    """,
}


@dataclass(frozen=True)
class Shop:
    """The shop's files and an Almanac on them, at a fixed time."""

    rt: Runtime

    @classmethod
    def at(cls, folder: Path, warehouse_url: str) -> "Shop":
        """Write the configuration and make the warehouse."""
        config = folder / "config"
        for name, text in CONFIG.items():
            file = config / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text).lstrip("\n"))
        home = folder / "home"
        (home / "shop" / "metrics").mkdir(parents=True)
        (home / "shop" / "metrics" / "none.csv").write_text("ts,metric,job,value\n")
        (home / "shop" / "alerts").mkdir()
        settings = Settings(
            home=home, config_dir=config, warehouse_url=warehouse_url, shards=2, lock_timeout_seconds=20
        )
        rt = Runtime(settings, load_config(config), FixedClock(NOW), "test/run-1")
        rt.warehouse.migrate()
        return cls(rt)

    @property
    def files(self) -> Path:
        """The folder that the source reads."""
        return self.rt.settings.home / "shop"

    def again(self, run_id: str = "test/run-2", clock: Any = None, **settings: Any) -> "Shop":
        """Return the same shop for another run: configuration read again, another time, other settings."""
        there = self.rt.settings.model_copy(update=settings)
        clock = clock or self.rt.clock
        return Shop(Runtime(there, load_config(there.config_dir), clock, run_id))

    def configure(self, file: str, text: str) -> "Shop":
        """Replace a file of the configuration."""
        (self.rt.settings.config_dir / file).write_text(dedent(text).lstrip("\n"))
        return self.again()

    def measure(self, metric: str, job: str, window: Window, values: list[float] | float) -> None:
        """Write one value a minute of a window, replacing what the shop said of that metric and window."""
        minutes = int(window.duration / timedelta(minutes=1))
        listed = values if isinstance(values, list) else [values] * minutes
        name = f"{metric}-{job.replace('/', '_')}-{window.start:%Y%m%dT%H}.csv"
        with (self.files / "metrics" / name).open("w", newline="") as out:
            rows = csv.writer(out)
            rows.writerow(["ts", "metric", "job", "value"])
            for minute, value in enumerate(listed[:minutes]):
                rows.writerow([(window.start + timedelta(minutes=minute)).isoformat(), metric, job, value])

    def usual(self, window: Window) -> None:
        """Write a usual hour of both services."""
        minutes = int(window.duration / timedelta(minutes=1))
        for job, requests in (("shop/cart", 200.0), ("shop/checkout", 100.0)):
            self.measure("requests", job, window, [requests + minute % 7 for minute in range(minutes)])
            self.measure("errors", job, window, [float(minute % 2) for minute in range(minutes)])
            self.measure("memory", job, window, [500.0 + minute % 5 for minute in range(minutes)])

    def alert(self, at: str, name: str = "High errors", job: str = "Shop: Checkout", severity: str = "SEV1") -> None:
        """Write one alert."""
        text = f"id,at,name,job,severity,status\na1,{at},{name},{job},{severity},firing\n"
        (self.files / "alerts" / "alerts.csv").write_text(text)

    def ingest(self, window: Window, dataset: str = "metric_point", **options: Any) -> dict[str, Any]:
        """Load a window from the source."""
        piece = {"source": "shop", "window": window.key}
        return load_piece(self.rt, piece, [dataset], no_credentials, **options)

    def rows(self, table: sa.Table, *where: sa.ColumnElement[bool]) -> pd.DataFrame:
        """Return a table's rows."""
        return self.rt.warehouse.frame(sa.select(table).where(*where))

    def points(self, window: Window) -> pd.DataFrame:
        """Return the points of a window, in one order."""
        found = self.rows(metric_point, metric_point.c.ts >= window.start, metric_point.c.ts < window.end)
        return found.sort_values(["series_id", "ts"], ignore_index=True)


def no_credentials(connection: str) -> Credentials:
    """Refuse: the shop's files need no login."""
    raise AssertionError(f"asked for the connection {connection}")


def with_source(shop: Shop, **changes: Any) -> Shop:
    """Return the shop with another source configuration."""
    source = shop.rt.config.sources["shop"].model_copy(update=changes)
    return Shop(replace(shop.rt, config=replace(shop.rt.config, sources={**shop.rt.config.sources, "shop": source})))
