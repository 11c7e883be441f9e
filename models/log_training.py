"""Train, judge and register the detector of log lines, as `training.py` does for points."""

from dataclasses import replace

import numpy as np
import pandas as pd

from models.base import ModelError
from models.gate import CHALLENGER
from models.log_gate import compare
from models.log_lines import BUDGET, LogLines, TemplateRarity
from models.registry import LOG_LINES, Registry
from models.tracking import Sample, Training
from models.training import Outcome, gate_start, loadable

EXAMPLE_ROWS = 20
THRESHOLDS = np.geomspace(0.25, 8.0, 21)


def train_lines(
    url: str,
    lines: pd.DataFrame,
    counts: pd.DataFrame,
    zones: dict[str, str],
    training: Training,
    *,
    budget: float = BUDGET,
    threads: int = 1,
    seed: int = 7,
) -> Outcome:
    """Fit on all but the gate's slice of `[service, ts, level, template_id, length]`, judge, register the challenger.

    `counts` is `[service, ts, level, template_id, lines]` of all lines, kept or not; `budget` is of flagged templates
    per service and day. Where nothing runs yet, the rarity
    of templates is registered too and runs. Raises `ModelError` for too few lines.
    """
    if lines.empty:
        raise ModelError("There are no log lines to train on. Load some history first.")
    here = Registry(url, LOG_LINES)
    running = here.champion()
    since = gate_start(lines)
    head, known = (frame[frame["ts"] < since].reset_index(drop=True) for frame in (lines, counts))
    challenger = LogLines(budget, threads, seed).fit(head, known, zones)
    baseline = TemplateRarity(budget, threads, seed).fit(head, known, zones)
    champion: LogLines | None = loadable(here, running)
    found = compare(challenger, champion, baseline, lines, since=since, seed=seed)
    made_of = replace(
        training, points=len(head), series=head["template_id"].nunique(), metrics={"threshold": challenger.threshold}
    )
    example = head.head(EXAMPLE_ROWS).assign(ts=head["ts"].head(EXAMPLE_ROWS).astype(str))
    example = example.assign(level=example["level"].astype(object).fillna("").astype(str))
    if running is None:
        first = here.register(baseline, made_of, Sample(example))
        here.install_baseline(first.number, baseline.name)
    later = lines[lines["ts"] >= since].reset_index(drop=True)
    version = here.register(challenger, made_of, Sample(example, figures={"scores.png": _picture(challenger, later)}))
    here.judge(version.number, found)
    return Outcome(version, here.champion(), found)


def _picture(model: LogLines, later: pd.DataFrame) -> object:
    """Return a figure of the scores over the later slice, and of what each threshold would have flagged a day."""
    from matplotlib.figure import Figure

    scores = model.score(later)
    days = max((later["ts"].max() - later["ts"].min()) / pd.Timedelta(days=1), 1e-9)
    figure = Figure(figsize=(12, 5), layout="constrained")
    above, below = figure.subplots(2, 1)
    above.scatter(scores["ts"], scores["score"], s=2, color="#5b6abf")
    above.axhline(1.0, color="#c0392b", linewidth=0.8, linestyle="--")
    above.set_ylabel("score of a line")
    named = scores.assign(day=scores["ts"].dt.floor("D"))
    flagged = [
        len(named[named["score"] >= threshold][["service", "subject_id", "day"]].drop_duplicates())
        / days / later["service"].nunique()
        for threshold in THRESHOLDS
    ]  # fmt: skip
    below.plot(THRESHOLDS, flagged, color="#c0392b", marker="o", markersize=3)
    below.axvline(1.0, color="#33475b", linewidth=0.8, linestyle="--")
    below.set_xscale("log", base=2)
    below.set_xticks([0.25, 0.5, 1, 2, 4, 8], ["¼", "½", "1", "2", "4", "8"])
    below.set_xlabel("threshold, in units of the one that training chose")
    below.set_ylabel("flagged templates per service and day")
    figure.suptitle(f"Log lines, later slice ({CHALLENGER})", fontsize=10)
    return figure
