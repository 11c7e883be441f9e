"""The gate of the detector of log lines: whether a challenger may replace the champion.

Rare lines of three kinds are planted into real, later lines: a template never seen, an error at the hour that has the
fewest lines, a line ten times as long as its template's. Measured is the average precision of each service's scores,
the difference to champion and baseline with a bootstrap over services and kinds, and the flagged templates per service
and day among the untouched lines.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from include.features.panel import Floats
from models.base import ModelError
from models.gate import CHALLENGER, CHAMPION, ClassQuality, Comparison, difference, verdict
from models.log_lines import LogLines

KINDS = ("unknown template", "error at a quiet hour", "ten times longer")
PER_KIND = 5  # planted into the lines of each service
LEAST_LINES = 100  # of a service, below which nothing is planted into it
LONGER = 10
MEASURE = "Average precision"


@dataclass(frozen=True)
class Planted:
    """Lines with planted ones among them, in order of time; `kind` is the position in `KINDS`, -1 for a real line."""

    lines: pd.DataFrame
    kind: npt.NDArray[np.int64]


def plant(lines: pd.DataFrame, seed: int) -> Planted:
    """Plant five lines of each kind among those of each service that has at least 100.

    Each is the copy of a real line, changed in one thing. Seeded by service, so every model is asked about the same.
    """
    parts, kinds = [lines], [np.full(len(lines), -1)]
    for service, own in lines.groupby("service", observed=True):  # a loop over services: fifteen lines each
        if len(own) < LEAST_LINES:
            continue
        rng = np.random.default_rng([seed, *str(service).encode()])
        calm = own[~own["level"].isin(["ERROR", "FATAL"])]
        for kind in range(len(KINDS)):
            source = calm if kind == 1 and len(calm) else own
            copies = source.iloc[rng.choice(len(source), PER_KIND)]
            parts.append(_changed(copies, kind, own, rng))
            kinds.append(np.full(PER_KIND, kind))
    together = pd.concat(parts, ignore_index=True)
    order = np.argsort(together["ts"].to_numpy(), kind="stable")
    return Planted(together.iloc[order].reset_index(drop=True), np.concatenate(kinds)[order])


def compare(
    challenger: LogLines,
    champion: LogLines | None,
    baseline: LogLines,
    lines: pd.DataFrame,
    *,
    since: datetime,
    seed: int = 7,
) -> Comparison:
    """Judge the challenger on the lines from `since` on, which no model has seen. Raises `ModelError` for too few."""
    later = lines[lines["ts"] >= since].sort_values("ts", kind="stable", ignore_index=True)
    planted = plant(later, seed)
    if (planted.kind < 0).all():
        raise ModelError(f"No service has {LEAST_LINES} log lines since {since:%Y-%m-%d}: nothing to judge by.")
    roles = {CHALLENGER: challenger, baseline.name: baseline} | ({CHAMPION: champion} if champion else {})
    found = {role: precision(planted, model.score(planted.lines)["score"].to_numpy()) for role, model in roles.items()}
    false = {role: flagged_per_day(model, later) for role, model in roles.items()}
    others = [role for role in (CHAMPION, baseline.name) if role in roles]
    differences = tuple(difference(role, found[CHALLENGER].ravel(), found[role].ravel(), seed) for role in others)
    quality = {role: float(np.nanmean(values)) for role, values in found.items()}
    accepted, said = verdict(quality, false, differences, MEASURE, "flagged templates")
    return Comparison(
        "planted log lines", len(found[CHALLENGER]), quality, false, differences, accepted, said,
        classes=_by_kind(found), score_name=MEASURE,
    )  # fmt: skip


def precision(planted: Planted, score: Floats) -> Floats:
    """Return the average precision `[services, kinds]` of finding each kind's lines among the real ones."""
    from sklearn.metrics import average_precision_score

    service = planted.lines["service"].to_numpy()
    names = np.unique(service[planted.kind >= 0].astype(str))
    out = np.empty((len(names), len(KINDS)))
    for at, name in enumerate(names):
        for kind in range(len(KINDS)):
            some = (service == name) & ((planted.kind == kind) | (planted.kind < 0))
            out[at, kind] = average_precision_score(planted.kind[some] == kind, score[some])
    return out


def flagged_per_day(model: LogLines, lines: pd.DataFrame) -> float:
    """Return how many templates a service has flagged per day."""
    hit = lines[model.score(lines)["alarm"].to_numpy() >= 1.0]
    days = max((lines["ts"].max() - lines["ts"].min()) / pd.Timedelta(days=1), 1e-9)
    pairs = hit.assign(day=hit["ts"].dt.floor("D"))[["service", "template_id", "day"]].drop_duplicates()
    return len(pairs) / days / lines["service"].nunique()


def _changed(copies: pd.DataFrame, kind: int, own: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if kind == 0:
        return copies.assign(template_id=rng.integers(-(2**62), 2**62, len(copies)))
    if kind == 2:
        return copies.assign(length=copies["length"] * LONGER)
    hours = np.bincount(own["ts"].dt.hour, minlength=24)
    days = copies["ts"].dt.floor("D")
    moved = days + pd.Timedelta(hours=int(np.argmin(hours))) + (copies["ts"] - copies["ts"].dt.floor("h"))
    return copies.assign(level="ERROR", ts=moved)


def _by_kind(found: Mapping[str, Floats]) -> tuple[ClassQuality, ...]:
    size = len(next(iter(found.values())))
    return tuple(
        ClassQuality(name, size, {role: float(np.nanmean(values[:, at])) for role, values in found.items()})
        for at, name in enumerate(KINDS)
    )
