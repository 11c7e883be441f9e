"""The gate."""

from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from include.features import Panel
from models.backtest import backtest
from models.base import Detector, State
from models.gate import Comparison
from models.injection import interval_labels, plant
from models.isolation_forest import IsolationForestDetector
from models.robust import RobustZ
from tests.models.fleet import START, fleet, raised

POINTS, SERIES = fleet(16, 9)
SINCE = START + pd.Timedelta(days=7)
HEAD = POINTS[POINTS["ts"] < SINCE].reset_index(drop=True)
LATER = POINTS[POINTS["ts"] >= SINCE - pd.Timedelta(days=1)].reset_index(drop=True)
FOREST = IsolationForestDetector(trees=100).fit(HEAD, SERIES)
ROBUST = RobustZ().fit(HEAD, SERIES)


class Shuffled(Detector):
    """The forest's own scores in an order that means nothing."""

    name = "shuffled"
    parameters: ClassVar[dict[str, object]] = {}

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> "Shuffled":
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: object = None) -> pd.DataFrame:
        scores = FOREST.score(points, series, since)  # type: ignore[arg-type]
        return scores.assign(score=np.random.default_rng(0).permutation(scores["score"].to_numpy()))

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: np.ndarray) -> list[list[str]]:
        return [[] for _ in rows]

    def state(self) -> State:
        return State(self.name)

    @classmethod
    def from_state(cls, _state: State) -> "Shuffled":
        return cls()


class Nervous(Shuffled):
    """The forest with its threshold at a tenth: the same order, a flood of episodes."""

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: object = None) -> pd.DataFrame:
        scores = FOREST.score(points, series, since)  # type: ignore[arg-type]
        return scores.assign(alarm=scores["alarm"] * 10)


def judged(challenger: Detector, champion: Detector | None, incidents: pd.DataFrame | None = None) -> Comparison:
    return backtest(
        challenger, champion, ROBUST, LATER, SERIES, since=SINCE.to_pydatetime(), incidents=incidents
    ).comparison


def test_a_known_better_challenger_is_accepted() -> None:
    verdict = judged(FOREST, ROBUST)
    assert verdict.accepted
    assert verdict.measure == "planted anomalies"
    assert verdict.verdict.startswith("Accepted: better than champion and robust_z beyond chance. VUS-PR 0.")
    assert verdict.quality["challenger"] > verdict.quality["champion"]


def test_a_copy_of_the_champion_is_refused() -> None:
    verdict = judged(FOREST, FOREST)
    assert not verdict.accepted
    assert verdict.verdict.startswith("Refused: not better than champion beyond chance.")
    assert verdict.differences[0].mean == 0.0


def test_shuffled_scores_are_refused() -> None:
    verdict = judged(Shuffled(), None)
    assert not verdict.accepted
    assert verdict.differences[0].high < 0


def test_a_challenger_that_floods_people_is_refused() -> None:
    verdict = judged(Nervous(), None)
    assert not verdict.accepted
    assert "episodes per service and day on the untouched slice" in verdict.verdict


def test_thirty_incidents_are_measured_instead_of_planted_anomalies() -> None:
    opened = [SINCE + pd.Timedelta(minutes=90 * at) for at in range(31)]
    incidents = pd.DataFrame({"service": [f"s{at % 8}" for at in range(31)], "opened_at": opened})
    incidents["resolved_at"] = incidents["opened_at"] + pd.Timedelta(minutes=20)
    points = LATER
    for at, row in incidents.iterrows():
        points = raised(points, (int(at) % 8) * 14 - 3, row["opened_at"], 20, 7.0)
    verdict = backtest(
        FOREST, Shuffled(), ROBUST, points, SERIES, since=SINCE.to_pydatetime(), incidents=incidents
    ).comparison
    assert verdict.measure == "incidents"
    assert verdict.subjects == 8
    assert verdict.quality["challenger"] > 0.5 > verdict.quality["champion"]


def test_the_same_seed_plants_the_same_anomalies_only_after_the_start_and_only_in_the_bad_direction() -> None:
    panel = Panel.of(LATER, SERIES)
    since = int(SINCE.timestamp() * 1e6)
    up = np.ones(len(panel.series_ids), np.int8)
    one, two = (plant(panel, since, up, 5) for _ in range(2))
    changed = one.panel.values - panel.values
    assert np.array_equal(one.panel.values, two.panel.values)
    assert (changed[panel.ts < since] == 0).all()
    assert (changed[~one.labels] == 0).all()
    assert changed.min() >= 0
    assert 0.001 < one.labels.mean() < 0.2
    assert not np.array_equal(one.panel.values, plant(panel, since, up, 6).panel.values)


@pytest.mark.parametrize(("at", "inside"), [(9, False), (10, True), (19, True), (20, False), (35, True)])
def test_incident_intervals_are_half_open(at: int, inside: bool) -> None:
    starts, ends = np.array([30, 10]), np.array([40, 20])
    assert interval_labels(np.array([at]), starts, ends).tolist() == [inside]
