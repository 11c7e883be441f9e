"""Logs and spans of two real systems under fault injection (Nezha), from their files into the warehouse, whole.

Every line and span of the files is counted by an independent reader; what is not in the warehouse is in quarantine,
with the rule that it broke.
"""

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from include.clock import SystemClock
from include.config import load_config
from include.orchestration.ingest import load_piece, plan_reads
from include.orchestration.runtime import Runtime
from include.settings import Settings
from include.warehouse.schema import load_log, log_event, log_summary, log_template, quarantine_row, span
from include.window import Window

pytestmark = [pytest.mark.needs("data"), pytest.mark.timeout(300)]
DAYS = ("2022-08-22", "2023-01-29")
LINES = {"message": "Log", "service": "PodName", "host": "Node", "trace_id": "TraceID", "span_id": "SpanID"}
SPANS = {
    "trace_id": "TraceID",
    "span_id": "SpanID",
    "parent_id": "ParentID",
    "service": "PodName",
    "operation": "OperationName",
    "duration": "Duration",
}


@pytest.fixture(scope="module", params=DAYS)
def day(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def rt(day: str, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Runtime:
    """Return a warehouse into which the day was loaded, twice: the second time must change nothing."""
    folder = tmp_path_factory.mktemp("nezha")
    logs = {"files": "log/*_log.csv.gz", "time": "Timestamp", "columns": LINES}
    spans = {"files": "trace/*_trace.csv.gz", "time": "StartTimeUnixNano", "time_unit": "ns", "columns": SPANS}
    feeds = {
        "logs": {"dataset": "log_event", "layout": logs},
        "spans": {"dataset": "span", "layout": {**spans, "duration_unit": "us"}},
    }
    source = {"type": "files", "path": str(data_dir / "nezha" / "rca_data" / day), "feeds": feeds}
    (folder / "config").mkdir()
    (folder / "config" / "sources.yaml").write_text(yaml.safe_dump({"sources": {"nezha": source}}))
    settings = Settings(home=folder / "home", config_dir=folder / "config")
    runtime = Runtime(settings, load_config(settings.config_dir), SystemClock(), "test/1")
    runtime.warehouse.migrate()
    window = Window.parse(f"{day}T00:00/{day}T23:00")
    for statuses in ({"loaded"}, {"unchanged"}):
        for dataset in ("log_event", "span"):
            for piece in plan_reads(runtime, window, [dataset], None, with_late=False):
                done = load_piece(runtime, piece, [dataset], lambda _: None)  # type: ignore[arg-type, return-value]
                assert statuses <= done.keys()
    return runtime


def in_the_files(folder: Path) -> tuple[Counter[tuple[str, ...]], int]:
    """Return the rows of all CSV files below a folder as an independent reader sees them, and how many are torn."""
    rows: Counter[tuple[str, ...]] = Counter()
    torn = 0
    for path in sorted(folder.glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            width = len(next(reader))
            for row in reader:
                rows[tuple(row)] += 1
                torn += len(row) != width
    return rows, torn


def test_every_line_is_counted_or_in_quarantine(rt: Runtime, day: str, data_dir: Path) -> None:
    rows, torn = in_the_files(data_dir / "nezha" / "rca_data" / day / "log")
    counted = rt.warehouse.frame(sa.select(*(sa.func.sum(log_summary.c[name]) for name in ("lines", "kept", "bytes"))))
    lines, kept, _ = (int(number) for number in counted.iloc[0])
    apart = rt.warehouse.frame(sa.select(quarantine_row.c.rule).where(quarantine_row.c.dataset == "log_event"))
    print(f"\n{day}: {rows.total():,} lines in the files, {lines:,} counted, {kept:,} kept, {len(apart)} in quarantine")
    assert lines + len(apart) == rows.total()
    assert apart["rule"].to_list() == ["parsed"] * torn
    assert rt.warehouse.frame(sa.select(sa.func.count()).select_from(log_event)).iloc[0, 0] == kept


def test_critical_and_interesting_lines_are_kept_whole(rt: Runtime, day: str) -> None:
    classes = rt.warehouse.frame(
        sa.select(
            log_summary.c.log_class, *(sa.func.sum(log_summary.c[n]).label(n) for n in ("lines", "kept"))
        ).group_by(log_summary.c.log_class)
    ).set_index("log_class")
    print(classes)
    for log_class in {"CRITICAL", "INTERESTING"} & set(classes.index):
        assert classes.loc[log_class, "kept"] == classes.loc[log_class, "lines"]
    assert classes.loc["ROUTINE", "kept"] < 0.2 * classes.loc["ROUTINE", "lines"]


def test_lines_of_a_kept_trace_are_all_kept(rt: Runtime, day: str) -> None:
    routine = log_event.c.log_class == "ROUTINE"
    kept = rt.warehouse.frame(
        sa.select(log_event.c.trace_id, sa.func.count().label("lines"))
        .where(routine, log_event.c.trace_id.isnot(None))
        .group_by(log_event.c.trace_id)
    )
    assert kept["lines"].mean() > 1.5, "a sample by line would tear traces apart"


def test_templates_are_far_fewer_than_lines(rt: Runtime, day: str) -> None:
    templates = int(rt.warehouse.frame(sa.select(sa.func.count()).select_from(log_template)).iloc[0, 0])
    lines = int(rt.warehouse.frame(sa.select(sa.func.sum(log_summary.c.lines))).iloc[0, 0])
    print(f"\n{day}: {templates} templates of {lines:,} lines")
    assert templates < lines / 20


def test_every_span_is_there_once_or_in_quarantine(rt: Runtime, day: str, data_dir: Path) -> None:
    rows, torn = in_the_files(data_dir / "nezha" / "rca_data" / day / "trace")
    loaded = int(rt.warehouse.frame(sa.select(sa.func.count()).select_from(span)).iloc[0, 0])
    apart = rt.warehouse.frame(sa.select(quarantine_row.c.rule).where(quarantine_row.c.dataset == "span"))
    print(
        f"\n{day}: {len(rows):,} spans ({rows.total() - len(rows):,} repeated), {loaded:,} loaded, {len(apart)} apart"
    )
    assert torn == 0
    assert loaded + len(apart) == len(rows)
    assert loaded >= 0.999 * len(rows)
    micros = sum(int(row[7]) for row in rows)
    total = float(rt.warehouse.frame(sa.select(sa.func.sum(span.c.duration))).iloc[0, 0])
    assert total <= micros / 1e6 * (1 + 1e-9)


def test_the_second_load_changed_nothing(rt: Runtime, day: str) -> None:
    loads = rt.warehouse.frame(sa.select(load_log.c.dataset, load_log.c.status).order_by(load_log.c.finished_at))
    assert loads.groupby("dataset")["status"].agg(list).to_dict() == {
        "log_event": ["loaded", "unchanged"],
        "span": ["loaded", "unchanged"],
    }
