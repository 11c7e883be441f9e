"""The joint detector on public server machines, beside plain baselines: how well it ranks, and what its alarm is worth.

Every `*.parquet` in `asd/` and `smd/` is one machine: columns `m00`, `m01`, …, `split` (train or test) and `label`.
All machines of a folder are trained together, on the training part alone, by one setting for all folders; then the
test part is scored as the platform does it, from a day before it on. VUS-PR is of the ranking score, its window that of
the first metric. Recall, false episodes and delay are of the alarm after the rule that makes episodes of it
(`models.flags`). The goals are those of the means; the spread over machines stands in the notes.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.detection import OperatingPoint, baselines, bootstrap, mean_z, operating_point, spread
from benchmarks.result import Options, Row, run
from include.features import Panel
from models.base import LOOKBACK, Detector, service_id
from models.flags import episodes_per_day, flag
from models.joint import BUDGET, Joint
from models.vus import natural_window, vus_pr

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
STEPS, USUAL_STEP = {"asd": 300, "smd": 60}, 60  # seconds, by folder
GOALS = {"asd": 0.62, "smd": 0.63}
START = pd.Timestamp("2026-01-05", tz="UTC")  # a Monday; the files have no times
QUICK = 3  # machines
POINTS = 25_000


@dataclass(frozen=True)
class Machine:
    """One machine: `values` is `[time, metrics]`, its first `trained` rows are for training, `labels` of the others."""

    name: str
    step: int  # seconds
    values: Floats
    trained: int
    labels: Flags

    @property
    def window(self) -> int:
        """The tolerance of VUS-PR in samples, from the first metric."""
        return natural_window(self.values[:, 0])


@dataclass(frozen=True)
class Judged:
    """One machine after scoring."""

    machine: Machine
    vus: float
    plain: dict[str, float]  # VUS-PR of the baselines
    alarm: OperatingPoint
    plain_alarm: OperatingPoint  # of the mean |z|, its threshold from the same episode budget


def measure(options: Options) -> Iterator[Row]:
    """Yield the rows of every folder, and of every machine in it."""
    for folder in STEPS:
        if options.wants(folder):
            yield from _folder(folder, options)


def load(folder: Path, quick: bool = False) -> list[Machine]:
    """Return the machines of a folder, in order of their names."""
    paths = sorted(folder.glob("*.parquet"))[: QUICK if quick else None]
    return [_machine(path, STEPS.get(folder.name, USUAL_STEP)) for path in paths]


def _machine(path: Path, step: int) -> Machine:
    frame = pd.read_parquet(path)
    metrics = sorted(name for name in map(str, frame) if name[0] == "m" and name[1:].isdigit())
    trained = int((frame["split"] == "train").sum())
    labels = frame["label"].to_numpy()[trained:] > 0
    return Machine(path.stem, step, frame[metrics].to_numpy(np.float64), trained, labels)


def frames(machines: list[Machine]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the machines as the platform holds them: points, with the row's number beside them, and their series."""
    points: list[pd.DataFrame] = []
    series: list[dict[str, object]] = []
    for machine in machines:
        rows = np.arange(len(machine.values))
        ts = START + pd.to_timedelta(rows * machine.step, "s")
        for column in range(machine.values.shape[1]):
            known: dict[str, object] = {"series_id": len(series), "query": f"m{column:02d}", "service": machine.name}
            values = machine.values[:, column]
            points.append(pd.DataFrame({"series_id": len(series), "ts": ts, "value": values, "row": rows}))
            series.append({**known, "step_seconds": machine.step})
    same = {"kind": "usage", "time_zone": "UTC", "holidays": None, "bad_direction": "both"}
    return pd.concat(points, ignore_index=True), pd.DataFrame(series).assign(**same)


def scored(machines: list[Machine], detector: Detector) -> dict[str, pd.DataFrame]:
    """Train on the training parts, score the test parts, and return the scores per machine."""
    points, series = frames(machines)
    trained = series["service"].map({machine.name: machine.trained for machine in machines})
    first = points["row"].to_numpy() - trained.reindex(points["series_id"]).to_numpy()
    back = series["step_seconds"].reindex(points["series_id"]).to_numpy() * first >= -LOOKBACK.total_seconds()
    detector.fit(points[first < 0].reset_index(drop=True), series)
    # The machines end their training at different times, so the first test row of the earliest is `since`.
    since = points["ts"][first == 0].min()
    found = detector.score(points[back].reset_index(drop=True), series, since.to_pydatetime())
    by_id = dict(tuple(found.groupby("subject_id")))
    return {one.name: by_id[service_id(one.name)].iloc[-len(one.labels) :] for one in machines}


def judge(machine: Machine, scores: pd.DataFrame) -> Judged:
    """Return how well scores of the test part fit its labels."""
    train, test = machine.values[: machine.trained], machine.values[machine.trained :]
    plain = {name: vus_pr(machine.labels, score, machine.window) for name, score in baselines(train, test).items()}
    held = len(train) * 3 // 4
    before, after = (mean_z(train[:upto], later, 0) for upto, later in ((held, train[held:]), (len(train), test)))
    limit = _within_budget(before, machine.step)
    return Judged(
        machine,
        vus_pr(machine.labels, scores["score"].to_numpy(), machine.window),
        plain,
        operating_point(machine.labels, _flagged(scores["alarm"].to_numpy(), 1.0, machine.step), machine.step),
        operating_point(machine.labels, _flagged(after, limit, machine.step), machine.step),
    )


def _folder(name: str, options: Options) -> Iterator[Row]:
    folder = (options.data or Path()) / name
    machines = load(folder, options.quick)
    if not machines:
        yield Row.missing(name, "VUS-PR", f"{folder} has no *.parquet")
        return
    scored(machines[:1], Joint())  # compiles
    started = time.monotonic()
    scores = scored(machines, Joint())
    seconds = time.monotonic() - started
    found = [judge(machine, scores[machine.name]) for machine in machines]
    yield from _means(name, found)
    points = sum(machine.values.size for machine in machines)
    speed = seconds / points * POINTS
    yield Row(name, "s per 25,000 points, trained and scored", speed, 1.0, {}, points, seconds, higher_is_better=False)
    for one in found:
        note = f"recall {one.alarm.recall:.2f}, {one.alarm.false_per_day:.2f} false episodes a day"
        yield Row(f"{name}/{one.machine.name}", "VUS-PR", one.vus, None, one.plain, one.alarm.events, note=note)


def _means(name: str, found: list[Judged]) -> Iterator[Row]:
    vus = np.array([one.vus for one in found])
    low, high = bootstrap(vus)
    plain = {key: float(np.nanmean([one.plain[key] for one in found])) for key in found[0].plain}
    note = f"95% {low:.2f} to {high:.2f}; {spread(vus)}"
    yield Row(name, "VUS-PR", float(np.nanmean(vus)), GOALS.get(name), plain, len(found), note=note)
    figures: tuple[tuple[str, float | None, bool, Callable[[OperatingPoint], float]], ...] = (
        ("event recall", 0.60, True, lambda point: point.recall),
        ("event F1", None, True, lambda point: point.event_f1),
        ("false episodes per service and day", 1.0, False, lambda point: point.false_per_day),
    )
    for metric, goal, higher, figure in figures:
        own, other = ([figure(point) for point in points] for points in _alarms(found))
        beside = {"mean |z|": float(np.nanmean(other))}
        mean, note = float(np.nanmean(own)), spread(np.array(own))
        yield Row(name, metric, mean, goal, beside, len(found), higher_is_better=higher, note=note)
    own, other = ([*np.concatenate([point.delays for point in points])] for points in _alarms(found))
    if own:
        for metric, goal, share in (("median delay, samples", 3.0, 0.5), ("p90 delay, samples", None, 0.9)):
            beside = {"mean |z|": float(np.quantile(other, share))} if other else {}
            value = float(np.quantile(own, share))
            yield Row(name, metric, value, goal, beside, len(own), higher_is_better=False)


def _alarms(found: list[Judged]) -> tuple[list[OperatingPoint], list[OperatingPoint]]:
    return [one.alarm for one in found], [one.plain_alarm for one in found]


def _within_budget(score: Floats, step: int) -> float:
    """Return the lowest threshold at which the scores have at most the joint detector's budget of episodes a day."""
    panel = _panel(score, step)
    tried = np.quantile(score, 1.0 - np.geomspace(0.3, 1.0 / len(score), 40))
    kept = (limit for limit in tried if episodes_per_day(panel, score, float(limit), np.zeros(1, np.int64)) <= BUDGET)
    return float(next(kept, tried[-1]))


def _flagged(score: Floats, limit: float, step: int) -> Flags:
    return flag(_panel(score, step), score >= limit)


def _panel(score: Floats, step: int) -> Panel:
    ts = np.arange(len(score)) * step * 1_000_000
    return Panel(np.zeros(1, np.int64), np.array([0, len(score)]), ts, score, np.array([step * 1_000_000]))


if __name__ == "__main__":
    run("machines", __doc__, measure)
