"""Log lines from a source's batches into the warehouse, in lines/s, and how much less is stored.

In the time: redaction, landing (Parquet with its checksum), reading back, quality rules, levels, templates, classes,
sampling, counts, and the transaction in DuckDB. Two kinds of lines, each a window's worth in batches of 10,000: lines
of the simulated fleet's kind, which this file makes, and HDFS lines as they are in their file (`loghub-volume/`), with
new times and block ids. Beside it the same work line by line on a few of them: patterns, masks and one insert each.
Templates are also compared with the groups that people made by hand (`loghub/`): grouping accuracy, and F1 of groups.
"""

import csv
import os
import re
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.result import Options, Row, run
from include.clock import FixedClock
from include.config.logs import LogRules
from include.datasets import LABELS, LOG_EVENT, UTC_TIME, Scope
from include.landing import land, new_load_id, read_landed
from include.parse.pipeline import digest
from include.parse.template import templates_of
from include.quality import Expectation, judge
from include.redact import redact_batch
from include.redact.rules import ALL
from include.sources.redacted import RedactedSource
from include.warehouse import Load, LoadStatus, Warehouse, load_verdict
from include.window import Grid, Window

LINES = 1_000_000
BATCH = 10_000
NAIVE_LINES = 3_000
GOAL = 150_000.0
LESS = 0.78
WINDOW = Window.parse("2026-11-05T07", grid=Grid.HOUR)
Result = TypeVar("Result")


def measure(options: Options) -> Iterator[Row]:
    """Yield lines/s end to end and of each stage, the share of bytes not stored, and the accuracy of templates."""
    two = sorted(os.sched_getaffinity(0))[:2]
    os.sched_setaffinity(0, two)
    pa.set_cpu_count(len(two))
    count = LINES // (20 if options.quick else 1)
    if options.wants("fleet"):
        yield from _kind("fleet", list(_fleet(count)), less=LESS)
    if options.wants("HDFS"):
        file = options.data / "loghub-volume" / "HDFS_20000.log" if options.data else None
        if file is None or not file.exists():
            yield Row.missing("HDFS", "lines/s, end to end", "the folder loghub-volume (DATA=folder of public data)")
        else:
            yield from _kind("HDFS", list(_hdfs(file, count)), less=None)
    if options.wants("templates"):
        yield from _accuracy(options.data)


@dataclass
class Stages:
    """Seconds of each stage of one load."""

    seconds: dict[str, float]

    def timed(self, stage: str, work: Callable[[], Result]) -> Result:
        """Return what the work returns, and keep how long it took."""
        began = time.perf_counter()
        done = work()
        self.seconds[stage] = time.perf_counter() - began
        return done


def _kind(name: str, batches: list[pa.RecordBatch], less: float | None) -> Iterator[Row]:
    lines = sum(len(batch) for batch in batches)
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(f"duckdb:///{Path(folder) / 'warehouse.duckdb'}")
        warehouse.migrate()
        _load(warehouse, batches[:1], WINDOW.shifted(timedelta(hours=-9)))  # imports, suites, connections
        runs = [_load(warehouse, batches, WINDOW.shifted(timedelta(hours=-hour))) for hour in range(3)]
    best = min(runs, key=lambda stages: sum(stages.seconds.values()))
    total = sum(best.seconds.values())
    spread = ", ".join(f"{lines / sum(stages.seconds.values()):,.0f}" for stages in runs)
    yield Row(
        name,
        "lines/s, end to end",
        lines / total,
        GOAL,
        {"line by line": _naive(batches[0])},
        lines,
        total,
        note=f"best of 3 ({spread}), two cores",
    )
    for stage, seconds in best.seconds.items():
        yield Row(name, f"lines/s, {stage}", lines / seconds, n=lines, seconds=seconds, note=f"{seconds / total:.0%}")
    began = time.perf_counter()
    good = pa.Table.from_batches(redact_batch(batch)[0] for batch in batches)
    found = digest(good, resolve=str, rules=LogRules())
    seconds = time.perf_counter() - began
    kept, size = pc.sum(found.summary["kept_bytes"]).as_py(), pc.sum(found.summary["bytes"]).as_py()
    whole = found.summary.filter(pc.not_equal(found.summary["log_class"], "ROUTINE"))
    assert pc.sum(whole["kept"]).as_py() == pc.sum(whole["lines"]).as_py()
    note = f"{found.events.num_rows:,} of {lines:,} lines kept; every CRITICAL and INTERESTING one"
    yield Row(name, "share of bytes not stored", 1 - kept / size, less, {}, lines, seconds, note=note)


def _load(warehouse: Warehouse, batches: list[pa.RecordBatch], window: Window) -> Stages:
    scope = Scope("benchmark", LOG_EVENT.name, "lines", window)
    clock = FixedClock(window.end + timedelta(minutes=5))
    shift = pa.scalar(int((window.start - WINDOW.start).total_seconds()) * 1_000_000, pa.duration("us"))
    moved = [batch.set_column(0, LOG_EVENT.schema.field("ts"), pc.add(batch["ts"], shift)) for batch in batches]
    source = RedactedSource(Given(moved))
    stages = Stages({})
    with tempfile.TemporaryDirectory() as store:
        landed = stages.timed(
            "redact and land", lambda: land(store, scope, source.read(window), new_load_id(clock), clock)
        )
        table = stages.timed("read", lambda: read_landed(landed))
        verdict = stages.timed("judge", lambda: judge(scope, table, Expectation(as_of=clock.at)))
        load = Load(landed.load_id, "benchmark")
        outcome = stages.timed(
            "digest and load",
            lambda: load_verdict(warehouse, scope, verdict, load, resolve=str, clock=clock, meaning=LogRules()),
        )
    assert outcome.status is LoadStatus.LOADED, outcome
    return stages


@dataclass
class Given:
    """A source whose answer is there already."""

    batches: list[pa.RecordBatch]
    warnings: list[str] = field(default_factory=list)

    def read(self, window: Window) -> Iterator[pa.RecordBatch]:  # noqa: ARG002 - all batches are of the window
        """Yield the batches."""
        yield from self.batches


def _naive(batch: pa.RecordBatch) -> float:
    """Return lines/s of the same work one line after the other, into a table of SQLite in memory."""
    patterns = [(re.compile(rule.pattern.replace(r"\z", r"\Z"), re.ASCII), rule.replacement) for rule in ALL]
    mask = re.compile(r"\b(?:0x)?[0-9a-f]*\d[0-9a-f.:/_-]*\b|\"[^\"]*\"|/\S+")
    level = re.compile(r"\b(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b")
    rows = batch.slice(0, NAIVE_LINES).to_pylist()
    with sqlite3.connect(":memory:") as base:
        base.execute("create table line (ts text, service text, level text, template text, message text)")
        began = time.perf_counter()
        for row in rows:
            message = row["message"]
            for pattern, replacement in patterns:
                message = pattern.sub(replacement, message)
            found = level.search(row["level"] or message)
            template = mask.sub("<*>", message)
            values = (row["ts"].isoformat(), row["service"], found[1] if found else None, template, message)
            base.execute("insert into line values (?, ?, ?, ?, ?)", values)
        return len(rows) / (time.perf_counter() - began)


_ROUTINE = (
    (0.30, "INFO", "connection accepted from 10.{a}.{b}.7:{n}"),
    (0.16, "DEBUG", "cache lookup key=item:{n} took {a} ms"),
    (0.14, "INFO", "session {id} refreshed for user {user}"),
    (0.20, "INFO", 'op="GET /cart" status=200 took {a}.{b} ms'),
    (0.10, "DEBUG", "pool stats: active={a} idle={n}"),
    (0.05, "INFO", "health check ok"),
    (0.02, "INFO", "login of {user}@mail.example from 10.{a}.{b}.9"),
    (0.02, "WARN", "slow call: {n} ms for request {id}"),
    (0.01, "ERROR", "timeout after {n} ms waiting for a connection from the pool"),
)


def _fleet(count: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of lines as a fleet of 18 services writes them; one in three belongs to a trace."""
    draw = np.random.default_rng(0)
    share = np.array([one[0] for one in _ROUTINE])
    for first in range(0, count, BATCH):
        size = min(BATCH, count - first)
        kinds = draw.choice(len(_ROUTINE), size, p=share / share.sum())
        numbers = zip(
            kinds.tolist(), draw.integers(256, size=size).tolist(), draw.integers(65_000, size=size).tolist(),
            draw.integers(2**48, size=size).tolist(), strict=True,
        )  # fmt: skip
        texts = [
            _ROUTINE[kind][2].format(a=a, b=n % 256, n=n, id=f"{id_:012x}", user=f"anna{id_ % 9999}")
            for kind, a, n, id_ in numbers
        ]
        levels = pa.array([one[1] for one in _ROUTINE]).take(pa.array(kinds))
        services = pa.array([f"service-{number}" for number in range(18)]).take(pa.array(draw.integers(18, size=size)))
        traces = [f"{id_:032x}" if id_ % 3 == 0 else None for id_ in draw.integers(count // 3, size=size).tolist()]
        yield _batch(_times(first, size, count), texts, levels, services, pa.array(traces, pa.string()))


def _hdfs(file: Path, count: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of the file's lines, again and again, with other block ids each time."""
    lines = file.read_text(encoding="utf-8").splitlines()
    for first in range(0, count, BATCH):
        size = min(BATCH, count - first)
        tail = f"{first // len(lines):03d}"
        texts = [lines[(first + at) % len(lines)].replace("blk_", f"blk_{tail}") for at in range(size)]
        services = pa.repeat(pa.scalar("hdfs"), size)
        none = pa.nulls(size, pa.string())
        yield _batch(_times(first, size, count), texts, none, services, none)


def _times(first: int, size: int, count: int) -> pa.Array:
    step = WINDOW.duration // count
    micros = int(WINDOW.start.timestamp()) * 1_000_000 + np.arange(first, first + size) * (
        step // timedelta(microseconds=1)
    )
    return pa.array(micros, pa.timestamp("us")).cast(UTC_TIME)


def _batch(ts: pa.Array, texts: list[str], level: pa.Array, service: pa.Array, trace: pa.Array) -> pa.RecordBatch:
    none = pa.nulls(len(ts), pa.string())
    known = {"ts": ts, "message": pa.array(texts), "level": level, "service": service, "trace_id": trace}
    columns = []
    for part in LOG_EVENT.schema:
        column = known.get(part.name, none)
        columns.append(column.dictionary_encode().cast(LABELS) if part.type == LABELS else column)
    return pa.RecordBatch.from_arrays(columns, schema=LOG_EVENT.schema)


def _accuracy(data: Path | None) -> Iterator[Row]:
    files = sorted((data / "loghub").glob("*/*_structured_corrected.csv")) if data else []
    if not files:
        yield Row.missing("templates", "grouping accuracy", "the folder loghub (DATA=folder of public data)")
        return
    found = []
    for file in files:
        with file.open(newline="", encoding="utf-8", errors="replace") as text:
            rows = list(csv.DictReader(text))
        began = time.perf_counter()
        codes = templates_of(pa.array([row["Content"] for row in rows])).codes.to_pylist()
        seconds = time.perf_counter() - began
        words = [re.sub(r"\d+", "0", row["Content"]) for row in rows]
        true = [row["EventId"] for row in rows]
        accuracy, f1 = _grouping(codes, true)
        found.append((accuracy, f1, len(rows), seconds))
        naive = {"digits masked": _grouping(words, true)[0]}
        yield Row(
            "templates", f"grouping accuracy, {file.parent.name}", accuracy, None, naive, len(rows), seconds,
            note=f"F1 of groups {f1:.3f}",
        )  # fmt: skip
    lines, seconds = sum(one[2] for one in found), sum(one[3] for one in found)
    mean, f1 = (sum(one[at] for one in found) / len(found) for at in (0, 1))
    yield Row("templates", "grouping accuracy, mean", mean, None, {}, lines, seconds, note=f"F1 of groups {f1:.3f}")


def _grouping(ours: list, true: list) -> tuple[float, float]:
    """Return the share of lines in a group that is exactly a true one, and F1 over groups (Jiang et al. 2024)."""
    groups, wanted = defaultdict(set), defaultdict(set)
    for at, (one, other) in enumerate(zip(ours, true, strict=True)):
        groups[one].add(at)
        wanted[other].add(at)
    right = {frozenset(group) for group in wanted.values()} & {frozenset(group) for group in groups.values()}
    return sum(map(len, right)) / len(ours), 2 * len(right) / (len(groups) + len(wanted))


if __name__ == "__main__":
    run("logs", "Log lines into the warehouse: lines/s, bytes not stored, accuracy of templates.", measure)
