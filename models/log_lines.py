"""Strange log lines: an isolation forest over rarity, length, level, hour and weekday, and what is rare by itself.

A line's score is the mean of two numbers: the forest's, and the strongest of three single surprises (a rare template, a
length that its template never has, a level that this hour never has). All are on one scale, which a later part of the
lines gives that the model was not fitted on: 0 is ordinary, 1 is rarer than 999 of 1,000. The threshold keeps that
part within a budget of flagged templates per service and day.

Lines are judged one by one, by what was learned in training: nothing is looked back at.
"""

from datetime import datetime
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features.panel import Floats
from models.base import ModelError, State, TrainedModel
from models.forest import Forest
from models.log_features import FEATURES, WORDS, Vocabulary

SUBJECT = "log_template"
LINE_SCORES = ("subject_kind", "subject_id", "service", "ts", "score", "alarm")
BUDGET = 1.0  # flagged templates per service and day on the held-out lines, real ones included
TREES, SAMPLES, TRAINING_ROWS = 200, 256, 100_000
LEAST_LINES = 200
HIGH = 0.999
CAP = 50.0
LEAST_THRESHOLD = 0.5
_LEAST_SPREAD = {"forest": 0.02, "rarity": 0.5, "longer": 1.0, "quiet": 0.3}
SINGLE = ("rarity", "longer", "quiet")


class LogLines(TrainedModel):
    """Judges log lines `[service, ts, level, template_id, length]`: levels of `include.parse`, length in characters."""

    name: ClassVar[str] = "log_lines"
    parts: ClassVar[tuple[str, ...]] = ("forest", *SINGLE)

    def __init__(self, budget: float = BUDGET, threads: int = 1, seed: int = 7, trees: int = TREES) -> None:
        """Make one that flags at most `budget` templates per service and day."""
        self.budget = budget
        self.threads = threads
        self.seed = seed
        self.trees = trees
        self.threshold = 1.0
        self.vocabulary: Vocabulary
        self.forest: Forest
        self.ordinary: npt.NDArray[np.float32]
        self.scale: dict[str, tuple[float, float]]  # per part: middle and spread of the raw score

    def fit(self, lines: pd.DataFrame, counts: pd.DataFrame | None = None, zones: dict[str, str] | None = None) -> Self:
        """Learn from lines in any order. Raises `ModelError` when there are fewer than 200.

        `counts` is `[service, ts, level, template_id, lines]` of all lines, where only some were kept (`log_summary`);
        by default the lines count themselves. `zones` are time zones of services; UTC for one that has none there.
        """
        if len(lines) < LEAST_LINES:
            raise ModelError(
                f"There are {len(lines)} log lines to train on, and it takes {LEAST_LINES}. Load more history."
            )
        every = lines.assign(lines=1) if counts is None else counts
        cut = lines["ts"].sort_values().iloc[len(lines) * 3 // 4]
        early, late = lines[lines["ts"] < cut], lines[lines["ts"] >= cut]
        before = every[every["ts"] < cut]
        if early.empty or before.empty:
            raise ModelError(f"All log lines are of one moment, {cut}: there is nothing later to calibrate on.")
        self._learn(early, before, zones or {})
        raw = self._raw(self.vocabulary.features(late))
        self.scale = {name: _scale(raw[name], _LEAST_SPREAD[name]) for name in self.parts}
        self.threshold = _threshold(late, self._combine(raw), self.budget)
        self._learn(lines, every, zones or {})
        return self

    def score(self, lines: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `LINE_SCORES`, one row per line from `since` on, in the order of the lines.

        A line at a score of 1 or more is over the threshold.
        """
        wanted = lines if since is None else lines[lines["ts"] >= since]
        score = self._combine(self._raw(self.vocabulary.features(wanted))) / self.threshold
        columns = {
            "subject_kind": np.full(len(wanted), SUBJECT, dtype=object),
            "subject_id": wanted["template_id"].to_numpy(np.int64),
            "service": wanted["service"].to_numpy(),
            "ts": wanted["ts"].array,
            "score": score,
            "alarm": score,
        }
        return pd.DataFrame(columns, index=wanted.index)

    def explain(self, lines: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return, for each of these rows of the lines, in words what made its score, strongest first: at most three."""
        x = self.vocabulary.features(lines.iloc[rows])
        whole = self._combine(self._raw(x))
        drop = np.empty((len(rows), len(FEATURES)))
        for at in range(len(FEATURES)):
            without = x.copy()
            without[:, at] = self.ordinary[at]
            drop[:, at] = whole - self._combine(self._raw(without))
        best = np.argsort(-drop, axis=1, kind="stable")[:, :3]
        return [[WORDS[FEATURES[at]] for at in row if gain[at] > 1e-9] for row, gain in zip(best, drop, strict=True)]

    def evidence(self, lines: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[dict[str, Any]]:
        """Return the words of `explain` and the numbers behind them: each surprise on the common scale."""
        raw = self._raw(self.vocabulary.features(lines.iloc[rows]))
        scaled = {part: self._scaled(part, raw[part]) for part in self.parts}
        return [
            {"features": why, "surprises": {part: round(float(values[at]), 3) for part, values in scaled.items()}}
            for at, why in enumerate(self.explain(lines, rows))
        ]

    def serve(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the scores of lines whose times are text."""
        lines = frame.assign(ts=pd.to_datetime(frame["ts"], utc=True))
        return self.score(lines)[["subject_id", "service", "score", "alarm"]]

    def _learn(self, lines: pd.DataFrame, counts: pd.DataFrame, zones: dict[str, str]) -> None:
        self.vocabulary = Vocabulary.learn(lines, counts, zones)
        drawn = np.random.default_rng(self.seed).choice(len(lines), min(TRAINING_ROWS, len(lines)), replace=False)
        in_order = lines.sort_values(["ts", "service", "template_id", "length"], kind="stable")
        sample = self.vocabulary.features(in_order.iloc[np.sort(drawn)])
        self.forest = Forest.grow(sample, self.trees, SAMPLES, self.seed, self.threads)
        self.ordinary = np.median(sample, axis=0)

    def _raw(self, x: npt.NDArray[np.float32]) -> dict[str, Floats]:
        raw = {name: x[:, FEATURES.index(name)].astype(np.float64) for name in SINGLE}
        raw["longer"] = np.abs(raw["longer"])
        return raw | {"forest": self.forest.score(x, self.threads)}

    def _scaled(self, part: str, raw: Floats) -> Floats:
        middle, spread = self.scale[part]
        return np.clip((raw - middle) / spread, 0.0, CAP)

    def _combine(self, raw: dict[str, Floats]) -> Floats:
        single: Floats = np.max([self._scaled(part, raw[part]) for part in SINGLE], axis=0)
        return (self._scaled("forest", raw["forest"]) + single) / 2

    def state(self) -> State:
        """Return the fitted model as arrays and plain data."""
        arrays = {**self.vocabulary.arrays(), **self._grown(), "ordinary": self.ordinary}
        data = {
            "threshold": self.threshold,
            "parameters": self.parameters,
            "scale": {part: list(pair) for part, pair in self.scale.items()},
            "services": list(self.vocabulary.services),
            "zones": list(self.vocabulary.zones),
        }
        return State(self.name, arrays, data)

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the model that `state` describes."""
        made = cls(**state.data["parameters"])
        made.threshold = float(state.data["threshold"])
        made.scale = {part: (float(pair[0]), float(pair[1])) for part, pair in state.data["scale"].items()}
        made.vocabulary = Vocabulary.from_arrays(state.data["services"], state.data["zones"], state.arrays)
        made.ordinary = state.arrays["ordinary"]
        made._regrow(state.arrays)
        return made

    def _grown(self) -> dict[str, npt.NDArray[Any]]:
        return self.forest.arrays()

    def _regrow(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        self.forest = Forest.from_arrays(arrays)

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {"budget": self.budget, "seed": self.seed, "trees": self.trees}


class TemplateRarity(LogLines):
    """The naive baseline: how rare a line's template is in its service, and nothing else."""

    name: ClassVar[str] = "template_rarity"
    parts: ClassVar[tuple[str, ...]] = ("rarity",)

    def _learn(self, lines: pd.DataFrame, counts: pd.DataFrame, zones: dict[str, str]) -> None:
        self.vocabulary = Vocabulary.learn(lines, counts, zones)
        self.ordinary = np.zeros(len(FEATURES), np.float32)

    def _raw(self, x: npt.NDArray[np.float32]) -> dict[str, Floats]:
        return {"rarity": x[:, FEATURES.index("rarity")].astype(np.float64)}

    def _combine(self, raw: dict[str, Floats]) -> Floats:
        return self._scaled("rarity", raw["rarity"])

    def _grown(self) -> dict[str, npt.NDArray[Any]]:
        return {}

    def _regrow(self, arrays: dict[str, npt.NDArray[Any]]) -> None:
        pass


def _scale(raw: Floats, least: float) -> tuple[float, float]:
    """Return the median of raw scores and how far above it the rarest of 1,000 lies."""
    middle, high = np.quantile(raw, [0.5, HIGH])
    return float(middle), max(float(high - middle), least)


def _threshold(lines: pd.DataFrame, score: Floats, budget: float) -> float:
    """Return the lowest threshold at which these lines have at most `budget` flagged templates per service and day."""
    day = lines["ts"].dt.floor("D")
    keys = [lines["service"].to_numpy(), lines["template_id"].to_numpy(), day.to_numpy()]
    peaks = np.sort(pd.Series(score).groupby(keys).max().to_numpy())[::-1]
    length = (lines["ts"].max() - lines["ts"].min()) / pd.Timedelta(days=1)
    allowed = int(budget * length * lines["service"].nunique())
    if allowed >= len(peaks):
        return LEAST_THRESHOLD
    return max(float(np.nextafter(peaks[allowed], np.inf)), LEAST_THRESHOLD)
