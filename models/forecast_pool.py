"""A pool of causal forecasts per series, and its memory of values and courses: how strange each point is to them.

Last value, running means and median, the same phase yesterday and last week, the profile of the day: each weighs by its
own past error, so that a series picks what suits it without being told. Beside them stands what the series has been:
the nearest value it ever had within the look-back, and the windows most like its last hours. The score is the smoothed
square of these deviations; the alarm is how rare they are together (see `pool_kernel.py`, which names the parts).
The pool needs hardly any training: fitting adds the profiles, the width of the band, and the thresholds that keep the
held-out last quarter within the episode budget, one pair per step.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features import BusinessHours, Calendar, Panel
from include.features.panel import Floats, Longs, over_slices
from models.base import Detector, ModelError, State, score_frame
from models.calibration import Calibration, threshold_for
from models.flags import RULES
from models.pool_forecasts import COLUMNS, EXPECTED, FAR, FORECASTS, HEAT, HEAVIEST, NEAR, NOVEL, RARE, SCALE, STRANGE
from models.pool_kernel import run
from models.profile import MIN_POINTS, Profiles, directions

BUDGET = 0.1  # episodes per service and day on the held-out slice, real ones included
SAMPLES = 2_016  # how far back a series of five minutes or slower is looked at, in samples
FASTEST = 300  # seconds; faster series are looked back at for a day at most
MINUTES_SPAN, HOURS_SPAN = 12.0, 12.0  # samples over which the score is smoothed: up to a minute, from an hour on
SPAN = 64_800  # seconds over which it is smoothed between the two
WINDOW, DEPTH = 9_600, 8  # seconds of a window that is compared with earlier ones, in at most so many samples
MINUTES_WINDOW = 16.0  # samples of such a window where samples come faster than every five minutes
AFRESH = 30_000  # seconds: only what is rarer than all before it for so long is an alarm,
AFRESH_ROWS = (10, 100)  # within so many samples
USUAL = (0.75, 0.9)  # the alarm's threshold in log(samples a day): a short history knows little of rare things
_SECOND = 1_000_000


class ForecastPool(Detector):
    """One pool per series; `score` is smoothed and ranks, `alarm` rises at the rarest point of the last hundred."""

    name: ClassVar[str] = "forecast_pool"
    least_step: ClassVar[timedelta] = timedelta(seconds=FASTEST)

    def __init__(
        self, episode_budget: float = BUDGET, threads: int = 1, seed: int = 7, hours: BusinessHours | None = None
    ) -> None:
        self.episode_budget = episode_budget
        self.threads = threads
        self.seed = seed
        self.hours = hours or BusinessHours()
        self.profiles: Profiles
        self.band: Floats  # scales, per series of the profiles; the last is for a series never seen
        self.steps: Longs = np.zeros(0, np.int64)  # seconds, ascending
        self.thresholds: Floats = np.zeros((0, 2))  # per step: of the score, of the alarm

    def lookback(self, step: timedelta) -> timedelta:
        """Return 2,016 samples, but no more than a day where samples come faster than every five minutes."""
        return step * SAMPLES if step >= timedelta(seconds=FASTEST) else min(step * SAMPLES, timedelta(days=1))

    def fit(self, points: pd.DataFrame, series: pd.DataFrame) -> Self:
        """Learn profiles, band and thresholds. Raises `ModelError` when no series has 100 points."""
        if len(points) == 0 or np.bincount(pd.factorize(points["series_id"])[0]).max() < 2 * MIN_POINTS:
            raise ModelError(
                f"No series has {2 * MIN_POINTS} points to train on. Load more history, or a shorter step."
            )
        panel = Panel.of(points, series)
        calendar = Calendar.of(panel, series, self.hours)
        later = _last_quarter(panel)
        early = panel.where(~later)
        alive = np.isin(panel.series_ids, early.series_ids)
        self.profiles = Profiles.fit(
            early, Calendar(calendar.table, calendar.group[alive], calendar.origin), self.threads
        )
        seen = self._run(panel, calendar, directions(panel, series))
        tail, seen = panel.where(later), seen[later]
        service = pd.factorize(series.set_index("series_id")["service"].reindex(tail.series_ids))[0]
        self.steps = np.unique(tail.step // _SECOND)
        self.thresholds = np.ones((len(self.steps), 2))
        for at, step in enumerate(self.steps):
            of_step = tail.step // _SECOND == step
            rows = of_step[tail.series_of_row]
            part = tail.where(rows)
            for column, raw in enumerate(_raw(seen[rows])):
                self.thresholds[at, column] = threshold_for(part, raw, service[of_step], self.episode_budget)
        daily = np.maximum(np.log(86_400 / self.steps), 1.0)
        self.thresholds[:, 1] = np.clip(self.thresholds[:, 1], USUAL[0] * daily, USUAL[1] * daily)
        self.profiles = Profiles.fit(panel, calendar, self.threads)
        place = self.profiles.place(tail.series_ids)
        self.band = Calibration.fit(tail, seen[:, NEAR], place, len(self.profiles.series_ids)).spread
        return self

    def score(self, points: pd.DataFrame, series: pd.DataFrame, since: datetime | None = None) -> pd.DataFrame:
        """Return `SCORE_COLUMNS`, one row per point from `since` on."""
        panel = Panel.of(points, series)
        seen = self._run(panel, Calendar.of(panel, series, self.hours), directions(panel, series))
        wanted = np.ones(len(panel), bool) if since is None else panel.ts >= int(since.timestamp() * _SECOND)
        seen = seen[wanted]
        rows = panel.where(wanted)
        limit = self.thresholds[self._class(rows.step)][rows.series_of_row]
        score, alarm = _raw(seen)
        expected = seen[:, EXPECTED]
        width = np.where(np.isfinite(seen[:, SCALE]), seen[:, SCALE], 0.0)
        width *= self.band[self.profiles.place(rows.series_ids)][rows.series_of_row]
        return score_frame(rows, score / limit[:, 0], expected - width, expected, expected + width, alarm / limit[:, 1])

    def _class(self, step: Longs) -> Longs:
        """Return, per series, which pair of thresholds judges it: its step's, or that of the nearest step known."""
        gap = np.abs(np.log(step[:, None] / _SECOND) - np.log(self.steps[None, :]))
        return np.asarray(gap.argmin(axis=1))

    def _run(self, panel: Panel, calendar: Calendar, direction: npt.NDArray[np.int8]) -> Floats:
        out = np.zeros((len(panel), COLUMNS))
        fixed = replace(self.profiles, follow=np.zeros_like(self.profiles.follow))  # the pool has levels of its own
        profile, _ = fixed.expect(panel, calendar, self.threads)
        place = self.profiles.place(panel.series_ids)
        known = place >= 0
        least = np.where(known, 0.1 * np.append(self.profiles.scale, 0.0)[place], 0.0)
        seconds = panel.step / _SECOND
        reach = SAMPLES * panel.step
        reach = np.where(seconds >= FASTEST, reach, np.minimum(reach, 86_400 * _SECOND))
        span = np.where(seconds < FASTEST, MINUTES_SPAN, np.where(seconds < 3_600, SPAN / seconds, HOURS_SPAN))
        length = np.where(seconds < FASTEST, MINUTES_WINDOW, WINDOW / seconds)  # samples
        stride = np.maximum(np.rint(length / DEPTH), 1).astype(np.int64)
        depth = np.clip(np.rint(length / stride), 2, DEPTH).astype(np.int64)
        afresh = np.clip(AFRESH / seconds, *AFRESH_ROWS).astype(np.int64)
        bounds = np.array([longest for longest, _ in RULES])
        hold = np.array([rule.hits for _, rule in RULES])[np.searchsorted(bounds, seconds)]

        def work(part: slice) -> None:
            chosen = np.arange(part.start, part.stop)
            run(
                panel.values, panel.ts, panel.offsets, panel.step, chosen, profile, known, least,
                direction.astype(np.float64), reach, span, depth, stride, afresh, hold, out,
            )  # fmt: skip

        over_slices(panel.slices(self.threads), work)
        return out

    def explain(self, points: pd.DataFrame, series: pd.DataFrame, rows: npt.NDArray[np.int64]) -> list[list[str]]:
        """Return how far each row lies from the forecast of the next sample, and from that of the level."""
        panel = Panel.of(points, series)
        seen = self._run(panel, Calendar.of(panel, series, self.hours), np.zeros(len(panel.series_ids), np.int8))
        found = []
        for row in rows:
            near, far, novel, strange = seen[row, [NEAR, FAR, NOVEL, STRANGE]]
            side = "above" if panel.values[row] > seen[row, EXPECTED] else "below"
            words = {
                f"{near:.1f} deviations {side} the forecast from {FORECASTS[int(seen[row, HEAVIEST])]}": near,
                f"{novel:.1f} deviations from every value seen before": novel,
                f"a course {strange:.1f} deviations from every one seen before": strange,
                f"the level of the last samples is {far:.1f} deviations from its forecast": far,
            }
            found.append([word for word, size in sorted(words.items(), key=lambda item: -item[1]) if size >= 1.0][:3])
        return [why or ["nothing stands out at this point"] for why in found]

    def state(self) -> State:
        """Return the fitted detector as arrays and plain data."""
        arrays = {**self.profiles.arrays(), "steps": self.steps, "thresholds": self.thresholds, "band": self.band}
        return State(self.name, arrays, {"parameters": self.parameters})

    @classmethod
    def from_state(cls, state: State) -> Self:
        """Return the detector that `state` describes."""
        known = dict(state.data["parameters"])
        hours = known.pop("business_hours")
        made = cls(**known, hours=BusinessHours.parse(hours))
        made.profiles = Profiles.from_arrays(state.arrays)
        made.band = state.arrays["band"]
        made.steps, made.thresholds = state.arrays["steps"], state.arrays["thresholds"]
        return made

    @property
    def parameters(self) -> dict[str, Any]:
        """The settings with which it was made."""
        return {"episode_budget": self.episode_budget, "seed": self.seed, "business_hours": str(self.hours)}


def _raw(seen: Floats) -> tuple[Floats, Floats]:
    """Return the smoothed score, in deviations, and the alarm, in -log(chance), before their thresholds."""
    return np.sqrt(seen[:, HEAT]), seen[:, RARE]


def _last_quarter(panel: Panel) -> npt.NDArray[np.bool_]:
    """Return which rows lie in the last quarter of their own series' time."""
    first, last = panel.ts[panel.offsets[:-1]], panel.ts[panel.offsets[1:] - 1]
    return np.asarray(panel.ts >= (first + (last - first) * 3 // 4)[panel.series_of_row])
