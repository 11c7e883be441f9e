"""Traces: a sample of requests as trees of spans along the call graph."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from include.datasets import UTC_TIME
from include.demo.fleet import INDEX, NAMES, Floats
from include.demo.measure import signals_of
from include.demo.signals import Signals
from include.demo.world import MINUTES, World

PER_DAY = 1600
"""Sampled traces of a usual day."""

SPAN = pa.schema(
    [
        ("ts", UTC_TIME),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_id", pa.string()),
        ("service", pa.string()),
        ("operation", pa.string()),
        ("duration", pa.float64()),
        ("error", pa.bool_()),
    ]
)

Step = tuple[str, str, int]
FLOWS: dict[str, tuple[float, tuple[Step, ...]]] = {
    "browse": (
        0.45,
        (
            ("web-frontend", "GET /product", -1),
            ("auth", "check session", 0),
            ("cache", "GET", 1),
            ("catalog", "get product", 0),
            ("cache", "GET", 3),
            ("catalog-db", "SELECT product", 3),
            ("recommendation", "similar products", 0),
            ("catalog", "get products", 6),
        ),
    ),
    "search": (
        0.27,
        (
            ("web-frontend", "GET /search", -1),
            ("search", "query", 0),
            ("search-index", "match", 1),
            ("catalog", "get products", 0),
            ("cache", "MGET", 3),
        ),
    ),
    "add to cart": (
        0.18,
        (
            ("web-frontend", "POST /cart", -1),
            ("auth", "check session", 0),
            ("cart", "add item", 0),
            ("cache", "GET", 2),
            ("cache", "SET", 2),
        ),
    ),
    "buy": (
        0.10,
        (
            ("web-frontend", "POST /checkout", -1),
            ("checkout", "place order", 0),
            ("cart", "get cart", 1),
            ("cache", "GET", 2),
            ("payments", "charge", 1),
            ("fraud", "score", 4),
            ("payments-db", "SELECT history", 5),
            ("payments-db", "INSERT payment", 4),
            ("inventory", "reserve", 1),
            ("inventory-db", "UPDATE stock", 8),
            ("shipping", "book", 1),
            ("queue", "publish", 10),
            ("notification", "confirm order", 1),
            ("queue", "publish", 12),
        ),
    ),
}


@dataclass(frozen=True)
class Spans:
    """Spans of a day as columns, in no order. `start` in minutes since 1970, `duration` in seconds."""

    start: Floats
    trace: NDArray[np.uint64]
    number: NDArray[np.int64]
    parent: NDArray[np.int64]
    service: NDArray[np.int64]
    operation: NDArray[np.int64]
    duration: Floats
    error: NDArray[np.bool_]


OPERATIONS = tuple(sorted({step[1] for _, steps in FLOWS.values() for step in steps}))


@lru_cache(maxsize=2)
def spans_of(world: World, day: int) -> Spans:
    """Return the day's sampled spans; the last days are kept."""
    real = signals_of(world, day)
    draw = world.random("traces", day)
    weight = real.requests[0] / real.requests[0].sum()
    share = real.requests[0].sum() / (60 * world.peak_rate * MINUTES * 0.5)
    parts = []
    for often, steps in FLOWS.values():
        count = int(draw.poisson(PER_DAY * often * min(share, 2)))
        minute = draw.choice(MINUTES, count, p=weight)
        services = np.array([INDEX[step[0]] for step in steps])
        parents = np.array([step[2] for step in steps])
        duration, failed, offset = _walk(draw, real, services, parents, minute)
        begin = day * MINUTES + minute[:, None] + draw.random((count, 1)) + offset / 60
        trace = np.broadcast_to(draw.integers(2**63, 2**64, (count, 1), dtype=np.uint64), begin.shape)
        operation = np.array([OPERATIONS.index(step[1]) for step in steps])
        columns = (begin, trace, np.arange(len(steps)), parents, services, operation, duration, failed)
        parts.append([np.broadcast_to(column, begin.shape).ravel() for column in columns])
    return Spans(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _walk(
    draw: np.random.Generator,
    real: Signals,
    services: NDArray[np.int64],
    parents: NDArray[np.int64],
    minute: NDArray[np.int64],
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Return seconds, failures and seconds from the trace's start, each `(traces, steps)`.

    A span that calls others lasts as long as all of them one after the other, and its own work.
    """
    count, steps = len(minute), len(services)
    median, slow = real.p50[services[None, :], minute[:, None]], real.p95[services[None, :], minute[:, None]]
    sigma = np.log(slow / median) / 1.645
    duration = median * np.exp(sigma * draw.standard_normal((count, steps)))
    failed = draw.random((count, steps)) < real.errors[services[None, :], minute[:, None]]
    children = [np.flatnonzero(parents == step) for step in range(steps)]
    for step in range(steps - 1, -1, -1):
        if len(children[step]):
            own = 0.35 * duration[:, step]
            duration[:, step] = own + duration[:, children[step]].sum(axis=1)
            failed[:, step] |= (failed[:, children[step]] & (draw.random((count, 1)) < 0.5)).any(axis=1)
    offset = np.zeros((count, steps))
    for step in range(steps):
        at = offset[:, step] + 0.1 * duration[:, step]
        for child in children[step]:
            offset[:, child] = np.minimum(at, offset[:, step] + duration[:, step] - duration[:, child])
            at = offset[:, child] + duration[:, child]
    return duration, failed, offset


def span_rows(world: World, day: int) -> pa.Table:
    """Return the day's spans in order of their start; `duration` in seconds."""
    spans = spans_of(world, day)
    order = np.argsort(spans.start, kind="stable")
    trace, number, parent = spans.trace[order], spans.number[order], spans.parent[order]
    ids = [f"{t:016x}" for t in trace.tolist()]
    return pa.Table.from_arrays(
        [
            pa.array((spans.start[order] * 60_000_000).astype(np.int64)).cast(UTC_TIME),
            pa.array(ids),
            pa.array([f"{i[4:]}{n:04x}" for i, n in zip(ids, number.tolist(), strict=True)]),
            pa.array([f"{i[4:]}{p:04x}" if p >= 0 else None for i, p in zip(ids, parent.tolist(), strict=True)]),
            pa.array(NAMES).take(pa.array(spans.service[order])),
            pa.array(OPERATIONS).take(pa.array(spans.operation[order])),
            pa.array(spans.duration[order]),
            pa.array(spans.error[order]),
        ],
        schema=SPAN,
    )
