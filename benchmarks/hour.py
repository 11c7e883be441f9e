"""One hour of minute metrics scored as `detect_anomalies` does it, read and write included; and ten times as many.

A slice of series is written to a DuckDB file with the hours that detection looks back over; a champion is registered in
an MLflow store; then the DAG's own step runs over its shards, two at a time, as two cores do. The hour of 2,000,000
metrics a minute (120 million points) is the slice's time multiplied up; how linear that is, ten times the slice says.
"""

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from benchmarks.result import Options, Row, run
from include.clock import FixedClock
from include.config import Config
from include.config.detection import Detection
from include.datasets import Scope
from include.orchestration.detect import score_shard
from include.orchestration.runtime import Runtime
from include.settings import Settings
from include.warehouse.schema import metric_point, series
from include.window import Window, stable_hash
from models.base import Detector, served_frame
from models.ensemble import Ensemble
from models.registry import ANOMALY, CHAMPION, Registry
from models.robust import RobustZ
from models.tracking import Sample, Training, connect

NAME = "hour"
START = datetime(2026, 11, 5, 12, tzinfo=UTC)
HOUR = Window(START, START + timedelta(hours=1))
LOOKBACK = timedelta(hours=37)
SLICE, MORE, SHARDS, WORKERS = 1_000, 10, 4, 2
METRICS_A_MINUTE = 2_000_000
GOAL_MINUTES, GOAL_GROWTH = 15.0, 11.0
LEARNED_DAYS = 1


def measure(options: Options) -> Iterator[Row]:
    """Yield the minutes of the whole hour, extrapolated, for the default ensemble and for the robust z alone."""
    size = SLICE // 5 if options.quick else SLICE
    makers = {
        "ensemble": lambda: Ensemble(Detection().members, threads=WORKERS),
        "robust_z": lambda: RobustZ(threads=WORKERS),
    }
    for name, make in makers.items():
        if not options.wants(name):
            continue
        model = make().fit(*_history(size * MORE))
        few, many = (_scored(model, count) for count in (size, size * MORE))
        whole = many / (size * MORE) * METRICS_A_MINUTE / 60
        note = f"from {size * MORE:,} series in {many:.1f} s, {WORKERS} processes"
        yield Row(
            name, "minutes for 120 million points", whole, GOAL_MINUTES, {}, size * MORE * 60, many, False, note
        )  # fmt: skip
        growth = many / few
        yield Row(name, "times as long for ten times the series", growth, GOAL_GROWTH, {}, size * 60, few, False)


def _scored(model: Detector, count: int) -> float:
    """Return the seconds in which all shards of a window are read, scored and written."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        _install(home, model, count)
        began = time.monotonic()
        with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
            points = sum(pool.map(_one, [home] * SHARDS, range(SHARDS)))
        seconds = time.monotonic() - began
    assert points == count * 60
    return seconds


def _one(home: Path, shard: int) -> int:
    return int(score_shard(_runtime(home), HOUR, shard)["points"])


def _runtime(home: Path) -> Runtime:
    config = Config(detection=Detection(together=False))
    return Runtime(Settings(home=home, shards=SHARDS), config, FixedClock(HOUR.end), "benchmark/1")


def _install(home: Path, model: Detector, count: int) -> None:
    """Make an Almanac whose warehouse holds `count` series with history, and whose champion is the model."""
    rt = _runtime(home)
    rt.warehouse.migrate()
    known = _described(count)
    span = Window(HOUR.start - LOOKBACK, HOUR.end)
    with rt.warehouse.transaction() as tx:
        tx.merge_series(_rows(known, span))
        tx.replace_facts(metric_point, Scope("benchmark", "metric_point", "latency", span), _points(known, span))
    few = _frame(_described(1), Window(HOUR.start - timedelta(hours=1), HOUR.start))
    training = Training(HOUR, (), "", "", "", 0, 0)
    registry = Registry(rt.settings.mlflow, ANOMALY)
    version = registry.register(model, training, Sample(served_frame(few, _described(1))))
    connect(registry.url)[1].set_registered_model_alias(registry.name, CHAMPION, version.number)


def _described(count: int) -> pd.DataFrame:
    ids = np.sort(np.array([stable_hash("benchmark", str(at)) for at in range(count)], np.int64))
    return pd.DataFrame(
        {
            "series_id": ids,
            "kind": "latency",
            "query": "latency",
            "service": [f"service-{at // 20}" for at in range(count)],
            "step_seconds": 60,
            "time_zone": "UTC",
            "holidays": None,
            "bad_direction": "up",
        }
    )


def _values(count: int, minutes: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    season = 10 * np.sin(2 * np.pi * np.arange(minutes) / 1440)
    return 100 + season + rng.normal(size=(count, minutes))


def _frame(known: pd.DataFrame, span: Window) -> pd.DataFrame:
    minutes = int(span.duration / timedelta(minutes=1))
    ts = pd.date_range(span.start, periods=minutes, freq="min").as_unit("us")
    return pd.DataFrame(
        {
            "series_id": np.repeat(known["series_id"].to_numpy(), minutes),
            "ts": np.tile(ts, len(known)),
            "value": _values(len(known), minutes).ravel(),
        }
    )


def _points(known: pd.DataFrame, span: Window) -> pa.Table:
    return pa.Table.from_pandas(_frame(known, span), preserve_index=False)


def _rows(known: pd.DataFrame, span: Window) -> pd.DataFrame:
    rows = known[["series_id", "kind", "query", "service", "step_seconds"]]
    columns = {column.name for column in series.c}
    rows = rows.assign(source="benchmark", unit="seconds", labels="{}", service_alias=rows["service"])
    rows = rows.assign(first_seen=span.start - timedelta(days=30), last_seen=span.end - timedelta(minutes=1))
    return rows[[name for name in rows if name in columns]]


def _history(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    known = _described(count)
    return _frame(known, Window(HOUR.start - timedelta(days=LEARNED_DAYS), HOUR.start)), known


if __name__ == "__main__":
    run(NAME, __doc__, measure)
