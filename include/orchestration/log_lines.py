"""The detector of log lines: training on what was stored and counted, and scoring a window of lines."""

from datetime import timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.orchestration.detect import stamped
from include.orchestration.lineage import loads_of, record_lineage
from include.orchestration.meaning import business_hours
from include.orchestration.runtime import Runtime, code_version
from include.orchestration.train import THREADS, settle, shelf
from include.warehouse.schema import anomaly, episode, log_event, log_summary, service
from include.window import Window
from models.base import ModelError
from models.log_episodes import HISTORY, windowed
from models.log_training import train_lines
from models.maintenance import silenced
from models.registry import LOG_LINES, RegistryUnavailableError
from models.tracking import Training

PRODUCER = "detect_log_anomalies"
TRAINER = "train_anomaly_models"


def train_log_lines(rt: Runtime, window: Window, days: int) -> dict[str, Any]:
    """Train on the lines of the days up to the window's end; return as `train_model` does."""
    span = Window(window.end - timedelta(days=days), window.end)
    counts = rt.warehouse.frame(
        sa.select(*(log_summary.c[name] for name in ("service", "ts", "level", "template_id", "lines"))).where(
            log_summary.c.ts >= span.start, log_summary.c.ts < span.end
        )
    )
    try:
        outcome = train_lines(
            rt.settings.mlflow,
            _lines(rt, span),
            counts,
            _zones(rt),
            Training(span, tuple(loads_of(rt.warehouse, span)), "", rt.config.fingerprint, code_version(), 0, 0),
            budget=rt.config.detection.episode_budget,
            threads=THREADS,
        )
    except RegistryUnavailableError:
        raise
    except ModelError as error:  # a site without logs, or with too few of them: nothing is wrong
        return {"model": LOG_LINES, "next": "left out", "verdict": f"Nothing to train on: {error}"}
    done = settle(rt, LOG_LINES, outcome.challenger.number, outcome.comparison)
    with rt.warehouse.transaction() as tx:
        record_lineage(tx, rt, TRAINER, span, f"{LOG_LINES}/{outcome.challenger.number}")
    return done


def score_log_lines(rt: Runtime, window: Window) -> dict[str, Any]:
    """Score the lines of a window, and replace its anomalies and episodes of log templates.

    Raises `NotTrainedError` where no model of log lines was ever trained.
    """
    champion = shelf(rt).champion(LOG_LINES)
    version = champion.version.number
    lines = _lines(rt, window.with_lookback(HISTORY))
    found = windowed(champion.model, lines, window, model_version=version, hours=business_hours(rt))
    episodes = silenced(found.episode, rt.config.maintenance)
    with rt.warehouse.transaction() as tx:
        for table, rows in ((anomaly, found.anomaly), (episode, episodes)):
            tx.replace_results(table, PRODUCER, window, stamped(rows, window, rt.grid), run_id=rt.run_id)
        record_lineage(tx, rt, PRODUCER, window, f"{LOG_LINES}/{version}")
    inside = int((lines["ts"] >= pd.Timestamp(window.start)).sum())
    return {"lines": inside, "anomalies": len(found.anomaly), "episodes": len(episodes), "note": champion.note}


def _lines(rt: Runtime, span: Window) -> pd.DataFrame:
    names = ("service", "ts", "level", "template_id")
    statement = sa.select(*(log_event.c[name] for name in names), sa.func.length(log_event.c.message).label("length"))
    mine = statement.where(log_event.c.ts >= span.start, log_event.c.ts < span.end)
    return rt.warehouse.frame(mine.order_by(log_event.c.ts, log_event.c.service, log_event.c.template_id))


def _zones(rt: Runtime) -> dict[str, str]:
    found = rt.warehouse.frame(sa.select(service.c.name, service.c.time_zone).where(service.c.time_zone.is_not(None)))
    return dict(zip(found["name"], found["time_zone"], strict=True))
