"""Training: read history, fit a challenger, let the gate judge it, and move `champion` if policy lets it."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from include.datasets import LOG_EVENT
from include.orchestration.feedback import labels
from include.orchestration.lineage import loads_of, record_lineage
from include.orchestration.meaning import business_hours, described_series
from include.orchestration.publish import publish
from include.orchestration.runtime import Runtime, code_version
from include.report import Document, Edition
from include.report import models as models_report
from include.warehouse import points
from include.warehouse.schema import incident
from include.window import Window
from models.ensemble import Ensemble
from models.gate import Comparison
from models.joint import Joint
from models.maintenance import normal_only
from models.mean_z import MeanZ
from models.registry import ANOMALY, JOINT, LOG_LINES, MODELS, Registry, RegistryUnavailableError
from models.robust import RobustZ
from models.shelf import Shelf
from models.tracking import Training
from models.training import Recipe, train

PRODUCER = "train_anomaly_models"
THREADS = 2
RETRAINED_EVERY = timedelta(days=7)
AT_LEAST = 3  # series that a service needs before they are judged together


def shelf(rt: Runtime) -> Shelf:
    """Return the champions on this machine's disk."""
    return Shelf(rt.settings.mlflow, rt.settings.home / "models")


def models_of_points(rt: Runtime) -> list[str]:
    """Return the registered models of metrics that the configuration asks for."""
    return [ANOMALY, *([JOINT] if rt.config.detection.together else [])]


def anomaly_models(rt: Runtime) -> list[str]:
    """Return the registered models that the configuration asks for, in the order in which they are trained."""
    logs = any(dataset == LOG_EVENT.name for _, _, dataset in rt.config.tasks())
    return [*models_of_points(rt), *([LOG_LINES] if rt.config.detection.log_lines and logs else [])]


def recipe(rt: Runtime, model: str) -> Recipe:
    """Return how a model is made, as `detectors.yaml` says."""
    wanted, hours = rt.config.detection, business_hours(rt)
    common: dict[str, Any] = {"episode_budget": wanted.episode_budget, "threads": THREADS, "hours": hours}
    whole = common | {"episode_budget": wanted.service_budget}
    made: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        ANOMALY: (
            lambda: Ensemble(wanted.members, assignable=wanted.trained, **common),
            lambda: RobustZ(**common),
        ),
        JOINT: (lambda: Joint(**whole), lambda: MeanZ(**whole)),
    }
    return Recipe(model, *made[model])


def train_model(rt: Runtime, window: Window, model: str, days: int) -> dict[str, Any]:
    """Train one model on the days up to the window's end; return the challenger, the gate's words and who runs now.

    `next` says what follows: `runs` (promoted by policy), `review` (waits for a person), `refused`, or `left out`
    where there is nothing to train on.
    """
    span = Window(window.end - timedelta(days=days), window.end)
    series = described_series(rt)
    history = points(rt.warehouse, span).to_pandas()
    if model == JOINT:
        series, history = judged_together(series, history)
        if history.empty:
            why = f"no service has {AT_LEAST} series of one step"
            return {"model": model, "next": "left out", "verdict": f"Nothing to train on: {why}."}
    troubles = incidents_in(rt, span)
    loads = loads_of(rt.warehouse, span)
    outcome = train(
        rt.settings.mlflow,
        recipe(rt, model),
        history,
        series,
        Training(span, tuple(loads), "", rt.config.fingerprint, code_version(), points=0, series=0),
        normal=normal_only(history, series, troubles, rt.config.maintenance),
        incidents=troubles,
        said=labels(rt.warehouse, span),
        recall_floor=rt.config.detection.recall_floor,
        hours=business_hours(rt),
    )
    done = settle(rt, model, outcome.challenger.number, outcome.comparison)
    with rt.warehouse.transaction() as tx:
        record_lineage(tx, rt, PRODUCER, span, f"{model}/{outcome.challenger.number}")
    return done | {"points": len(history)}


def settle(rt: Runtime, model: str, challenger: str, found: Comparison) -> dict[str, Any]:
    """Let a judged challenger run if gate and policy let it, and prune old versions; return what came of it."""
    here = Registry(rt.settings.mlflow, model)
    follows = "refused"
    if found.accepted:
        follows = "review" if rt.config.detection.promotion == "review" else "runs"
    if follows == "runs":
        here.promote(challenger)
    pruned = here.prune(rt.config.detection.keep_versions)
    now = here.must_have_champion()
    return {
        "model": model,
        "challenger": challenger,
        "champion": now.number,
        "detector": now.detector,
        "next": follows,
        "verdict": found.verdict,
        "pruned": pruned,
    }


def waiting(trained: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return, for each challenger that a person must approve, the form of `review_model`."""
    return [{"model": one["model"], "version": one["challenger"]} for one in trained if one["next"] == "review"]


def publish_models(rt: Runtime, span: Window, notes: Sequence[str] = ()) -> list[str]:
    """Build the Models page: champion, challenger and the versions before them, with what the gate said."""
    rows = [
        {**version, "url": f"{rt.settings.mlflow_ui}/#/models/{name}/versions/{version['version']}"}
        for name in MODELS
        for version in Registry(rt.settings.mlflow, name).versions()
    ]

    def build(edition: Edition, _: Document | None) -> Document:
        return models_report.build(rows, span, edition, notes)

    return publish(rt, models_report.NAME, span, build, (), span.end + RETRAINED_EVERY, mailed=False)


def notice_moves(rt: Runtime, window: Window) -> list[str]:
    """Return in words every champion that a person has moved in MLflow since this was last asked.

    The Models page is built again then. While MLflow does not answer nothing can have been moved.
    """
    try:
        moved = [Registry(rt.settings.mlflow, name).notice() for name in MODELS]
    except RegistryUnavailableError:
        return []
    told = [text for text in moved if text]
    if told:
        publish_models(rt, window, told)
    return told


def incidents_in(rt: Runtime, window: Window) -> pd.DataFrame:
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


def judged_together(series: pd.DataFrame, history: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the services with enough series to be judged together."""
    there = series[series["series_id"].isin(history["series_id"].unique())]
    sizes = there.groupby("service").size()
    series = there[there["service"].isin(sizes[sizes >= AT_LEAST].index)].reset_index(drop=True)
    return series, history[history["series_id"].isin(series["series_id"])].reset_index(drop=True)
