"""Detection on simulated fleets that no model was developed on: fit three weeks, look for the faults of the fourth.

The same classes with the same defaults as the weekly training, over seeds that development never used. Faults are held
against episodes as `make run` does it. The fleet is our own simulation: it shows that detection holds from seed to
seed, and not how well it does on a fleet of yours.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from statistics import median

import numpy as np
import pandas as pd
import typer

from benchmarks.result import Options, Row, run
from include.config import load_config
from include.config.detection import Detection
from include.demo.fleet import NAMES
from include.demo.measure import measure as measured
from include.demo.truth import truth
from include.demo.world import World, day_of, moment_of
from include.settings import REPOSITORY
from include.stack.findings import Findings, match
from include.window import Window
from models.base import Detector
from models.ensemble import Ensemble
from models.episodes import detect, history
from models.joint import Joint
from models.mean_z import MeanZ
from models.robust import RobustZ

NAME = "fleet"
SEEDS = range(9_001, 9_021)
QUICK = 3
ANCHOR = datetime(2026, 11, 2, tzinfo=UTC)
LEARNED, JUDGED = timedelta(days=21), timedelta(days=7)
MINUTES = 1_440
MINUTE = timedelta(minutes=1)


def measure(options: Options) -> Iterator[Row]:
    """Yield recall, false episodes and delay: the median over the seeds, and the worst one."""
    if not options.wants(NAME):
        return
    seeds = list(SEEDS)[: QUICK if options.quick else len(SEEDS)]
    began = time.monotonic()
    found = {}
    for seed in seeds:
        found[seed] = _judged(seed)
        typer.echo(f"  {NAME}: {len(found)} of {len(seeds)} seeds done", err=True)
    seconds = (time.monotonic() - began) / len(seeds)
    ours = [found[seed]["ours"] for seed in seeds]
    note = f"median of {len(seeds)} seeds never developed on; worst {{}}"
    recall = [one.recall for one in ours]
    false = [one.false_per_service_day for one in ours]
    delay = [one.median_delay_minutes for one in ours if one.median_delay_minutes is not None]
    planted = sum(one.planted for one in ours)
    plain = {
        name: [found[seed][name] for seed in seeds] for name in ("robust_z", "mean_z", "series alone", "services alone")
    }
    yield Row(
        NAME, "event recall", median(recall), 0.60, {n: median(f.recall for f in fs) for n, fs in plain.items()},
        planted, seconds, note=note.format(f"{min(recall):.2f}"),
    )  # fmt: skip
    yield Row(
        NAME, "false episodes per service and day", median(false), 1.0,
        {n: median(f.false_per_service_day for f in fs) for n, fs in plain.items()},
        planted, seconds, higher_is_better=False, note=note.format(f"{max(false):.2f}"),
    )  # fmt: skip
    yield Row(
        NAME, "median delay, samples", median(delay), 3.0,
        {n: median(f.median_delay_minutes or 0.0 for f in fs) for n, fs in plain.items()},
        planted, seconds, higher_is_better=False, note=note.format(f"{max(delay):.0f}"),
    )  # fmt: skip


def _judged(seed: int) -> dict[str, Findings]:
    """Return what each detector finds in the fourth week of a fleet: ours is that of series and services together."""
    world = World(seed, ANCHOR)
    points, series = _points(world)
    since = ANCHOR - JUDGED
    head = points[points["ts"] < since].reset_index(drop=True)
    faults = truth(world, ANCHOR - LEARNED - JUDGED, ANCHOR)["faults"]
    wanted = Detection()
    models: dict[str, Detector] = {
        "series alone": Ensemble(wanted.members, wanted.episode_budget, threads=2),
        "services alone": Joint(wanted.service_budget, threads=2),
        "robust_z": RobustZ(wanted.episode_budget, threads=2),
        "mean_z": MeanZ(wanted.service_budget, threads=2),
    }
    window = Window(since, ANCHOR)
    episodes = {name: _episodes(model.fit(head, series), points, series, window) for name, model in models.items()}
    both = pd.concat([episodes["series alone"], episodes["services alone"]], ignore_index=True)
    return {name: match(own, faults, window, len(NAMES)) for name, own in {**episodes, "ours": both}.items()}


def _episodes(model: Detector, points: pd.DataFrame, series: pd.DataFrame, window: Window) -> pd.DataFrame:
    near = points[points["ts"] >= window.start - history(model, MINUTE)].reset_index(drop=True)
    return detect(model, near, series, window, model_version="benchmark").episode


def _points(world: World) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return four weeks of minute points of every configured metric of a world, and their series."""
    queries = load_config(REPOSITORY / "include" / "config" / "fleet").queries
    last = day_of(ANCHOR)
    days = range(last - (LEARNED + JUDGED).days, last)
    values: dict[tuple[str, str], list[np.ndarray]] = {}
    for day in days:
        for metric, of_metric in measured(world, day).items():
            for row, service in enumerate(of_metric.services):
                values.setdefault((metric, NAMES[service]), []).append(of_metric.values[row])
    keys = [key for key in values if key[0] in queries]
    table = np.stack([np.concatenate(values[key]) for key in keys])
    start = pd.Timestamp(moment_of(days[0] * MINUTES))
    ts = pd.date_range(start, periods=table.shape[1], freq="min").as_unit("us")
    whole = pd.DataFrame(
        {
            "series_id": np.repeat(np.arange(len(keys)), table.shape[1]),
            "ts": np.tile(ts, len(keys)),
            "value": table.ravel(),
        }
    )
    series = pd.DataFrame(
        {
            "series_id": np.arange(len(keys)),
            "query": [metric for metric, _ in keys],
            "service": [service for _, service in keys],
            "kind": [queries[metric].kind for metric, _ in keys],
            "bad_direction": [queries[metric].bad_direction for metric, _ in keys],
            "step_seconds": 60.0,
            "time_zone": "UTC",
            "holidays": None,
        }
    )
    return whole.dropna().reset_index(drop=True), series


if __name__ == "__main__":
    run(NAME, __doc__, measure)
