"""Pictures of a training run: what the model scores, what it finds, and what its threshold costs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from models.flags import episodes_per_day, flag
from models.gate import CHALLENGER

if TYPE_CHECKING:
    from models.backtest import Backtest, Scored

SHOWN = 4
THRESHOLDS = np.geomspace(0.25, 8.0, 21)
INK, MARK, BAND, SCORE = "#33475b", "#c0392b", "#f3d9a4", "#5b6abf"


def scores(untouched: "Mapping[str, Scored]", series: pd.DataFrame) -> Any:
    """Return a figure of the challenger's scores over the untouched slice: its four strangest subjects."""
    scored = untouched[CHALLENGER]
    figure, axes, shown = _panels(scored, scored.panel.values)
    for axis, place in zip(axes, shown, strict=True):
        a, b = scored.panel.offsets[place], scored.panel.offsets[place + 1]
        axis.plot(scored.panel.times[a:b], scored.panel.values[a:b], color=SCORE, linewidth=0.8)
        axis.axhline(1.0, color=MARK, linewidth=0.8, linestyle="--")
        axis.set_ylabel("score")
        axis.set_title(_named(scored, place, series), loc="left", fontsize=9)
    figure.suptitle("Scores over time, untouched later slice; dashed: a point is flagged", fontsize=10)
    return figure


def detections(found: "Backtest", series: pd.DataFrame) -> Any:
    """Return a figure of truth (shaded) and flagged points (red) on the four subjects with most truth."""
    scored = found.judged[CHALLENGER]
    figure, axes, shown = _panels(scored, found.labels.astype(float))
    flagged = flag(scored.panel, scored.alarm >= 1.0)
    values = found.values.set_index(["series_id", "ts"])["value"]
    for axis, place in zip(axes, shown, strict=True):
        a, b = scored.panel.offsets[place], scored.panel.offsets[place + 1]
        times, truth, hit = scored.panel.times[a:b], found.labels[a:b], flagged[a:b]
        subject = int(scored.panel.series_ids[place])
        known = subject in values.index.get_level_values(0)
        line = values.loc[subject].reindex(times).to_numpy() if known else scored.alarm[a:b]
        axis.fill_between(times, 0, 1, where=truth, color=BAND, transform=axis.get_xaxis_transform(), label="truth")
        axis.plot(times, line, color=INK, linewidth=0.7, label="value" if known else "alarm")
        axis.scatter(times[hit], line[hit], color=MARK, s=8, zorder=3, label="flagged")
        axis.set_title(_named(scored, place, series), loc="left", fontsize=9)
    if len(axes):
        axes[0].legend(loc="upper left", fontsize=8, ncols=3)
    figure.suptitle(f"Detections against truth ({found.comparison.measure})", fontsize=10)
    return figure


def calibration(found: "Backtest") -> Any:
    """Return a figure of what each threshold would have given on the later slice: recall, and false episodes a day."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    scored, calm = found.judged[CHALLENGER], found.untouched[CHALLENGER]
    groups = pd.factorize(calm.service)[0]
    recall = [_at(scored, threshold).caught(found.labels)[0] for threshold in THRESHOLDS]
    false = [episodes_per_day(calm.panel, calm.alarm, float(threshold), groups) for threshold in THRESHOLDS]
    left.plot(THRESHOLDS, recall, color=SCORE, marker="o", markersize=3, label="share of events found")
    right.plot(THRESHOLDS, false, color=MARK, marker="s", markersize=3, label="episodes per service and day")
    left.axvline(1.0, color=INK, linestyle="--", linewidth=0.8)
    left.set_xscale("log", base=2)
    left.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["¼", "½", "1", "2", "4", "8"])
    left.set_xlabel("threshold, in units of the one that training chose")
    left.set_ylabel("share of events found", color=SCORE)
    right.set_ylabel("episodes per service and day, untouched slice", color=MARK)
    left.set_ylim(0, 1.02)
    right.set_ylim(bottom=0)
    figure.suptitle("Calibration on the later slice", fontsize=10)
    return figure


def _at(scored: "Scored", threshold: float) -> "Scored":
    from dataclasses import replace

    return replace(scored, alarm=scored.alarm / threshold)


def _panels(scored: "Scored", by: Any) -> tuple[Any, Any, Any]:
    """Return a figure with one axis per shown subject: those in which `by` is highest, or highest for longest."""
    from matplotlib.figure import Figure

    bounds = list(zip(scored.panel.offsets[:-1], scored.panel.offsets[1:], strict=True))
    weight = np.array([by[a:b].mean() for a, b in bounds])
    shown = np.argsort(-weight, kind="stable")[:SHOWN]
    figure = Figure(figsize=(12, 2.2 * max(1, len(shown))), layout="constrained")
    axes = figure.subplots(max(1, len(shown)), 1, sharex=True, squeeze=False)[: len(shown), 0]
    return figure, axes, shown


def _named(scored: "Scored", place: int, series: pd.DataFrame) -> str:
    subject = int(scored.panel.series_ids[place])
    own = series[series["series_id"] == subject]
    query = f"{own['query'].iloc[0]} of " if len(own) and "query" in own else ""
    return f"{query}{scored.service[place]}"
