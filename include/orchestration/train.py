"""Training: read history, fit a challenger, let the gate judge it, move `champion` if it passes."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from include.orchestration.lineage import loads_of, record_lineage
from include.orchestration.meaning import business_hours, described_series
from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime, code_version
from include.report import Document, Edition
from include.report import models as models_report
from include.warehouse import points
from include.warehouse.schema import incident
from include.window import Window
from models import registry, training

PRODUCER = "train_anomaly_models"
THREADS = 2
RETRAINED_EVERY = timedelta(days=7)
_SAID = {
    "vus_pr_challenger": "VUS-PR",
    "vus_pr_champion": "VUS-PR of the champion then",
    "vus_pr_robust_z": "VUS-PR of robust z",
    "false_episodes_challenger": "False episodes per service and day",
}


def train_champion(rt: Runtime, window: Window, days: int) -> dict[str, Any]:
    """Train on the days up to the window's end; return the challenger, the gate's words and who runs now."""
    span = Window(window.end - timedelta(days=days), window.end)
    history = points(rt.warehouse, span).to_pandas()
    loads = loads_of(rt.warehouse, span)
    outcome = training.train(
        rt.settings.mlflow,
        history,
        described_series(rt),
        registry.Training(
            window=span,
            loads=tuple(loads),
            fingerprint="",
            config_fingerprint=rt.config.fingerprint,
            code_version=code_version(),
            points=0,
            series=0,
        ),
        incidents=incidents_in(rt, span),
        hours=business_hours(rt),
        threads=THREADS,
    )
    with rt.warehouse.transaction() as tx:
        record_lineage(tx, rt, PRODUCER, span, outcome.challenger.number)
    publish_models(rt, span)
    return {
        "challenger": outcome.challenger.number,
        "champion": outcome.champion.number,
        "detector": outcome.champion.detector,
        "promoted": outcome.promoted,
        "verdict": outcome.comparison.verdict,
        "points": len(history),
    }


def publish_models(rt: Runtime, span: Window) -> list[str]:
    """Build the Models page: champion, challenger and the versions before them, with what the gate said."""
    rows = [
        {
            **version,
            "figures": {_SAID[name]: value for name, value in version["figures"].items()},
            "url": f"{rt.settings.mlflow_ui}/#/models/{registry.NAME}/versions/{version['version']}",
        }
        for version in registry.versions(rt.settings.mlflow)
    ]

    def build(edition: Edition, _: Document | None) -> Document:
        return models_report.build(rows, span, edition)

    return publish(rt, models_report.NAME, span, build, (), span.end + RETRAINED_EVERY, mailed=False)


def incidents_in(rt: Runtime, window: Window) -> Any:
    """Return [service, opened_at, resolved_at] of the incidents that touch a window; null while one lasts.

    One that is resolved at a time that its source does not tell ended when it was last heard of.
    """
    heard = sa.case((incident.c.status == "resolved", incident.c.updated_at))
    ended = sa.func.coalesce(incident.c.resolved_at, heard)
    return rt.warehouse.frame(
        sa.select(incident.c.service, incident.c.opened_at, ended.label("resolved_at")).where(
            ~incident.c.deleted,
            incident.c.opened_at < window.end,
            sa.or_(ended.is_(None), ended >= window.start),
        )
    )
