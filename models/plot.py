"""A picture of what a detector sees: the strangest series, its expected range, and where it is flagged."""

from typing import Any

import pandas as pd

SHOWN = 4


def score_plot(scores: pd.DataFrame, points: pd.DataFrame) -> Any:
    """Return a figure of the four series with the highest scores, values above and scores below."""
    from matplotlib.figure import Figure

    frame = scores.assign(value=points["value"].to_numpy())
    order = frame.groupby("subject_id")["score"].max().nlargest(SHOWN).index
    figure = Figure(figsize=(12, 3 * len(order)), layout="constrained")
    grid = figure.subplots(2 * len(order), 1, sharex=True, squeeze=False, height_ratios=[2, 1] * len(order))[:, 0]
    for above, below, subject in zip(grid[::2], grid[1::2], order, strict=True):
        one = frame[frame["subject_id"] == subject]
        hit = one[one["score"] >= 1.0]
        above.fill_between(one["ts"], one["lower"], one["upper"], color="#cfe3f5", label="expected")
        above.plot(one["ts"], one["value"], color="#33475b", linewidth=0.8, label="value")
        above.scatter(hit["ts"], hit["value"], color="#c0392b", s=8, zorder=3, label="over the threshold")
        above.set_title(f"series {subject}", loc="left", fontsize=9)
        below.plot(one["ts"], one["score"], color="#8e44ad", linewidth=0.8)
        below.axhline(1.0, color="#c0392b", linewidth=0.8, linestyle="--")
        below.set_ylabel("score")
    if len(order):
        grid[0].legend(loc="upper left", fontsize=8, ncols=3)
    return figure
