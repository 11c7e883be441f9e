"""What the gate found, and whether the challenger may run.

A challenger passes when it is better than the champion and than the naive baseline beyond chance (the interval of the
difference, by bootstrap over subjects, lies above zero) and does not flood people with episodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from include.features.panel import Floats

CHALLENGER, CHAMPION = "challenger", "champion"
VUS_PR = "VUS-PR"
DRAWS = 2_000
MOST_FALSE, MORE_FALSE = 1.0, 1.25  # episodes per service and day at most; or this many times the champion's


@dataclass(frozen=True)
class Difference:
    """Mean difference in quality, challenger minus other, with its 95% interval by bootstrap over subjects."""

    other: str
    mean: float
    low: float
    high: float

    @property
    def better(self) -> bool:
        """Whether the challenger is better beyond chance."""
        return self.low > 0


@dataclass(frozen=True)
class ClassQuality:
    """Quality per role among the subjects of one class."""

    name: str
    subjects: int
    quality: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """What the gate found. Roles are `challenger`, `champion` where one runs, and the baseline's name."""

    measure: str  # what was measured on: "incidents" or "planted anomalies"
    subjects: int
    quality: Mapping[str, float]  # `score_name` per role
    false_episodes: Mapping[str, float]  # per service and day, per role
    differences: tuple[Difference, ...]
    accepted: bool
    verdict: str  # in plain words, with the figures
    classes: tuple[ClassQuality, ...] = ()
    recall: Mapping[str, float] | None = None  # share of events with a flagged point, per role
    delay: Mapping[str, float] | None = None  # median samples from an event's start to its first flagged point
    score_name: str = VUS_PR

    def figures(self) -> dict[str, float]:
        """Return everything countable under the names that MLflow shows."""
        score = self.score_name.lower().replace("-", "_").replace(" ", "_")
        found = {f"{score}_{role}": value for role, value in self.quality.items()}
        found |= {f"false_episodes_{role}": value for role, value in self.false_episodes.items()}
        found |= {f"event_recall_{role}": value for role, value in (self.recall or {}).items()}
        found |= {f"median_delay_{role}": value for role, value in (self.delay or {}).items()}
        for one in self.classes:
            found |= {f"class/{one.name}/{score}_{role}": value for role, value in one.quality.items()}
        return {name: value for name, value in found.items() if np.isfinite(value)}


def difference(other: str, challenger: Floats, values: Floats, seed: int) -> Difference:
    """Return how much better the challenger is, subject by subject; subjects without a figure do not count."""
    gap = challenger - values
    gap = gap[np.isfinite(gap)]
    if not len(gap):
        return Difference(other, 0.0, 0.0, 0.0)
    drawn = np.random.default_rng(seed).integers(0, len(gap), (DRAWS, len(gap)))
    low, high = np.quantile(gap[drawn].mean(axis=1), [0.025, 0.975])
    return Difference(other, float(gap.mean()), float(low), float(high))


def verdict(
    quality: Mapping[str, float],
    false: Mapping[str, float],
    differences: tuple[Difference, ...],
    score_name: str = VUS_PR,
    counted: str = "episodes",
) -> tuple[bool, str]:
    """Return whether the challenger passes, and the sentence that says why with all figures.

    `score_name` is what `quality` holds, `counted` what `false` counts per service and day.
    """
    said = "; ".join(
        f"{gap.mean:+.3f} ({gap.low:+.3f} to {gap.high:+.3f}) against {gap.other}'s {quality[gap.other]:.3f}"
        for gap in differences
    )
    allowed = max(MOST_FALSE, MORE_FALSE * false[differences[0].other])
    worse = [gap.other for gap in differences if not gap.better]
    figures = f"{score_name} {quality[CHALLENGER]:.3f}: {said}; {false[CHALLENGER]:.2f} {counted} per service and day."
    if worse:
        return False, f"Refused: not better than {' and '.join(worse)} beyond chance. {figures}"
    if false[CHALLENGER] > allowed:
        return False, f"Refused: over {allowed:.2f} {counted} per service and day on the untouched slice. {figures}"
    return True, f"Accepted: better than {' and '.join(gap.other for gap in differences)} beyond chance. {figures}"
