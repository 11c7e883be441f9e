"""A calibrated combination of detectors of series, chosen by back-test per class of series.

A class is a kind of metric at one step. Members are fitted on the first three quarters of the training points;
anomalies are planted into the last quarter; per class the mix is grown greedily from the best member, a further one
joining only where the mean of both ranks clearly better (Caruana and others, "Ensemble Selection from Libraries of
Models", ICML 2004). A class with few series takes the mix that is best over all of its step. A member that is too dear
for fast series (`least_step`) has no part in theirs. The threshold of the mixes is then, per step, the lowest that
keeps the untouched last quarter within the episode budget, and the members are fitted anew on all.

Where that quarter has few samples a series, a choice on it would be chance: the member made for the slowest series
that may judge the step judges alone then, by its own threshold.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Panel
from include.features.panel import Floats, Longs
from models.base import SERIES, Detector, ModelError, State, score_frame
from models.calibration import threshold_for
from models.injection import plant
from models.profile import directions
from models.profiled import BUDGET
from models.store import kind
from models.vus import vus_pr

MEMBERS = ("robust_z", "isolation_forest")
JUDGED = 240  # series that the choice is made on, of whole services drawn by seed
FEW = 8  # series of a class below which it takes the choice over all
SHORT = 1_000  # held-out samples of a series below which nothing is chosen on them
BETTER = 0.01  # VUS-PR that a further member must bring
WINDOW = 20
ANY = "*"


def class_of(series: pd.DataFrame) -> pd.Series:
    """Return the class of each series, `kind/step in seconds`, indexed by `series_id`."""
    seconds = series["step_seconds"].astype("int64").astype(str)
    named = series["kind"].astype(str) + "/" + seconds
    return pd.Series(named.to_numpy(object), index=series["series_id"].to_numpy())


def step_of(name: str) -> str:
    """Return the step of a class, in seconds, as text."""
    return name.rsplit("/", 1)[-1]


class Ensemble(Detector):
    """Weighted means of members' scores; `series` may name a member of its own for a series, in `detector`.

    The back-test chooses among `members`; `assignable` ones are fitted too, but judge only what names them.
    """

    name: ClassVar[str] = "ensemble"

    def __init__(
        self,
        members: tuple[str, ...] = MEMBERS,
        episode_budget: float = BUDGET,
        threads: int = 1,
        seed: int = 7,
        hours: BusinessHours | None = None,
        assignable: tuple[str, ...] = (),
    ) -> None:
        self.episode_budget = episode_budget
        self.threads = threads
        self.seed = seed
        self.hours = hours or BusinessHours()
        self.names = members
        self.assignable = tuple(name for name in assignable if name not in members)
        self.members: dict[str, Detector] = {}
        self.weights: dict[str, dict[str, float]] = {ANY: {members[0]: 1.0}}
        self.thresholds: dict[str, float] = {}  # per step in seconds, as text
        self.factors: dict[str, float] = {}  # per class, from what people said of its episodes
        self.chosen_by: dict[str, dict[str, float]] = {}  # class → member → VUS-PR on planted anomalies

    def lookback(self, step: timedelta) -> timedelta:
        """Return the longest look-back of its members."""
        return max(member.lookback(step) for member in self.members.values())

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Choose the mixes and their threshold on the last quarter, and fit the members on all points."""
        if points.empty:
            raise ModelError("There are no points to train on. Load some history first.")
        self._choose(*self._drawn(points, series))
        self.members = self._fitted(points, series)
        asked = series["detector"] if "detector" in series else pd.Series("", index=series.index)
        for name in self.assignable:
            own = series[asked == name]
            mine = points[points["series_id"].isin(own["series_id"])].reset_index(drop=True)
            if len(mine):
                self.members[name] = _made(name, self).fit(mine, own)
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per point from `since` on."""
        scored = self._mixed(points, series, since, self.members)
        classes = class_of(series)
        factor = classes.map(self.factors).fillna(1.0).reindex(scored["subject_id"]).to_numpy()
        limit = (
            classes.map(step_of).map(self.thresholds).fillna(self.threshold).reindex(scored["subject_id"]).to_numpy()
        )
        return scored.assign(score=scored["score"] / limit, alarm=scored["alarm"] / (limit * factor))

    @property
    def threshold(self) -> float:
        """The median threshold over the steps: that of a step never seen."""
        return float(np.median(list(self.thresholds.values()))) if self.thresholds else 1.0

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return what the member with the most weight says of each row."""
        return [one["features"] for one in self.evidence(points, series, rows)]

    def evidence(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return the evidence of the member with the most weight, and the weights."""
        ids = points["series_id"].to_numpy(np.int64)
        mixes = self._mixes(series)
        first = {place: max(mix, key=lambda name: mix[name]) for place, mix in mixes.items()}
        found: list[dict[str, Any]] = [{"features": []} for _ in rows]
        for name in set(first.values()):
            mine = np.isin(ids, [place for place, leader in first.items() if leader == name])
            at = np.flatnonzero(mine[rows])
            if len(at):
                part = points[mine].reset_index(drop=True)
                inner = (np.cumsum(mine) - 1)[rows[at]]
                told = self.members[name].evidence(part, series, inner)
                for place, what in zip(at, told, strict=True):
                    found[place] = {**what, "detectors": mixes[int(ids[rows[place]])]}
        return found

    def _fitted(self, points: pd.DataFrame, series: pd.DataFrame) -> dict[str, Detector]:
        """Fit every member on the series that are slow enough for it."""
        found = {}
        for name in self.names:
            member = _made(name, self)
            own = series[series["step_seconds"] >= member.least_step.total_seconds()]
            mine = points if len(own) == len(series) else points[points["series_id"].isin(own["series_id"])]
            if len(mine):
                found[name] = member.fit(mine.reset_index(drop=True), own)
        if not found:
            raise ModelError(
                f"None of {', '.join(self.names)} judges series that are so fast. Add robust_z to members."
            )
        return found

    def _drawn(self, points: pd.DataFrame, series: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        there = series[series["series_id"].isin(points["series_id"].unique())]
        if len(there) <= JUDGED:
            return points, there
        services = np.random.default_rng(self.seed).permutation(np.sort(there["service"].unique()))
        sizes = there.groupby("service").size().reindex(services).cumsum()
        taken = services[: int((sizes <= JUDGED).sum()) or 1]
        there = there[there["service"].isin(taken)].head(4 * JUDGED)
        return points[points["series_id"].isin(there["series_id"])].reset_index(drop=True), there

    def _choose(self, points: pd.DataFrame, series: pd.DataFrame) -> None:
        first, last = points["ts"].min(), points["ts"].max()
        cut = (first + (last - first) * 3 / 4).to_pydatetime()
        members = self._fitted(points[points["ts"] < cut].reset_index(drop=True), series)
        paces = [timedelta(seconds=float(step)) for step in series["step_seconds"].unique()]
        reach = max(member.lookback(pace) for member in members.values() for pace in paces)
        later = points[points["ts"] >= cut - reach].reset_index(drop=True)
        panel = Panel.of(later, series)
        start = int(cut.timestamp() * 1_000_000)
        planted = plant(panel, start, directions(panel, series), self.seed)
        tail, labels = panel.where(panel.ts >= start), planted.labels[panel.ts >= start]
        touched = later.assign(value=planted.panel.values)
        lengths = pd.Series(np.diff(tail.offsets)).groupby(tail.step // 1_000_000).median()
        short = {str(step) for step, length in lengths.items() if length < SHORT}
        scores = {name: _judged(member, touched, series, cut, tail) for name, member in members.items()}
        classes = class_of(series).reindex(tail.series_ids).to_numpy(object)
        self.weights, self.chosen_by = _chosen(scores, labels, tail, classes)
        self.weights = {name: mix for name, mix in self.weights.items() if step_of(name) not in short}
        self.weights |= {f"{ANY}/{step}": {_made_for(members, int(step)): 1.0} for step in short}
        alarm = self._mixed(later, series, cut, members)["alarm"].to_numpy(np.float64)
        service = pd.factorize(series.set_index("series_id")["service"].reindex(tail.series_ids))[0]
        steps = np.array([step_of(name) for name in classes], object)
        for step in pd.unique(steps):
            rows = (steps == step)[tail.series_of_row]
            own = tail.where(rows)
            found = threshold_for(own, alarm[rows], service[steps == step], self.episode_budget)
            self.thresholds[str(step)] = 1.0 if step in short else found

    def _mixes(self, series: pd.DataFrame) -> dict[int, dict[str, float]]:
        """Return the weights of the members for each series."""
        classes = class_of(series)
        ids = classes.index.to_numpy(np.int64).tolist()
        of_class = {name: self._mix(name) for name in classes.unique()}
        mixes = {place: of_class[name] for place, name in zip(ids, classes, strict=True)}
        if "detector" in series:
            asked = series[series["detector"].isin([*self.names, *self.members])]
            mixes |= {int(i): {name: 1.0} for i, name in zip(asked["series_id"], asked["detector"], strict=True)}
        return mixes

    def _mix(self, name: str) -> dict[str, float]:
        return self.weights.get(name) or self.weights.get(f"{ANY}/{step_of(name)}") or self.weights[ANY]

    def _mixed(
        self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None, members: Mapping[str, Detector]
    ) -> pd.DataFrame:
        """Return the weighted means of the members' rows; the range is that of the member with the most weight."""
        panel = Panel.of(points, series)
        wanted = np.ones(len(panel), bool) if since is None else panel.ts >= int(since.timestamp() * 1_000_000)
        tail = panel.where(wanted)
        out = {name: np.zeros(len(tail)) for name in ("score", "alarm", "lower", "expected", "upper")}
        mixes = self._mixes(series)
        weight = np.array([[mixes[int(i)].get(name, 0.0) for name in members] for i in panel.series_ids])
        leader = weight.argmax(axis=1) if len(weight) else np.zeros(0, np.int64)
        place: Longs = np.searchsorted(panel.series_ids, tail.series_ids)[tail.series_of_row]
        for at, (_, member) in enumerate(members.items()):
            used = weight[:, at] > 0 if len(weight) else np.zeros(0, bool)
            if not used.any():
                continue
            mine = used[panel.series_of_row]
            part = points if used.all() else points[mine].reset_index(drop=True)
            scored = member.score(part, series, since)
            rows = np.flatnonzero(used[place])
            share: Floats = weight[place[rows], at]
            for name in ("score", "alarm"):
                out[name][rows] += share * scored[name].to_numpy()
            led = leader[place[rows]] == at
            for name in ("lower", "expected", "upper"):
                out[name][rows[led]] = scored[name].to_numpy()[led]
        return score_frame(tail, out["score"], out["lower"], out["expected"], out["upper"], alarm=out["alarm"])

    def state(self) -> State:
        """Return the members' states, the mixes and the thresholds."""
        states = {name: member.state() for name, member in self.members.items()}
        arrays = {f"{name}/{key}": array for name, state in states.items() for key, array in state.arrays.items()}
        data = {
            "members": {name: state.data for name, state in states.items()},
            "weights": self.weights,
            "thresholds": self.thresholds,
            "factors": self.factors,
            "chosen_by": self.chosen_by,
            "parameters": self.parameters,
        }
        return State(self.name, arrays, data)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = state.data["parameters"]
        names = tuple(known["members"].split(","))
        hours = BusinessHours.parse(known["business_hours"])
        made = cls(names, known["episode_budget"], 1, known["seed"], hours, tuple(state.data["members"]))
        for name, data in state.data["members"].items():
            own = {key.removeprefix(f"{name}/"): a for key, a in state.arrays.items() if key.startswith(f"{name}/")}
            member = kind(name).from_state(State(name, own, data))
            assert isinstance(member, Detector)  # noqa: S101  members are detectors: `_made` saw to it
            made.members[name] = member
        made.weights, made.factors = state.data["weights"], state.data["factors"]
        made.thresholds, made.chosen_by = state.data["thresholds"], state.data["chosen_by"]
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {
            "members": ",".join(self.names),
            "episode_budget": self.episode_budget,
            "seed": self.seed,
            "business_hours": str(self.hours),
        }


def _made(name: str, like: Ensemble) -> Detector:
    made: Any = kind(name)
    if not issubclass(made, Detector) or made.subject != SERIES:
        raise ModelError(f"{name} is no detector of series, so it cannot be a member of the ensemble.")
    detector: Detector = made(
        episode_budget=like.episode_budget, threads=like.threads, seed=like.seed, hours=like.hours
    )
    return detector


def _made_for(members: Mapping[str, Detector], step: int) -> str:
    """Return the member made for the slowest series of those that may judge this step, the first of equals."""
    able = {name: one.least_step.total_seconds() for name, one in members.items()}
    return max((name for name in able if able[name] <= step), key=lambda name: able[name])


def _chosen(
    scores: Mapping[str, Floats], labels: npt.NDArray[np.bool_], tail: Panel, classes: npt.NDArray[np.object_]
) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """Return per class the weights of the members, and what each member alone reached."""
    steps = np.array([step_of(name) for name in classes], object)
    groups = {ANY: np.arange(len(tail.series_ids))}
    groups |= {f"{ANY}/{step}": np.flatnonzero(steps == step) for step in pd.unique(steps)}
    groups |= {str(name): np.flatnonzero(classes == name) for name in pd.unique(classes)}
    weights, reached = {}, {}
    alone = {name: _quality(score, labels, tail) for name, score in scores.items()}
    for name, places in groups.items():
        if len(places) < FEW and not name.startswith(ANY):
            continue
        able = {member: values[places] for member, values in alone.items() if _covers(scores[member], tail, places)}
        if not able:
            continue
        mean = {member: _mean(values) for member, values in able.items()}
        mix = [max(mean, key=lambda member: mean[member])]
        best = mean[mix[0]]
        for member in sorted(set(mean) - set(mix), key=lambda one: -mean[one]):
            together = np.mean([scores[one] for one in (*mix, member)], axis=0)
            found = _mean(_quality(together, labels, tail)[places])
            if found > best + BETTER:
                mix, best = [*mix, member], found
        weights[name] = {member: 1.0 / len(mix) for member in mix}
        reached[name] = {**mean, "mix": best}
    return weights, reached


def _judged(member: Detector, points: pd.DataFrame, series: pd.DataFrame, since: datetime, tail: Panel) -> Floats:
    """Return the member's scores of the tail's rows; NaN where a series is too fast for it."""
    own = series[series["step_seconds"] >= member.least_step.total_seconds()]
    out = np.full(len(tail), np.nan)
    mine = points[points["series_id"].isin(own["series_id"])].reset_index(drop=True)
    if len(mine):
        rows = np.isin(tail.series_ids, own["series_id"].to_numpy())[tail.series_of_row]
        out[rows] = member.score(mine, own, since)["score"].to_numpy()
    return out


def _covers(score: Floats, tail: Panel, places: Longs) -> bool:
    return bool(np.isfinite(score[tail.offsets[places]]).all())


def _quality(score: Floats, labels: npt.NDArray[np.bool_], tail: Panel) -> Floats:
    bounds = zip(tail.offsets[:-1], tail.offsets[1:], strict=True)
    return np.array([vus_pr(labels[a:b], np.nan_to_num(score[a:b]), WINDOW) for a, b in bounds])


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
