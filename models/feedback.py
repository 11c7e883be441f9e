"""What people said of episodes, turned into thresholds: one factor per class of series, with a floor on recall."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from include.features.panel import Floats

REAL, NOISE = "real", "noise"
FACTORS = np.geomspace(0.5, 2.0, 41)
"""What the threshold of a class may be multiplied by."""


def class_thresholds(
    scored_episodes: pd.DataFrame,
    labels: pd.DataFrame,
    classes: Mapping[int, str],
    floor: float = 0.9,
    least_noise: float = 5.0,
    prior: float = 10.0,
) -> dict[str, float]:
    """Return, for each class with labels, what to multiply its threshold by; 1 changes nothing.

    `scored_episodes` is `[subject_id, first_ts, last_ts, peak]`, found at a threshold low enough (half, say) to show
    what is missed at 1; `peak` is the highest alarm. `labels` is as `include.orchestration.feedback.labels` gives it;
    `classes` maps `subject_id` to class. A label is of the episode of its subject that it overlaps most; of a service,
    of every episode of the service's series in its time (`service` must then be among the columns of both).

    A class's threshold rises as far as it takes to drop the most noise, as long as the weight of real ones still
    found stays at or above `floor`, and only where labels of noise weigh `least_noise` together. Where real ones are
    missed at 1, it falls until the floor is kept. Few labels move it little: the logarithm of the factor is shrunk by
    `weight / (weight + prior)`.
    """
    judged = judged_episodes(scored_episodes, labels)
    judged = judged.assign(series_class=judged["subject_id"].map(classes))
    return {
        str(name): _factor(own, floor, least_noise, prior)
        for name, own in judged.dropna(subset=["series_class"]).groupby("series_class")
    }


def judged_episodes(episodes: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Return `[subject_id, peak, verdict, weight]`, a row per episode and label that speaks of it.

    A real label of a series that no episode overlaps was missed: its peak is 0.
    """
    columns = ["subject_id", "peak", "verdict", "weight"]
    own = labels[labels["verdict"].isin([REAL, NOISE])].reset_index(drop=True)
    own = own.assign(label=own.index)
    of_series, of_service = own[own["subject_kind"] != "service"], own[own["subject_kind"] == "service"]
    pairs = [_overlapping(episodes, of_series.drop(columns="service", errors="ignore"), "subject_id")]
    if len(of_service):
        pairs.append(_overlapping(episodes, of_service.drop(columns="subject_id"), "service"))
    met = pd.concat(pairs, ignore_index=True)
    missed = of_series[(of_series["verdict"] == REAL) & ~of_series["label"].isin(met["label"])].assign(peak=0.0)
    return pd.concat([met[columns], missed[columns]], ignore_index=True)


def _overlapping(episodes: pd.DataFrame, labels: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return pairs of episode and label in the same time; of a series, each label with its longest overlap only."""
    taken = labels.rename(columns={"first_ts": "from_ts", "last_ts": "to_ts"})
    both = episodes.merge(taken.drop(columns="subject_kind"), on=by)
    end, begin = np.minimum(both["last_ts"], both["to_ts"]), np.maximum(both["first_ts"], both["from_ts"])
    both = both.assign(shared=end - begin)
    both = both[both["shared"] >= pd.Timedelta(0)]
    if by == "service":
        return both
    return both.sort_values("shared", kind="stable").drop_duplicates("label", keep="last")


def _factor(judged: pd.DataFrame, floor: float, least_noise: float, prior: float) -> float:
    real, noise = (judged[judged["verdict"] == word] for word in (REAL, NOISE))
    at_one = int(np.argmin(np.abs(np.log(FACTORS))))
    found, dropped = _share_at_least(real), _weight_below(noise)
    kept = np.flatnonzero(found >= floor)
    highest = int(kept[-1]) if len(kept) else 0
    if highest < at_one:
        best = highest
    elif noise["weight"].sum() < least_noise:
        best = at_one
    else:
        allowed = dropped[: highest + 1]
        best = max(at_one, int(np.argmax(allowed)))  # the first that drops the most: no higher than it takes
    weight = float(judged["weight"].sum())
    return float(np.exp(np.log(FACTORS[best]) * weight / (weight + prior)))


def _share_at_least(real: pd.DataFrame) -> Floats:
    """Return, per factor, the share by weight of real ones whose peak reaches it; 1 where there are none."""
    weight, peak = real["weight"].to_numpy(np.float64), real["peak"].to_numpy(np.float64)
    total = weight.sum()
    if total == 0:
        return np.ones(len(FACTORS))
    return (weight * (peak >= FACTORS[:, None] - 1e-12)).sum(axis=1) / total


def _weight_below(noise: pd.DataFrame) -> Floats:
    """Return, per factor, the weight of noise that no longer reaches it."""
    weight, peak = noise["weight"].to_numpy(np.float64), noise["peak"].to_numpy(np.float64)
    return (weight * (peak < FACTORS[:, None] - 1e-12)).sum(axis=1)
