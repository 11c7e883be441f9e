"""Batches for the tests of quality: small, literal, with what each test changes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from include.datasets import LABELS, METRIC_POINT, UTC_TIME, Scope, canonical_labels, dataset
from include.quality import Expectation, Verdict
from include.window import Window

WINDOW = Window.parse("2026-11-05T07")
SCOPE = Scope("prometheus", "metric_point", "request_rate", WINDOW)
CART, AUTH, FRAUD = (canonical_labels({"job": f"shop/{name}"}) for name in ("cart", "auth", "fraud"))
EXPECTATION = Expectation(as_of=WINDOW.end + timedelta(minutes=5), minimum=0.0)


def at(minute: float) -> datetime:
    """Return the moment that many minutes after the window's start."""
    return WINDOW.start + timedelta(minutes=minute)


def points(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    """Return a metric batch of `(ts, labels, value)` or `(ts, labels, value, raw)` rows."""
    ts, labels, value, raw = zip(*((*row, None)[:4] for row in rows), strict=True) if rows else ((), (), (), ())
    columns = [
        pa.array(ts, UTC_TIME),
        pa.array(labels, pa.string()).cast(LABELS),
        pa.array(value, pa.float64(), from_pandas=False),
        pa.array(raw, pa.string()),
    ]
    return pa.table(columns, schema=METRIC_POINT.schema)


def hour(labels: str = CART, value: float = 5.0, minutes: int = 60) -> list[tuple[datetime, str, float]]:
    """Return one point a minute from the window's start."""
    return [(at(minute), labels, value) for minute in range(minutes)]


def many(codes: np.ndarray, ts: np.ndarray, value: np.ndarray, labels: Sequence[str]) -> pa.Table:
    """Return a metric batch from arrays; `ts` in microseconds since 1970."""
    columns = [
        pa.array(ts, pa.timestamp("us")).cast(UTC_TIME),
        pa.DictionaryArray.from_arrays(codes.astype(np.int32), pa.array(labels)),
        pa.array(value),
        pa.nulls(len(codes), pa.string()),
    ]
    return pa.table(columns, schema=METRIC_POINT.schema)


def event_scope(name: str) -> Scope:
    """Return the scope of a feed of that dataset."""
    return Scope("pager", name, name, WINDOW)


_RECORDS: dict[str, dict[str, Any]] = {
    "alert": {
        "alert_id": "a1",
        "fingerprint": "f1",
        "name": "HighLatency",
        "service": "Shop: Cart",
        "severity": "critical",
        "status": "firing",
        "starts_at": at(1),
        "updated_at": at(2),
        "deleted": False,
    },
    "incident": {
        "incident_id": "i1",
        "title": "Cart is slow",
        "service": "Shop: Cart",
        "severity": "P1",
        "status": "resolved",
        "opened_at": at(1),
        "acknowledged_at": at(3),
        "resolved_at": at(20),
        "updated_at": at(20),
        "deleted": False,
    },
    "change_event": {
        "change_id": "c1",
        "kind": "deployment",
        "service": "k8s://shop/cart",
        "title": "cart 1.4.2",
        "started_at": at(1),
        "ended_at": at(2),
        "updated_at": at(2),
        "deleted": False,
    },
}


def records(name: str, *changes: dict[str, Any]) -> pa.Table:
    """Return a batch of that dataset: one right record for each of `changes`, changed by it."""
    return pa.Table.from_pylist([_RECORDS[name] | change for change in changes], schema=dataset(name).schema)


def broken(verdict: Verdict) -> dict[str, int]:
    """Return the row rules that were broken, with the number of rows."""
    return {result.rule: result.failed_rows for result in verdict.results if result.failed_rows}


def warned(verdict: Verdict) -> set[str]:
    """Return the batch rules that warn."""
    return {result.rule for result in verdict.warnings}


LONG_AGO = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
