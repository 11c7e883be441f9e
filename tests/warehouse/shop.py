"""Small, literal data for tests of the warehouse, and how it is loaded."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from include.clock import FixedClock
from include.datasets import LABELS, METRIC_POINT, UTC_TIME, Scope, canonical_labels
from include.warehouse import Load, LoadOutcome, Meaning, Warehouse, load_verdict
from include.window import Window

START = datetime(2026, 11, 5, 7, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
NEXT_HOUR = HOUR.shifted(timedelta(hours=1))
CLOCK = FixedClock(datetime(2026, 11, 5, 12, tzinfo=UTC))
LATENCY = Meaning(kind="latency", unit="seconds", step_seconds=60, service_label="job")


NOTHING = pa.schema([("rule", pa.string()), ("raw", pa.string())]).empty_table()


@dataclass
class Judged:
    """What quality hands over."""

    good: pa.Table
    quarantined: pa.Table = field(default_factory=lambda: NOTHING)
    results: list[object] = field(default_factory=list)
    stop: str | None = None
    learned: dict[str, object] = field(default_factory=dict)


def quarantined(*rows: tuple[str, str]) -> pa.Table:
    return pa.table(
        {"rule": pa.array([r for r, _ in rows], pa.string()), "raw": pa.array([r for _, r in rows], pa.string())}
    )


def scope(window: Window = HOUR, query: str = "latency_p95") -> Scope:
    return Scope("shop", "metric_point", query, window)


def minutes(window: Window = HOUR, jobs: tuple[str, ...] = ("cart", "auth"), offset: float = 0.0) -> pa.Table:
    """One point a minute for every job, in the contract of metric_point."""
    times = [window.start + timedelta(minutes=i) for i in range(int(window.duration.total_seconds()) // 60)]
    return pa.table(
        {
            "ts": pa.array([t for _ in jobs for t in times], UTC_TIME),
            "labels": pa.array([canonical_labels({"job": job}) for job in jobs for _ in times]).cast(LABELS),
            "value": pa.array([offset + i for i in range(len(jobs) * len(times))], pa.float64()),
            "raw": pa.nulls(len(jobs) * len(times), pa.string()),
        },
        schema=METRIC_POINT.schema,
    )


def load(
    warehouse: Warehouse,
    good: pa.Table,
    window: Window = HOUR,
    *,
    load_id: str = "l1",
    query: str = "latency_p95",
    allow_shrink: bool = False,
    **judged: object,
) -> LoadOutcome:
    return load_verdict(
        warehouse,
        scope(window, query),
        Judged(good, **judged),  # type: ignore[arg-type]
        Load(load_id, "run-1", expected_rows=120, allow_shrink=allow_shrink),
        resolve=lambda alias: alias.upper(),
        clock=CLOCK,
        meaning=LATENCY,
    )
