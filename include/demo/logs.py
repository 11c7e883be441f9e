"""Logs: one line per sampled span, routine chatter, and lines that faults bring about."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from include.datasets import UTC_TIME
from include.demo.faults import faults_near
from include.demo.fleet import COUNT, NAMES, Floats
from include.demo.measure import signals_of
from include.demo.traces import OPERATIONS, spans_of
from include.demo.world import MINUTES, World, minutes

LOG = pa.schema(
    [
        ("ts", UTC_TIME),
        ("service", pa.string()),
        ("level", pa.string()),
        ("message", pa.string()),
        ("trace_id", pa.string()),
    ]
)
CHATTER = 26_000
"""Routine lines of a usual day without a trace."""
MOST_PER_FAULT = 4000

# %(n)d a number, %(ms)d milliseconds, %(user)s a user, %(ip)s an address, %(id)s an id in hexadecimal digits
_ROUTINE = (
    (0.30, "INFO", "connection accepted from %(ip)s:%(n)d"),
    (0.16, "DEBUG", "cache lookup key=item:%(n)d took %(ms)d ms"),
    (0.14, "INFO", "session %(id)s refreshed for user %(user)s"),
    (0.12, "INFO", "flushed %(n)d entries in %(ms)d ms"),
    (0.10, "DEBUG", "pool stats: active=%(ms)d idle=%(n)d"),
    (0.07, "INFO", "GC pause %(ms)d ms, heap after %(n)d kB"),
    (0.05, "INFO", "health check ok"),
    (0.03, "WARN", "slow call: %(ms)d ms for request %(id)s"),
    (0.02, "INFO", "login of %(user)s@mail.example from %(ip)s"),
    (0.01, "WARN", "retrying request %(id)s, attempt %(ms)d"),
)
_OF_FAULTS = {
    "cpu_saturation": (("WARN", "worker queue is full, %(n)d requests wait"), ("WARN", "event loop lag %(ms)d ms")),
    "memory_leak": (
        ("WARN", "GC overhead: heap at %(n)d kB after full collection"),
        ("ERROR", "java.lang.OutOfMemoryError: Java heap space in request %(id)s"),
    ),
    "disk_filling": (
        ("ERROR", "write failed: No space left on device, segment %(n)d"),
        ("WARN", "disk watermark exceeded"),
    ),
    "pool_exhaustion": (
        ("ERROR", "timeout after %(ms)d ms waiting for a connection from the pool"),
        ("WARN", "pool exhausted: %(n)d waiting"),
    ),
    "slow_dependency": (("WARN", "slow query %(id)s: %(ms)d ms"), ("WARN", "lock wait of %(ms)d ms on row %(n)d")),
    "bad_deployment": (
        ("ERROR", "TypeError: unsupported operand in handler for request %(id)s"),
        ("ERROR", "unhandled exception, returning 500 for user %(user)s"),
    ),
    "bad_configuration": (
        ("ERROR", "invalid value for setting, falling back, request %(id)s"),
        ("ERROR", "403 from upstream"),
    ),
    "cache_loss": (("WARN", "cache miss storm: %(n)d misses"), ("WARN", "cold cache, loading %(n)d keys")),
    "traffic_surge": (("WARN", "rate limit reached for %(ip)s"), ("INFO", "scaling hint: %(n)d requests waiting")),
    "network_loss": (("ERROR", "connection reset by peer %(ip)s:%(n)d"), ("WARN", "retransmission to %(ip)s")),
    "queue_backlog": (("WARN", "consumer lag is %(n)d messages"), ("WARN", "message %(id)s is %(ms)d s old")),
    "certificate_expiry": (
        ("ERROR", "TLS handshake failed: certificate has expired, peer %(ip)s"),
        ("ERROR", "x509: certificate has expired or is not yet valid"),
    ),
}
_FIRST = ("anna", "ben", "carla", "deniz", "emre", "fatma", "georg", "hana", "ivan", "julia", "karim", "lena")

Lines = tuple[Floats, NDArray[np.int64], str, list[str], list[str | None]]


def log_rows(world: World, day: int) -> pa.Table:
    """Return the day's lines in order of time."""
    blocks = [*_of_spans(world, day), *_chatter(world, day), *_of_faults(world, day)]
    time = np.concatenate([block[0] for block in blocks])
    order = np.argsort(time, kind="stable")
    take = pa.array(order)
    level = np.repeat(np.arange(len(blocks)), [len(block[0]) for block in blocks])
    return pa.Table.from_arrays(
        [
            pa.array((time[order] * 60_000_000).astype(np.int64)).cast(UTC_TIME),
            pa.array(NAMES).take(pa.array(np.concatenate([block[1] for block in blocks])[order])),
            pa.array([block[2] for block in blocks]).take(pa.array(level[order])),
            pa.array([text for block in blocks for text in block[3]]).take(take),
            pa.array([trace for block in blocks for trace in block[4]], pa.string()).take(take),
        ],
        schema=LOG,
    )


def _of_spans(world: World, day: int) -> Iterator[Lines]:
    spans = spans_of(world, day)
    for failed, level in ((False, "INFO"), (True, "ERROR")):
        at = np.flatnonzero(spans.error == failed)
        rows = zip(
            spans.operation[at].tolist(), (spans.duration[at] * 1000).tolist(), spans.trace[at].tolist(), strict=True
        )
        status = "status=500" if failed else "status=200"
        texts: list[str] = []
        traces: list[str | None] = []
        for operation, ms, trace in rows:
            texts.append(f'op="{OPERATIONS[operation]}" {status} took {ms:.1f} ms')
            traces.append(f"{trace:016x}")
        yield spans.start[at] + spans.duration[at] / 60, spans.service[at], level, texts, traces


def _chatter(world: World, day: int) -> Iterator[Lines]:
    real = signals_of(world, day)
    draw = world.random("chatter", day)
    weight = real.requests.sum(axis=0) ** 0.6
    for share, level, template in _ROUTINE:
        count = int(draw.poisson(CHATTER * share))
        time = draw.choice(MINUTES, count, p=weight / weight.sum()) + draw.random(count)
        yield (
            day * MINUTES + time,
            draw.integers(COUNT, size=count),
            level,
            _fill(draw, template, count),
            [None] * count,
        )


def _of_faults(world: World, day: int) -> Iterator[Lines]:
    for fault in faults_near(world, day):
        draw = world.random("fault-lines", day, *(int(part) for part in fault.id[1:].split("-")), int(fault.harmless))
        t = minutes(day)
        level_now = fault.level(t)
        per_minute = level_now * (2 + 40 * fault.size**1.5) * (level_now > 0.05)
        per_minute *= min(1.0, MOST_PER_FAULT / 2 / max(per_minute.sum(), 1))
        for level, template in _OF_FAULTS[fault.kind]:
            lines = draw.poisson(per_minute)
            count = int(lines.sum())
            time = np.repeat(t, lines) + draw.random(count)
            yield time, np.full(count, fault.service), level, _fill(draw, template, count), [None] * count


def _fill(draw: np.random.Generator, template: str, count: int) -> list[str]:
    """Return `count` texts of a template with its own numbers, ids, users and addresses."""
    made = {
        "n": draw.integers(1, 65_000, count).tolist(),
        "ms": draw.gamma(2, 40, count).astype(int).tolist(),
        "id": [f"{number:012x}" for number in draw.integers(2**48, size=count).tolist()],
        "ip": [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}" for n in draw.integers(2**24, size=count).tolist()],
        "user": [f"{_FIRST[n % 12]}{n // 12}" for n in draw.integers(60_000, size=count).tolist()],
    }
    used = [name for name in made if f"%({name})" in template]
    plain = template
    for name in made:
        plain = plain.replace(f"%({name})d", "{}").replace(f"%({name})s", "{}")
    in_order = sorted(used, key=lambda name: template.index(f"%({name})"))
    if not used:
        return [plain] * count
    return [plain.format(*values) for values in zip(*(made[name] for name in in_order), strict=True)]
